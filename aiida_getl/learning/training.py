"""Train a model for every bond type, and find out on groups left out how good it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.descriptors import EndAtomSoap, from_settings
from aiida_getl.learning.kernels import BondSoapKernel, DistanceKernel, PublishedKernel
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.regression import BondRegressor
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.splits import GroupBy, folds, group_labels

#: Length θ in Å and regularisation γ of the published models; the weights are (K + γ std(y))^-1 y.
PUBLISHED_PARAMETERS = {
    "Al-Al": (0.5, 0.005),
    "Cu-Al": (0.5, 0.005),
    "Cu-Cu": (0.5, 0.010),
    "Zr-Al": (0.5, 0.010),
    "Zr-Zr": (0.5, 0.010),
    "Zr-Cu": (1.0, 0.040),
}

METHODS = ("distance_only", "published", "model")

Fit = Callable[[NDArray, NDArray, NDArray, str], BondRegressor]


@dataclass(frozen=True)
class Validation:
    """How well bonds of groups left out are predicted, hyperparameters fitted without them.

    Attributes
    ----------
    group_by : what was left out together; ``random`` is leaky
    n_groups : number of groups
    metrics : by bond type and method (``distance_only``, ``published``, ``model``), see
        :func:`aiida_getl.learning.metrics.regression_metrics`
    predictions : by bond type, arrays of equal length: ``row`` (of the table), ``group``, ``target``, and
        ``<method>_mean``, ``<method>_std`` in eV
    learning_curve : by bond type, points with ``n_groups``, ``n_bonds`` (mean of the folds) and ``rmse`` of the model
    skipped : by bond type, why it was not validated
    """

    group_by: str
    n_groups: int
    metrics: dict[str, dict[str, dict[str, Any]]]
    predictions: dict[str, dict[str, NDArray]]
    learning_curve: dict[str, list[dict[str, Any]]]
    skipped: dict[str, str]

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays by ``<bond type>.<name>`` and attributes of JSON types."""
        arrays = {f"{name}.{key}": a for name, columns in self.predictions.items() for key, a in columns.items()}
        attributes = {
            "group_by": self.group_by,
            "n_groups": self.n_groups,
            "metrics": self.metrics,
            "learning_curve": self.learning_curve,
            "skipped": self.skipped,
        }
        return arrays, attributes


def train(table: BondTable, settings: dict[str, Any], seed: int) -> EtlModel:
    """Train one regressor per bond type.

    Parameters
    ----------
    table : labelled bonds with the descriptor of the settings
    settings : see :mod:`aiida_getl.learning.settings`
    seed : of the choice of training bonds

    Returns
    -------
    EtlModel; bond types with too few bonds are in its ``untrained``, with the reason.
    """
    settings = validate_settings(settings)
    table = _within_reach(table, settings)
    groups = group_labels(table, _grouping(table, settings["group_by"]), seed=seed)
    fit = _methods(table, settings, seed)["model"]
    kind = settings["descriptor"]["kind"]
    regressors, ranges, untrained = {}, {}, {}
    for name in table.types():
        rows = np.flatnonzero(table.type == name)
        if len(rows) < settings["min_bonds"]:
            untrained[name] = f"{len(rows)} bonds, at least {settings['min_bonds']} are needed (min_bonds)"
            continue
        part = table.select(rows)
        regressors[name] = fit(part.design_matrix(kind), part.strength, groups[rows], name)
        ranges[name] = (float(part.distance.min()), float(part.distance.max()))
    return EtlModel(regressors, ranges, settings["descriptor"], float(settings["r_max"]), untrained, settings, seed)


def validate(table: BondTable, settings: dict[str, Any], seed: int) -> Validation:
    """Predict every group from the others: distance only, the published method, and the model of :func:`train`.

    The published method is left out if the table has no end-atom SOAP.

    Parameters
    ----------
    table, settings, seed : as for :func:`train`
    """
    settings = validate_settings(settings)
    whole, table = table, _within_reach(table, settings)
    original = np.flatnonzero(whole.distance <= settings["r_max"])
    by = _grouping(table, settings["group_by"])
    groups = group_labels(table, by, n_random=settings["max_folds"], seed=seed)
    methods = _methods(table, settings, seed)
    metrics: dict[str, dict[str, dict[str, Any]]] = {}
    predictions: dict[str, dict[str, NDArray]] = {}
    curves: dict[str, list[dict[str, Any]]] = {}
    skipped: dict[str, str] = {}
    for name in table.types():
        rows = np.flatnonzero(table.type == name)
        part, own = table.select(rows), groups[rows]
        parts = [np.isin(own, members) for members in folds(own, settings["max_folds"], seed)]
        fewest = min(int(np.sum(~test)) for test in parts)
        if len(parts) < 2:
            skipped[name] = f"its {len(rows)} bonds belong to one group ({by}): none can be left out"
            continue
        if fewest < settings["min_bonds"]:
            skipped[name] = (
                f"{len(rows)} bonds; without one group {fewest} are left, "
                f"at least {settings['min_bonds']} are needed (min_bonds)"
            )
            continue
        columns: dict[str, NDArray] = {"row": original[rows], "group": own, "target": part.strength}
        metrics[name] = {}
        for method, fit in methods.items():
            X = part.design_matrix(_descriptor_of(method, settings))
            mean, std = np.empty(len(rows)), np.empty(len(rows))
            for test in parts:
                regressor = fit(X[~test], part.strength[~test], own[~test], name)
                mean[test], std[test] = regressor.predict(X[test], return_std=True)
            columns[f"{method}_mean"], columns[f"{method}_std"] = mean, std
            metrics[name][method] = regression_metrics(part.strength, mean, std)
        predictions[name] = columns
        if settings["learning_curve"] and len(parts) > 2:
            X = part.design_matrix(settings["descriptor"]["kind"])
            rmse = metrics[name]["model"]["rmse"]
            curves[name] = _learning_curve(X, part.strength, own, parts, methods["model"], name, settings, seed, rmse)
    return Validation(by, len(np.unique(groups)), metrics, predictions, curves, skipped)


