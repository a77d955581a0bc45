"""Overlaps of Slater orbitals at two centres, and of their Bloch sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import spherical_jn

from aiida_getl.slater.harmonics import gaunt, real_harmonics
from aiida_getl.slater.orbitals import SlaterOrbital
from aiida_getl.structures.bonds import BondList

#: 1/bohr; the oscillations at the nuclei reach further, but contribute nothing to the overlap with another atom.
Q_MAX = 60.0
Q_STEP = 0.01
#: bohr
R_STEP = 0.05
#: Overlaps at shorter distances (bohr) are asked for by no structure that pw.x can compute.
R_MIN = 0.5


class TwoCentreOverlaps:
    """Overlaps of orbitals of some kinds of atoms as functions of the vector between the atoms.

    With the Fourier transforms f of the radial parts, an overlap is a sum over L of the product of a Gaunt
    coefficient, a harmonic of the direction and (2/π) 4π i^(l - l' - L) times the integral of q² f f' j_L(qR).

    Parameters
    ----------
    kinds
        Orbitals of every kind of atom.
    r_max
        Longest distance in bohr.
    """

    def __init__(self, kinds: Sequence[Sequence[SlaterOrbital]], r_max: float) -> None:
        self._kinds = kinds
        q = np.arange(0.0, Q_MAX, Q_STEP)
        r = np.arange(R_MIN, r_max + 2 * R_STEP, R_STEP)
        largest = max(orbital.shell.l for orbitals in kinds for orbital in orbitals)
        weights = q**2 * Q_STEP
        transforms = [[orbital.transform(q) for orbital in orbitals] for orbitals in kinds]
        self._radial: dict[tuple[int, int, int, int, int], CubicSpline] = {}
        for third in range(2 * largest + 1):
            bessel = spherical_jn(third, np.outer(r, q)) * weights
            for a, b in np.ndindex(len(kinds), len(kinds)):
                for i, first in enumerate(kinds[a]):
                    for j, second in enumerate(kinds[b]):
                        if third in _couplings(first, second):
                            values = bessel @ (transforms[a][i] * transforms[b][j])
                            self._radial[a, i, b, j, third] = CubicSpline(r, values)

    def blocks(self, a: int, b: int, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the overlaps of all functions of an atom of kind a with those of kind b at ``vectors`` from it.

        Parameters
        ----------
        a, b
            Indices of the kinds.
        vectors : (n, 3) bohr

        Returns
        -------
        (n, functions of a, functions of b)
        """
        distance = np.linalg.norm(vectors, axis=1)
        harmonics: dict[int, NDArray[np.float64]] = {}
        rows = []
        for i, first in enumerate(self._kinds[a]):
            columns = []
            for j, second in enumerate(self._kinds[b]):
                total = np.zeros((len(vectors), first.shell.n_functions, second.shell.n_functions))
                for third in _couplings(first, second):
                    if third not in harmonics:
                        harmonics[third] = real_harmonics(third, vectors)
                    sign = (-1) ** ((first.shell.l - second.shell.l - third) // 2)
                    radial = 8 * sign * self._radial[a, i, b, j, third](distance)
                    angular = np.tensordot(harmonics[third].T, gaunt(first.shell.l, second.shell.l, third), (1, 2))
                    total += radial[:, None, None] * angular
                columns.append(total)
            rows.append(np.concatenate(columns, axis=2))
        return np.concatenate(rows, axis=1)


def _couplings(first: SlaterOrbital, second: SlaterOrbital) -> range:
    low, high = abs(first.shell.l - second.shell.l), first.shell.l + second.shell.l
    return range(low, high + 1, 2)


class BlochOverlaps:
    """Overlaps of the Bloch sums of all orbitals of a crystal.

    Parameters
    ----------
    kinds
        Orbitals of every kind of atom.
    kind : (atoms,)
        Kind of every atom.
    pairs
        All pairs of atoms within ``r_max``, each once.
    vectors : (n, 3) bohr
        From the first to the second atom of every pair.
    r_max : bohr
    """

    def __init__(
        self,
        kinds: Sequence[Sequence[SlaterOrbital]],
        kind: NDArray[np.int64],
        pairs: BondList,
        vectors: NDArray[np.float64],
        r_max: float,
    ) -> None:
        sizes = np.array([sum(orbital.shell.n_functions for orbital in orbitals) for orbitals in kinds])
        self._start = np.concatenate([[0], np.cumsum(sizes[kind])])
        table = TwoCentreOverlaps(kinds, r_max)
        self._groups = []
        for a, b in np.ndindex(len(kinds), len(kinds)):
            rows = np.flatnonzero((kind[pairs.atom_i] == a) & (kind[pairs.atom_j] == b))
            if len(rows):
                blocks = table.blocks(a, b, vectors[rows])
                self._groups.append(
                    (pairs.atom_i[rows], pairs.atom_j[rows], pairs.translation[rows], blocks.astype(np.float32))
                )

    def __call__(self, kpoint: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the overlap matrix at a k-point (in units of the reciprocal lattice vectors).

        The phases count lattice vectors only, as QE's do.
        """
        n = int(self._start[-1])
        half = np.zeros((n, n), dtype=complex)
        for atom_i, atom_j, translation, blocks in self._groups:
            height, width = blocks.shape[1:]
            phases = np.exp(2j * np.pi * (translation @ kpoint))
            rows = self._start[atom_i][:, None, None] + np.arange(height)[:, None]
            columns = self._start[atom_j][:, None, None] + np.arange(width)
            np.add.at(half, (rows, columns), phases[:, None, None] * blocks)
        # Orbitals of one atom are orthonormal; every pair counts in both directions.
        return np.asarray(half + half.conj().T + np.eye(n), dtype=complex)
