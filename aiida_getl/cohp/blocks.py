"""The matrix elements that belong to bonds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_getl.structures.bonds import BondList


@dataclass(frozen=True)
class Blocks:
    """The matrix elements of every bond, one after the other.

    Attributes
    ----------
    row, column : (m,)
        Basis functions of every element.
    start : (n,)
        Where the elements of each bond begin.
    bond : (m,)
        To which bond every element belongs.
    first_i, first_j, count_i, count_j : (n,)
        First basis function and number of functions of the two atoms of each bond.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    start: NDArray[np.int64]
    bond: NDArray[np.int64]
    first_i: NDArray[np.int64]
    first_j: NDArray[np.int64]
    count_i: NDArray[np.int64]
    count_j: NDArray[np.int64]

    def sum(self, elements: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over the elements of each bond; ``elements`` has shape (..., m)."""
        return np.add.reduceat(elements, self.start, axis=-1) if len(self.start) else elements[..., :0]

    def slices(self) -> Iterator[tuple[slice, slice, slice]]:
        """Yield the functions of A, those of B, and the elements, A's function outer, of one bond after the other."""
        for i, j, n_i, n_j, start in zip(
            self.first_i.tolist(),
            self.first_j.tolist(),
            self.count_i.tolist(),
            self.count_j.tolist(),
            self.start.tolist(),
            strict=True,
        ):
            yield slice(i, i + n_i), slice(j, j + n_j), slice(start, start + n_i * n_j)


def bond_blocks(bonds: BondList, atom: NDArray[np.int64]) -> Blocks:
    """Return the matrix elements between the functions of A and B for every bond.

    Parameters
    ----------
    bonds
        n bonds.
    atom : (functions,)
        Atom of every basis function; ascending.

    Raises
    ------
    ValueError
        If an atom of a bond has no function.
    """
    n_atoms = int(atom.max()) + 1
    count = np.bincount(atom, minlength=n_atoms)
    first = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
    n_a, n_b = count[bonds.atom_i], count[bonds.atom_j]
    size = n_a * n_b
    if (size == 0).any():
        raise ValueError("a bond has an atom without basis functions")
    start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    bond = np.repeat(np.arange(len(bonds)), size)
    within = np.arange(len(bond)) - start[bond] if len(bond) else np.zeros(0, dtype=np.int64)
    return Blocks(
        row=first[bonds.atom_i][bond] + within // n_b[bond],
        column=first[bonds.atom_j][bond] + within % n_b[bond],
        start=start[: len(bonds)],
        bond=bond,
        first_i=first[bonds.atom_i],
        first_j=first[bonds.atom_j],
        count_i=n_a,
        count_j=n_b,
    )
