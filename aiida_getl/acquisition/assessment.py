"""Where a model stands: its errors, and its uncertainty where it is to be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.acquisition.gain import unmodelled_std
from aiida_getl.acquisition.sampling import BondSample, sample_bonds
from aiida_getl.acquisition.settings import validate_settings
from aiida_getl.acquisition.sources import TargetStructure
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.model import EtlModel

#: Bonds of each type of the target that are predicted at most.
MAX_ASSESSED = 2000
#: Width in Å of the ranges of distance that are looked at, and how many of them are told.
BIN_WIDTH, N_WANTING = 0.2, 3
#: An extrapolation of the learning curve is made from sizes down to this share of the largest.
EXTRAPOLATE_FROM = 1 / 4


@dataclass(frozen=True)
class TypeAssessment:
    """One bond type. None stands for what is not known.

    Attributes
    ----------
    n_labelled, n_target : bonds in the database, and in the target
    trained : whether the model predicts it
    rmse, rmse_error : eV, of groups left out, and its standard error
    z_std, coverage_95 : calibration there, see :func:`aiida_getl.learning.metrics.regression_metrics`
    rmse_doubled : eV, expected with twice as many labelled bonds, by the learning curve; ``rmse_doubled_low`` and
        ``rmse_doubled_high`` its 68 % interval
    std_mean, std_rms, std_median, std_90 : eV, stated standard deviations of the target's bonds
    share_outside : of the target's bonds, outside the distances labelled
    share_novel : in environments far from those labelled
    wanting : where the model is least certain, the largest share of the total variance first: ``low``, ``high`` (Å),
        ``n_target``, ``n_labelled``, ``std_mean`` (eV), ``share_of_variance``, ``share_extrapolated``
    value, limit : eV, the quantity that is aimed at, and how large it may be (None without a goal)
    reached : whether ``value`` is at most ``limit``; None without a goal
    """

    n_labelled: int
    n_target: int
    trained: bool
    rmse: float | None
    rmse_error: float | None
    z_std: float | None
    coverage_95: float | None
    rmse_doubled: float | None
    rmse_doubled_low: float | None
    rmse_doubled_high: float | None
    std_mean: float | None
    std_rms: float | None
    std_median: float | None
    std_90: float | None
    share_outside: float
    share_novel: float
    wanting: list[dict[str, Any]]
    value: float | None
    limit: float | None
    reached: bool | None


@dataclass(frozen=True)
class Assessment:
    """All bond types of the target.

    Attributes
    ----------
    types : by bond type
    weights : by bond type, sum one: how much each counts in gains
    uncertainty : eV, the weighted mean of ``std_mean``; a type without a model counts with what is assumed for it, see
        :mod:`aiida_getl.acquisition.gain`
    group_by : what was left out together, ``random`` if that flatters; None if nothing was
    n_structures : of the database
    sentences : what there is to say, in words
    """

    types: dict[str, TypeAssessment]
    weights: dict[str, float]
    uncertainty: float
    group_by: str | None
    n_structures: int
    sentences: list[str]

    @property
    def reached(self) -> bool:
        """Whether there is a goal, and every bond type that counts has reached it."""
        counting = [self.types[name].reached for name in self.types if self.types[name].limit is not None]
        return bool(counting) and all(counting)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {**asdict(self), "reached": self.reached}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Assessment:
        """Return the assessment that :meth:`as_dict` came from.

        Raises
        ------
        ValueError
            For something missing or unknown.
        """
        own = {name: value for name, value in data.items() if name != "reached"}
        _same_names(own, cls)
        for entry in own["types"].values():
            _same_names(entry, TypeAssessment)
        return cls(**{**own, "types": {name: TypeAssessment(**entry) for name, entry in own["types"].items()}})


def _same_names(data: dict[str, Any], cls: type) -> None:
    wanted = {f.name for f in fields(cls)}
    if set(data) != wanted:
        raise ValueError(f"{cls.__name__} has {sorted(data)}: it must have {sorted(wanted)}")


def assess(
    model: EtlModel,
    table: BondTable,
    target: Sequence[TargetStructure],
    settings: dict[str, Any],
    seed: int,
    validation: dict[str, Any] | None = None,
    forecast: dict[str, dict[str, Any]] | None = None,
    sample: Mapping[str, BondSample] | None = None,
) -> Assessment:
    """Say where a model stands.

    Parameters
    ----------
    model, table : the model, and the labelled bonds it was trained on
    target : structures where it is to be used
    settings : see :mod:`aiida_getl.acquisition.settings`
    seed : of the sample of the target's bonds
    validation : errors on groups left out, as :meth:`aiida_getl.learning.validation.Validation.to_arrays` gives them
    forecast : of learning curves by bond type, as in :class:`aiida_getl.learning.learning_curve.LearningCurve`; without
        it the curve of the validation is extrapolated
    sample : of the target's bonds, if there is one already

    Raises
    ------
    ValueError
        For settings out of range, a target without bonds, a goal for errors without a validation, or one for bond types
        that the target does not have.
    """
    settings = validate_settings(settings)
    if sample is None:
        if not target:
            raise ValueError("there is no target: give the structures where the model is to be used")
        sample = sample_bonds([structure.atoms for structure in target], model, MAX_ASSESSED, seed)
    if not sample:
        raise ValueError(f"the target has no bonds up to {model.r_max} Å: is it the right structure?")
    goal = settings["goal"]
    if goal is not None and goal["quantity"] == "rmse" and validation is None:
        raise ValueError(
            "the goal is an RMSE, and there is no validation that tells it: validate the model, or aim at std"
        )

    parts = {name: _of_target(model, table, name, own) for name, own in sample.items()}
    trained = {name: part["std_mean"] for name, part in parts.items() if part["trained"]}
    assumed, _ = unmodelled_std(model, table, trained)
    counting = _counting({name: own.n for name, own in sample.items()}, settings)
    types: dict[str, TypeAssessment] = {}
    for name, part in parts.items():
        errors: dict[str, Any] = _errors(name, validation, forecast)
        limit = _limit(goal, name, counting)
        value, reached = None, None
        if goal is not None and limit is not None:
            value = errors["rmse"] if goal["quantity"] == "rmse" else part["std_mean"]
            value = assumed if value is None else value
            reached = bool(value <= limit)
        types[name] = TypeAssessment(**part, **errors, value=value, limit=limit, reached=reached)
    weights = _weights(types, counting)
    by_number = sorted(types, key=lambda name: -types[name].n_target)
    used = {name: assumed if own.std_mean is None else own.std_mean for name, own in types.items()}
    return Assessment(
        types=types,
        weights=weights,
        uncertainty=sum(weights[name] * used[name] for name in types),
        group_by=None if validation is None else str(validation["group_by"]),
        n_structures=len(np.unique(table.structure)),
        sentences=[_sentence(name, types[name], goal) for name in by_number],
    )


def extrapolated(model: EtlModel, name: str, sample: BondSample) -> NDArray[np.bool_]:
    """Return which bonds of a type are outside the distances labelled, or in an environment far from those labelled."""
    if name not in model.regressors:
        return np.ones(len(sample), dtype=bool)
    return model.outside_range(name, sample.distance) | model.regressors[name].predict_bonds(sample.X).novel


def _of_target(model: EtlModel, table: BondTable, name: str, sample: BondSample) -> dict[str, Any]:
    labelled = table.distance[table.type == name]
    part: dict[str, Any] = {"n_labelled": len(labelled), "n_target": sample.n, "trained": name in model.regressors}
    if not part["trained"] or not len(sample):
        unknown = dict.fromkeys(("std_mean", "std_rms", "std_median", "std_90"))
        return {**part, **unknown, "trained": False, "share_outside": 1.0, "share_novel": 1.0, "wanting": []}
    prediction = model.regressors[name].predict_bonds(sample.X)
    std, (low, high) = prediction.std, model.distance_range[name]
    outside = (sample.distance < low) | (sample.distance > high)
    return {
        **part,
        "std_mean": float(std.mean()),
        "std_rms": float(np.sqrt(np.mean(std**2))),
        "std_median": float(np.median(std)),
        "std_90": float(np.quantile(std, 0.9)),
        "share_outside": float(outside.mean()),
        "share_novel": float(prediction.novel.mean()),
        "wanting": _wanting(sample, std, outside | prediction.novel, labelled),
    }


def _wanting(sample: BondSample, std: NDArray, extrapolates: NDArray, labelled: NDArray) -> list[dict[str, Any]]:
    number = np.floor(sample.distance / BIN_WIDTH + 1e-9).astype(int)
    found = []
    for k in np.unique(number):
        mine = number == k
        low, high = BIN_WIDTH * int(k), BIN_WIDTH * int(k + 1)
        found.append(
            {
                "low": round(low, 3),
                "high": round(high, 3),
                "n_target": round(float(mine.mean()) * sample.n),
                "n_labelled": int(np.sum((labelled >= low) & (labelled < high))),
                "std_mean": float(std[mine].mean()),
                "share_of_variance": float(np.sum(std[mine] ** 2) / np.sum(std**2)),
                "share_extrapolated": float(extrapolates[mine].mean()),
            }
        )
    return sorted(found, key=lambda entry: -entry["share_of_variance"])[:N_WANTING]


def _errors(name: str, validation: dict[str, Any] | None, forecast: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
    metrics = {} if validation is None else validation["metrics"].get(name, {}).get("model", {})
    result = {key: metrics.get(key) for key in ("rmse", "rmse_error", "z_std", "coverage_95")}
    told = ("rmse_doubled", "rmse_doubled_low", "rmse_doubled_high")
    if forecast is not None and name in forecast:
        return {**result, **{key: forecast[name].get(key) for key in told}}
    points = [] if validation is None else validation.get("learning_curve", {}).get(name, [])
    return {**result, **dict.fromkeys(told), "rmse_doubled": _doubled(points)}


def _doubled(points: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the RMSE with twice as many bonds, by a power law through the upper part of a learning curve."""
    if len(points) < 2:
        return None
    n, rmse = (np.array([float(point[key]) for point in points]) for key in ("n_bonds", "rmse"))
    upper = n >= EXTRAPOLATE_FROM * n.max()
    upper[-2:] = True
    if np.ptp(n[upper]) == 0.0 or not (rmse > 0.0).all():
        return None
    slope = np.polyfit(np.log(n[upper]), np.log(rmse[upper]), 1)[0]
    return float(rmse[-1] * 2.0 ** min(slope, 0.0))


