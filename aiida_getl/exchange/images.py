"""Between which periodic images the bonds of a list are, where list and structure do not say it alike."""

from __future__ import annotations

from collections import deque

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.lobster.icohplist import IcohpList
from aiida_getl.structures.bonds import BondList


def fit(icohps: IcohpList, atoms: Atoms) -> tuple[Atoms, BondList, NDArray[np.float64]]:
    """Return the structure, every bond of it once, and their values (n, n_spin).

    Many formats put every atom into the cell, while translations belong to the positions that LOBSTER was given. Atoms
    are moved by lattice vectors to where the bonds have their lengths, if there is such a place. The images of lists
    without translations (LOBSTER 2) are found by the lengths.

    Raises
    ------
    ValueError
        If the bonds are not those of the structure.
    """
    if icohps.translation is None:
        return atoms, *_find_images(icohps, atoms)
    try:
        return atoms, *icohps.to_bonds(atoms)
    except ValueError:
        for sign in (1, -1):
            moved = _move(icohps, sign * icohps.translation, atoms)
            if moved is not None:
                try:
                    return moved, *icohps.to_bonds(moved)
                except ValueError:
                    continue
        raise


def _move(icohps: IcohpList, translation: NDArray[np.int64], atoms: Atoms) -> Atoms | None:
    """Return the structure with atoms moved by lattice vectors to where the bonds with one possible image fit.

    A translation T of the structure as it is and t of the list mean that atom j is to be moved by T - t more than i.
    """
    shifts: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
    for row, images in enumerate(_images(icohps, atoms)):
        if len(images) == 1:
            i, j = int(icohps.atom_i[row]), int(icohps.atom_j[row])
            step = images[0] - translation[row]
            shifts.setdefault(i, []).append((j, step))
            shifts.setdefault(j, []).append((i, -step))
    if not shifts:
        return None
    moves = np.zeros((len(atoms), 3), dtype=np.int64)
    placed: set[int] = set()
    for start in shifts:
        if start in placed:
            continue
        placed.add(start)
        queue = deque([start])
        while queue:
            i = queue.popleft()
            for j, step in shifts[i]:
                if j not in placed:
                    moves[j] = moves[i] + step
                    placed.add(j)
                    queue.append(j)
    moved = atoms.copy()
    moved.positions += moves @ atoms.cell[:]
    return moved


def _images(icohps: IcohpList, atoms: Atoms) -> list[NDArray[np.int64]]:
    """Return, for every row, the translations (k, 3) of atom j at which it is as far from atom i as listed."""
    near, fitting = icohps.fitting(atoms)
    signs = np.where(icohps.atom_i < icohps.atom_j, 1, -1)
    return [sign * near.translation[mine] for sign, mine in zip(signs, fitting, strict=True)]


def _find_images(icohps: IcohpList, atoms: Atoms) -> tuple[BondList, NDArray[np.float64]]:
    """Return the bonds of a list without translations (LOBSTER 2).

    Such a list averages the bonds of a pair that are equally long; all of them get the average.
    """
    assert icohps.n_averaged is not None
    parts, source = [], []
    for row, translations in enumerate(_images(icohps, atoms)):
        i, j = int(icohps.atom_i[row]), int(icohps.atom_j[row])
        expected = int(icohps.n_averaged[row])
        # Of a bond to the atom's own image, both directions are counted there and one here.
        if len(translations) not in (expected, expected // 2 if i == j else expected):
            raise ValueError(
                f"the list averages {expected} bonds of atoms {i + 1} and {j + 1} that are {icohps.distance[row]} Å "
                f"long, the structure has {len(translations)}: they do not belong together"
            )
        parts.append(np.column_stack([np.tile([i, j], (len(translations), 1)), translations]))
        source += [row] * len(translations)
    columns = np.concatenate(parts)
    bonds = BondList(columns[:, 0], columns[:, 1], columns[:, 2:], icohps.distance[source])
    return bonds, icohps.icohp[source]
