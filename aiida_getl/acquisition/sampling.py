"""Bonds of cells, by type: how many there are, and descriptors of a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from aiida_getl.learning.blocks import blocks
from aiida_getl.learning.descriptors import Descriptor, from_settings
from aiida_getl.learning.model import EtlModel
from aiida_getl.structures.bonds import BondList, bond_types


@dataclass(frozen=True)
class BondSample:
    """Bonds of one type.

    Attributes
    ----------
    n : how many there are
    X : (m, 1 + features) rows (distance, descriptor) of a sample of them, float32; none where the descriptor does not
        know an element of the type
    structure : (m,) index of the structure of each
    atom_i, atom_j : (m,) its ends
    """

    n: int
    X: NDArray[np.float32]
    structure: NDArray[np.int64]
    atom_i: NDArray[np.int64]
    atom_j: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.X)

    @property
    def distance(self) -> NDArray[np.float64]:
        """(m,) Å."""
        return self.X[:, 0].astype(float)

    def subset(self, size: int, rng: np.random.Generator) -> BondSample:
        """Return at most ``size`` of the sample, drawn at random."""
        if len(self) <= size:
            return self
        rows = np.sort(rng.permutation(len(self))[:size])
        return BondSample(self.n, self.X[rows], self.structure[rows], self.atom_i[rows], self.atom_j[rows])


def sample_bonds(
    structures: Sequence[Atoms], model: EtlModel, max_bonds: int, seed: int | Sequence[int]
) -> dict[str, BondSample]:
    """Draw bonds of each type from all structures together, and describe them.

    Elements that the model does not know are left out of the environments of others, as in its predictions.

    Parameters
    ----------
    structures : periodic cells of any size
    model : whose ``r_max`` and descriptor are used
    max_bonds : of each type
    seed : of the draw
    """
    rng = np.random.default_rng(seed)
    descriptor = from_settings(model.descriptor)
    reach = descriptor.reach(model.r_max)
    # Bonds are counted first and described afterwards, block by block: of a million atoms only the sample is kept.
    names = [
        bond_types(block.atoms.get_chemical_symbols(), block.local)
        for atoms in structures
        for block in blocks(atoms, model.r_max, reach)
    ]
    every = np.concatenate(names) if names else np.empty(0, dtype=str)
    chosen: dict[str, NDArray[np.int64]] = {}
    for name in np.unique(every):
        rows = np.flatnonzero(every == name)
        known = set(str(name).split("-")) <= set(model.species)
        chosen[str(name)] = np.sort(rng.permutation(rows)[: max_bonds if known else 0])

    found: dict[str, list[tuple[NDArray, ...]]] = {name: [] for name in chosen}
    start = 0
    for number, atoms in enumerate(structures):
        for block in blocks(atoms, model.r_max, reach):
            stop = start + len(block.local)
            for name, rows in chosen.items():
                own = rows[(rows >= start) & (rows < stop)] - start
                if len(own):
                    X = _rows(descriptor, block.atoms, block.local.select(own), model.species)
                    bonds = block.bonds.select(own)
                    found[name].append((X, np.full(len(own), number), bonds.atom_i, bonds.atom_j))
            start = stop
    nothing = (np.empty((0, 1 + descriptor.n_features), dtype=np.float32), *3 * (np.empty(0, dtype=np.int64),))
    result = {}
    for name, parts in found.items():
        columns = [np.concatenate(column) for column in zip(nothing, *parts, strict=True)]
        result[name] = BondSample(int(np.sum(every == name)), *columns)
    return result


def _rows(descriptor: Descriptor, atoms: Atoms, bonds: BondList, species: Sequence[str]) -> NDArray[np.float32]:
    known = np.isin(atoms.numbers, [atomic_numbers[symbol] for symbol in species])
    number = np.cumsum(known) - 1
    bonds = BondList(number[bonds.atom_i], number[bonds.atom_j], bonds.translation, bonds.distance)
    features = descriptor.describe(atoms[known], bonds)
    return np.hstack([bonds.distance[:, None].astype(np.float32), features])
