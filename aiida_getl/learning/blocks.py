"""Large structures in blocks that are described on their own: a million atoms in the memory of ten thousand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aiida_getl.learning.neighbours import Images, neighbour_pairs
from aiida_getl.structures.bonds import BondList, canonical_direction

#: Atoms per block. Larger ones waste less on their surroundings, and need more memory.
BLOCK_ATOMS = 12_000


@dataclass(frozen=True)
class Block:
    """Some bonds of a structure, and all atoms that influence them.

    Attributes
    ----------
    bonds : of the structure, sorted by (A, B, T)
    atoms : the block with its surroundings, as a structure of its own
    local : the same bonds in it
    n_core : number of atoms of the block without its surroundings
    """

    bonds: BondList
    atoms: Atoms
    local: BondList
    n_core: int


def blocks(atoms: Atoms, r_max: float, reach: float, block_atoms: int | None = None) -> Iterator[Block]:
    """Divide a periodic structure into blocks, each with the bonds whose first atom it holds.

    Parameters
    ----------
    atoms : structure, any cell
    r_max : longest bond in Å
    reach : distance in Å from its first atom within which everything may influence a bond
    block_atoms : a structure of no more atoms is one block, itself; :data:`BLOCK_ATOMS` by default

    Raises
    ------
    ValueError
        For a cell without volume, or a length that is not positive.
    """
    if not r_max > 0.0:
        raise ValueError(f"no bond has a length up to {r_max} Å: give r_max > 0")
    block_atoms = block_atoms or BLOCK_ATOMS
    cell = np.asarray(atoms.cell, dtype=float)
    if len(atoms) <= block_atoms:
        images = Images.of(atoms.positions, cell, r_max)
        bonds, _, _ = _bonds(images, np.arange(len(atoms)), np.arange(len(images.points)), r_max)
        yield Block(bonds, atoms, bonds, len(atoms))
        return
    images = Images.of(atoms.positions, cell, max(reach, r_max))
    number = _divisions(cell, len(atoms) / block_atoms)
    place = np.minimum((images.fractional[: len(atoms)] * number).astype(int), number - 1)
    order = np.ravel_multi_index(tuple(place.T), tuple(number))
    for block in range(int(np.prod(number))):
        core = np.flatnonzero(order == block)
        if not len(core):
            continue
        low = np.array(np.unravel_index(block, tuple(number))) / number
        inside = (images.fractional >= low - images.width) & (images.fractional <= low + 1.0 / number + images.width)
        around = np.flatnonzero(inside.all(axis=1))
        bonds, first, second = _bonds(images, core, around, r_max)
        points = images.points[around]
        # A box so large that the block does not see its own images.
        box = np.ptp(points, axis=0) + reach + 1.0
        surroundings = Atoms(
            atoms.numbers[images.atom[around]], positions=points - points.min(axis=0), cell=np.diag(box), pbc=True
        )
        position = np.searchsorted(around, np.concatenate([first, second]))
        local = BondList(
            position[: len(bonds)], position[len(bonds) :], np.zeros((len(bonds), 3), dtype=np.int64), bonds.distance
        )
        yield Block(bonds, surroundings, local, len(core))


def _divisions(cell: NDArray, n_blocks: float) -> NDArray[np.int64]:
    """Return the number of blocks along each lattice vector, so that they are about as high as wide."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    edge = float(np.prod(heights) / n_blocks) ** (1.0 / 3.0)
    return np.maximum(1, np.ceil(heights / edge - 1e-9)).astype(np.int64)


def _bonds(
    images: Images, core: NDArray, around: NDArray, r_max: float
) -> tuple[BondList, NDArray[np.int64], NDArray[np.int64]]:
    """Return the bonds whose first atom is in the core, and the images at both ends of each."""
    reach = float(np.nextafter(r_max, np.inf))
    centre, point, distance = neighbour_pairs(images.points[core], cKDTree(images.points[around]), reach)
    first, second = core[centre], around[point]
    apart = first != second
    first, second, distance = first[apart], second[apart], distance[apart]
    translation = images.translation[second] - images.translation[first]
    every = BondList(first, images.atom[second], translation, distance)
    keep = np.flatnonzero(~canonical_direction(every)[3])
    bonds = every.select(keep)
    order = np.lexsort((*bonds.translation.T[::-1], bonds.atom_j, bonds.atom_i))
    keep = keep[order]
    return every.select(keep), first[keep], second[keep]
