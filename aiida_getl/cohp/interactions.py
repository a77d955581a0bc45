"""The bonds that a lobsterin asks for, as LOBSTER lists them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.save import QeSave
from aiida_getl.lobster.lobsterin import Generator, Lobsterin
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


def aliased_bonds(bonds: BondList, kpoints: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which bonds the k-points cannot tell from another bond of the same atoms, shape (n,).

    A finite set of k-points stands for a crystal of a finite period: with Gamma alone the images of an atom are one,
    so that a bond to each of them gets the strength of all, and a bond of an atom to its own image even the on-site
    energy. Such values are no bond strengths; more k-points or a larger cell mend it.
    """
    i, j, t, _ = canonical_direction(bonds)
    itself = np.unique(i[i == j])
    on_site = np.column_stack([itself, itself, np.zeros((len(itself), 3), dtype=np.int64)])
    listed, inverse = np.unique(np.vstack([np.column_stack([i, j, t]), on_site]), axis=0, return_inverse=True)
    phases = np.exp(2j * np.pi * (listed[:, 2:] @ kpoints.T))
    # Phases that differ by a common sign give the same products D H.
    leading = np.where(np.abs(phases[:, 0].real) > 1e-6, phases[:, 0].real, phases[:, 0].imag)
    table = np.round(phases * np.sign(leading)[:, None], 4) + 0.0
    keys = np.column_stack([listed[:, :2], table.real, table.imag])
    _, group, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    return (count[group.ravel()] > 1)[inverse.ravel()[: len(bonds)]]
