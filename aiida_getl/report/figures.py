"""Figures of labels, validation and predictions; arrays in, files out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")
from matplotlib import pyplot as plt

#: Colours that people with any colour vision tell apart (Okabe and Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 150, "savefig.dpi": 150}


def _save(figure: plt.Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)
    return path


def _panels(types: list[str]) -> tuple[plt.Figure, NDArray]:
    figure, axes = plt.subplots(1, len(types), figsize=(2.9 * len(types), 2.9), squeeze=False, layout="constrained")
    for axis, name in zip(axes[0], types, strict=True):
        axis.set_title(name)
    return figure, axes[0]


def parity(
    path: Path, types: NDArray[np.str_], target: NDArray, predicted: NDArray, std: NDArray, rmse: Mapping[str, float]
) -> Path:
    """Draw predicted against computed bond strengths (n,), eV, of bonds in groups left out, a panel per bond type."""
    names = [str(name) for name in np.unique(types)]
    with plt.rc_context(STYLE):
        figure, axes = _panels(names)
        for axis, name, colour in zip(axes, names, cycle(COLOURS), strict=False):
            mine = types == name
            axis.errorbar(
                target[mine], predicted[mine], std[mine], fmt="o", ms=2.5, lw=0.4, color=colour, alpha=0.55, mew=0
            )
            low, high = min(target[mine].min(), predicted[mine].min()), max(target[mine].max(), predicted[mine].max())
            axis.plot([low, high], [low, high], color="0.4", lw=0.8)
            axis.text(0.05, 0.92, f"RMSE {rmse[name]:.3f} eV\n{mine.sum()} bonds", transform=axis.transAxes, va="top")
            axis.set_xlabel("-ICOHP computed (eV)")
        axes[0].set_ylabel("-ICOHP predicted, run left out (eV)")
        return _save(figure, path)


def strength_against_distance(path: Path, types: NDArray[np.str_], distance: NDArray, strength: NDArray) -> Path:
    """Draw the labels: bond strength (n,), eV, against distance (n,), Å."""
    names = [str(name) for name in np.unique(types)]
    with plt.rc_context(STYLE):
        figure, axes = _panels(names)
        for axis, name, colour in zip(axes, names, cycle(COLOURS), strict=False):
            mine = types == name
            axis.plot(distance[mine], strength[mine], "o", ms=2.5, color=colour, alpha=0.5, mew=0)
            axis.axhline(0.0, color="0.7", lw=0.6)
            axis.set_xlabel("distance (Å)")
        axes[0].set_ylabel("-ICOHP computed (eV)")
        return _save(figure, path)


def strength_distribution(path: Path, types: NDArray[np.str_], strength: NDArray) -> Path:
    """Draw the distribution of predicted bond strengths (n,), eV, a line per bond type."""
    names = [str(name) for name in np.unique(types)]
    edges = np.linspace(min(0.0, strength.min()), strength.max(), 81)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
        for name, colour in zip(names, cycle(COLOURS), strict=False):
            mine = strength[types == name]
            axis.hist(mine, edges, histtype="step", color=colour, lw=1.2, label=f"{name}, mean {mine.mean():.2f} eV")
        axis.legend(frameon=False)
        axis.set_xlabel("-ICOHP predicted (eV)")
        axis.set_ylabel(f"bonds per {edges[1] - edges[0]:.3f} eV")
        return _save(figure, path)


def learning_curve(path: Path, curve: Mapping[str, tuple[list[float], list[float]]]) -> Path:
    """Draw the RMSE (eV) on groups left out against the number of labelled bonds, by bond type."""
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
        for (name, (bonds, rmse)), colour in zip(sorted(curve.items()), cycle(COLOURS), strict=False):
            axis.loglog(bonds, rmse, "o-", ms=4, color=colour, label=name)
        axis.legend(frameon=False)
        axis.set_xlabel("bonds in the training set")
        axis.set_ylabel("RMSE, run left out (eV)")
        return _save(figure, path)
