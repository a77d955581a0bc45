"""The bonds that a lobsterin asks for, as LOBSTER lists them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.save import QeSave
from aiida_getl.lobster.lobsterin import Generator, Lobsterin
from aiida_getl.quantumespresso.kpoints import KPoints, lumped_pairs
from aiida_getl.structures.bonds import BondList, bond_vectors, canonical_direction, find_bonds


def find_interactions(lobsterin: Lobsterin, save: QeSave) -> tuple[BondList, NDArray[np.bool_]]:
    """Return the bonds asked for and whether their orbitals are asked for too.

    As in LOBSTER's lists a bond of an atom with its own image comes twice, with +T and -T, any other bond once.

    Raises
    ------
    ValueError
        If there is none, or an atom does not exist.
    """
    orbitalwise: dict[tuple[int, ...], bool] = {}
    for generator in lobsterin.generators:
        for key in _generated(generator, save):
            orbitalwise[key] = orbitalwise.get(key, False) or generator.orbitalwise
    n_atoms = len(save.species)
    for between in lobsterin.between:
        if max(between.atom_i, between.atom_j) >= n_atoms:
            raise ValueError(
                f"cohpBetween names atom {max(between.atom_i, between.atom_j) + 1}, the structure has {n_atoms} atoms"
            )
        key = (between.atom_i, between.atom_j, *between.translation)
        orbitalwise[key] = orbitalwise.get(key, False) or between.orbitalwise
    if not orbitalwise:
        asked = "; ".join(generator.to_text() for generator in lobsterin.generators)
        raise ValueError(
            f"no bond in {save.path} fits cohpGenerator {asked}: widen its range"
            if asked
            else "lobsterin has neither cohpGenerator nor cohpBetween: add e.g. 'cohpGenerator from 1.8 to 4.2'"
        )
    table = np.array(list(orbitalwise), dtype=np.int64)
    bonds = BondList(table[:, 0], table[:, 1], table[:, 2:], np.zeros(len(table)))
    distance = np.linalg.norm(bond_vectors(save.positions, save.cell, bonds), axis=1)
    bonds = BondList(bonds.atom_i, bonds.atom_j, bonds.translation, distance)
    return bonds, np.array(list(orbitalwise.values()), dtype=bool)


def _generated(generator: Generator, save: QeSave) -> list[tuple[int, ...]]:
    symbols = np.array(save.symbols)
    if generator.types is not None and (missing := set(generator.types) - set(save.symbols)):
        present = ", ".join(sorted(set(save.symbols)))
        raise ValueError(f"cohpGenerator names type {', '.join(sorted(missing))}, the structure has {present}")
    bonds = find_bonds(save.positions, save.cell, generator.r_max, generator.r_min)
    left, right = symbols[bonds.atom_i], symbols[bonds.atom_j]
    keep = np.ones(len(bonds), dtype=bool)
    if generator.types is not None:
        a, b = generator.types
        keep = ((left == a) & (right == b)) | ((left == b) & (right == a))
    once = bonds.select(keep).keys()
    # An atom and its own image: the reverse comes next to it, as LOBSTER lists them.
    return [key for i, j, *t in once for key in ([(i, j, *t), (i, j, *(-x for x in t))] if i == j else [(i, j, *t)])]


def aliased_bonds(bonds: BondList, kpoints: KPoints) -> NDArray[np.bool_]:
    """Return which bonds the k-points cannot tell from another bond of the same atoms, shape (n,).

    Such values are no bond strengths, see :mod:`aiida_getl.quantumespresso.kpoints`; more k-points or a larger cell
    mend it.
    """
    i, j, t, _ = canonical_direction(bonds)
    _, first, inverse = np.unique(np.column_stack([i, j, t]), axis=0, return_index=True, return_inverse=True)
    once = BondList(i[first], j[first], t[first], bonds.distance[first])
    lumped = np.zeros(len(once), dtype=bool)
    lumped[lumped_pairs(once, kpoints)] = True
    return lumped[inverse.ravel()]