def _counting(numbers: Mapping[str, int], settings: dict[str, Any]) -> dict[str, float]:
    """Return how much each bond type of the target counts, whether it has reached its limit or not; zero: not at all.

    One that is too rare counts only if it is told, by a weight or a limit of its own; the most frequent always does.
    """
    wanted, goal = settings["weights"], settings["goal"]
    told = goal["limit"] if goal is not None and isinstance(goal["limit"], dict) else {}
    weights = wanted if isinstance(wanted, dict) else {}
    for what, named in (("the goal has limits", told), ("there are weights", weights)):
        if missing := sorted(set(named) - set(numbers)):
            raise ValueError(f"{what} for {missing}, and the target has only the bond types {sorted(numbers)}")
    if isinstance(wanted, dict):
        return {name: float(weights.get(name, 0.0)) for name in numbers}
    enough = min(settings["min_share"] * sum(numbers.values()), max(numbers.values()))
    each = {name: float(n) if wanted == "bonds" else 1.0 for name, n in numbers.items()}
    return {name: each[name] if n >= enough or name in told else 0.0 for name, n in numbers.items()}


def _limit(goal: dict[str, Any] | None, name: str, counting: Mapping[str, float]) -> float | None:
    if goal is None:
        return None
    if isinstance(goal["limit"], dict):
        return float(goal["limit"][name]) if name in goal["limit"] else None
    # What does not count would never be labelled for, and its limit never be reached.
    return float(goal["limit"]) if counting[name] > 0.0 else None


