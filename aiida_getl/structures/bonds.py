"""Periodic bond lists: which pairs of atoms are within reach of each other, every image counted on its own.

A bond is (A, B, T): atom A in the home cell and atom B in the cell at the lattice translation T. The same two atoms
with another T are another bond, which matters in cells smaller than twice the cut-off. Each bond is listed once, with
A < B, or with A = B and the first non-zero component of T positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class BondList:
    """Bonds of one structure.

    Attributes
    ----------
    atom_i, atom_j : (n,) int
        Zero-based indices of the two atoms.
    translation : (n, 3) int
        Lattice translation of ``atom_j``.
    distance : (n,) float
        Length in Å.
    """

    atom_i: NDArray[np.int64]
    atom_j: NDArray[np.int64]
    translation: NDArray[np.int64]
    distance: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.atom_i)
        if self.atom_j.shape != (n,) or self.translation.shape != (n, 3) or self.distance.shape != (n,):
            raise ValueError("atom_i, atom_j, translation and distance of a bond list differ in length")

    def __len__(self) -> int:
        return len(self.atom_i)

    def select(self, index: NDArray) -> BondList:
        """Return the bonds at ``index`` (integers or a mask)."""
        return BondList(self.atom_i[index], self.atom_j[index], self.translation[index], self.distance[index])

    def keys(self) -> list[tuple[int, int, int, int, int]]:
        """Return each bond as (A, B, T1, T2, T3) in the canonical direction, to match bonds of different origin."""
        i, j, t, _ = canonical_direction(self)
        return list(zip(i.tolist(), j.tolist(), *t.T.tolist(), strict=True))


def canonical_direction(bonds: BondList) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return (atom_i, atom_j, translation, flipped) with every bond turned so that A < B, or A = B and T > 0."""
    leading = np.zeros(len(bonds), dtype=np.int64)
    for axis in (2, 1, 0):
        leading = np.where(bonds.translation[:, axis] != 0, bonds.translation[:, axis], leading)
    flipped = (bonds.atom_i > bonds.atom_j) | ((bonds.atom_i == bonds.atom_j) & (leading < 0))
    return (
        np.where(flipped, bonds.atom_j, bonds.atom_i),
        np.where(flipped, bonds.atom_i, bonds.atom_j),
        np.where(flipped[:, None], -bonds.translation, bonds.translation),
        flipped,
    )


def find_bonds(positions: ArrayLike, cell: ArrayLike, r_max: float, r_min: float = 0.0) -> BondList:
    """Find all bonds with r_min <= distance <= r_max in a periodic structure.

    Positions are used as they are, not wrapped into the cell: translations belong to these very positions.

    Parameters
    ----------
    positions : (n, 3) Å
    cell : (3, 3) Å, rows are lattice vectors; any shape, also smaller than the cut-off
    r_max, r_min : Å

    Returns
    -------
    BondList sorted by (A, B, T).

    Raises
    ------
    ValueError
        For a cell without volume or an empty range of distances.
    """
    positions, cell = np.asarray(positions, dtype=float), np.asarray(cell, dtype=float)
    if cell.shape != (3, 3) or abs(np.linalg.det(cell)) < 1e-6:
        raise ValueError(f"bonds need a periodic cell with a volume, not {cell.tolist()}")
    if not 0.0 <= r_min < r_max:
        raise ValueError(f"no bond has a length from {r_min} to {r_max} Å: give 0 <= r_min < r_max")
    # The neighbour list excludes the cut-off itself and counts every bond twice.
    i, j, d, t = primitive_neighbor_list("ijdS", (True,) * 3, cell, positions, float(np.nextafter(r_max, np.inf)))
    both = BondList(i.astype(np.int64), j.astype(np.int64), t.astype(np.int64).reshape(-1, 3), d)
    keep = ~canonical_direction(both)[3] & (both.distance >= r_min)
    bonds = both.select(keep)
    return bonds.select(np.lexsort((*bonds.translation.T[::-1], bonds.atom_j, bonds.atom_i)))


def bond_vectors(positions: ArrayLike, cell: ArrayLike, bonds: BondList) -> NDArray[np.float64]:
    """Return the vectors from A to B, shape (n, 3), in Å."""
    positions = np.asarray(positions, dtype=float)
    return positions[bonds.atom_j] + bonds.translation @ np.asarray(cell, dtype=float) - positions[bonds.atom_i]


def bond_type(symbol_a: str, symbol_b: str) -> str:
    """Return the name of a bond type, e.g. ``Zr-Cu``: the element with the larger atomic number first.

    This is the order of the published databases (Zr-Zr, Zr-Cu, Zr-Al, Cu-Cu, Cu-Al, Al-Al).
    """
    from ase.data import atomic_numbers

    return "-".join(sorted((symbol_a, symbol_b), key=lambda symbol: -atomic_numbers[symbol]))


def bond_types(symbols: list[str], bonds: BondList) -> NDArray[np.str_]:
    """Return the type of every bond, shape (n,), see :func:`bond_type`."""
    elements = sorted(set(symbols))
    table = np.array([[bond_type(a, b) for b in elements] for a in elements])
    index = np.array([elements.index(symbol) for symbol in symbols])
    return table[index[bonds.atom_i], index[bonds.atom_j]]
