"""Choose between settings inside the training data, so that the choice never sees what it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.splits import folds, group_labels
from aiida_getl.learning.training import descriptor_of, grouping, methods, within_reach
from aiida_getl.learning.validation import Validation, split_by_type
from aiida_getl.progress import Progress

#: These decide what is tested, or come with the data: candidates that differ in them cannot be compared.
SAME_FOR_ALL = ("r_max", "min_bonds", "group_by", "max_folds", "learning_curve", "descriptor")


@dataclass(frozen=True)
class Tuning:
    """Which candidate predicts groups left out best.

    Attributes
    ----------
    best : index of the candidate
    score : of each candidate, the geometric mean over bond types of the RMSE in eV
    rmse : of each candidate, by bond type, in eV
    skipped : by bond type, why it took no part
    """

    best: int
    score: list[float]
    rmse: list[dict[str, float]]
    skipped: dict[str, str]

    def to_attributes(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {"best": self.best, "score": self.score, "rmse": self.rmse, "skipped": self.skipped}


@dataclass(frozen=True)
class NestedValidation:
    """What tuning achieves on groups that took no part in it.

    Attributes
    ----------
    validation : of method ``model``, every outer group predicted with the settings chosen without it
    choices : of each outer fold, the tuning on the others
    """

    validation: Validation
    choices: list[Tuning]


def tune(
    table: BondTable,
    candidates: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    seed: int,
    progress: Progress | None = None,
) -> Tuning:
    """Validate every candidate on the same groups left out.

    Parameters
    ----------
    table, settings, seed : as for :func:`aiida_getl.learning.training.train`
    candidates : settings that replace others, e.g. ``[{"max_bonds": 500}, {"max_bonds": 2000}]``
    progress : called after each candidate

    Raises
    ------
    ValueError
        For no candidate, one that changes what is tested, or a table none of whose bond types can be validated.
    """
    complete = [_with(candidate, settings) for candidate in candidates]
    if not complete:
        raise ValueError("tuning needs candidates to choose from")
    rmse: list[dict[str, float]] = []
    for own in complete:
        splits, skipped, _, _ = split_by_type(table, own, seed)
        if not splits:
            raise ValueError(f"nothing to tune on, no bond type can be validated: {skipped}")
        fit, kind = methods(table, own, seed)["model"], descriptor_of("model", own)
        predicted = {split.name: split.predict(fit, split.table.design_matrix(kind))[0] for split in splits}
        rmse.append(
            {split.name: regression_metrics(split.table.strength, predicted[split.name])["rmse"] for split in splits}
        )
        if progress is not None:
            progress(len(rmse), len(complete), f"candidate {len(rmse)} of {len(complete)}")
    score = [float(np.exp(np.mean(np.log(list(own.values()))))) for own in rmse]
    return Tuning(int(np.argmin(score)), score, rmse, skipped)


def nested_validation(
    table: BondTable,
    candidates: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    seed: int,
    progress: Progress | None = None,
) -> NestedValidation:
    """Leave out every group, tune on the others, and predict it with the settings chosen.

    Costs as many validations as there are folds and candidates.

    Parameters
    ----------
    table, candidates, settings, seed : as for :func:`tune`
    progress : called after each outer fold

    Raises
    ------
    ValueError
        As :func:`tune`, or for fewer than three groups.
    """
    settings = validate_settings(settings)
    near = within_reach(table, settings)
    by = grouping(near, settings["group_by"])
    groups = group_labels(near, by, n_random=settings["max_folds"], seed=seed)
    outer = folds(groups, settings["max_folds"], seed)
    if len(outer) < 3:
        raise ValueError(
            f"nested tuning needs three groups: one to judge on and two to tune with; there are {len(outer)} ({by})"
        )
    skipped = _too_few(near, groups, outer, settings["min_bonds"])
    names = [name for name in near.types() if name not in skipped]
    mean, std = np.full(len(near), np.nan), np.full(len(near), np.nan)
    choices = []
    for number, members in enumerate(outer):
        test = np.isin(groups, members)
        others = near.select(~test)
        choices.append(tune(others, candidates, {**settings, "group_by": by}, seed))
        own = _with(candidates[choices[-1].best], settings)
        fit, kind = methods(others, own, seed)["model"], descriptor_of("model", own)
        for name in names:
            mine, known = test & (near.type == name), ~test & (near.type == name)
            if not mine.any():
                continue
            part = near.select(known)
            regressor = fit(part.design_matrix(kind), part.strength, groups[known], name)
            mean[mine], std[mine] = regressor.predict(near.select(mine).design_matrix(kind), return_std=True)
        if progress is not None:
            progress(number + 1, len(outer), f"fold {number + 1} of {len(outer)}")
    original = np.flatnonzero(table.distance <= settings["r_max"])
    metrics, predictions = {}, {}
    for name in names:
        mine = near.type == name
        target = near.strength[mine]
        metrics[name] = {"model": regression_metrics(target, mean[mine], std[mine], groups[mine])}
        predictions[name] = {
            "row": original[mine],
            "group": groups[mine],
            "target": target,
            "model_mean": mean[mine],
            "model_std": std[mine],
        }
    return NestedValidation(Validation(by, len(np.unique(groups)), metrics, predictions, {}, skipped), choices)


def tune_and_judge(
    table: BondTable,
    candidates: Sequence[dict[str, Any]],
    settings: dict[str, Any],
    seed: int,
    nested: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return, as JSON types, which candidate is best and what tuning achieves.

    Parameters
    ----------
    table, candidates, settings, seed, progress : as for :func:`tune`
    nested : whether to measure what tuning achieves, see :func:`nested_validation`

    Returns
    -------
    ``tuning``; ``nested``, the attributes of the validation and the ``choices`` of the folds, or None; then
    ``not_nested`` says why, e.g. that there are too few groups.

    Raises
    ------
    ValueError
        As :func:`tune`.
    """
    result: dict[str, Any] = {
        "tuning": tune(table, candidates, settings, seed, progress).to_attributes(),
        "nested": None,
        "not_nested": "it was not asked for",
    }
    if nested:
        try:
            achieved = nested_validation(table, candidates, settings, seed, progress)
        except ValueError as exception:
            return result | {"not_nested": str(exception)}
        choices = [choice.to_attributes() for choice in achieved.choices]
        result |= {"nested": achieved.validation.to_arrays()[1] | {"choices": choices}, "not_nested": None}
    return result


def _with(candidate: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(candidate, dict):
        raise ValueError(f"a candidate for tuning is {candidate!r}: it must name settings and their values")
    if fixed := sorted(set(candidate) & set(SAME_FOR_ALL)):
        raise ValueError(f"candidates for tuning cannot differ in {fixed}, which the data and the test decide")
    return validate_settings({**settings, **candidate})


def _too_few(table: BondTable, groups: NDArray, outer: list[NDArray], min_bonds: int) -> dict[str, str]:
    """Return, by bond type, why it cannot be trained without one of the folds."""
    skipped = {}
    for name in table.types():
        own = groups[table.type == name]
        fewest = min(int(np.sum(~np.isin(own, members))) for members in outer)
        if fewest < min_bonds:
            skipped[name] = (
                f"{len(own)} bonds; without one fold {fewest} are left, at least {min_bonds} are needed (min_bonds)"
            )
    return skipped
