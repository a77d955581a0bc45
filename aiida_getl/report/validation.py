"""Figures of validations and evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_getl.data.arrays import get_arrays
from aiida_getl.report import figures


def draw_parity(path: Path, metrics: dict[str, Any], parity: orm.ArrayData) -> Path:
    """Draw predicted against computed strengths of every bond type that was tested."""
    arrays = get_arrays(parity)
    types = sorted(metrics)

    def join(column: str) -> np.ndarray:
        return np.concatenate([arrays[f"{name}.{column}"] for name in types])

    return figures.parity(
        path,
        np.repeat(types, [len(arrays[f"{name}.target"]) for name in types]),
        join("target"),
        join("model_mean"),
        join("model_std"),
        {name: metrics[name]["model"]["rmse"] for name in types},
    )


def draw_learning_curve(path: Path, points: dict[str, list[dict[str, Any]]]) -> Path | None:
    """Draw RMSE against the number of training bonds, by bond type; nothing where no type has two points."""
    curves = {
        name: ([point["n_bonds"] for point in own], [point["rmse"] for point in own])
        for name, own in points.items()
        if len(own) > 1
    }
    return figures.learning_curve(path, curves) if curves else None
