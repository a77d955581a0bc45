"""Structures that bonds would be found in where there are none, or that no atoms can form."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from aiida_getl.structures.bonds import find_bonds

#: Å; the shortest bond there is, that of hydrogen, has 0.74.
CLOSEST = 0.4
#: Å; bonds are of at most 4.2 Å unless longer ones are asked for, and their surroundings matter a little farther.
REACH = 6.0


def check_separation(atoms: Atoms, name: str) -> None:
    """Refuse atoms that lie on each other, or on their own periodic images.

    Raises
    ------
    ValueError
        Naming the structure, the closest two atoms, counted from 1, and their distance.
    """
    if not _may_be_close(atoms):
        return
    close = find_bonds(atoms.positions, atoms.cell[:], CLOSEST)
    if len(close):
        k = int(close.distance.argmin())
        first, second = (f"{n + 1} ({atoms.symbols[n]})" for n in (close.atom_i[k], close.atom_j[k]))
        raise ValueError(
            f"{name}: atoms {first} and {second} are {close.distance[k]:.2f} Å apart: take out what is there twice, "
            "and check that positions and cell are in Å"
        )


def _may_be_close(atoms: Atoms) -> bool:
    """Return False if no two atoms can be close, known from distances across the planes of the cell.

    It spares large structures the search for bonds, which takes a hundred times as long.
    """
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell[:]), axis=0)
    if heights.min() <= 2 * CLOSEST:
        return True
    points = np.mod(np.mod(atoms.get_scaled_positions(wrap=False), 1) * heights, heights)
    return len(cKDTree(points, boxsize=heights).query_pairs(CLOSEST, p=np.inf, output_type="ndarray")) > 0


def check_open_boundaries(atoms: Atoms, name: str) -> None:
    """Refuse a structure with atoms that would be bonded through a boundary that is not periodic.

    A cluster or slab with so much vacuum around it that nothing meets through the boundary may be taken as periodic.

    Raises
    ------
    ValueError
        Naming the structure and the remedy.
    """
    if atoms.pbc.all():
        return
    near = find_bonds(atoms.positions, atoms.cell[:], REACH)
    through = (near.translation[:, ~atoms.pbc] != 0).any(axis=1)
    if through.any():
        pbc = " ".join("FT"[int(periodic)] for periodic in atoms.pbc)
        raise ValueError(
            f'{name} is not periodic (pbc="{pbc}"), and its atoms would be bonded through the boundary, the nearest '
            f"over {near.distance[through].min():.2f} Å: bonds are searched between periodic images. Say that it is "
            f'periodic (pbc="T T T"), or leave at least {REACH:g} Å of vacuum between the images of a cluster or slab'
        )
