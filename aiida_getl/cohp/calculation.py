"""Bring pw.x's bands, their projections and a basis together for the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.frame import restrict_basis
from aiida_getl.cohp.orbitals import OrbitalTable, build_orbitals
from aiida_getl.cohp.progress import Progress, silent
from aiida_getl.cohp.save import QeSave, read_save
from aiida_getl.cohp.sources import Source, open_projections

#: eV; energies in the two files of one calculation agree to rounding
SAME_ENERGY = 1e-4
#: Bytes of projections that may be kept between the choice of bands and their use.
KEPT_BYTES = 2**30


class QeBands:
    """A QE calculation as the engine sees it.

    Where the basis leaves out shells that have occupied bands of their own (semicore), these bands are left out too:
    among the lowest bands they would take the place of bands that the basis describes.

    Parameters
    ----------
    path
        The ``.save`` folder, with the wavefunctions or ``atomic_proj.xml``.
    basis
        Shell labels per element, see :func:`aiida_getl.cohp.orbitals.build_orbitals`.
    source
        Where the projections come from, see :func:`aiida_getl.cohp.sources.open_projections`.
    progress
        Told of the plane waves that are projected.

    Attributes
    ----------
    save, file, orbitals
        What was read, and the basis.
    no_slater
        Why the projections are not on Slater orbitals though these were preferred, else None.
    energies, occupations : (nspin, nk, nbnd)
        Of the bands that count; eV, 0 to 1.
    kpoints, weights, atom
        See :class:`aiida_getl.cohp.engine.Bands`.
    n_left_out
        How many occupied bands per k-point belong to shells that the basis leaves out.
    core_electrons : (atoms,)
        Electrons of every atom in those bands.

    Raises
    ------
    FileNotFoundError, ValueError
        For missing or unfit files, for too few bands, and for a basis that needs overlaps that were not written, or
        leaves out shells whose bands are not separate ones.
    """

    def __init__(
        self,
        path: Path,
        basis: Mapping[str, Sequence[str]] | None = None,
        source: Source = "auto",
        progress: Progress = silent,
    ) -> None:
        self.save: QeSave = read_save(path)
        opened = open_projections(self.save, basis or {}, source, progress)
        self.file, self.no_slater = opened.file, opened.no_slater
        try:
            self.orbitals: OrbitalTable = build_orbitals(self.save.species, self.save.upfs, basis, opened.shells)
        except ValueError as error:
            if self.no_slater is None:
                raise
            raise ValueError(f"{error}. On Slater orbitals instead: {self.no_slater}") from None
        self.kpoints = self.save.kpoints
        self.weights = self.save.weights
        self.atom = self.orbitals.atom
        self._check_files()
        self._choose_bands()

    def projections(self, spin: int, kpoint: int, n_bands: int, overlaps: bool) -> tuple[NDArray, NDArray | None]:
        """Return X (n, n_bands) of the lowest bands and, if asked for and written, the overlaps of the basis.

        At Γ alone (``K_POINTS gamma``) both are real, which makes the algebra several times faster.
        """
        columns = self._bands[spin, kpoint, :n_bands]
        x = self._kept.pop((spin, kpoint), None)
        if x is None:
            x = self.file.projections(spin, kpoint, int(columns[-1]) + 1)
        x = _real_if_real(x if len(columns) == x.shape[1] else x[:, columns])
        needed = self.orbitals.is_subset or (overlaps and self.file.has_overlaps)
        overlap = _real_if_real(self.file.overlap(spin, kpoint)) if needed else None
        if overlap is not None and self.orbitals.is_subset:
            return restrict_basis(x, overlap, self.orbitals.rows)
        return x, overlap

    def _check_files(self) -> None:
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
        for spin, k in np.ndindex(file.n_spins, file.n_kpoints):
            difference = np.abs(file.energies(spin, k) - save.energies[spin, k]).max()
            if not difference < SAME_ENERGY:
                raise ValueError(
                    f"the band energies in {file.path} and data-file-schema.xml differ by {difference:.1e} eV: "
                    "pw.x ran again after projwfc.x, run projwfc.x again"
                )
        if orbitals.is_subset and not file.has_overlaps:
            raise ValueError(
                f"the basis has {len(orbitals)} of {orbitals.n_projected} projected functions, which needs their "
                f"overlaps, and {file.path} has none: run projwfc.x with lwrite_overlaps = .true."
            )

    def _choose_bands(self) -> None:
        save, orbitals = self.save, self.orbitals
        left_out = np.zeros(save.energies.shape, dtype=bool)
        self._kept: dict[tuple[int, int], NDArray] = {}
        self.core_electrons = np.zeros(len(save.species))
        if orbitals.left_out:
            left_out = self._bands_of_left_out()
        counts = np.unique(left_out.sum(axis=2))
        if len(counts) > 1:
            raise ValueError(
                f"the basis leaves out {orbitals.describe_left_out()}, whose bands mix with others ({counts[0]} to "
                f"{counts[-1]} bands, depending on the k-point): keep these shells in basisFunctions"
            )
        self.n_left_out = int(counts[0])
        needed = len(orbitals) + self.n_left_out
        if save.n_bands < needed:
            raise ValueError(
                f"{save.path} has {save.n_bands} bands but the basis has {len(orbitals)} functions"
                + (f" and leaves out {self.n_left_out} occupied bands" if self.n_left_out else "")
                + f": run pw.x again with nbnd = {needed} or more"
            )
        # A stable sort puts the bands that are left out behind the others and keeps all else in order.
        self._bands = np.argsort(left_out, axis=2, kind="stable")[..., : save.n_bands - self.n_left_out]
        self.energies = np.take_along_axis(save.energies, self._bands, axis=2)
        self.occupations = np.take_along_axis(save.occupations, self._bands, axis=2)

    def _bands_of_left_out(self) -> NDArray[np.bool_]:
        """Return which bands are occupied and belong to shells that the basis leaves out, (nspin, nk, nbnd)."""
        save, rows = self.save, np.array(self.orbitals.left_out, dtype=np.int64)
        found = np.zeros(save.energies.shape, dtype=bool)
        g = 2 / save.n_spins
        keeps = 16 * self.file.n_functions * save.energies.size <= KEPT_BYTES
        for spin, k in np.ndindex(found.shape[:2]):
            x = self.file.projections(spin, k, save.n_bands)
            if keeps:
                self._kept[spin, k] = x
            weight = np.abs(x[rows]) ** 2
            found[spin, k] = (weight.sum(axis=0) > 0.5) & (save.occupations[spin, k] > 0.5)
            electrons = g * self.weights[k] * (weight @ (found[spin, k] * save.occupations[spin, k]))
            self.core_electrons += np.bincount(
                self.orbitals.left_out_atom, weights=electrons, minlength=len(save.species)
            )
        self.core_electrons = np.round(self.core_electrons)
        return found


def _real_if_real(matrix: NDArray[np.complex128]) -> NDArray:
    return matrix if matrix.imag.any() else np.ascontiguousarray(matrix.real)
