"""Neighbours in periodic structures of any cell, through explicit images and a k-d tree.

Much faster than a general neighbour list for the long reaches that descriptors have.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Images:
    """The atoms of a cell, and all periodic images of them within reach of it.

    Attributes
    ----------
    points : (m, 3) Å
    atom : (m,) index of the atom that each is an image of
    translation : (m, 3) int, lattice translation of each from the atom's own position
    fractional : (m, 3) in units of the lattice vectors; the first n, the atoms themselves, within 0 and 1
    width : (3,) the reach in units of the lattice vectors
    """

    points: NDArray[np.float64]
    atom: NDArray[np.int64]
    translation: NDArray[np.int64]
    fractional: NDArray[np.float64]
    width: NDArray[np.float64]

    @classmethod
    def of(cls, positions: NDArray, cell: NDArray, reach: float) -> Images:
        """Return the images of atoms at ``positions`` (n, 3) in a ``cell`` (3, 3), within ``reach`` of it; all in Å.

        Raises
        ------
        ValueError
            For a cell without volume.
        """
        if cell.shape != (3, 3) or abs(np.linalg.det(cell)) < 1e-6:
            raise ValueError(f"bonds need a periodic cell with a volume, not {cell.tolist()}")
        inverse = np.linalg.inv(cell)
        width = reach * np.linalg.norm(inverse, axis=0)  # the inverse's columns are the inverse heights of the cell
        fractional = positions @ inverse
        base = np.floor(fractional).astype(np.int64)
        home = fractional - base
        everyone = np.arange(len(positions))
        found, atoms, translations = [home], [everyone], [-base]
        for shift in itertools.product(*(range(-int(np.ceil(w)), int(np.ceil(w)) + 1) for w in width)):
            if any(shift):
                moved = home + shift
                near = np.flatnonzero(((moved >= -width) & (moved <= 1.0 + width)).all(axis=1))
                found.append(moved[near])
                atoms.append(near)
                translations.append(shift - base[near])
        fractional = np.concatenate(found)
        return cls(fractional @ cell, np.concatenate(atoms), np.concatenate(translations), fractional, width)

    @functools.cached_property
    def tree(self) -> cKDTree:
        """The points as a tree to search."""
        return cKDTree(self.points)


def neighbour_pairs(centres: NDArray, points: cKDTree, reach: float) -> tuple[NDArray, NDArray, NDArray]:
    """Return (centre, point, distance) of all pairs within ``reach`` (Å), sorted by centre; a point at a centre counts.

    Parameters
    ----------
    centres, points : (n, 3) and a tree of (m, 3), Å
    """
    pairs = cKDTree(centres).sparse_distance_matrix(points, reach, output_type="ndarray")
    order = np.argsort(pairs["i"], kind="stable")
    return pairs["i"][order], pairs["j"][order], pairs["v"][order]
