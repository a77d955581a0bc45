"""How those who wait learn how far a run is."""

from __future__ import annotations

from collections.abc import Callable

#: Called with (what, done, total). The text of ``what`` begins with the k-point, e.g. ``k-point 1 of 4, step``.
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""
