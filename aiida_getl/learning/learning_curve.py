"""How the error on groups left out falls with the number of training bonds, and what more bonds would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.selection import METHODS, select
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.threads import side_by_side
from aiida_getl.learning.training import Fit, descriptor_of
from aiida_getl.learning.training import methods as training_methods
from aiida_getl.learning.validation import TypeSplit, split_by_type
from aiida_getl.progress import Progress

#: Whole groups one after the other, in random order: what labelling more glasses would do.
BY_GROUP = "by_group"
SELECTIONS = (*METHODS, BY_GROUP)

#: Number of resamplings of the groups behind the forecast's interval.
N_BOOTSTRAP = 500
#: The forecast is made from sizes down to this share of the largest: curves flatten.
FORECAST_FROM = 1 / 4
#: What the forecast is made of: more bonds of groups already there at the least, other groups at the most.
FORECAST_OF = ("random", BY_GROUP)
#: More bonds are worth while if twice as many lower the error by this share.
WORTHWHILE = 0.1


@dataclass(frozen=True)
class LearningCurve:
    """Errors on groups left out.

    Attributes
    ----------
    group_by : what was left out together
    n_groups : number of groups
    points : by bond type and selection, a list with ``n_bonds`` trained on, ``rmse`` and ``rmse_error`` in eV,
        ``z_std`` and ``coverage_95``, see :func:`aiida_getl.learning.metrics.regression_metrics`
    forecast : by bond type, see :func:`forecast`
    skipped : by bond type, why it has no curve
    """

    group_by: str
    n_groups: int
    points: dict[str, dict[str, list[dict[str, Any]]]]
    forecast: dict[str, dict[str, Any]]
    skipped: dict[str, str]

    def to_attributes(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            "group_by": self.group_by,
            "n_groups": self.n_groups,
            "points": self.points,
            "forecast": self.forecast,
            "skipped": self.skipped,
        }


def learning_curve(
    table: BondTable,
    settings: dict[str, Any],
    seed: int,
    selections: Sequence[str] = ("random", BY_GROUP),
    sizes: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> LearningCurve:
    """Train on more and more bonds, chosen in different ways, and predict the groups left out.

    Parameters
    ----------
    table, settings, seed : as for :func:`aiida_getl.learning.training.train`
    selections : of :data:`SELECTIONS`; the forecast is made from ``random`` and ``by_group``, or else the first
    sizes : numbers of training bonds; by default ``min_bonds``, twice as many, ... and as many as every fold has, or
        ``max_bonds``
    progress : called after each bond type and selection

    Raises
    ------
    ValueError
        For an unknown selection, or a size below three.
    """
    settings = validate_settings(settings)
    if unknown := [name for name in selections if name not in SELECTIONS]:
        raise ValueError(f"unknown selections of training bonds {unknown}: choose from {list(SELECTIONS)}")
    if not selections or (sizes is not None and (len(sizes) == 0 or min(sizes) < 3)):
        raise ValueError(f"a learning curve needs a selection, and sizes of three bonds or more: {selections}, {sizes}")
    splits, skipped, by, n_groups = split_by_type(table, settings, seed)
    fit = training_methods(table, settings, seed)["model"]
    points: dict[str, dict[str, list[dict[str, Any]]]] = {}
    forecasts: dict[str, dict[str, Any]] = {}
    for split in splits:
        own = _sizes(split, settings, sizes)
        if not own:
            skipped[split.name] = f"its {len(split.rows)} bonds are fewer than the smallest size {min(sizes or [0])}"
            continue
        X = split.table.design_matrix(descriptor_of("model", settings))
        basis = [name for name in FORECAST_OF if name in selections] or [selections[0]]
        points[split.name], basis_errors = {}, []
        for selection in selections:
            errors, curve = _curve(split, X, fit, selection, own, seed)
            points[split.name][selection] = curve
            if selection in basis:
                basis_errors.append(errors)
            if progress is not None:
                done = (len(points) - 1) * len(selections) + len(points[split.name])
                progress(done, len(splits) * len(selections), f"{split.name}, {selection.replace('_', ' ')}")
        if len(own) > 2:
            forecasts[split.name] = forecast(own, basis_errors, split.groups, seed)
    return LearningCurve(by, n_groups, points, forecasts, skipped)


def _sizes(split: TypeSplit, settings: dict[str, Any], sizes: Sequence[int] | None) -> list[int]:
    most = min([int(np.sum(~test)) for test in split.folds] + [settings["max_bonds"]])
    if sizes is not None:
        return sorted({int(n) for n in sizes if n <= most})
    smallest = settings["min_bonds"]
    doublings = max(0, int(np.log2(most / smallest)))
    # Downwards from all, so that the sizes are evenly spaced and the largest counts.
    return sorted({most // 2**k for k in range(doublings + 1)})


def _curve(
    split: TypeSplit, X: NDArray, fit: Fit, selection: str, sizes: list[int], seed: int
) -> tuple[NDArray, list[dict[str, Any]]]:
    """Return (errors, points): errors (sizes, n) in eV of every bond at every size."""

    def order(number: int) -> NDArray[np.int64]:
        known = np.flatnonzero(~split.folds[number])
        return _order(split, known, X, fit, selection, sizes[-1], seed + number)

    orders = list(side_by_side(order, range(len(split.folds)), n_bytes=X.nbytes))
    errors, points = np.empty((len(sizes), len(X))), []
    for row, n in enumerate(sizes):
        masks = np.zeros((len(orders), len(X)), dtype=bool)
        for mask, chosen in zip(masks, orders, strict=True):
            mask[chosen[:n]] = True
        mean, std = split.predict(fit, X, masks.__getitem__)
        errors[row] = mean - split.table.strength
        metrics = regression_metrics(split.table.strength, mean, std, split.groups)
        kept = ("rmse", "rmse_error", "z_std", "coverage_95")
        points.append({"n_bonds": n, **{key: metrics[key] for key in kept}})
    return errors, points


def _order(
    split: TypeSplit, rows: NDArray, X: NDArray, fit: Fit, selection: str, n: int, seed: int
) -> NDArray[np.int64]:
    """Return n of the bonds outside a fold in the order of their choice."""
    if selection == BY_GROUP:
        rng = np.random.default_rng(seed)
        groups = rng.permutation(np.unique(split.groups[rows]))
        return np.concatenate([rng.permutation(rows[split.groups[rows] == group]) for group in groups])

    def fit_std(known: NDArray[np.int64]) -> Any:
        chosen = rows[known]
        regressor = fit(X[chosen], split.table.strength[chosen], split.groups[chosen], split.name)
        return lambda candidates: regressor.predict(candidates, return_std=True)[1]

    return rows[select(selection, X[rows], n, seed, split.table.strength[rows], fit_std)]  # type: ignore[arg-type]


def forecast(sizes: Sequence[int], errors: Sequence[NDArray], groups: NDArray, seed: int) -> dict[str, Any]:
    """Extrapolate learning curves to twice as many bonds by power laws.

    RMSE = a n^-b is fitted to the upper part of each curve; resampling the groups, whose errors are independent where
    those of bonds are not, gives its interval. That of the forecast holds all of them. With few groups it is too narrow
    rather than too wide.

    Parameters
    ----------
    sizes : numbers of training bonds, increasing
    errors : of each curve (sizes, n) eV
    groups : (n,)
    seed : of the resampling

    Returns
    -------
    dict
        ``n_bonds``, ``rmse`` (eV) now; ``exponent`` b, the mean of the curves; ``rmse_doubled`` with twice as many
        bonds by it, and the 68 % interval ``rmse_doubled_low``, ``rmse_doubled_high`` in eV; ``more_bonds``: ``help``
        if the error would fall by a tenth or more even at the upper end of the interval, ``do not help`` if not even at
        the lower end, else ``uncertain``; ``message``, the same in a sentence.

    Raises
    ------
    ValueError
        For fewer than two sizes, or no curve.
    """
    n = np.asarray(sizes, dtype=float)
    if len(n) < 2 or not errors or any(own.shape != (len(n), len(groups)) for own in errors):
        shapes = [own.shape for own in errors]
        raise ValueError(f"a forecast needs two sizes or more, and an error of each bond at each: {len(n)}, {shapes}")
    _, index = np.unique(groups, return_inverse=True)
    n_groups = int(index.max()) + 1
    counts = np.bincount(index)
    draws = np.random.default_rng(seed).integers(n_groups, size=(N_BOOTSTRAP, n_groups))
    upper = n >= FORECAST_FROM * n[-1]
    upper[-2:] = True
    exponents, intervals = [], []
    for own in errors:
        squares = np.array([np.bincount(index, weights=row**2) for row in own[upper]])
        resampled = squares[:, draws].sum(axis=2) / counts[draws].sum(axis=1)
        exponents.append(_exponents(n[upper], np.sqrt(np.mean(own[upper] ** 2, axis=1, keepdims=True)))[0])
        # What is uncertain is the slope: the error now is known as well as it can be.
        intervals.append(np.quantile(2.0 ** -_exponents(n[upper], np.sqrt(resampled)), [0.16, 0.84]))
    now, exponent = float(np.sqrt(np.mean(errors[-1][-1] ** 2))), float(np.mean(exponents))
    low, high = now * float(np.min(intervals)), now * float(np.max(intervals))
    bound = (1.0 - WORTHWHILE) * now
    verdict = "help" if high <= bound else "do not help" if low > bound else "uncertain"
    sentence = {
        "help": "more bonds help",
        "do not help": "more bonds of this kind help little",
        "uncertain": "whether more bonds help is uncertain",
    }[verdict]
    return {
        "n_bonds": int(sizes[-1]),
        "rmse": now,
        "exponent": exponent,
        "rmse_doubled": now * 2.0**-exponent,
        "rmse_doubled_low": low,
        "rmse_doubled_high": high,
        "more_bonds": verdict,
        "message": (
            f"{sentence}: with {2 * int(sizes[-1])} instead of {int(sizes[-1])} training bonds the RMSE would go from "
            f"{now:.3f} to {now * 2.0**-exponent:.3f} eV ({low:.3f} to {high:.3f})"
        ),
    }


def _exponents(n: NDArray, rmse: NDArray) -> NDArray[np.float64]:
    """Return b of RMSE = a n^-b by least squares of the logarithms, for columns of ``rmse`` (sizes, samples)."""
    x = np.log(n) - np.log(n).mean()
    y = np.log(np.maximum(rmse, 1e-12))
    return -(x @ y) / np.sum(x**2)
