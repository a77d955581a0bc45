"""Labels that stand in two databases: by their bonds, whatever they are called and wherever they were read from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aiida_getl.learning.dataset import BondTable

#: Å and eV. LOBSTER's files have five decimals, and structures may have been written with as few.
TOLERANCE = 5e-5
#: Of the bonds of a structure, from which share on it is the same label: those of others agree by chance.
MOST = 0.5


def repeated_bonds(table: BondTable, other: BondTable) -> NDArray[np.bool_]:
    """Return which bonds of a table another one holds too, (n,): of one type, equal in length and strength.

    Both are to agree within 5e-5 Å and eV. That two different bonds do so is rare, but happens in large databases.

    Parameters
    ----------
    table, other : labelled bonds; their descriptors are not needed
    """
    found = np.zeros(len(table), dtype=bool)
    for name in sorted(set(table.types()) & set(other.types())):
        mine, known = table.type == name, other.type == name
        tree = cKDTree(np.column_stack([other.distance[known], other.strength[known]]))
        gap, _ = tree.query(
            np.column_stack([table.distance[mine], table.strength[mine]]), p=np.inf, distance_upper_bound=TOLERANCE
        )
        found[mine] = np.isfinite(gap)
    return found


def repeated_structures(table: BondTable, repeated: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which structures of a table are repeated labels: those of more than half of whose bonds that is so.

    Parameters
    ----------
    table : labelled bonds
    repeated : (n,), of :func:`repeated_bonds`

    Returns
    -------
    (len(table.structures),)
    """
    n = len(table.structures)
    n_bonds = np.bincount(table.structure, minlength=n)
    n_repeated = np.bincount(table.structure[repeated], minlength=n)
    return n_repeated > MOST * n_bonds


def shares_of_types(table: BondTable, repeated: NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of repeated bonds by bond type."""
    return {name: float(repeated[table.type == name].mean()) for name in table.types()}
