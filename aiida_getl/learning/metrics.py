"""How good predictions are, and how honest their standard deviations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv
from scipy.stats import rankdata

#: half widths of the central intervals that hold 68 and 95 % of a normal distribution, in standard deviations
Z68 = 0.994458
Z95 = 1.959964


def regression_metrics(
    target: ArrayLike, predicted: ArrayLike, std: ArrayLike | None = None, groups: ArrayLike | None = None
) -> dict[str, Any]:
    """Compare predictions with labels.

    Parameters
    ----------
    target, predicted : (n,) eV
    std : (n,) eV, optional
    groups : (n,), optional
        Which bonds were left out together. Errors of bonds of one glass are not independent, so the error of the RMSE
        is found by leaving out whole groups.

    Returns
    -------
    dict
        ``n``; ``rmse``, ``mae``, ``bias`` (mean of predicted - target) in eV; ``r2`` (None for labels without spread);
        ``rmse_strongest`` and ``rmse_worst``, of the tenth of the bonds with the largest strength and of that with the
        largest error; with ``groups`` ``rmse_error``, the jackknife's standard error of the RMSE (None for one group).

        With ``std``: ``z_std`` and ``z_std_strongest``, the root mean square of error / std of all and of the strongest
        tenth (1 is right, more is over-confident); ``coverage_68`` and ``coverage_95``, the shares of labels within the
        central intervals of a normal distribution; ``sharpness``, the mean std in eV; ``spearman``, the rank
        correlation of \\|error\\| and std (None if either has no spread; even a perfect std has about 0.3 where it
        varies by a factor of three); ``nll``, the mean negative log likelihood with eV as unit; ``crps``, the mean
        continuous ranked probability score in eV (Gneiting & Raftery, J. Am. Stat. Assoc. 102, 359 (2007), eq. 21).

    Raises
    ------
    ValueError
        For no bonds, arrays of different lengths, numbers that are not finite, or a std that is not positive.
    """
    target, predicted = np.asarray(target, dtype=float), np.asarray(predicted, dtype=float)
    if target.shape != predicted.shape or target.ndim != 1 or not len(target):
        raise ValueError(f"metrics need one prediction for each label: {target.shape} labels, {predicted.shape}")
    if bad := int(np.sum(~(np.isfinite(target) & np.isfinite(predicted)))):
        raise ValueError(f"{bad} of {len(target)} labels or predictions are not finite: leave these bonds out")
    error = predicted - target
    strongest, worst = _largest_tenth(target), _largest_tenth(np.abs(error))
    spread = float(np.sum(np.square(target - target.mean())))
    result: dict[str, Any] = {
        "n": len(target),
        "rmse": _rms(error),
        "mae": float(np.mean(np.abs(error))),
        "bias": float(error.mean()),
        "r2": 1.0 - float(np.sum(error**2)) / spread if spread > 0.0 else None,
        "rmse_strongest": _rms(error[strongest]),
        "rmse_worst": _rms(error[worst]),
    }
    if groups is not None:
        result["rmse_error"] = _jackknife_error(error, np.asarray(groups))
    if std is not None:
        result.update(_calibration(error, np.asarray(std, dtype=float), strongest))
    return result


def reliability(
    target: ArrayLike, predicted: ArrayLike, std: ArrayLike, levels: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (level, share): the share of labels within the central interval of each level of confidence.

    Share above level: the standard deviations are too wide there; below: too narrow.

    Parameters
    ----------
    target, predicted, std : (n,) eV
    levels : between 0 and 1; 0.05 to 0.95 and 0.99 by default
    """
    z, _ = _standardised(target, predicted, std)
    level = np.r_[np.arange(0.05, 0.96, 0.05), 0.99] if levels is None else np.asarray(levels, dtype=float)
    if not ((level > 0.0) & (level < 1.0)).all():
        raise ValueError(f"levels of confidence lie between 0 and 1, not at {level.tolist()}")
    half_width = np.sqrt(2.0) * erfinv(level)
    return level, np.mean(np.abs(z)[None, :] <= half_width[:, None], axis=1)


def error_against_std(
    target: ArrayLike, predicted: ArrayLike, std: ArrayLike, n_bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return (std, rmse, n) of bins of equally many bonds, sorted by predicted standard deviation; eV.

    Where standard deviations are right bond by bond, not only on average, the two are equal in every bin (Levi et al.,
    Sensors 22, 5540 (2022)).
    """
    z, std = _standardised(target, predicted, std)
    if n_bins < 1:
        raise ValueError(f"{n_bins} bins: at least one is needed")
    parts = np.array_split(np.argsort(std, kind="stable"), min(n_bins, len(z)))
    error = z * std
    return (
        np.array([_rms(std[part]) for part in parts]),
        np.array([_rms(error[part]) for part in parts]),
        np.array([len(part) for part in parts], dtype=np.int64),
    )


def _standardised(target: ArrayLike, predicted: ArrayLike, std: ArrayLike) -> tuple[NDArray, NDArray]:
    target, predicted, std = (np.asarray(a, dtype=float) for a in (target, predicted, std))
    if not target.shape == predicted.shape == std.shape or target.ndim != 1 or not len(target):
        raise ValueError(
            f"calibration needs one prediction with its standard deviation for each label: {target.shape} labels, "
            f"{predicted.shape} predictions, {std.shape} standard deviations"
        )
    if not (np.isfinite(std).all() and (std > 0.0).all()):
        raise ValueError(f"{int(np.sum(~(std > 0.0)))} standard deviations are not positive numbers")
    return (predicted - target) / std, std


def _calibration(error: NDArray, std: NDArray, strongest: NDArray) -> dict[str, Any]:
    z, std = _standardised(np.zeros_like(error), error, std)
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    crps = std * (z * erf(z / np.sqrt(2.0)) + 2.0 * density - 1.0 / np.sqrt(np.pi))
    return {
        "z_std": _rms(z),
        "z_std_strongest": _rms(z[strongest]),
        "coverage_68": float(np.mean(np.abs(z) <= Z68)),
        "coverage_95": float(np.mean(np.abs(z) <= Z95)),
        "sharpness": float(std.mean()),
        "spearman": _rank_correlation(np.abs(error), std),
        "nll": float(np.mean(0.5 * z**2 + np.log(std) + 0.5 * np.log(2.0 * np.pi))),
        "crps": float(crps.mean()),
    }


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _largest_tenth(values: NDArray) -> NDArray[np.int64]:
    """Return the indices of the largest tenth, at least one; ties by position."""
    return np.argsort(-values, kind="stable")[: max(1, round(len(values) / 10))]


def _rank_correlation(a: NDArray, b: NDArray) -> float | None:
    # A spread of rounding errors only is no spread.
    if len(a) < 3 or np.ptp(a) <= 1e-12 * np.abs(a).max() or np.ptp(b) <= 1e-12 * np.abs(b).max():
        return None
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def _jackknife_error(error: NDArray, groups: NDArray) -> float | None:
    """Return the standard error of the RMSE from leaving out each group (Efron & Tibshirani 1993, eq. 11.5)."""
    if groups.shape != error.shape:
        raise ValueError(f"{len(error)} bonds need one group each, not {groups.shape}")
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return None
    squares = np.bincount(index, weights=error**2)
    without = np.sqrt((squares.sum() - squares) / (counts.sum() - counts))
    return float(np.sqrt((len(counts) - 1) / len(counts) * np.sum(np.square(without - without.mean()))))
