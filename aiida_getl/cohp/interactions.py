"""The bonds that a lobsterin asks for, as LOBSTER lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.save import QeSave
from aiida_getl.lobster.generators import Generator, parse_centres
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.kpoints import KPoints, lumped_with_images
from aiida_getl.structures.bonds import BondList, bond_vectors, find_bonds

#: Å; distances are printed to this, and equivalent bonds at the end of a range are all in or all out
LENGTH_TOLERANCE = 1e-5
#: Bonds of one cohpGenerator; each takes some 10 kB in the end.
MOST_BONDS = 500_000


@dataclass(frozen=True)
class Interactions:
    """What is to be computed.

    Attributes
    ----------
    bonds
        The ``n_listed`` bonds of cohpGenerator and cohpBetween, then those of cobiBetween.
    orbitalwise : (n,)
        Whether the contributions of their orbitals are asked for.
    n_listed
        How many go into the lists of bonds.
    """

    bonds: BondList
    orbitalwise: NDArray[np.bool_]
    n_listed: int

    @property
    def listed_orbitalwise(self) -> NDArray[np.bool_]:
        """The listed bonds whose orbitals are asked for, (n,)."""
        return self.orbitalwise & (np.arange(len(self.bonds)) < self.n_listed)

    @property
    def listed(self) -> BondList:
        """The bonds of cohpGenerator and cohpBetween."""
        return self.bonds.select(np.arange(self.n_listed))


def find_interactions(lobsterin: Lobsterin, save: QeSave) -> Interactions:
    """Return the bonds asked for.

    As in LOBSTER's lists a bond of an atom with its own image comes twice, with +T and -T, any other bond once.

    Raises
    ------
    ValueError
        If there is none, an atom does not exist, or cobiBetween has other than two atoms.
    """
    orbitalwise: dict[tuple[int, ...], bool] = {}
    for generator in lobsterin.generators:
        for key in _generated(generator, save):
            orbitalwise[key] = orbitalwise.get(key, False) or generator.orbitalwise
    for between in lobsterin.between:
        _check_atoms("cohpBetween", (between.atom_i, between.atom_j), save)
        key = (between.atom_i, between.atom_j, *between.translation)
        orbitalwise[key] = orbitalwise.get(key, False) or between.orbitalwise
    pairs = [_pair(text, save) for text in lobsterin.cobi_between]
    if not orbitalwise and not pairs:
        asked = "; ".join(generator.to_text() for generator in lobsterin.generators)
        raise ValueError(
            f"no bond in {save.path} fits cohpGenerator {asked}: widen its range"
            if asked
            else "lobsterin has neither cohpGenerator nor cohpBetween: add e.g. 'cohpGenerator from 1.8 to 4.2'"
        )
    table = np.array([*orbitalwise, *(key for key, _ in pairs)], dtype=np.int64)
    bonds = BondList(table[:, 0], table[:, 1], table[:, 2:], np.zeros(len(table)))
    distance = np.linalg.norm(bond_vectors(save.positions, save.cell, bonds), axis=1)
    return Interactions(
        bonds=BondList(bonds.atom_i, bonds.atom_j, bonds.translation, distance),
        orbitalwise=np.array([*orbitalwise.values(), *(flag for _, flag in pairs)], dtype=bool),
        n_listed=len(orbitalwise),
    )


def _check_atoms(keyword: str, atoms: Iterable[int], save: QeSave) -> None:
    for atom in atoms:
        if not 0 <= atom < len(save.species):
            raise ValueError(f"{keyword} names atom {atom + 1}, the structure has {len(save.species)} atoms")


def _pair(text: str, save: QeSave) -> tuple[tuple[int, ...], bool]:
    """Return the bond of a cobiBetween of two atoms, and whether its orbitals are asked for."""
    parsed = parse_centres(text)
    if parsed is None or len(parsed[0]) != 2:
        raise ValueError(
            f"lobsterin keyword cobiBetween: only bonds of two atoms are computed here, not {text!r}: "
            "leave it out, or use LOBSTER"
        )
    (i, cell_i), (j, cell_j) = parsed[0]
    _check_atoms("cobiBetween", (i, j), save)
    key = (i, j, *(b - a for a, b in zip(cell_i, cell_j, strict=True)))
    if i == j and not any(key[2:]):
        raise ValueError(f"lobsterin keyword cobiBetween: atom {i + 1} has no bond with itself, give its cell")
    return key, parsed[1]


def _generated(generator: Generator, save: QeSave) -> list[tuple[int, ...]]:
    symbols = np.array(save.symbols)
    if generator.types is not None and (missing := set(generator.types) - set(save.symbols)):
        present = ", ".join(sorted(set(save.symbols)))
        raise ValueError(f"cohpGenerator names type {', '.join(sorted(missing))}, the structure has {present}")
    r_min, r_max = max(0.0, generator.r_min - LENGTH_TOLERANCE), generator.r_max + LENGTH_TOLERANCE
    pairs = len(symbols) ** 2 / 2 * 4 / 3 * np.pi * (r_max**3 - r_min**3) / abs(np.linalg.det(save.cell))
    if pairs > MOST_BONDS:
        raise ValueError(f"cohpGenerator {generator.to_text()} asks for some {pairs:.0e} bonds: narrow its range")
    bonds = find_bonds(save.positions, save.cell, r_max, r_min)
    left, right = symbols[bonds.atom_i], symbols[bonds.atom_j]
    keep = np.ones(len(bonds), dtype=bool)
    if generator.types is not None:
        a, b = generator.types
        keep = ((left == a) & (right == b)) | ((left == b) & (right == a))
    once = bonds.select(keep).keys()
    # An atom and its own image: the reverse comes next to it, as LOBSTER lists them.
    return [key for i, j, *t in once for key in ([(i, j, *t), (i, j, *(-x for x in t))] if i == j else [(i, j, *t)])]


def aliased_bonds(bonds: BondList, save: QeSave) -> NDArray[np.bool_]:
    """Return which bonds, (n,), the k-points cannot tell from another image of the same atoms, listed or not.

    Such values are no bond strengths, see :mod:`aiida_getl.quantumespresso.kpoints`; more k-points or a larger cell
    mend it.
    """
    vectors = bond_vectors(save.positions, save.cell, bonds)
    return lumped_with_images(vectors, save.cell, KPoints(save.kpoints, save.weights))
