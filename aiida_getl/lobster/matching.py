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
    """Curves of bonds.

    Attributes
    ----------
    energies : (ne,) eV
        From the Fermi energy.
    bond : (m,)
        The bond that each is of, ascending.
    curve, integral : (m, nspin, ne)
    """

    energies: NDArray[np.float64]
    bond: NDArray[np.int64]
    curve: NDArray[np.float64]
    integral: NDArray[np.float64]


def match_curves(main: IcohpList, rows: NDArray[np.int64], curves: Cohpcar) -> BondCurves:
    """Return the curves of the bonds wanted, without those of orbitals.

    Raises
    ------
    ValueError
        If a number stands for different bonds in the curves and in the list.
    """
    where = {
        label.number: (n, label.atom_i, label.atom_j)
        for n, label in enumerate(curves.labels)
        if not (label.orbital_i or label.orbital_j)
    }
    bond, found = [], []
    for n, row in enumerate(rows):
        number = int(main.label[row])
        if number not in where:
            continue
        curve, atom_i, atom_j = where[number]
        if (main.atom_i[row], main.atom_j[row]) != (atom_i, atom_j):
            raise ValueError(f"curve {number} is not of the same atoms as bond {number} of the list")
        bond.append(n)
        found.append(curve)
    return BondCurves(curves.energies, np.array(bond, dtype=np.int64), curves.cohp[found], curves.icohp[found])
