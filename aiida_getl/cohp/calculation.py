"""Bring pw.x's bands, projwfc.x's projections and a basis together for the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.frame import restrict_basis
from aiida_getl.cohp.orbitals import OrbitalTable, build_orbitals
from aiida_getl.cohp.projections import ProjectionFile
from aiida_getl.cohp.save import QeSave, read_save

#: eV; energies in the two files of one calculation agree to rounding
SAME_ENERGY = 1e-4


class QeBands:
    """A QE calculation as the engine sees it.

    Parameters
    ----------
    path
        The ``.save`` folder with ``atomic_proj.xml``.
    basis
        Shell labels per element, see :func:`aiida_getl.cohp.orbitals.build_orbitals`.

    Raises
    ------
    FileNotFoundError, ValueError
        For missing or unfit files, for too few bands, and for a basis that needs overlaps that were not written.
    """

    def __init__(self, path: Path, basis: Mapping[str, Sequence[str]] | None = None) -> None:
        self.save: QeSave = read_save(path)
        self.file = ProjectionFile(path / "atomic_proj.xml")
        self.orbitals: OrbitalTable = build_orbitals(self.save.species, self.save.upfs, basis)
        self.energies = self.save.energies
        self.occupations = self.save.occupations
        self.kpoints = self.save.kpoints
        self.weights = self.save.weights
        self.atom = self.orbitals.atom
        self._check()

    def projections(self, spin: int, kpoint: int, n_bands: int, overlaps: bool) -> tuple[NDArray, NDArray | None]:
        """Return X (n, n_bands) of the lowest bands and, if asked for and written, the overlaps of the basis.

        At Γ alone (``K_POINTS gamma``) both are real, which makes the algebra several times faster.
        """
        x = _real_if_real(self.file.projections(spin, kpoint, n_bands))
        needed = self.orbitals.is_subset or (overlaps and self.file.has_overlaps)
        overlap = _real_if_real(self.file.overlap(spin, kpoint)) if needed else None
        if overlap is not None and self.orbitals.is_subset:
            return restrict_basis(x, overlap, self.orbitals.rows)
        return x, overlap

    def _check(self) -> None:
        save, file, orbitals = self.save, self.file, self.orbitals
        shape = (file.n_spins, file.n_kpoints, file.n_bands)
        if shape != save.energies.shape:
            raise ValueError(
                f"{file.path} has (spins, k-points, bands) = {shape}, data-file-schema.xml {save.energies.shape}: "
                "they are of different runs, run projwfc.x again"
            )
        if file.n_functions != orbitals.n_projected:
            raise ValueError(
                f"{file.path} projects on {file.n_functions} functions, the pseudopotentials in {save.path} have "
                f"{orbitals.n_projected}: they are of different runs, run projwfc.x again"
            )
        for spin, k in ((0, 0), (file.n_spins - 1, file.n_kpoints - 1)):
            difference = np.abs(file.energies(spin, k) - save.energies[spin, k]).max()
            if difference > SAME_ENERGY:
                raise ValueError(
                    f"the band energies in {file.path} and data-file-schema.xml differ by {difference:.1e} eV: "
                    "pw.x ran again after projwfc.x, run projwfc.x again"
                )
        if save.n_bands < len(orbitals):
            raise ValueError(
                f"{save.path} has {save.n_bands} bands but the basis has {len(orbitals)} functions: "
                f"run pw.x again with nbnd = {len(orbitals)} or more"
            )
        if orbitals.is_subset and not file.has_overlaps:
            raise ValueError(
                f"the basis has {len(orbitals)} of {orbitals.n_projected} projected functions, which needs their "
                f"overlaps, and {file.path} has none: run projwfc.x with lwrite_overlaps = .true."
            )


def _real_if_real(matrix: NDArray[np.complex128]) -> NDArray:
    return matrix if matrix.imag.any() else np.ascontiguousarray(matrix.real)
