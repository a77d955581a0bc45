"""Run the engine as LOBSTER is run: lobsterin and a QE calculation in, LOBSTER's files out."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.calculation import QeBands
from aiida_getl.cohp.curves import KINDS, CurveSettings
from aiida_getl.cohp.engine import CohpResult, compute_cohp
from aiida_getl.cohp.frame import DEGENERACY_TOLERANCE, RANK_TOLERANCE
from aiida_getl.cohp.interactions import Interactions, aliased_bonds, find_interactions
from aiida_getl.cohp.keywords import check_keywords
from aiida_getl.cohp.progress import Progress, silent
from aiida_getl.cohp.results import remove_results, write_result
from aiida_getl.cohp.save import find_save
from aiida_getl.cohp.sources import Source
from aiida_getl.cohp.writers import (
    atomic_charges,
    build_charges,
    build_cohpcar,
    build_gross_populations,
    build_icohplist,
    format_multicentre,
    format_structure,
    lobsterout_end,
    lobsterout_results,
    lobsterout_start,
)
from aiida_getl.lobster.charge import format_charges
from aiida_getl.lobster.cohpcar import format_cohpcar
from aiida_getl.lobster.grosspop import format_gross_populations
from aiida_getl.lobster.icohplist import Kind, Layout, format_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.lobster.lobsterout import OWN_ENGINE, Timing

#: eV between two points of a curve, unless COHPSteps says otherwise
CURVE_STEP = 0.05
MOST_STEPS = 1_000_000
#: Bands with a smaller occupation are of no account where curves begin above them.
OCCUPIED = 1e-3


def run(
    folder: Path,
    save: Path | None,
    output: Path,
    version: str,
    layout: Layout = 6,
    progress: Progress = silent,
    source: Source = "auto",
) -> CohpResult:
    """Compute what ``folder/lobsterin`` asks for and write it to ``output``.

    Results of an earlier run go first, so that none of them is taken for this one's. Every file appears whole, and
    ``lobsterout`` three times: with the number of bonds before the work, with the spillings before the first list, and
    in the end.

    Parameters
    ----------
    folder
        Holds ``lobsterin``.
    save
        The ``.save`` folder of pw.x, with its wavefunctions, or with ``atomic_proj.xml`` of projwfc.x; None for the
        only one in ``folder`` or below.
    output
        Folder for the results; it must exist.
    version
        Of this package, for the record.
    layout
        Of the files: as LOBSTER 4 or 6 writes them.
    progress
        Told of every k-point, and of the steps and parts of plane waves within it.
    source
        Where the projections come from, see :func:`aiida_getl.cohp.sources.open_projections`.

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
    remove_results(output)
    try:
        lobsterin = Lobsterin.from_text(path.read_text(encoding="utf-8-sig", errors="replace"))
        notes = check_keywords(lobsterin)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    bands = QeBands(find_save(folder) if save is None else save, lobsterin.basis_functions, source, progress)
    asked = find_interactions(lobsterin, bands.save)
    when = f"{started:%Y-%m-%d at %H:%M:%S %Z}"
    text = lobsterout_start(version, layout, socket.gethostname(), when, _threads(), bands, asked.n_listed)
    # At once: a run that is killed leaves a trace, and with the number of bonds a list can be told to be incomplete.
    write_result(output / "lobsterout", text)
    kinds = [kind for kind in KINDS if not lobsterin.flag(f"skip{kind}")]
    wants_curves = kinds and asked.n_listed and not lobsterin.flag("skipCar")
    energies = curve_energies(lobsterin, bands.save.fermi_energy) if wants_curves else None
    smearing = lobsterin.number("gaussianSmearingWidth", 0.2)
    result = compute_cohp(
        bands,
        asked.bonds,
        overlaps="COOP" in kinds or not lobsterin.flag("skipPopulationAnalysis"),
        curves=None if energies is None else CurveSettings(energies, smearing, asked.listed_orbitalwise, kinds),
        progress=progress,
    )
    if bands.no_slater is not None:
        notes.append(f"projected on {bands.file.functions}, not on Slater orbitals: {bands.no_slater}.")
    if "basisSet" in lobsterin.settings:
        name = lobsterin.settings["basisSet"]
        notes.append(f"basisSet {name} is read as a name only: the functions are {bands.file.functions}.")
    if not bands.file.has_overlaps:
        notes.append(f"{bands.file.path} has no overlaps (lwrite_overlaps): no Mulliken charges, no COOPs.")
    aliased = aliased_bonds(asked.listed, bands.save)
    total_spilling = layout == 4 or lobsterin.flag("printTotalSpilling")
    lowest = None if energies is None else lowest_below(bands, float(energies[1]))
    text += lobsterout_results(result, bands, asked.n_listed, notes, int(aliased.sum()), total_spilling, lowest)
    write_result(output / "lobsterout", text)  # before the lists, which mean little without the spillings
    files = []
    for file, content in _results(result, bands, asked, lobsterin, layout, f"written by {OWN_ENGINE} v{version}"):
        write_result(output / file, content)
        files.append(file)

    now = os.times()
    timing = Timing(time.perf_counter() - clock, now.user - times.user, now.system - times.system)
    summary = summarise(result, bands, version, timing)
    summary["n_interactions"] = asked.n_listed
    summary["aliased_interactions"] = (np.flatnonzero(aliased) + 1).tolist()
    write_result(output / f"{OWN_ENGINE}.json", json.dumps(summary, indent=1) + "\n")
    write_result(output / "lobsterout", text + lobsterout_end([*files, f"{OWN_ENGINE}.json"], layout, timing))
    return result


