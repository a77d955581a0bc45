"""Find out how good a model is: every group is predicted from the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.splits import folds, group_labels
from aiida_getl.learning.threads import side_by_side
from aiida_getl.learning.training import Fit, descriptor_of, grouping, methods, within_reach
from aiida_getl.progress import Progress

#: Called with the number of finished steps, the number of all, and what was finished.


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
    shared : by bond type, the share of bonds that another group holds too, equal to 1e-5 Å and 1e-5 eV: above zero for
        crystals, or where a structure is in the data twice under different names, which flatters every method
    """

    group_by: str
    n_groups: int
    metrics: dict[str, dict[str, dict[str, Any]]]
    predictions: dict[str, dict[str, NDArray]]
    learning_curve: dict[str, list[dict[str, Any]]]
    skipped: dict[str, str]
    shared: dict[str, float] = field(default_factory=dict)

    @property
    def leaky(self) -> bool:
        """True if near copies of tested bonds were trained on, which flatters every method."""
        return self.group_by == "random"

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays by ``<bond type>.<name>`` and attributes of JSON types."""
        arrays = {f"{name}.{key}": a for name, columns in self.predictions.items() for key, a in columns.items()}
        attributes = {
            "group_by": self.group_by,
            "leaky": self.leaky,
            "n_groups": self.n_groups,
            "metrics": self.metrics,
            "learning_curve": self.learning_curve,
            "skipped": self.skipped,
            "shared": self.shared,
        }
        return arrays, attributes


@dataclass(frozen=True)
class TypeSplit:
    """The bonds of one type, and which of them each fold leaves out.

    Attributes
    ----------
    name : bond type
    rows : (n,) of the table that was split
    table : the bonds
    groups : (n,) number of the group of each
    folds : (n,) masks of the bonds left out, every bond once
    """

    name: str
    rows: NDArray[np.int64]
    table: BondTable
    groups: NDArray[np.int64]
    folds: list[NDArray[np.bool_]]

    def predict(self, fit: Fit, X: NDArray, train_on: Callable[[int], NDArray] | None = None) -> tuple:
        """Return (mean, std), (n,) each in eV, every fold predicted from bonds outside it.

        Parameters
        ----------
        fit : of the method
        X : (n, 1 + features) its design matrix
        train_on : gives the mask of the bonds to train on for the number of a fold; all outside it by default
        """
        mean, std = np.empty(len(X)), np.empty(len(X))

        def predict(number: int) -> None:
            test = self.folds[number]
            chosen = ~test if train_on is None else train_on(number)
            regressor = fit(X[chosen], self.table.strength[chosen], self.groups[chosen], self.name)
            mean[test], std[test] = regressor.predict(X[test], return_std=True)

        for _ in side_by_side(predict, range(len(self.folds)), n_bytes=X.nbytes):
            pass
        return mean, std


def split_by_type(
    table: BondTable, settings: dict[str, Any], seed: int
) -> tuple[list[TypeSplit], dict[str, str], str, int]:
    """Return (splits, skipped, group_by, n_groups): the folds of each bond type that can be validated.

    Parameters
    ----------
    table : labelled bonds; those longer than the ``r_max`` of the settings are left out
    settings : complete, see :func:`aiida_getl.learning.settings.validate_settings`
    seed : of the division of groups into folds

    Returns
    -------
    splits : of the bond types with enough bonds and groups
    skipped : by other bond type, the reason
    group_by : what is left out together, never ``auto``
    n_groups : number of groups of all types
    """
    near = within_reach(table, settings)
    original = np.flatnonzero(table.distance <= settings["r_max"])
    by = grouping(near, settings["group_by"])
    groups = group_labels(near, by, n_random=settings["max_folds"], seed=seed)
    splits, skipped = [], {}
    for name in near.types():
        rows = np.flatnonzero(near.type == name)
        own = groups[rows]
        masks = [np.isin(own, members) for members in folds(own, settings["max_folds"], seed)]
        fewest = min(int(np.sum(~test)) for test in masks)
        if len(masks) < 2:
            skipped[name] = f"its {len(rows)} bonds belong to one group ({by}): none can be left out"
        elif fewest < settings["min_bonds"]:
            skipped[name] = (
                f"{len(rows)} bonds; without one group {fewest} are left, "
                f"at least {settings['min_bonds']} are needed (min_bonds)"
            )
        else:
            splits.append(TypeSplit(name, original[rows], near.select(rows), own, masks))
    return splits, skipped, by, len(np.unique(groups))


def validate(table: BondTable, settings: dict[str, Any], seed: int, progress: Progress | None = None) -> Validation:
    """Predict every group from the others: distance only, the published method, and the model of :func:`train`.

    The published method is left out if the table has no end-atom SOAP.

    Parameters
    ----------
    table, settings, seed : as for :func:`aiida_getl.learning.training.train`
    progress : called after each bond type and method
    """
    settings = validate_settings(settings)
    splits, skipped, by, n_groups = split_by_type(table, settings, seed)
    fits = methods(table, settings, seed)
    metrics: dict[str, dict[str, dict[str, Any]]] = {}
    predictions: dict[str, dict[str, NDArray]] = {}
    curves: dict[str, list[dict[str, Any]]] = {}
    n_steps = len(splits) * len(fits)
    for split in splits:
        columns: dict[str, NDArray] = {"row": split.rows, "group": split.groups, "target": split.table.strength}
        metrics[split.name] = {}
        for method, fit in fits.items():
            X = split.table.design_matrix(descriptor_of(method, settings))
            mean, std = split.predict(fit, X)
            columns[f"{method}_mean"], columns[f"{method}_std"] = mean, std
            metrics[split.name][method] = regression_metrics(columns["target"], mean, std, split.groups)
            if progress is not None:
                done = len(predictions) * len(fits) + len(metrics[split.name])
                progress(done, n_steps, f"{split.name}, {method.replace('_', ' ')}")
        predictions[split.name] = columns
        if settings["learning_curve"] and len(split.folds) > 2:
            X = split.table.design_matrix(descriptor_of("model", settings))
            rmse = metrics[split.name]["model"]["rmse"]
            curves[split.name] = _curve_of_groups(split, X, fits["model"], settings["min_bonds"], seed, rmse)
    shared = {split.name: _share_in_other_groups(split) for split in splits}
    return Validation(by, n_groups, metrics, predictions, curves, skipped, shared)


def _share_in_other_groups(split: TypeSplit) -> float:
    values = np.rint(1e5 * np.column_stack([split.table.distance, split.table.strength])).astype(np.int64)
    pairs = np.unique(np.column_stack([values, split.groups]), axis=0)
    bonds, n_groups = np.unique(pairs[:, :2], axis=0, return_counts=True)
    in_several = {tuple(bond) for bond in bonds[n_groups > 1].tolist()}
    return float(np.mean([tuple(bond) in in_several for bond in values.tolist()]))


def _curve_of_groups(
    split: TypeSplit, X: NDArray, fit: Fit, min_bonds: int, seed: int, rmse_of_all: float
) -> list[dict[str, Any]]:
    """Train on 1, 2, 4, ... of the groups not left out; the last point, all of them, is known already."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.unique(split.groups[~test])) for test in split.folds]
    most = min(len(order) for order in orders)
    points = []
    n_groups = 1
    while n_groups < most:
        chosen = [
            ~test & np.isin(split.groups, order[:n_groups]) for test, order in zip(split.folds, orders, strict=True)
        ]
        if min(int(mask.sum()) for mask in chosen) >= min_bonds:
            mean, _ = split.predict(fit, X, chosen.__getitem__)
            rmse = regression_metrics(split.table.strength, mean)["rmse"]
            points.append(_point(n_groups, [int(mask.sum()) for mask in chosen], rmse))
        n_groups *= 2
    return [*points, _point(most, [int(np.sum(~test)) for test in split.folds], rmse_of_all)]


def _point(n_groups: int, n_bonds: list[int], rmse: float) -> dict[str, Any]:
    return {"n_groups": n_groups, "n_bonds": float(np.mean(n_bonds)), "rmse": rmse}
