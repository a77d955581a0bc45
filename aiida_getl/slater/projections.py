"""Projections of QE's wavefunctions on Slater orbitals, by LOBSTER's rules.

The all-electron wavefunction of a band is its pseudo wavefunction plus, around every nucleus, the differences of
all-electron and pseudo partial waves. LOBSTER's projection on an orbital takes the plane waves and the differences
around the orbital's own nucleus, not those around others; the overlaps among the orbitals are exact. These rules give
LOBSTER 6.0.0's populations and spillings of diamond (docs/cohp.md has the numbers); with the differences of all nuclei
they come out otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_getl.quantumespresso.upf import Shell
from aiida_getl.slater.datasets import PawDataset, read_paw
from aiida_getl.slater.harmonics import real_harmonics
from aiida_getl.slater.orbitals import SlaterOrbital, slater_orbital
from aiida_getl.slater.overlaps import BlochOverlaps
from aiida_getl.slater.wavefunctions import read_plane_waves, wavefunction_file
from aiida_getl.structures.bonds import bond_vectors, find_bonds

BOHR = 0.529177210903  #: Å (CODATA 2018, as in QE)
#: Plane waves at a time, which bounds the memory.
CHUNK = 8192


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
    n_spins

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
        n_spins: int,
    ) -> None:
        self._save, self._n_spins = save, n_spins
        self._volume = abs(float(np.linalg.det(cell))) / BOHR**3
        self._positions = positions / BOHR
        names = list(dict.fromkeys(species))
        self._kind = np.array([names.index(name) for name in species])
        self._orbitals: list[list[SlaterOrbital]] = [
            [slater_orbital(shells[name][0], shell.label) for shell in shells[name][1]] for name in names
        ]
        self._paw: list[PawDataset] = [read_paw(save / datasets[name]) for name in names]
        reach = 2 * max(orbital.reach for orbitals in self._orbitals for orbital in orbitals)
        pairs = find_bonds(positions, cell, reach * BOHR)
        vectors = bond_vectors(positions, cell, pairs) / BOHR
        self.overlap = BlochOverlaps(self._orbitals, self._kind, pairs, vectors, reach)

    def raw(self, spin: int, kpoint: int, n_bands: int) -> NDArray:
        """Return the projections (functions, n_bands) of the lowest bands on the orbitals, not orthonormalised.

        Real where pw.x used that the wavefunctions at Γ are.
        """
        waves = read_plane_waves(wavefunction_file(self._save, spin, kpoint, self._n_spins), n_bands)
        q_max = float(np.linalg.norm(waves.vectors, axis=1).max())
        radial = [
            (paw.projector_transforms(q_max), [paw.augmentation_overlaps(orbital) for orbital in orbitals])
            for paw, orbitals in zip(self._paw, self._orbitals, strict=True)
        ]
        total: NDArray = np.zeros(1)
        origin: NDArray = np.zeros(1)
        for start in range(0, len(waves.vectors), CHUNK):
            vectors = waves.vectors[start : start + CHUNK]
            factors = [self._form_factors(kind, vectors, *parts) for kind, parts in enumerate(radial)]
            phases = np.exp(-1j * (self._positions @ vectors.T))
            rows = np.concatenate([factors[kind] * phase for kind, phase in zip(self._kind, phases, strict=True)])
            part = waves.coefficients[:, start : start + CHUNK]
            total = total + rows.conj() @ part.T
            if start == 0:
                origin = np.outer(rows[:, 0].conj(), part[:, 0])
        # At Γ the half that is not stored has the complex conjugates of the other one, except for G = 0.
        return np.asarray(2 * total.real - origin.real if waves.is_gamma else total)

    def _form_factors(
        self, kind: int, vectors: NDArray[np.float64], transforms: Sequence, weights: Sequence[Sequence[float]]
    ) -> NDArray[np.complex128]:
        """Return the plane-wave components of an atom's orbitals and their share of the projectors, at the origin."""
        q = np.linalg.norm(vectors, axis=1)
        prefactor = 4 * np.pi / np.sqrt(self._volume)
        rows = []
        for orbital, own in zip(self._orbitals[kind], weights, strict=True):
            radial = orbital.transform(q)
            for transform, weight in zip(transforms, own, strict=True):
                if weight:
                    radial = radial + weight * transform(q)
            angular = orbital.shell.l
            rows.append(prefactor * (-1j) ** angular * real_harmonics(angular, vectors) * radial)
        return np.concatenate(rows)
