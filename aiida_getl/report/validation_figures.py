"""Figures that show how far predictions and their standard deviations can be trusted; arrays in, files out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from aiida_getl.learning.metrics import error_against_std
from aiida_getl.learning.metrics import reliability as reliability_of
from aiida_getl.report.figures import COLOURS, STYLE, panels, plain_ticks, save

#: Bins along the strength hold these shares of the bonds; the strongest, rare and in demand, have narrower ones.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)


def residuals(
    path: Path, types: NDArray[np.str_], target: NDArray, predicted: NDArray, std: NDArray, left_out: str = "run"
) -> Path:
    """Draw errors against computed strengths (n,), eV, a panel per bond type.

    The line is the root mean square error of bonds of similar strength, the band what the standard deviations say it
    is: where the band is narrower, the model is too sure of itself.
    """
    names = [str(name) for name in np.unique(types)]
    with rc_context(STYLE):
        figure, axes = panels(names)
        for axis, name, colour in zip(axes, names, cycle(COLOURS), strict=False):
            mine = types == name
            strength, error, own = target[mine], (predicted - target)[mine], std[mine]
            axis.plot(strength, error, "o", ms=2, color=colour, alpha=0.35, mew=0)
            bounds = np.unique((np.array(SHARES) * len(strength)).astype(int))
            parts = np.split(np.argsort(strength), bounds[1:-1])
            middle = [strength[part].mean() for part in parts]
            found, stated = ([np.sqrt(np.mean(a[part] ** 2)) for part in parts] for a in (error, own))
            for sign in (-1.0, 1.0):
                axis.plot(middle, sign * np.array(found), color="black", lw=1.2)
            axis.fill_between(middle, -np.array(stated), stated, color="0.6", alpha=0.5, lw=0)
            axis.axhline(0.0, color="0.4", lw=0.6)
            axis.set_xlabel("-ICOHP computed (eV)")
        axes[0].set_ylabel(f"error (eV), {left_out} left out")
        axes[0].text(
            0.04, 0.98, "line: RMS error\nband: predicted std", transform=axes[0].transAxes, va="top", fontsize=7.5
        )
        return save(figure, path)


def reliability(path: Path, types: NDArray[np.str_], target: NDArray, predicted: NDArray, std: NDArray) -> Path:
    """Draw whether standard deviations are right: on the left on average, on the right bond by bond.

    Left: share of labels within the central interval of each level of confidence. Right: RMS error of bonds with
    similar standard deviations. Right standard deviations lie on the diagonals. Types with fewer than 20 bonds tell
    nothing and are left out. Arrays (n,), eV.
    """
    names = [str(name) for name, count in zip(*np.unique(types, return_counts=True), strict=True) if count >= 20]
    with rc_context(STYLE):
        figure = Figure(figsize=(6.8, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name, colour in zip(names, cycle(COLOURS), strict=False):
            mine = types == name
            level, share = reliability_of(target[mine], predicted[mine], std[mine])
            left.plot(100 * level, 100 * share, "-", lw=1.4, color=colour)
            # Fewer bonds than 20 in a bin scatter too much.
            n_bins = min(10, int(mine.sum()) // 20)
            stated, found, _ = error_against_std(target[mine], predicted[mine], std[mine], n_bins)
            right.plot(stated, found, "o-", ms=3, lw=0.9, color=colour, label=name)
        left.plot([0, 100], [0, 100], color="0.5", lw=0.8, ls="--")
        left.set(xlabel="confidence (%)", ylabel="labels within the interval (%)", xlim=(0, 100), ylim=(0, 100))
        left.text(4, 92, "too wide", color="0.4")
        left.text(96, 4, "too narrow", color="0.4", ha="right")
        right.set(xscale="log", yscale="log", xlabel="predicted std (eV)", ylabel="RMS error (eV)")
        low = min(right.get_xlim()[0], right.get_ylim()[0])
        high = max(right.get_xlim()[1], right.get_ylim()[1])
        right.plot([low, high], [low, high], color="0.5", lw=0.8, ls="--")
        right.set(xlim=(low, high), ylim=(low, high))
        plain_ticks(right.xaxis)
        plain_ticks(right.yaxis)
        if names:
            figure.legend(loc="outside upper left", ncols=min(len(names), 7), frameon=False)
        return save(figure, path)


def selection_curves(
    path: Path,
    points: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    forecast: Mapping[str, Mapping[str, Any]] | None = None,
    left_out: str = "run",
) -> Path:
    """Draw learning curves of several selections of training bonds, a panel per bond type.

    Parameters
    ----------
    points, forecast : of :class:`aiida_getl.learning.learning_curve.LearningCurve`; the forecast is drawn as a bar at
        twice as many bonds
    left_out : what was left out together
    """
    names = sorted(points)
    selections = list(dict.fromkeys(selection for own in points.values() for selection in own))
    colour_of = dict(zip(selections, cycle(COLOURS), strict=False))
    with rc_context(STYLE):
        figure, axes = panels(names)
        for axis, name in zip(axes, names, strict=True):
            for selection, own in points[name].items():
                n, rmse, error = ([point[key] for point in own] for key in ("n_bonds", "rmse", "rmse_error"))
                yerr = np.array([0.0 if value is None else value for value in error])
                axis.errorbar(n, rmse, yerr, fmt="o-", ms=3, lw=1.1, elinewidth=0.6, color=colour_of[selection])
            ahead = (forecast or {}).get(name)
            if ahead:
                low, high = ahead["rmse_doubled_low"], ahead["rmse_doubled_high"]
                axis.plot([2 * ahead["n_bonds"]] * 2, [low, high], color="0.3", lw=3, solid_capstyle="butt")
                axis.plot(
                    [ahead["n_bonds"], 2 * ahead["n_bonds"]],
                    [ahead["rmse"], ahead["rmse_doubled"]],
                    color="0.3",
                    lw=0.9,
                    ls=":",
                )
            axis.set(xscale="log", yscale="log", xlabel="training bonds")
            plain_ticks(axis.xaxis)
            plain_ticks(axis.yaxis)
            axis.tick_params(labelsize=7.5)
        axes[0].set_ylabel(f"RMSE (eV), {left_out} left out")
        handles = [Line2D([], [], color=colour_of[selection], marker="o", ms=3) for selection in selections]
        names_of = [selection.replace("_", " ") for selection in selections]
        figure.legend(handles, names_of, loc="outside upper left", ncols=len(names_of), frameon=False)
        return save(figure, path)


def importance(path: Path, values: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Path:
    """Draw the RMSE (eV) after exchanging distances or environments, of each bond type, beside that of the model.

    Parameters
    ----------
    values : of :func:`aiida_getl.learning.importance.permutation_importance`
    """
    labels = {
        "model": "as predicted",
        "environment_at_distance": "environment of another bond as long",
        "environment": "environment of any other bond",
        "distance": "distance of any other bond",
    }
    names = sorted(values)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 0.9 + 0.75 * len(names)), layout="constrained")
        axis = figure.subplots()
        for row, (key, label) in enumerate(labels.items()):
            y = np.arange(len(names)) + 0.18 * (row - 1.5)
            rmse = [values[name][key]["rmse"] for name in names]
            axis.plot(rmse, y, "o", ms=5, color=COLOURS[row])
            for x, height in zip(rmse, y, strict=True):
                axis.text(1.12 * x, height, label, color=COLOURS[row], fontsize=7, va="center")
        axis.set_yticks(np.arange(len(names)), names)
        axis.invert_yaxis()
        axis.set(xscale="log", xlabel="RMSE on groups left out (eV)")
        axis.set_xlim(right=8 * axis.get_xlim()[1])
        plain_ticks(axis.xaxis)
        return save(figure, path)


def strength_comparison(
    path: Path,
    types_a: NDArray[np.str_],
    strength_a: NDArray,
    types_b: NDArray[np.str_],
    strength_b: NDArray,
    names: tuple[str, str],
) -> Path:
    """Draw the distributions of bond strengths (n,), eV, of two structures over each other, a panel per bond type.

    Bins are the wider the fewer bonds there are; the numbers in a panel are the means.
    """
    common = [str(name) for name in np.union1d(types_a, types_b)]
    sides = (types_a, strength_a, names[0], COLOURS[0]), (types_b, strength_b, names[1], COLOURS[1])
    with rc_context(STYLE):
        figure, axes = panels(common)
        for axis, bond_type in zip(axes, common, strict=True):
            own = [values[(types == bond_type) & np.isfinite(values)] for types, values, _, _ in sides]
            counts = [len(values) for values in own if len(values)]
            n_bins = int(np.clip(2.0 * np.sqrt(min(counts, default=0)), 8, 40))
            edges = np.linspace(*np.quantile(np.concatenate(own), [0.0, 0.995]), n_bins + 1) if counts else n_bins
            for row, (values, (_, _, _, colour)) in enumerate(zip(own, sides, strict=True)):
                if len(values):
                    weights = np.full(len(values), 100.0 / len(values))
                    axis.hist(values, edges, weights=weights, histtype="step", color=colour, lw=1.2)
                    mean = f"{values.mean():.3f} eV"
                    axis.text(
                        0.97, 0.97 - 0.09 * row, mean, color=colour, transform=axis.transAxes, ha="right", va="top"
                    )
            axis.set_ylim(top=1.3 * axis.get_ylim()[1])  # room for the means
            axis.set_xlabel("-ICOHP (eV)")
        axes[0].set_ylabel("bonds (%)")
        handles = [Line2D([], [], color=colour, lw=1.2) for _, _, _, colour in sides]
        figure.legend(handles, list(names), loc="outside upper left", ncols=2, frameon=False)
        return save(figure, path)
