"""Figures of labels, validation and predictions; arrays in, files out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

#: Colours that people with any colour vision tell apart (Okabe and Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 150, "savefig.dpi": 150}


def save(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of the path's ending; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight")
    return path


def panels(names: list[str], per_row: int = 5) -> tuple[Figure, list[Axes]]:
    """Return a figure with a titled panel for each name; inside ``rc_context(STYLE)``."""
    n_rows = -(-len(names) // per_row)
    n_columns = min(len(names), per_row)
    figure = Figure(figsize=(2.9 * n_columns, 2.9 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, name in zip(axes, names, strict=False):
        axis.set_title(name)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    return figure, list(axes[: len(names)])


def label_lines(axis: Axes, ends: Mapping[str, tuple[float, float, str]], size: float = 8.0) -> None:
    """Write names to the right of the ends (x, y, colour) of lines, no two over each other."""
    axis.figure.canvas.draw()
    height = size * axis.figure.dpi / 72 * 1.15
    lowest = -np.inf
    for name, (x, y, colour) in sorted(ends.items(), key=lambda item: item[1][1]):
        here = axis.transData.transform((x, y))
        lowest = max(here[1], lowest + height)
        offset = ((5.0, (lowest - here[1]) * 72 / axis.figure.dpi), "offset points")
        axis.annotate(name, (x, y), offset[0], textcoords=offset[1], color=colour, fontsize=size, va="center")


def plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2, 5, 10, ... with plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def parity(
    path: Path,
    types: NDArray[np.str_],
    target: NDArray,
    predicted: NDArray,
    std: NDArray,
    rmse: Mapping[str, float],
    left_out: str = "run",
) -> Path:
    """Draw predicted against computed bond strengths (n,), eV, of bonds in groups left out, a panel per bond type."""
    names = [str(name) for name in np.unique(types)]
    with rc_context(STYLE):
        figure, axes = panels(names)
        for axis, name, colour in zip(axes, names, cycle(COLOURS), strict=False):
            mine = types == name
            axis.errorbar(
                target[mine], predicted[mine], std[mine], fmt="o", ms=2.5, lw=0.4, color=colour, alpha=0.55, mew=0
            )
            low, high = min(target[mine].min(), predicted[mine].min()), max(target[mine].max(), predicted[mine].max())
            axis.plot([low, high], [low, high], color="0.4", lw=0.8)
            axis.text(0.05, 0.92, f"RMSE {rmse[name]:.3f} eV\n{mine.sum()} bonds", transform=axis.transAxes, va="top")
            axis.set_xlabel("-ICOHP computed (eV)")
        axes[0].set_ylabel(f"-ICOHP predicted (eV),\n{left_out} left out")
        return save(figure, path)


def strength_against_distance(path: Path, types: NDArray[np.str_], distance: NDArray, strength: NDArray) -> Path:
    """Draw the labels: bond strength (n,), eV, against distance (n,), Å."""
    names = [str(name) for name in np.unique(types)]
    with rc_context(STYLE):
        figure, axes = panels(names)
        for axis, name, colour in zip(axes, names, cycle(COLOURS), strict=False):
            mine = types == name
            axis.plot(distance[mine], strength[mine], "o", ms=2.5, color=colour, alpha=0.5, mew=0)
            axis.axhline(0.0, color="0.7", lw=0.6)
            axis.set_xlabel("distance (Å)")
        axes[0].set_ylabel("-ICOHP computed (eV)")
        return save(figure, path)


def strength_distribution(path: Path, types: NDArray[np.str_], strength: NDArray) -> Path:
    """Draw the distribution of predicted bond strengths (n,), eV, a line per bond type."""
    names = [str(name) for name in np.unique(types)]
    edges = np.linspace(min(0.0, strength.min()), strength.max(), 81)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.0), layout="constrained")
        axis = figure.subplots()
        for name, colour in zip(names, cycle(COLOURS), strict=False):
            mine = strength[types == name]
            axis.hist(mine, edges, histtype="step", color=colour, lw=1.2, label=f"{name}, mean {mine.mean():.2f} eV")
        axis.legend(frameon=False)
        axis.set_xlabel("-ICOHP predicted (eV)")
        axis.set_ylabel(f"bonds per {edges[1] - edges[0]:.3f} eV")
        return save(figure, path)


def learning_curve(path: Path, curve: Mapping[str, tuple[list[float], list[float]]], left_out: str = "run") -> Path:
    """Draw the RMSE (eV) on groups left out against the number of labelled bonds, by bond type."""
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.0))
        axis = figure.subplots()
        ends = {}
        for (name, (bonds, rmse)), colour in zip(sorted(curve.items()), cycle(COLOURS), strict=False):
            axis.loglog(bonds, rmse, "o-", ms=4, color=colour)
            ends[name] = (bonds[-1], rmse[-1], colour)
        plain_ticks(axis.xaxis)
        plain_ticks(axis.yaxis)
        axis.set_xlabel("bonds in the training set")
        axis.set_ylabel(f"RMSE (eV), {left_out} left out")
        label_lines(axis, ends)
        return save(figure, path)
