"""Structures that there are already: no other is the same."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

#: Structures are the same if no atom and no component of a lattice vector differs by more, Å.
SAME = 1e-3


class KnownStructures:
    """Tells whether a structure is one of those that are known, of which there may be thousands.

    Two structures are the same if they have the same atoms in the same order and places, up to lattice translations.

    Parameters
    ----------
    structures : iterable of Atoms
    """

    def __init__(self, structures: Iterable[Atoms]) -> None:
        found: dict[bytes, list[Atoms]] = {}
        for atoms in structures:
            found.setdefault(_elements(atoms), []).append(atoms)
        #: Cells (n, 3, 3) and positions (n, atoms, 3) of those with the same elements, in Å.
        self._of: dict[bytes, tuple[NDArray, NDArray]] = {
            elements: (np.array([own.cell[:] for own in same]), np.array([own.positions for own in same]))
            for elements, same in found.items()
        }

    def __contains__(self, atoms: Atoms) -> bool:
        """Return whether a structure is known."""
        if _elements(atoms) not in self._of:
            return False
        cells, positions = self._of[_elements(atoms)]
        own = np.asarray(atoms.cell, dtype=float)
        (like,) = np.nonzero(np.abs(cells - own).max(axis=(1, 2)) <= SAME)
        if not len(like):
            return False
        inverse = np.linalg.inv(own)
        # Most differ in the first atom, which is all that is looked at of those.
        like = like[_displaced(atoms.positions[0] - positions[like, 0], own, inverse) < SAME]
        return any(_displaced(atoms.positions - positions[k], own, inverse).max() < SAME for k in like)


def _elements(atoms: Atoms) -> bytes:
    return bytes(np.asarray(atoms.numbers, dtype=np.int64).tobytes())


def _displaced(difference: NDArray, cell: NDArray, inverse: NDArray) -> NDArray[np.float64]:
    """Return the largest component in Å of each vector (n, 3), less the lattice translation it is nearest to."""
    fractional = difference @ inverse
    return np.asarray(np.abs((fractional - np.round(fractional)) @ cell).max(axis=-1), dtype=float)