def _learning_curve(
    X: NDArray,
    y: NDArray,
    groups: NDArray,
    parts: list[NDArray],
    fit: Fit,
    name: str,
    settings: dict[str, Any],
    seed: int,
    rmse_of_all: float,
) -> list[dict[str, Any]]:
    """Train on 1, 2, 4, ... of the groups not left out; the last point, all of them, is known already."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.unique(groups[~test])) for test in parts]
    most = min(len(order) for order in orders)
    points = []
    n_groups = 1
    while n_groups < most:
        chosen = [~test & np.isin(groups, order[:n_groups]) for test, order in zip(parts, orders, strict=True)]
        if min(int(mask.sum()) for mask in chosen) >= settings["min_bonds"]:
            mean = np.empty(len(y))
            for test, mask in zip(parts, chosen, strict=True):
                mean[test] = fit(X[mask], y[mask], groups[mask], name).predict(X[test])
            points.append(_point(n_groups, [int(mask.sum()) for mask in chosen], regression_metrics(y, mean)["rmse"]))
        n_groups *= 2
    return [*points, _point(most, [int(np.sum(~test)) for test in parts], rmse_of_all)]


def _point(n_groups: int, n_bonds: list[int], rmse: float) -> dict[str, Any]:
    return {"n_groups": n_groups, "n_bonds": float(np.mean(n_bonds)), "rmse": rmse}


def _within_reach(table: BondTable, settings: dict[str, Any]) -> BondTable:
    """Return the bonds to learn, after a check that the table holds their descriptor."""
    kind = settings["descriptor"]["kind"]
    expected = from_settings(settings["descriptor"]).n_features
    if kind not in table.descriptors:
        raise ValueError(f"the bond table has no descriptor {kind!r}; it has {sorted(table.descriptors)}")
    if (found := table.descriptors[kind].shape[1]) != expected:
        raise ValueError(
            f"the table's {kind} has {found} features, its settings make {expected}: use those it came from"
        )
    near = table.select(table.distance <= settings["r_max"])
    if not len(near):
        raise ValueError(f"none of the {len(table)} bonds is within r_max = {settings['r_max']} Å")
    return near


def _grouping(table: BondTable, by: str) -> GroupBy:
    """Resolve ``auto``: whole runs if there are several, else the strains of the one."""
    if by != "auto":
        return by  # type: ignore[return-value]
    used = np.unique(table.structure)
    return "run" if len({str(table.structures[k]["run"]) for k in used}) > 1 else "strain"


def _descriptor_of(method: str, settings: dict[str, Any]) -> str:
    return EndAtomSoap.kind if method == "published" else settings["descriptor"]["kind"]


def _methods(table: BondTable, settings: dict[str, Any], seed: int) -> dict[str, Fit]:
    """Return what trains each method: (X, y, groups, bond type) to a regressor."""
    size = {
        "max_bonds": settings["max_bonds"],
        "max_bonds_hyperparameters": settings["max_bonds_hyperparameters"],
        "seed": seed,
    }

    def distance_only(X: NDArray, y: NDArray, groups: NDArray, name: str) -> BondRegressor:
        return BondRegressor(kernel=DistanceKernel(), **size).fit(X[:, :1], y, groups)

    def published(X: NDArray, y: NDArray, groups: NDArray, name: str) -> BondRegressor:
        length, gamma = PUBLISHED_PARAMETERS.get(name, (0.5, 0.010))
        kernel = PublishedKernel(length=length)
        return BondRegressor(
            kernel, noise=gamma * max(float(np.std(y)), 1e-3), mean="zero", optimise=False, **size
        ).fit(X, y)

    def model(X: NDArray, y: NDArray, groups: NDArray, name: str) -> BondRegressor:
        return BondRegressor(kernel=BondSoapKernel(), **size).fit(X, y, groups)

    methods: dict[str, Fit] = {"distance_only": distance_only, "published": published, "model": model}
    if EndAtomSoap.kind not in table.descriptors:
        del methods["published"]
    return methods