def _weights(types: dict[str, TypeAssessment], counting: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of the bond types, sum one: of those that count and have not reached their limits."""
    weights = dict(counting)
    aimed = {name: weights[name] if own.limit is not None else 0.0 for name, own in types.items()}
    if any(aimed.values()):
        left = {name: 0.0 if own.reached else aimed[name] for name, own in types.items()}
        weights = left if any(left.values()) else aimed
    norm = sum(weights.values())
    return {name: value / norm for name, value in weights.items()}


def _sentence(name: str, own: TypeAssessment, goal: dict[str, Any] | None) -> str:
    if not own.trained:
        text = f"{name}: no model, {own.n_labelled} labelled bonds; the target has {own.n_target}"
    else:
        text = f"{name}: mean standard deviation {own.std_mean:.3f} eV on the target's {own.n_target} bonds"
        if own.rmse is not None:
            text += f", RMSE {own.rmse:.3f} eV on groups left out"
        if own.rmse_doubled is not None:
            text += f" ({own.rmse_doubled:.3f} eV expected from twice as many labels)"
        worst = own.wanting[0]
        text += (
            f"; {_percent(max(own.share_outside, own.share_novel))} of them extrapolate; least certain from "
            f"{worst['low']:.1f} to {worst['high']:.1f} Å ({worst['std_mean']:.3f} eV, {worst['n_labelled']} labelled)"
        )
    if own.limit is not None and goal is not None:
        verdict = "reached" if own.reached else "not reached"
        text += f"; {goal['quantity']} {own.value:.3f} of at most {own.limit:.3f} eV: {verdict}"
    return text + "."


def _percent(share: float) -> str:
    return "none" if share == 0.0 else "less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"
