"""Parts of one simulation, each going on from a checkpoint of the one before, as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def join_by_step(parts: Sequence[Mapping[str, ArrayLike]], step: str = "step") -> dict[str, NDArray]:
    """Return the rows of all parts in their order, each step once.

    A part that was interrupted may have gone on beyond its last checkpoint, from where the next part starts: what it
    did there is left out, because nothing follows from it.

    Parameters
    ----------
    parts : sequence of mappings of (n, ...) arrays
        By name; all have the same names, and one row per step that was recorded.
    step : str
        Name of the steps, which count from the start of the simulation in every part, and increase.

    Raises
    ------
    ValueError
        If a part starts before the one before it, or its arrays do not fit together.
    """
    if not parts:
        raise ValueError("there is no part to join")
    arrays = [{name: np.asarray(values) for name, values in part.items()} for part in parts]
    starts: list[float] = []
    for number, part in enumerate(arrays):
        if set(part) != set(arrays[0]) or len({len(values) for values in part.values()}) != 1:
            raise ValueError(f"part {number} has arrays of other names or lengths")
        # A part without rows was interrupted before the first.
        if len(part[step]):
            start = part[step][0]
            if starts and start < starts[-1]:
                raise ValueError(f"part {number} starts at step {start:g}, before the part before it")
            starts.append(start)
    filled = [part for part in arrays if len(part[step])]
    ends = [*starts[1:], np.inf]
    return {
        name: np.concatenate([part[name][part[step] < end] for part, end in zip(filled, ends, strict=True)])
        if filled
        else arrays[0][name]
        for name in arrays[0]
    }
