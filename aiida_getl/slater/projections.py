"""Projections of QE's wavefunctions on Slater orbitals, by LOBSTER's rules.

The all-electron wavefunction of a band is its pseudo wavefunction plus, around every nucleus, the differences of
all-electron and pseudo partial waves. LOBSTER's projection on an orbital takes the plane waves and the differences
around the orbital's own nucleus, not those around others; the overlaps among the orbitals are exact. These rules give
LOBSTER 6.0.0's populations and spillings of diamond (docs/cohp.md has the numbers); with the differences of all nuclei
they come out otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from aiida_getl.cohp.progress import Progress, silent
from aiida_getl.quantumespresso.upf import Shell
from aiida_getl.slater.datasets import PawDataset, read_paw
from aiida_getl.slater.harmonics import real_harmonics
from aiida_getl.slater.orbitals import SlaterOrbital, slater_orbital
from aiida_getl.slater.overlaps import BlochOverlaps, TwoCentreOverlaps
from aiida_getl.slater.wavefunctions import check_same_run, read_plane_waves, wavefunction_file
from aiida_getl.structures.bonds import bond_vectors, find_bonds

BOHR = 0.529177210903  #: Å (CODATA 2018, as in QE)
#: Plane waves at a time, which bounds the memory.
CHUNK = 4096


class SlaterProjections:
    """Raw projections of the bands of a pw.x calculation, and overlaps of the orbitals.

    Parameters
    ----------
    save
        The ``.save`` folder, with the ``wfc*.dat`` files and the PAW datasets.
    cell, positions : (3, 3), (atoms, 3) Å
        Not wrapped: as pw.x had them.
    species : (atoms,)
        Name of the species of every atom.
    datasets
        Name of the UPF file of every species, in ``save``.
    shells
        (element, shells) of every species, in the order of the functions.
    kpoints : (nk, 3)
        In units of the reciprocal lattice vectors.
    n_spins
    progress
        Told of the plane waves that are done.

    Raises
    ------
    FileNotFoundError, ValueError
        For datasets without partial waves, and orbitals that the table does not have.
    """

    def __init__(
        self,
        save: Path,
        cell: NDArray[np.float64],
        positions: NDArray[np.float64],
        species: Sequence[str],
        datasets: Mapping[str, str],
        shells: Mapping[str, tuple[str, Sequence[Shell]]],
        kpoints: NDArray[np.float64],
        n_spins: int,
        progress: Progress = silent,
    ) -> None:
        self._save, self._n_spins, self._kpoints, self._progress = save, n_spins, kpoints, progress
        self._cell, self._positions = cell / BOHR, positions / BOHR
        names = list(dict.fromkeys(species))
        self._kind = np.array([names.index(name) for name in species])
        self._orbitals: list[list[SlaterOrbital]] = [
            [slater_orbital(shells[name][0], shell.label) for shell in shells[name][1]] for name in names
        ]
        self._paw: list[PawDataset] = [read_paw(save / datasets[name]) for name in names]
        sizes = np.array([sum(orbital.shell.n_functions for orbital in orbitals) for orbitals in self._orbitals])
        self._start = np.concatenate([[0], np.cumsum(sizes[self._kind])])
        table = TwoCentreOverlaps(self._orbitals)
        pairs = find_bonds(positions, cell, table.reach * BOHR)
        self._overlaps = BlochOverlaps(
            table, self._kind, self._start, pairs, bond_vectors(positions, cell, pairs) / BOHR
        )
        self._form_factors = lru_cache(maxsize=4)(self._tabulate)

    def overlap(self, kpoint: int) -> NDArray:
        """Return the overlaps of the orbitals' Bloch sums at a k-point (functions, functions), real where they are."""
        return self._overlaps(self._kpoints[kpoint])

    def raw(self, spin: int, kpoint: int, n_bands: int) -> NDArray:
        """Return the projections (functions, n_bands) of the lowest bands on the orbitals, not orthonormalised.

        Real where pw.x used that the wavefunctions at Γ are.

        Raises
        ------
        FileNotFoundError, ValueError
            For wavefunctions that are missing, damaged or of another run.
        """
        path = wavefunction_file(self._save, spin, kpoint, self._n_spins)
        waves = read_plane_waves(path, n_bands)
        check_same_run(waves, path, self._cell, self._kpoints[kpoint])
        # In steps, for the largest of all k-points are nearly the same.
        splines = self._form_factors(int(np.ceil(np.linalg.norm(waves.vectors, axis=1).max())))
        n = int(self._start[-1])
        total: NDArray = np.zeros((n, n_bands), dtype=float if waves.is_gamma else complex)
        rows = np.empty((n, CHUNK), dtype=complex)
        here = f"k-point {kpoint * self._n_spins + spin + 1} of {len(self._kpoints) * self._n_spins}, plane waves"
        for start in range(0, len(waves.vectors), CHUNK):
            vectors = waves.vectors[start : start + CHUNK]
            part = waves.coefficients(start, start + len(vectors))
            self._plane_waves(vectors, splines, rows[:, : len(vectors)])
            if waves.is_gamma:
                # The half that is not stored has the complex conjugates of the other one, except for G = 0.
                part[:, ~vectors.any(axis=1)] *= 0.5
                total += 2 * _real_product(rows[:, : len(vectors)], part)
            else:
                total += rows[:, : len(vectors)].conj() @ part.T
            self._progress(here, start + len(vectors), len(waves.vectors))
        if not np.isfinite(total).all():
            raise ValueError(f"{path} has numbers that are not finite: run pw.x again")
        return total

    def _tabulate(self, q_max: int) -> list[CubicSpline]:
        """Return, for every kind, the radial part of its orbitals' plane-wave components as functions of |k + G|.

        The orbital's own, and its share of the projectors: what the differences of all-electron and pseudo partial
        waves add to the projection of a pseudo wavefunction.
        """
        prefactor = 4 * np.pi / np.sqrt(abs(np.linalg.det(self._cell)))
        splines = []
        for paw, orbitals in zip(self._paw, self._orbitals, strict=True):
            q, projectors = paw.projector_transforms(q_max)
            rows = [orbital.transform(q) + paw.augmentation_overlaps(orbital) @ projectors for orbital in orbitals]
            splines.append(CubicSpline(q, prefactor * np.array(rows), axis=1))
        return splines

    def _plane_waves(
        self, vectors: NDArray[np.float64], splines: Sequence[CubicSpline], rows: NDArray[np.complex128]
    ) -> None:
        """Fill rows (functions, n) with the components of all functions at k + G."""
        q = np.linalg.norm(vectors, axis=1)
        largest = max(orbital.shell.l for orbitals in self._orbitals for orbital in orbitals)
        harmonics = [(-1j) ** angular * real_harmonics(angular, vectors) for angular in range(largest + 1)]
        factors = [
            np.concatenate(
                [harmonics[orbital.shell.l] * radial for orbital, radial in zip(orbitals, spline(q), strict=True)]
            )
            for orbitals, spline in zip(self._orbitals, splines, strict=True)
        ]
        phases = np.exp(-1j * (self._positions @ vectors.T))
        for atom, kind in enumerate(self._kind):
            np.multiply(factors[kind], phases[atom], out=rows[self._start[atom] : self._start[atom + 1]])


def _real_product(rows: NDArray[np.complex128], part: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the real part of rows^* part^T, at half of its cost."""
    left, right = (np.ascontiguousarray(matrix).view(float) for matrix in (rows, part))
    return left @ right.T