def _results(
    result: CohpResult, bands: QeBands, asked: Interactions, lobsterin: Lobsterin, layout: Layout, by: str
) -> Iterator[tuple[str, str]]:
    """Yield name and text of every file that is asked for and can be had; curves may be large, so one by one."""
    wanted: list[Kind] = [kind for kind in KINDS if kind in result.elements and not lobsterin.flag(f"skip{kind}")]
    for kind in wanted if asked.n_listed else []:
        if result.curves is not None:
            title = f"{kind} {by}; energies in eV, the Fermi energy at 0 eV"
            curves = build_cohpcar(kind, result, bands, asked, layout)
            yield f"{kind}CAR.lobster", format_cohpcar(curves, title)
        listed = build_icohplist(kind, result, bands, asked, layout)
        yield f"I{kind}LIST.lobster", format_icohplist(listed, layout)
    if asked.n_listed < len(asked.bonds):
        yield "NcICOBILIST.lobster", format_multicentre(result, bands, asked)
    if not lobsterin.flag("skipPopulationAnalysis"):
        yield "CHARGE.lobster", format_charges(build_charges(result, bands))
        if not lobsterin.flag("skipGrossPopulation"):
            yield "GROSSPOP.lobster", format_gross_populations(build_gross_populations(result, bands), layout)
    if layout == 6:
        yield "POSCAR.lobster.vasp", format_structure(bands)


def _threads() -> int:
    """Return how many threads the linear algebra may use."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(given) if given.isdigit() and int(given) > 0 else os.cpu_count() or 1


def curve_energies(lobsterin: Lobsterin, fermi_energy: float) -> NDArray[np.float64]:
    """Return the absolute energies of the curves (eV) with one more below, from which the first step is taken.

    Raises
    ------
    ValueError
        For more than memory has place for.
    """
    start, end = lobsterin.number("COHPstartEnergy", -10), lobsterin.number("COHPendEnergy", 5)
    steps = int(lobsterin.number("COHPSteps", max(1, round((end - start) / CURVE_STEP))))
    if steps > MOST_STEPS:
        raise ValueError(f"lobsterin keyword COHPSteps: {steps} energies are too many, give {MOST_STEPS} or fewer")
    return np.asarray(fermi_energy + start + (end - start) / steps * np.arange(-1, steps + 1), dtype=float)


def lowest_below(bands: QeBands, start: float) -> float | None:
    """Return the lowest occupied energy of the bands in use, in eV from the Fermi energy, if curves begin above it.

    Parameters
    ----------
    bands
    start
        First energy of the curves, absolute (eV).
    """
    used = slice(len(bands.orbitals))
    lowest = float(bands.energies[..., used][bands.occupations[..., used] > OCCUPIED].min(initial=np.inf))
    return lowest - bands.save.fermi_energy if lowest < start else None


def summarise(result: CohpResult, bands: QeBands, version: str, timing: Timing) -> dict[str, Any]:
    """Return what a program wants to know of a run; energies in eV, times in s, spillings as fractions."""
    save = bands.save
    return {
        "engine": OWN_ENGINE,
        "version": version,
        "program": f"Quantum ESPRESSO {save.version}",
        "projections": bands.file.functions,
        "no_slater_orbitals": bands.no_slater,
        "basis": {element: [shell.label for shell in shells] for element, shells in bands.orbitals.shells.items()},
        "pseudopotentials": {
            name: {"element": upf.element, "kind": upf.kind, "z_valence": upf.z_valence, "md5": upf.md5}
            for name, upf in save.upfs.items()
        },
        "n_basis": len(bands.orbitals),
        "n_bands": save.n_bands,
        "n_bands_used": len(bands.orbitals),
        "n_bands_left_out": bands.n_left_out,
        "n_kpoints": len(save.weights),
        "n_spins": save.n_spins,
        "fermi_energy": save.fermi_energy,
        "band_energy": result.band_energy,
        "charge_spilling": result.charge_spilling.tolist(),
        "total_spilling": result.total_spilling.tolist(),
        "electrons": save.n_electrons - float(bands.core_electrons.sum()),
        "electrons_recovered": float(result.loewdin.sum()),
        "loewdin_charges": atomic_charges(result.loewdin, bands).tolist(),
        "mulliken_charges": None if result.mulliken is None else atomic_charges(result.mulliken, bands).tolist(),
        "smallest_singular_value": result.smallest_singular_value,
        "rank_tolerance": RANK_TOLERANCE,
        "n_rank_deficient": result.n_rank_deficient,
        "degeneracy_tolerance": DEGENERACY_TOLERANCE,
        "n_cut_levels": result.n_cut_levels,
        "timing": {"wall": timing.wall, "user": timing.user, "sys": timing.sys},
    }
