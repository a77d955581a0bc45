"""Dumped frames as arrays (https://docs.lammps.org/dump.html, style custom: id type xu yu zu)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

_COLUMNS = "id type xu yu zu"


@dataclass(frozen=True)
class Frames:
    """Frames of a simulation, atoms in the order of their ids.

    Attributes
    ----------
    steps : (n_frames,) int
    types : (n_atoms,) int
        Atom types, from 1.
    positions : (n_frames, n_atoms, 3) Å
        Relative to the corner of the cell, unwrapped: atoms that left the cell are outside.
    cells : (n_frames, 3, 3) Å
        Rows are lattice vectors.
    truncated : bool
        Whether an incomplete frame followed, which was left out.
    """

    steps: NDArray[np.int64]
    types: NDArray[np.int64]
    positions: NDArray[np.float64]
    cells: NDArray[np.float64]
    truncated: bool

    def __len__(self) -> int:
        return len(self.steps)


def read_dump(path: Path | str) -> Frames:
    """Read all complete frames of a dump file.

    Raises
    ------
    ValueError
        For a file that is no such dump, or whose frames differ in their atoms. A cut last frame is no error.
    """
    steps: list[int] = []
    cells: list[NDArray] = []
    positions: list[NDArray] = []
    types: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    truncated = False
    with Path(path).open(encoding="utf-8") as handle:
        for frame in _frames(handle, path):
            if frame is None:
                truncated = True
                break
            step, cell, frame_types, frame_positions = frame
            if steps and not np.array_equal(types, frame_types):
                raise ValueError(f"{path}: the atoms at step {step} are not those at step {steps[0]}")
            types = frame_types
            steps.append(step)
            cells.append(cell)
            positions.append(frame_positions)
    return Frames(
        steps=np.array(steps, dtype=np.int64),
        types=types,
        positions=np.array(positions, dtype=float).reshape(len(steps), len(types), 3),
        cells=np.array(cells, dtype=float).reshape(-1, 3, 3),
        truncated=truncated,
    )


def _frames(handle: TextIO, path: Path | str) -> Iterator[tuple[int, NDArray, NDArray, NDArray] | None]:
    """Yield step, cell, types and positions of each frame; None for one that is cut."""
    while header := handle.readline():
        if not "ITEM: TIMESTEP\n".startswith(header):
            raise ValueError(f"{path} is no LAMMPS dump: a frame starts with {header.strip()!r}")
        # Lines without an end, and lines that are not there, are those of a cut file.
        lines = [handle.readline() for _ in range(8)]
        if not lines[-1].endswith("\n"):
            yield None
            return
        if lines[-1].split() != ["ITEM:", "ATOMS", *_COLUMNS.split()]:
            raise ValueError(f"{path} has the columns {lines[-1].strip()!r}, expected {_COLUMNS!r}")
        n_atoms = int(lines[2])
        rows = [handle.readline() for _ in range(n_atoms)]
        if rows and not rows[-1].endswith("\n"):
            yield None
            return
        table = np.array([row.split() for row in rows], dtype=float).reshape(n_atoms, 5)
        table = table[np.argsort(table[:, 0])]
        origin, cell = _box(lines[3], [[float(word) for word in line.split()] for line in lines[4:7]])
        yield int(lines[0]), cell, table[:, 1].astype(np.int64), table[:, 2:] - origin


def _box(header: str, bounds: list[list[float]]) -> tuple[NDArray, NDArray]:
    """Return origin and cell; a tilted box is given by the bounds of the box around it."""
    if {len(bound) for bound in bounds} != ({3} if "xy xz yz" in header else {2}):
        raise ValueError(f"the box {header.strip()!r} has the bounds {bounds}")
    lower = np.array([bound[0] for bound in bounds])
    upper = np.array([bound[1] for bound in bounds])
    xy, xz, yz = (bound[2] for bound in bounds) if "xy xz yz" in header else (0.0, 0.0, 0.0)
    lower = lower - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    upper = upper - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    lx, ly, lz = upper - lower
    return lower, np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]])
