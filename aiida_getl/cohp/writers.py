"""Turn the engine's results into LOBSTER's files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.calculation import QeBands
from aiida_getl.cohp.engine import CohpResult
from aiida_getl.cohp.orbitals import lobster_names
from aiida_getl.lobster.charge import Charges
from aiida_getl.lobster.cohpcar import Cohpcar, CurveLabel
from aiida_getl.lobster.icohplist import IcohpList, Kind, Layout, OrbitalRows
from aiida_getl.lobster.lobsterout import OWN_ENGINE, Timing, format_timing

_VERSION_OF_LAYOUT = {4: "v4.1.0", 6: "v6.0.0"}


def build_icohplist(
    kind: Kind,
    values: NDArray[np.float64],
    result: CohpResult,
    bands: QeBands,
    orbitalwise: NDArray[np.bool_],
) -> IcohpList:
    """Return the list of ``values`` (n, nspin); orbital rows are those of the ICOHP."""
    bonds, blocks = result.bonds, result.blocks
    symbols = np.array(bands.save.symbols)
    names = np.array(bands.orbitals.names)
    rows = np.flatnonzero(orbitalwise[blocks.bond]) if kind == "COHP" else np.zeros(0, dtype=np.int64)
    return IcohpList(
        kind=kind,
        label=np.arange(1, len(bonds) + 1),
        element_i=symbols[bonds.atom_i],
        element_j=symbols[bonds.atom_j],
        atom_i=bonds.atom_i,
        atom_j=bonds.atom_j,
        translation=bonds.translation,
        distance=bonds.distance,
        icohp=values,
        n_averaged=None,
        orbitals=OrbitalRows(
            bond=blocks.bond[rows],
            orbital_i=names[blocks.row[rows]],
            orbital_j=names[blocks.column[rows]],
            icohp=result.icohp_elements[:, rows].T,
        ),
        complete=True,
    )


def build_cohpcar(result: CohpResult, bands: QeBands) -> Cohpcar:
    """Return the curves of the bonds; the first energy of the result is one step below their window."""
    assert result.curves is not None
    bonds, symbols = result.bonds, bands.save.symbols
    integrated = result.curves.integrated.transpose(1, 0, 2)
    step = result.curves.energies[1] - result.curves.energies[0]
    cohp = np.diff(integrated) / step
    icohp = integrated[..., 1:] - integrated[..., :1]
    labels = tuple(
        CurveLabel(n, symbols[i], int(i), "", symbols[j], int(j), "", float(distance))
        for n, (i, j, distance) in enumerate(zip(bonds.atom_i, bonds.atom_j, bonds.distance, strict=True), start=1)
    )
    return Cohpcar(
        labels=labels,
        energies=result.curves.energies[1:] - bands.save.fermi_energy,
        cohp=cohp,
        icohp=icohp,
        average_cohp=cohp.mean(axis=0),
        average_icohp=icohp.mean(axis=0),
        fermi_energy=bands.save.fermi_energy,
        complete=True,
    )


def atomic_charges(populations: NDArray[np.float64], bands: QeBands) -> NDArray[np.float64]:
    """Return valence minus population of every atom, in e; populations (nspin, functions)."""
    valence = np.array([bands.save.upfs[name].z_valence for name in bands.save.species])
    return valence - np.bincount(bands.atom, weights=populations.sum(axis=0), minlength=len(valence))


def build_charges(result: CohpResult, bands: QeBands) -> Charges:
    """Return the charges of the atoms; Mulliken's are nan without overlaps."""
    loewdin = atomic_charges(result.loewdin, bands)
    mulliken = np.full(len(loewdin), np.nan) if result.mulliken is None else atomic_charges(result.mulliken, bands)
    return Charges(np.array(bands.save.symbols), mulliken, loewdin, complete=True)


def lobsterout_start(version: str, layout: Layout, host: str, started: str, threads: int, bands: QeBands) -> str:
    """Return the first part of a lobsterout, up to the basis."""
    plural = "threads" if threads != 1 else "thread"
    lines = [
        f"{OWN_ENGINE} v{version} (LOBSTER-format output of aiida_getl)",
        # Readers of LOBSTER's files look for a line that starts like this one to know the layout.
        f"LOBSTER {_VERSION_OF_LAYOUT[layout]} is the layout of the files; {OWN_ENGINE} wrote them, not LOBSTER.",
        f"starting on host {host} on {started} using {threads} {plural}",
        "detecting used PAW program... Quantum Espresso",
        f"reading {bands.save.path} of pw.x {bands.save.version}",
        "setting up local basis functions...",
    ]
    for element, shells in bands.orbitals.shells.items():
        lines.append(f"{element:>2s} (UPF) {' '.join(lobster_names(shells))} ")
    n = len(bands.orbitals)
    if bands.save.n_bands > n:
        lines += [
            "INFO: There are more bands than local basis functions available.",
            f"INFO: the bands from {n + 1} and upwards will be ignored.",
        ]
    return "\n".join(lines) + "\n"


def lobsterout_results(result: CohpResult, bands: QeBands, notes: list[str], n_aliased: int) -> str:
    """Return the part of a lobsterout about the projection."""
    lines = [f"setting up CO interactions... found {len(result.bonds)} interactions.", "projecting..."]
    lines += [f"INFO: {note}" for note in notes]
    if n_aliased:
        lines += [
            f"WARNING: {n_aliased} of {len(result.bonds)} interactions are to images of an atom that these k-points "
            "cannot tell apart;",
            f"WARNING: their values are no bond strengths ({OWN_ENGINE}.json lists them). "
            "Use more k-points, a larger cell or shorter bonds.",
        ]
    if result.n_rank_deficient:
        lines += [
            f"WARNING: {result.n_rank_deficient} of {result.n_kpoints} k-points could not be orthonormalized: "
            "their projections are",
            f"WARNING: rank-deficient (smallest singular value {result.smallest_singular_value:.1e}), "
            "so directions of the basis are undetermined there and averaged over.",
        ]
    for spin in range(len(result.charge_spilling)):
        if len(result.charge_spilling) == 2:
            lines += ["", f"spillings for spin channel {spin + 1}"]
        lines += [
            f"abs. total  spilling: {100 * result.total_spilling[spin]:6.2f}%",
            f"abs. charge spilling: {100 * result.charge_spilling[spin]:6.2f}%",
        ]
    lines += [
        "",
        f"number of electrons recovered by projection: {result.loewdin.sum():.4f} of {bands.save.n_electrons:g}",
        "",
    ]
    return "\n".join(lines) + "\n"


def lobsterout_end(files: list[str], timing: Timing) -> str:
    """Return the last part of a lobsterout."""
    return "".join(f"writing {file}...\n" for file in files) + format_timing(timing)
