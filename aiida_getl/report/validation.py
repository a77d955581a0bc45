"""Figures of validations and evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_getl.data.arrays import get_arrays
from aiida_getl.report import figures, validation_figures

#: what is left out together, in words
LEFT_OUT = {"strain": "strain group", "random": "random part (leaky)"}


def draw_errors(folder: Path, metrics: dict[str, Any], parity: orm.ArrayData, group_by: str | None) -> list[Path]:
    """Draw parity, residuals and the reliability of the standard deviations of every bond type that was tested.

    :param group_by: what was left out; None for labels that the model never saw.
    """
    arrays = get_arrays(parity)
    types = sorted(metrics)

    def join(column: str) -> np.ndarray:
        return np.concatenate([arrays[f"{name}.{column}"] for name in types])

    names = np.repeat(types, [len(arrays[f"{name}.target"]) for name in types])
    columns = (names, join("target"), join("model_mean"), join("model_std"))
    rmse = {name: metrics[name]["model"]["rmse"] for name in types}
    left_out = "all" if group_by is None else LEFT_OUT.get(group_by, group_by)
    return [
        figures.parity(folder / "parity.png", *columns, rmse, left_out),
        validation_figures.residuals(folder / "residuals.png", *columns, left_out),
        validation_figures.reliability(folder / "reliability.png", *columns),
    ]


def draw_learning_curve(path: Path, points: dict[str, list[dict[str, Any]]], group_by: str) -> Path | None:
    """Draw RMSE against the number of training bonds, by bond type; nothing where no type has two points."""
    curves = {
        name: ([point["n_bonds"] for point in own], [point["rmse"] for point in own])
        for name, own in points.items()
        if len(own) > 1
    }
    return figures.learning_curve(path, curves, LEFT_OUT.get(group_by, group_by)) if curves else None


def draw_selections(path: Path, curve: dict[str, Any]) -> Path | None:
    """Draw the learning curves of every selection of training bonds, with the forecast."""
    if not curve["points"]:
        return None
    left_out = LEFT_OUT.get(curve["group_by"], curve["group_by"])
    return validation_figures.selection_curves(path, curve["points"], curve["forecast"], left_out)
