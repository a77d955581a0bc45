"""How good predictions are, and how honest their standard deviations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

#: half width of the 95 % interval of a normal distribution, in standard deviations
Z95 = 1.959964


def regression_metrics(target: ArrayLike, predicted: ArrayLike, std: ArrayLike | None = None) -> dict[str, Any]:
    """Compare predictions with labels.

    Parameters
    ----------
    target, predicted : (n,) eV
    std : (n,) eV, optional

    Returns
    -------
    dict
        ``n``; ``rmse``, ``mae``, ``bias`` (mean of predicted - target) in eV; ``r2`` (None for labels without spread);
        with ``std`` also ``z_std``, the root mean square of error / std (1 is right, more is over-confident), and
        ``coverage_95``, the share of labels within the 95 % interval.
    """
    target, predicted = np.asarray(target, dtype=float), np.asarray(predicted, dtype=float)
    if target.shape != predicted.shape or target.ndim != 1 or not len(target):
        raise ValueError(f"metrics need one prediction for each label: {target.shape} labels, {predicted.shape}")
    error = predicted - target
    spread = float(np.sum(np.square(target - target.mean())))
    result: dict[str, Any] = {
        "n": len(target),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "bias": float(error.mean()),
        "r2": 1.0 - float(np.sum(error**2)) / spread if spread > 0.0 else None,
    }
    if std is not None:
        z = error / np.asarray(std, dtype=float)
        result["z_std"] = float(np.sqrt(np.mean(z**2)))
        result["coverage_95"] = float(np.mean(np.abs(z) <= Z95))
    return result
