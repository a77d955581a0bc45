"""Where projections come from: wavefunctions and Slater orbitals, or what projwfc.x wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.frame import inverse_root
from aiida_getl.cohp.progress import Progress, silent
from aiida_getl.cohp.projections import ProjectionFile
from aiida_getl.cohp.save import QeSave
from aiida_getl.quantumespresso.basis import USE_PROJWFC, projected_shells, slater_projected_shells
from aiida_getl.quantumespresso.upf import Shell
from aiida_getl.slater.datasets import DamageError
from aiida_getl.slater.projections import SlaterProjections
from aiida_getl.slater.wavefunctions import missing_wavefunctions, wavefunction_file

#: ``slater``: Slater orbitals, as LOBSTER takes; ``projwfc``: the pseudopotentials' orbitals, from atomic_proj.xml;
#: ``auto``: the first that the files allow.
Source = Literal["auto", "slater", "projwfc"]


class Projections(Protocol):
    """Projections of all bands on the Löwdin-orthonormalised functions, and the overlaps of these."""

    path: Path
    n_bands: int
    n_kpoints: int
    n_spins: int
    n_functions: int
    has_overlaps: bool
    #: What the functions are, for the record, and the same in a word.
    functions: str
    label: str

    def energies(self, spin: int, kpoint: int) -> NDArray[np.float64]:
        """Return the band energies in eV, (n_bands,)."""

    def projections(self, spin: int, kpoint: int, n_bands: int) -> NDArray:
        """Return the projections of the lowest bands, (n_functions, n_bands)."""

    def overlap(self, spin: int, kpoint: int) -> NDArray:
        """Return the overlaps of the functions, (n_functions, n_functions)."""


class SlaterSource:
    """Projections on Slater orbitals, orthonormalised.

    Parameters
    ----------
    save
    shells
        Of every species, in the order of the functions.
    progress
        Told of the plane waves that are projected.
    """

    functions = "Slater orbitals (Koga et al. 1999), from wavefunctions"
    label = "Slater"
    has_overlaps = True

    def __init__(self, save: QeSave, shells: Mapping[str, Sequence[Shell]], progress: Progress = silent) -> None:
        self.path = save.path
        self.n_spins, self.n_kpoints, self.n_bands = save.energies.shape
        self.n_functions = sum(shell.n_functions for name in save.species for shell in shells[name])
        self._save = save
        self._raw = SlaterProjections(
            save.path,
            save.cell,
            save.positions,
            save.species,
            save.upf_files,
            {name: (save.upfs[name].element, chosen) for name, chosen in shells.items()},
            save.kpoints,
            self.n_spins,
            progress,
        )
        # The same for both spins, and asked for more than once.
        self._overlap = lru_cache(maxsize=1)(self._raw.overlap)
        self._root = lru_cache(maxsize=1)(lambda kpoint: inverse_root(self._overlap(kpoint)))

    def energies(self, spin: int, kpoint: int) -> NDArray[np.float64]:
        """Return the band energies in eV, (n_bands,)."""
        return self._save.energies[spin, kpoint]

    def projections(self, spin: int, kpoint: int, n_bands: int) -> NDArray:
        """Return the projections of the lowest bands, (n_functions, n_bands)."""
        raw = self._raw.raw(spin, kpoint, n_bands)
        return np.asarray(self._root(kpoint) @ raw)

    def overlap(self, spin: int, kpoint: int) -> NDArray:
        """Return the overlaps of the functions, (n_functions, n_functions)."""
        return np.asarray(self._overlap(kpoint))


@dataclass(frozen=True)
class Opened:
    """Projections of a calculation.

    Attributes
    ----------
    file
    shells
        Of every species, in the order of the functions.
    no_slater
        Why they are not on Slater orbitals though these were preferred; None if they are, or projwfc.x was asked for.
    """

    file: Projections
    shells: dict[str, tuple[Shell, ...]]
    no_slater: str | None = None


def open_projections(
    save: QeSave, basis: Mapping[str, Sequence[str]], source: Source, progress: Progress = silent
) -> Opened:
    """Return the projections of a calculation.

    Parameters
    ----------
    save
    basis
        Shell labels of the elements whose basis was chosen.
    source
        Slater orbitals need the wavefunctions of pw.x (``wfc*.dat``), PAW datasets with their partial waves, and shells
        that are in the table. ``auto`` does without them, not without a file that was lost or damaged: the numbers
        would be on another scale.
    progress
        Told of the plane waves that are projected.

    Raises
    ------
    FileNotFoundError, ValueError
        Where the files do not allow it.
    """
    file = save.path / "atomic_proj.xml"
    reason = None
    if source != "projwfc":
        try:
            return _open_slater(save, basis, progress)
        except DamageError:
            raise
        except (FileNotFoundError, ValueError) as error:
            if source == "slater":
                raise
            reason = str(error)
            if not file.is_file():
                how = f"{USE_PROJWFC} (lsym=.false., lwrite_overlaps=.true.; there is no {file})"
                raise type(error)(reason.replace(USE_PROJWFC, how)) from None
    return Opened(ProjectionFile(file), {name: projected_shells(upf) for name, upf in save.upfs.items()}, reason)


def _open_slater(save: QeSave, basis: Mapping[str, Sequence[str]], progress: Progress) -> Opened:
    n_spins, n_kpoints, _ = save.energies.shape
    files = [wavefunction_file(save.path, spin, k, n_spins) for spin, k in np.ndindex(n_spins, n_kpoints)]
    missing = [text for text in map(missing_wavefunctions, files) if text]
    if len(missing) == len(files):
        raise FileNotFoundError(missing[0])
    if missing:
        raise DamageError(f"{missing[0]} ({len(files) - len(missing)} of {len(files)} such files are there)")
    for name, upf in save.upfs.items():
        if upf.kind != "PAW":
            kind = "ultrasoft" if upf.kind == "US" else "norm-conserving"
            raise ValueError(
                f"{save.path / save.upf_files[name]} of {upf.element} is {kind}, and projections on Slater orbitals "
                f"need PAW datasets: take such, or {USE_PROJWFC}"
            )
    shells = {name: slater_projected_shells(upf, basis.get(upf.element, ())) for name, upf in save.upfs.items()}
    return Opened(SlaterSource(save, shells, progress), shells)
