"""Run the engine as LOBSTER is run: lobsterin and a QE calculation in, LOBSTER's files out."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.calculation import QeBands
from aiida_getl.cohp.engine import RANK_TOLERANCE, CohpResult, compute_cohp
from aiida_getl.cohp.interactions import aliased_bonds, find_interactions
from aiida_getl.cohp.writers import (
    atomic_charges,
    build_charges,
    build_cohpcar,
    build_icohplist,
    lobsterout_end,
    lobsterout_results,
    lobsterout_start,
)
from aiida_getl.lobster.charge import format_charges
from aiida_getl.lobster.cohpcar import format_cohpcar
from aiida_getl.lobster.icohplist import Layout, format_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.lobster.lobsterout import OWN_ENGINE, Timing
from aiida_getl.quantumespresso.kpoints import KPoints

#: eV between two points of a curve, unless COHPSteps says otherwise
CURVE_STEP = 0.05
#: Keywords that would change the numbers in a way this engine does not offer: refused.
REFUSED = {
    "autoRotate": "orbitals are along the cartesian axes",
    "basisRotation": "orbitals are along the cartesian axes",
    "cobiBetween": "multi-centre COBIs are not computed",
    "customSTOforAtom": "the basis is the pseudopotential's own orbitals",
    "doNotIgnoreExcessiveBands": "as many bands as basis functions are used",
    "doNotOrthogonalizeBasis": "the basis is Löwdin-orthonormalised",
    "doNotUseAbsoluteSpilling": "spillings are absolute",
    "forceEnergyRange": "all bands up to the number of basis functions are used",
    "forceV1HMatrix": "the Hamiltonian is built from orthonormalised bands",
    "kSpaceCOHP": "COHPs are built in real space",
    "loadProjectionFromFile": "projections are read from atomic_proj.xml",
    "skipProjection": "projections are read from atomic_proj.xml",
    "skipReOrthonormalization": "bands are orthonormalised after projection",
}
#: Keywords that are honoured, or without effect on the numbers.
HONOURED = {
    "COHPstartEnergy",
    "COHPendEnergy",
    "COHPSteps",
    "gaussianSmearingWidth",
    "basisSet",
    "printTotalSpilling",
    "skipCar",
    "skipCOBI",
    "skipCOHP",
    "skipCOOP",
    "skipDOS",
    "skipGrossPopulation",
    "skipMadelungEnergy",
    "skipMOFE",
    "skipMolecularOrbitals",
    "skipPAWOrthonormalityTest",
    "skipPopulationAnalysis",
    "useRecommendedBasisFunctions",
}


def check_keywords(lobsterin: Lobsterin) -> list[str]:
    """Return notes about keywords without effect here.

    Raises
    ------
    ValueError
        For a keyword that would change the numbers and cannot be honoured.
    """
    given = [*lobsterin.settings, *(["cobiBetween"] if lobsterin.cobi_between else [])]
    for keyword in given:
        if keyword in REFUSED:
            raise ValueError(
                f"lobsterin keyword {keyword} cannot be honoured by {OWN_ENGINE} ({REFUSED[keyword]}) and would change "
                "the numbers: leave it out, or use LOBSTER"
            )
    notes = [f"{keyword} has no effect in {OWN_ENGINE}." for keyword in given if keyword not in HONOURED]
    if "basisSet" in lobsterin.settings:
        notes.append(
            f"basisSet {lobsterin.settings['basisSet']} is read as a name only: "
            "the basis is the pseudopotentials' own orbitals."
        )
    return notes


def run(
    folder: Path,
    save: Path,
    output: Path,
    version: str,
    layout: Layout = 6,
    progress: Callable[[int, int], None] | None = None,
) -> CohpResult:
    """Compute what ``folder/lobsterin`` asks for and write it to ``output``.

    Parameters
    ----------
    folder
        Holds ``lobsterin``.
    save
        The ``.save`` folder of pw.x, with ``atomic_proj.xml`` of projwfc.x.
    output
        Folder for the results; it must exist.
    version
        Of this package, for the record.
    layout
        Of the files: as LOBSTER 4 or 6 writes them.
    progress
        Called with (done, total) after every k-point.

    Raises
    ------
    FileNotFoundError, ValueError
        For bad input, naming the file, the value and the remedy.
    """
    started, clock, times = datetime.now().astimezone(), time.perf_counter(), os.times()
    path = folder / "lobsterin"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: write one, '{OWN_ENGINE} --help' has an example")
    if not output.is_dir():
        raise FileNotFoundError(f"{output} is no folder: make it first")
    try:
        lobsterin = Lobsterin.from_text(path.read_text())
        notes = check_keywords(lobsterin)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    bands = QeBands(save, lobsterin.basis_functions)
    bonds, orbitalwise = find_interactions(lobsterin, bands.save)
    threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    text = lobsterout_start(version, layout, socket.gethostname(), f"{started:%Y-%m-%d at %H:%M:%S %Z}", threads, bands)
    # Written at once, so that a run that is killed has left a trace.
    (output / "lobsterout").write_text(text)
    result = compute_cohp(
        bands,
        bonds,
        energies=curve_energies(lobsterin, bands.save.fermi_energy),
        smearing=lobsterin.number("gaussianSmearingWidth", 0.2),
        overlaps=not (lobsterin.flag("skipCOOP") and lobsterin.flag("skipPopulationAnalysis")),
        progress=progress,
    )
    if not bands.file.has_overlaps:
        notes.append(f"{bands.file.path} has no overlaps (lwrite_overlaps): no Mulliken charges, no COOPs.")
    aliased = aliased_bonds(bonds, KPoints(bands.kpoints, bands.weights))
    text += lobsterout_results(result, bands, notes, int(aliased.sum()))

    files = []
    for kind, values in (("COHP", result.icohp), ("COOP", result.icoop), ("COBI", result.icobi)):
        if values is not None and not lobsterin.flag(f"skip{kind}"):
            listed = build_icohplist(kind, values, result, bands, orbitalwise)  # type: ignore[arg-type]
            files.append(f"I{kind}LIST.lobster")
            (output / files[-1]).write_text(format_icohplist(listed, layout))
    if result.curves is not None:
        files.append("COHPCAR.lobster")
        title = f"COHP by {OWN_ENGINE} v{version}; energies in eV, those of the rows from the Fermi energy"
        (output / files[-1]).write_text(format_cohpcar(build_cohpcar(result, bands), title))
    if not lobsterin.flag("skipPopulationAnalysis"):
        files.append("CHARGE.lobster")
        (output / files[-1]).write_text(format_charges(build_charges(result, bands)))

    now = os.times()
    timing = Timing(time.perf_counter() - clock, now.user - times.user, now.system - times.system)
    summary = summarise(result, bands, version, timing)
    summary["aliased_interactions"] = (np.flatnonzero(aliased) + 1).tolist()
    (output / f"{OWN_ENGINE}.json").write_text(json.dumps(summary, indent=1) + "\n")
    (output / "lobsterout").write_text(text + lobsterout_end([*files, f"{OWN_ENGINE}.json"], timing))
    return result


def curve_energies(lobsterin: Lobsterin, fermi_energy: float) -> NDArray[np.float64] | None:
    """Return the absolute energies of the curves (eV) with one more below, or None if no curve is wanted."""
    if lobsterin.flag("skipCOHP") or lobsterin.flag("skipCar"):
        return None
    start, end = lobsterin.number("COHPstartEnergy", -10), lobsterin.number("COHPendEnergy", 5)
    steps = int(lobsterin.number("COHPSteps", max(1, round((end - start) / CURVE_STEP))))
    return np.asarray(fermi_energy + start + (end - start) / steps * np.arange(-1, steps + 1), dtype=float)


def summarise(result: CohpResult, bands: QeBands, version: str, timing: Timing) -> dict[str, Any]:
    """Return what a program wants to know of a run; energies in eV, times in s, spillings as fractions."""
    save = bands.save
    return {
        "engine": OWN_ENGINE,
        "version": version,
        "program": f"Quantum ESPRESSO {save.version}",
        "basis": {element: [shell.label for shell in shells] for element, shells in bands.orbitals.shells.items()},
        "pseudopotentials": {
            name: {"element": upf.element, "kind": upf.kind, "z_valence": upf.z_valence, "md5": upf.md5}
            for name, upf in save.upfs.items()
        },
        "n_basis": len(bands.orbitals),
        "n_bands": save.n_bands,
        "n_bands_used": len(bands.orbitals),
        "n_kpoints": len(save.weights),
        "n_spins": save.n_spins,
        "n_interactions": len(result.bonds),
        "fermi_energy": save.fermi_energy,
        "band_energy": result.band_energy,
        "charge_spilling": result.charge_spilling.tolist(),
        "total_spilling": result.total_spilling.tolist(),
        "electrons": save.n_electrons,
        "electrons_recovered": float(result.loewdin.sum()),
        "loewdin_charges": atomic_charges(result.loewdin, bands).tolist(),
        "mulliken_charges": None if result.mulliken is None else atomic_charges(result.mulliken, bands).tolist(),
        "smallest_singular_value": result.smallest_singular_value,
        "rank_tolerance": RANK_TOLERANCE,
        "n_rank_deficient": result.n_rank_deficient,
        "timing": {"wall": timing.wall, "user": timing.user, "sys": timing.sys},
    }
