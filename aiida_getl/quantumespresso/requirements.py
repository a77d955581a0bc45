"""What a bond analysis requires of the pw.x run it reads, found out before hours are spent on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.basis import (
    USE_PROJWFC,
    default_basis,
    n_functions,
    projected_shells,
    select_shells,
    slater_projected_shells,
)
from aiida_getl.quantumespresso.requests import find_unfit_requests
from aiida_getl.quantumespresso.upf import SUBSHELLS, Upf

#: The two programs that do the analysis.
Engine = Literal["LOBSTER", "getl-cohp"]

#: Å; positions in the output of pw.x have nine digits
SAME_POSITION = 1e-4


@dataclass(frozen=True)
class PwRun:
    """What is known of a pw.x run; None where nothing is.

    Attributes
    ----------
    atoms
        The structure that the wavefunctions are of.
    upfs
        Pseudopotential of every element.
    n_bands
        Bands per k-point and spin.
    uses_symmetry
        Whether pw.x left out k-points that follow from others by symmetry; time reversal is no such symmetry.
    is_gamma_only
        Whether it used the trick for Γ (``K_POINTS gamma``), whose wavefunctions are real.
    is_noncollinear
    keeps_wavefunctions
        Whether pw.x left them on disk.
    lowest_band
        eV from the Fermi energy (from the highest occupied band where there is none).
    """

    atoms: Atoms | None = None
    upfs: Mapping[str, Upf] | None = None
    n_bands: int | None = None
    uses_symmetry: bool | None = None
    is_gamma_only: bool | None = None
    is_noncollinear: bool | None = None
    keeps_wavefunctions: bool | None = None
    lowest_band: float | None = None


def required_bands(
    atoms: Atoms,
    lobsterin: Lobsterin,
    upfs: Mapping[str, Upf] | None,
    engine: Engine | None,
    has_projections: bool = False,
) -> int | None:
    """Return how many bands the basis needs: one for every function; None if the basis is not known.

    The basis of elements that ``basisFunctions`` does not name is that of the pseudopotential; for LOBSTER only where
    it is written for it, see :func:`aiida_getl.quantumespresso.completion.complete_lobsterin`. LOBSTER's own
    recommendation is not known here.

    Raises
    ------
    ValueError
        For a shell that ``getl-cohp`` cannot project on.
    """
    total = 0
    for element, count in zip(*np.unique(atoms.get_chemical_symbols(), return_counts=True), strict=True):
        labels = lobsterin.basis_functions.get(str(element))
        upf = (upfs or {}).get(str(element))
        if upf is not None and engine == "getl-cohp":
            projected = projected_shells(upf) if has_projections else slater_projected_shells(upf, labels or ())
            functions = n_functions(default_basis(upf) if labels is None else select_shells(upf, labels, projected))
        else:
            if labels is None and upf is not None and engine == "LOBSTER" and not chooses_basis(lobsterin):
                labels = occupied_shells(upf)
            if not labels:
                return None
            functions = sum(2 * SUBSHELLS.index(label[1]) + 1 for label in labels)
        total += int(count) * functions
    return total


def chooses_basis(lobsterin: Lobsterin) -> bool:
    """Return whether LOBSTER itself is asked to choose the shells that ``basisFunctions`` does not name."""
    return lobsterin.flag("useRecommendedBasisFunctions") or lobsterin.has("includeOrbitals")


def occupied_shells(upf: Upf) -> tuple[str, ...]:
    """Return the labels of the shells that are occupied in the reference configuration, none if it has no orbitals."""
    return tuple(shell.label.lower() for shell in upf.chi if shell.occupation > 0)


def same_structure(one: Atoms, other: Atoms) -> bool:
    """Return whether two structures have the same atoms in the same order and place; bond lists count on it."""
    return (
        one.get_chemical_symbols() == other.get_chemical_symbols()
        and np.allclose(one.cell[:], other.cell[:], rtol=0, atol=SAME_POSITION)
        and np.allclose(one.positions, other.positions, rtol=0, atol=SAME_POSITION)
    )


def find_obstacles(
    run: PwRun, atoms: Atoms, lobsterin: Lobsterin, engine: Engine | None, has_projections: bool
) -> Iterator[str]:
    """Yield why the analysis of a run would fail, or give wrong numbers; what is not known is no obstacle.

    Parameters
    ----------
    run
    atoms
        The structure whose bonds are wanted.
    lobsterin
    engine
        None if it is not known which program the code is.
    has_projections
        Whether results of projwfc.x are given.
    """
    yield from find_unfit_requests(lobsterin, atoms, engine)
    if run.atoms is not None and not same_structure(run.atoms, atoms):
        yield "the structure is not the one that pw.x computed: give that one, its atoms in the same order and place"
    if run.is_noncollinear:
        yield "pw.x ran with non-collinear spin, for which bond strengths are not defined here: use nspin 1 or 2"
    if run.uses_symmetry:
        yield "pw.x left out k-points by symmetry: run it again with nosym = .true. and noinv = .true."
    if engine == "LOBSTER" and run.is_gamma_only:
        yield "LOBSTER cannot read the real wavefunctions of K_POINTS gamma: use a 1x1x1 mesh without gamma_only"
    reads_wavefunctions = engine == "LOBSTER" or (engine == "getl-cohp" and not has_projections)
    if reads_wavefunctions and run.keeps_wavefunctions is False:
        yield "pw.x kept no wavefunctions: run it again without disk_io = 'none' or 'nowf'"
    if reads_wavefunctions and (unfit := list(_unfit_pseudopotentials(run.upfs or {}, engine))):
        yield from unfit
        return
    try:
        needed = required_bands(atoms, lobsterin, run.upfs, engine, has_projections)
    except ValueError as error:
        yield str(error)
        return
    if needed is not None and run.n_bands is not None and run.n_bands < needed:
        yield (
            f"the basis has {needed} functions but pw.x computed {run.n_bands} bands: "
            f"run it again with nbnd = {needed} or more"
        )


def _unfit_pseudopotentials(upfs: Mapping[str, Upf], engine: Engine | None) -> Iterator[str]:
    """Yield which pseudopotentials do not allow a projection on Slater orbitals."""
    for element, upf in sorted(upfs.items()):
        if upf.kind == "PAW" and upf.has_partial_waves:
            continue
        what = upf.kind if upf.kind != "PAW" else "PAW without its partial waves (PP_AEWFC)"
        if engine == "LOBSTER":
            yield f"LOBSTER needs PAW datasets, that of {element} is {what}: use another pseudopotential family"
        else:
            yield (
                f"getl-cohp projects wavefunctions of PAW datasets, that of {element} is {what}: use another "
                f"pseudopotential family, or {USE_PROJWFC}"
            )
