"""Bring the files of one run together: values and curves of every bond, in the order of the bonds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_getl.lobster.cohpcar import Cohpcar
from aiida_getl.lobster.icohplist import IcohpList, OrbitalRows


def match_values(main: IcohpList, rows: NDArray[np.int64], other: IcohpList) -> NDArray[np.float64]:
    """Return the values of another list of the same run for bonds of the main one, (n, nspin); nan where it lacks them.

    Parameters
    ----------
    main
        The list of ICOHPs.
    rows : (n,)
        The bonds wanted, rows of ``main``.
    other
        ICOOPs or ICOBIs, perhaps cut off.

    Raises
    ------
    ValueError
        If a number stands for different bonds in the two lists.
    """
    where = {int(label): n for n, label in enumerate(other.label)}
    values = np.full((len(rows), other.n_spins), np.nan)
    for n, row in enumerate(rows):
        match = where.get(int(main.label[row]))
        if match is None:
            continue
        if (main.atom_i[row], main.atom_j[row]) != (other.atom_i[match], other.atom_j[match]):
            raise ValueError(f"bond {main.label[row]} is not between the same atoms as in the list of ICOHPs")
        values[n] = other.icohp[match]
    return values


def match_orbitals(main: OrbitalRows, rows: NDArray[np.int64], other: OrbitalRows) -> NDArray[np.float64]:
    """Return the values of another list's orbital rows for rows of the main one, (m, nspin); nan where it lacks them.

    Parameters
    ----------
    main, other
        Rows of lists whose bonds are in the same order.
    rows : (m,)
        Rows of ``main``.
    """
    where = {key: n for n, key in enumerate(_keys(other, np.arange(len(other))))}
    values = np.full((len(rows), other.icohp.shape[1]), np.nan)
    for n, key in enumerate(_keys(main, rows)):
        if key in where:
            values[n] = other.icohp[where[key]]
    return values


def _keys(orbitals: OrbitalRows, rows: NDArray[np.int64]) -> list[tuple[int, str, str]]:
    return list(
        zip(
            orbitals.bond[rows].tolist(),
            orbitals.orbital_i[rows].tolist(),
            orbitals.orbital_j[rows].tolist(),
            strict=True,
        )
    )


@dataclass(frozen=True)
class BondCurves:
    """Curves of bonds, or of pairs of orbitals of bonds.

    Attributes
    ----------
    energies : (ne,) eV
        From the Fermi energy.
    bond : (m,)
        The bond that each is of.
    orbital_i, orbital_j : (m,)
        LOBSTER's names; empty for bonds as a whole.
    curve, integral : (m, nspin, ne)
    """

    energies: NDArray[np.float64]
    bond: NDArray[np.int64]
    orbital_i: NDArray[np.str_]
    orbital_j: NDArray[np.str_]
    curve: NDArray[np.float64]
    integral: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.bond)


def match_curves(main: IcohpList, rows: NDArray[np.int64], curves: Cohpcar) -> tuple[BondCurves, BondCurves]:
    """Return the curves of the bonds wanted and those of their pairs of orbitals, both by bond, then as in the file.

    Parameters
    ----------
    main
        The list of ICOHPs.
    rows : (n,)
        The bonds wanted, rows of ``main``.

    Raises
    ------
    ValueError
        If a number stands for different bonds in the curves and in the list.
    """
    wanted: dict[int, list[int]] = {}  # of LOBSTER 2 several bonds share a number
    for bond, row in enumerate(rows):
        wanted.setdefault(int(main.label[row]), []).append(bond)
    of_bonds: list[tuple[int, int]] = []
    of_orbitals: list[tuple[int, int]] = []
    for curve, label in enumerate(curves.labels):
        bonds = wanted.get(label.number, [])
        if any((main.atom_i[row], main.atom_j[row]) != (label.atom_i, label.atom_j) for row in rows[bonds]):
            raise ValueError(f"curve {label.number} is not of the same atoms as bond {label.number} of the list")
        (of_orbitals if label.is_orbital else of_bonds).extend((bond, curve) for bond in bonds)
    return _collect(curves, sorted(of_bonds)), _collect(curves, sorted(of_orbitals))


def _collect(curves: Cohpcar, chosen: list[tuple[int, int]]) -> BondCurves:
    bond, curve = np.array(chosen, dtype=np.int64).reshape(-1, 2).T
    labels = [curves.labels[n] for n in curve]
    return BondCurves(
        curves.energies,
        bond,
        np.array([label.orbital_i for label in labels], dtype=str),
        np.array([label.orbital_j for label in labels], dtype=str),
        curves.cohp[curve],
        curves.icohp[curve],
    )
