"""Iterations of active learning as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from aiida_getl.report.figures import COLOURS, STYLE, save


def draw_iterations(records: Sequence[Mapping[str, Any]], path: Path) -> Path | None:
    """Draw the uncertainty after every iteration, and its expected and realised gain; None if there is nothing to draw.

    :param records: see :func:`aiida_getl.acquisition.record.record_of`.
    """
    records = [record for record in records if record["uncertainty"]["after"] is not None]
    if not records:
        return None
    numbers = list(range(1, len(records) + 1))
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        types = sorted({name for record in records for name in record["std"]})
        for name, colour in zip(types, COLOURS * len(types), strict=False):
            points = [
                (number, 1000 * record["std"][name]["after"])
                for number, record in zip(numbers, records, strict=True)
                if record["std"].get(name, {}).get("after") is not None
            ]
            if points:
                left.plot(*zip(*points, strict=True), marker="o", markersize=4, color=colour, label=name)
        left.set(xlabel="iteration", ylabel="mean standard deviation\non the target's bonds (meV)", xticks=numbers)
        left.set_ylim(bottom=0)
        left.legend(frameon=False)
        width = 0.38
        for shift, key, colour, label in (
            (-width / 2, "gain_expected", COLOURS[5], "expected"),
            (width / 2, "gain_realised", COLOURS[0], "realised"),
        ):
            known = [(n + shift, 1000 * r[key]) for n, r in zip(numbers, records, strict=True) if r[key] is not None]
            if known:
                right.bar(*zip(*known, strict=True), width=width, color=colour, label=label)
        right.axhline(0.0, color="black", linewidth=0.6)
        right.set(xlabel="iteration", ylabel="fall of the mean uncertainty (meV)", xticks=numbers)
        right.set_xlim(0.4, len(records) + 0.6)
        if right.get_legend_handles_labels()[0]:
            right.legend(frameon=False)
        return save(figure, path)
