"""Overlaps of Slater orbitals at two centres, and of their Bloch sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import spherical_jn

from aiida_getl.slater.harmonics import gaunt, real_harmonics
from aiida_getl.slater.orbitals import SlaterOrbital
from aiida_getl.structures.bonds import BondList

#: 1/bohr; the oscillations at the nuclei reach further, but contribute nothing to the overlap with another atom.
Q_MAX = 80.0
#: bohr
R_STEP = 0.05
#: Overlaps at shorter distances (bohr) are asked for by no structure that pw.x can compute.
R_MIN = 0.5
#: Overlaps that stay below this beyond some distance are left out there.
NEGLIGIBLE = 1e-7


@dataclass(frozen=True)
class OrbitalPair:
    """Overlaps of two orbitals as functions of the distance.

    Attributes
    ----------
    first, second
    angular
        Angular momenta L of the terms.
    radial
        Their radial parts at a distance in bohr, (n, terms).
    reach : bohr
        Where they become negligible.
    """

    first: SlaterOrbital
    second: SlaterOrbital
    angular: tuple[int, ...]
    radial: CubicSpline
    reach: float

    def blocks(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the overlaps of the functions of both orbitals, the second at ``vectors`` (n, 3) bohr from the first.

        Returns
        -------
        (n, 2 l + 1, 2 l' + 1)
        """
        radial = self.radial(np.linalg.norm(vectors, axis=1))
        l_first, l_second = self.first.shell.l, self.second.shell.l
        total = np.zeros((len(vectors), 2 * l_first + 1, 2 * l_second + 1))
        for term, angular in enumerate(self.angular):
            harmonics = radial[:, term] * real_harmonics(angular, vectors)
            total += np.tensordot(harmonics, gaunt(l_first, l_second, angular), (0, 2))
        return total


class TwoCentreOverlaps:
    """Overlaps of orbitals of some kinds of atoms as functions of the vector between the atoms.

    With the Fourier transforms f of the radial parts, an overlap is a sum over L of the product of a Gaunt
    coefficient, a harmonic of the direction and (2/π) 4π i^(l - l' - L) times the integral of q² f f' j_L(qR). The
    integrand being an even and analytic function of q, equal steps h give it but for the overlaps at 2π/h - R, which
    are negligible where 2π/h is twice the longest distance.

    Parameters
    ----------
    kinds
        Orbitals of every kind of atom.

    Attributes
    ----------
    kinds
    reach : bohr
        Where all overlaps are negligible.
    """

    def __init__(self, kinds: Sequence[Sequence[SlaterOrbital]]) -> None:
        self.kinds = kinds
        r_max = 2 * max(orbital.reach for orbitals in kinds for orbital in orbitals)
        step = np.pi / r_max
        q = np.arange(0.0, Q_MAX, step)
        r = np.arange(R_MIN, r_max, R_STEP)
        largest = max(orbital.shell.l for orbitals in kinds for orbital in orbitals)
        bessel = [8 * step * q**2 * spherical_jn(angular, np.outer(r, q)) for angular in range(2 * largest + 1)]
        transforms = [[orbital.transform(q) for orbital in orbitals] for orbitals in kinds]
        self._pairs: dict[tuple[int, int, int, int], OrbitalPair] = {}
        for a, b in np.ndindex(len(kinds), len(kinds)):
            for i, j in np.ndindex(len(kinds[a]), len(kinds[b])):
                first, second = kinds[a][i], kinds[b][j]
                product = transforms[a][i] * transforms[b][j]
                angular = tuple(range(abs(first.shell.l - second.shell.l), first.shell.l + second.shell.l + 1, 2))
                signs = [(-1) ** ((first.shell.l - second.shell.l - third) // 2) for third in angular]
                values = np.stack(
                    [sign * (bessel[third] @ product) for sign, third in zip(signs, angular, strict=True)], axis=1
                )
                large = np.flatnonzero(np.abs(values).max(axis=1) > NEGLIGIBLE)
                self._pairs[a, i, b, j] = OrbitalPair(
                    first, second, angular, CubicSpline(r, values), float(r[large[-1]])
                )
        self.reach = max(pair.reach for pair in self._pairs.values())

    def pairs(self, a: int, b: int) -> Iterator[tuple[int, int, OrbitalPair]]:
        """Yield all pairs of orbitals of two kinds, with the number of the first function of each in its atom."""
        row = 0
        for i, first in enumerate(self.kinds[a]):
            column = 0
            for j, second in enumerate(self.kinds[b]):
                yield row, column, self._pairs[a, i, b, j]
                column += second.shell.n_functions
            row += first.shell.n_functions


@dataclass(frozen=True)
class _Group:
    """Overlaps of one pair of orbitals of all pairs of atoms of two kinds, sorted by the atoms."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    translation: NDArray[np.int64]
    blocks: NDArray[np.float64]


class BlochOverlaps:
    """Overlaps of the Bloch sums of all orbitals of a crystal.

    Parameters
    ----------
    table
        Of the orbitals of every kind of atom.
    kind : (atoms,)
        Kind of every atom.
    start : (atoms + 1,)
        First function of every atom, and the number of functions.
    pairs
        All pairs of atoms within the reach of the orbitals, each once, sorted by atoms.
    vectors : (n, 3) bohr
        From the first to the second atom of every pair.
    """

    def __init__(
        self,
        table: TwoCentreOverlaps,
        kind: NDArray[np.int64],
        start: NDArray[np.int64],
        pairs: BondList,
        vectors: NDArray[np.float64],
    ) -> None:
        self._n = int(start[-1])
        self._groups: list[_Group] = []
        distance = np.linalg.norm(vectors, axis=1)
        for a, b in np.ndindex(len(table.kinds), len(table.kinds)):
            of_kinds = (kind[pairs.atom_i] == a) & (kind[pairs.atom_j] == b)
            for row, column, orbitals in table.pairs(a, b):
                near = np.flatnonzero(of_kinds & (distance < orbitals.reach))
                if len(near):
                    atom_i, atom_j = pairs.atom_i[near], pairs.atom_j[near]
                    new = (np.diff(atom_i, prepend=-1) != 0) | (np.diff(atom_j, prepend=-1) != 0)
                    self._groups.append(
                        _Group(
                            rows=start[atom_i[new]] + row,
                            columns=start[atom_j[new]] + column,
                            starts=np.flatnonzero(new),
                            translation=pairs.translation[near],
                            blocks=orbitals.blocks(vectors[near]),
                        )
                    )

    def __call__(self, kpoint: NDArray[np.float64]) -> NDArray:
        """Return the overlap matrix at a k-point (in units of the reciprocal lattice vectors).

        The phases count lattice vectors only, as QE's do. At the k-points that are their own inverses it is real.
        """
        is_real = not (2 * kpoint % 1).any()
        half = np.zeros((self._n, self._n), dtype=float if is_real else complex)
        for group in self._groups:
            angle = 2 * np.pi * (group.translation @ kpoint)
            phases = np.cos(angle) if is_real else np.exp(1j * angle)
            sums = np.add.reduceat(phases[:, None, None] * group.blocks, group.starts)
            rows = group.rows[:, None, None] + np.arange(sums.shape[1])[:, None]
            half[rows, group.columns[:, None, None] + np.arange(sums.shape[2])] = sums
        # Orbitals of one atom are orthonormal; every pair counts in both directions.
        return np.asarray(half + half.conj().T + np.eye(self._n))
