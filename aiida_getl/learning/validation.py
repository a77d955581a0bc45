"""Find out how good a model is: every group is predicted from the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.splits import folds, group_labels
from aiida_getl.learning.training import Fit, descriptor_of, grouping, methods, within_reach


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


def validate(table: BondTable, settings: dict[str, Any], seed: int) -> Validation:
    """Predict every group from the others: distance only, the published method, and the model of :func:`train`.

    The published method is left out if the table has no end-atom SOAP.

    Parameters
    ----------
    table, settings, seed : as for :func:`train`
    """
    settings = validate_settings(settings)
    whole, table = table, within_reach(table, settings)
    original = np.flatnonzero(whole.distance <= settings["r_max"])
    by = grouping(table, settings["group_by"])
    groups = group_labels(table, by, n_random=settings["max_folds"], seed=seed)
    fits = methods(table, settings, seed)
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
        for method, fit in fits.items():
            X = part.design_matrix(descriptor_of(method, settings))
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
            curves[name] = _learning_curve(X, part.strength, own, parts, fits["model"], name, settings, seed, rmse)
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
