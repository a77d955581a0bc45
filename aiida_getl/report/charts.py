"""Charts as data: what to draw, in what units; the page's script draws them, and offers the numbers as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import matplotlib
import numpy as np
from numpy.typing import ArrayLike

#: Number of the colour of each bond type, the same in all figures of a page.
Colours = Mapping[str, int]


@dataclass(frozen=True)
class Axis:
    """An axis; ``categories`` name the values 0, 1, ... instead of numbers."""

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    categories: list[str] | None = None


@dataclass(frozen=True)
class Layer:
    """One kind of mark in a panel.

    Attributes
    ----------
    kind : ``points``; ``line`` through points; ``band`` between y and y2; ``steps``, a histogram whose bins lie between
        x and x2; ``bars`` from zero to x at the category y; ``ranges`` from x to x2 at the category y; ``diagonal`` and
        ``zero``, thin lines for orientation
    colour : number of the colour, the same for the same thing throughout a page
    name : written at a line's end or in the legend
    text : of each point, what hovering shows besides the numbers
    value : of each point, a number that decides its colour on the panel's colour scale
    """

    kind: Literal["points", "line", "band", "steps", "bars", "ranges", "diagonal", "zero"]
    x: list[float | None] = field(default_factory=list)
    y: list[float | None] = field(default_factory=list)
    x2: list[float | None] | None = None
    y2: list[float | None] | None = None
    colour: int = 0
    name: str = ""
    text: list[str] | None = None
    value: list[float | None] | None = None
    size: float = 2.2


@dataclass(frozen=True)
class Panel:
    """One pair of axes; ``note`` is written inside, in the corner on the left, or on the right."""

    title: str
    x: Axis
    y: Axis
    layers: list[Layer]
    note: str = ""
    note_right: bool = False
    width: int = 340
    height: int = 260
    scale: dict[str, Any] | None = None
    square: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure of one or more panels.

    Attributes
    ----------
    name : of its files
    title, caption : above and below it
    alt : what it shows, for those who do not see it
    legend : names with the numbers of their colours
    """

    name: str
    title: str
    caption: str
    alt: str
    panels: list[Panel]
    legend: list[tuple[str, int]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return what the script reads, without what is empty."""
        return _compact(asdict(self))


def numbers(values: ArrayLike, digits: int = 5) -> list[float | None]:
    """Return values rounded to significant digits, which keeps pages small; None where there is no finite number."""
    array = np.asarray(values, dtype=float)
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in array.ravel().tolist()]


def colour_numbers(names: Iterable[str]) -> dict[str, int]:
    """Return a colour for each name, the same whatever the order they come in."""
    return {name: k for k, name in enumerate(sorted(set(names)))}


def colour_stops(n: int = 16) -> list[list[int]]:
    """Return red, green and blue, 0 to 255, of equal steps of viridis, which rises evenly in lightness."""
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 1.0, n))[:, :3]
    return np.rint(255 * colours).astype(int).tolist()


def steps(values: ArrayLike, edges: ArrayLike, **other: Any) -> Layer:
    """Return the histogram of some values."""
    edges = np.asarray(edges, dtype=float)
    counts, _ = np.histogram(np.asarray(values, dtype=float), edges)
    return Layer("steps", numbers(edges[:-1]), numbers(counts, 9), x2=numbers(edges[1:]), **other)


def _compact(value: Any) -> Any:
    if isinstance(value, dict):
        # Zero is a value, unlike the other things that are false.
        return {key: _compact(item) for key, item in value.items() if item or (item == 0 and item is not False)}
    if isinstance(value, list | tuple):
        return value if not value or not isinstance(value[0], dict) else [_compact(item) for item in value]
    return value
