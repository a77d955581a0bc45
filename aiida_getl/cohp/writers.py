"""Turn the engine's results into LOBSTER's files."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.io.vasp import write_vasp
from numpy.typing import NDArray

from aiida_getl.cohp.calculation import QeBands
from aiida_getl.cohp.curves import KINDS
from aiida_getl.cohp.engine import CohpResult
from aiida_getl.cohp.interactions import Interactions
from aiida_getl.cohp.orbitals import lobster_names
from aiida_getl.lobster.charge import Charges
from aiida_getl.lobster.cohpcar import Cohpcar, CurveLabel
from aiida_getl.lobster.grosspop import GrossPopulations
from aiida_getl.lobster.icohplist import IcohpList, Kind, Layout, OrbitalRows
from aiida_getl.lobster.lobsterout import OWN_ENGINE, Timing, format_timing

_POPULATION_FILES = ("CHARGE.lobster", "GROSSPOP.lobster")
_VERSION_OF_LAYOUT = {4: "v4.1.0", 6: "v6.0.0"}


def orbital_order(result: CohpResult, bands: QeBands, orbitalwise: NDArray[np.bool_], layout: Layout) -> NDArray:
    """Return the matrix elements of the bonds with orbitals in the order in which they are listed.

    From version 5.1 on the orbital of the second atom changes first, before that the one of the first atom.
    """
    blocks, rank = result.blocks, bands.orbitals.rank
    elements = np.flatnonzero(orbitalwise[blocks.bond])
    left, right = rank[blocks.row[elements]], rank[blocks.column[elements]]
    inner, outer = (right, left) if layout == 6 else (left, right)
    return elements[np.lexsort((inner, outer, blocks.bond[elements]))]


def build_icohplist(kind: Kind, result: CohpResult, bands: QeBands, asked: Interactions, layout: Layout) -> IcohpList:
    """Return the list of a kind, orbitals in the order of the layout."""
    bonds, blocks = asked.listed, result.blocks
    symbols = np.array(bands.save.symbols)
    names = np.array(bands.orbitals.names)
    rows = orbital_order(result, bands, asked.listed_orbitalwise, layout)
    return IcohpList(
        kind=kind,
        label=np.arange(1, len(bonds) + 1),
        element_i=symbols[bonds.atom_i],
        element_j=symbols[bonds.atom_j],
        atom_i=bonds.atom_i,
        atom_j=bonds.atom_j,
        translation=bonds.translation,
        distance=bonds.distance,
        icohp=result.integrated(kind)[: asked.n_listed],
        n_averaged=None,
        orbitals=OrbitalRows(
            bond=blocks.bond[rows],
            orbital_i=names[blocks.row[rows]],
            orbital_j=names[blocks.column[rows]],
            icohp=result.elements[kind][:, rows].T,
        ),
        complete=True,
    )


def build_cohpcar(kind: Kind, result: CohpResult, bands: QeBands, asked: Interactions, layout: Layout) -> Cohpcar:
    """Return the curves of a kind; the first energy of the result is one step below their window."""
    curves, blocks = result.curves, result.blocks
    assert curves is not None
    bonds, symbols, names = asked.listed, bands.save.symbols, bands.orbitals.names
    rows = orbital_order(result, bands, asked.listed_orbitalwise, layout)
    labels = [
        CurveLabel(n, symbols[i], int(i), "", symbols[j], int(j), "", float(distance))
        for n, (i, j, distance) in enumerate(zip(bonds.atom_i, bonds.atom_j, bonds.distance, strict=True), start=1)
    ]
    labels += [
        replace(labels[blocks.bond[row]], orbital_i=names[blocks.row[row]], orbital_j=names[blocks.column[row]])
        for row in rows
    ]
    # The curves of orbitals are kept in the order of their matrix elements.
    elements = curves.elements[kind][:, np.argsort(np.argsort(rows))]
    order = np.argsort(np.append(np.arange(len(bonds)), blocks.bond[rows]), kind="stable")
    integrated = np.concatenate([curves.bonds[kind][:, : len(bonds)], elements], axis=1)[:, order].transpose(1, 0, 2)
    cohp = np.diff(integrated) / (curves.energies[1] - curves.energies[0])
    icohp = integrated[..., 1:] - integrated[..., :1]
    # Up to version 4 the curves of orbitals count in the average.
    averaged = np.ones(len(order), dtype=bool) if layout == 4 else order < len(bonds)
    return Cohpcar(
        labels=tuple(labels[n] for n in order),
        energies=curves.energies[1:] - bands.save.fermi_energy,
        cohp=cohp,
        icohp=icohp,
        average_cohp=cohp[averaged].mean(axis=0),
        average_icohp=icohp[averaged].mean(axis=0),
        fermi_energy=bands.save.fermi_energy,
        complete=True,
    )


def format_multicentre(result: CohpResult, bands: QeBands, asked: Interactions) -> str:
    """Return the text of NcICOBILIST.lobster: the bonds of cobiBetween, each before its orbitals."""
    blocks, elements, names = result.blocks, result.elements["COBI"], bands.orbitals.names
    bonds, symbols = asked.bonds, bands.save.symbols
    orbitals = orbital_order(result, bands, asked.orbitalwise & ~asked.listed_orbitalwise, 6)
    lines = []
    for spin in range(bands.save.n_spins):
        lines.append(f"  COBI#   No. of atoms  Nc-ICOBI (at) eF for spin {spin + 1}  Atoms for Nc-ICOBI")
        for number, bond in enumerate(range(asked.n_listed, len(bonds)), start=1):
            left, right = (f"{symbols[atom]}{atom + 1}" for atom in (int(bonds.atom_i[bond]), int(bonds.atom_j[bond])))
            cell = " ".join(str(n) for n in bonds.translation[bond])
            rows = [(result.icobi[bond, spin], f"{left}[0 0 0]->{right}[{cell}]")]
            rows += [
                (elements[spin, n], f"{left}[{names[blocks.row[n]]}]->{right}[{names[blocks.column[n]]}]")
                for n in orbitals[blocks.bond[orbitals] == bond]
            ]
            lines += [f"{number:7d} {2:14d} {value:28.5f}  {text}" for value, text in rows]
    return "\n".join(lines) + "\n"


def atomic_charges(populations: NDArray[np.float64], bands: QeBands) -> NDArray[np.float64]:
    """Return valence minus population of every atom, in e; populations (nspin, functions)."""
    valence = np.array([bands.save.upfs[name].z_valence for name in bands.save.species]) - bands.core_electrons
    return valence - np.bincount(bands.atom, weights=populations.sum(axis=0), minlength=len(valence))


def build_charges(result: CohpResult, bands: QeBands) -> Charges:
    """Return the charges of the atoms; Mulliken's are nan without overlaps."""
    loewdin = atomic_charges(result.loewdin, bands)
    mulliken = np.full(len(loewdin), np.nan) if result.mulliken is None else atomic_charges(result.mulliken, bands)
    return Charges(np.array(bands.save.symbols), mulliken, loewdin, complete=True)


def build_gross_populations(result: CohpResult, bands: QeBands) -> GrossPopulations:
    """Return the electrons in every basis function, as LOBSTER orders them."""
    order = np.lexsort((bands.orbitals.rank, bands.atom))
    mulliken = np.full_like(result.loewdin, np.nan) if result.mulliken is None else result.mulliken
    return GrossPopulations(
        elements=bands.save.symbols,
        atom=bands.atom[order],
        orbitals=tuple(bands.orbitals.names[n] for n in order),
        mulliken=mulliken[:, order].T,
        loewdin=result.loewdin[:, order].T,
        complete=True,
    )


def format_structure(bands: QeBands) -> str:
    """Return the structure that atoms and translations of the lists belong to, in VASP's format."""
    save = bands.save
    file = io.StringIO()
    write_vasp(file, Atoms(save.symbols, positions=save.positions, cell=save.cell, pbc=True), direct=True)
    return file.getvalue()


def lobsterout_start(
    version: str, layout: Layout, host: str, started: str, threads: int, bands: QeBands, n_bonds: int
) -> str:
    """Return the first part of a lobsterout, all that is known before the projection."""
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
        lines.append(f"{element:>2s} ({bands.file.label}) {' '.join(lobster_names(shells))} ")
    n = len(bands.orbitals) + bands.n_left_out
    if bands.n_left_out:
        lines.append(
            f"INFO: the basis has no {bands.orbitals.describe_left_out()}: "
            f"{bands.n_left_out} occupied bands of theirs are left out too."
        )
    if bands.save.n_bands > n:
        lines += [
            "INFO: There are more bands than local basis functions available.",
            f"INFO: the bands from {n + 1} and upwards will be ignored.",
        ]
    else:
        lines += [
            "INFO: There are no more bands than local basis functions, so it is not known whether the last ones are",
            "INFO: degenerate with the next; some more (nbnd) would let equivalent bonds come out equal.",
        ]
    plural = "" if n_bonds == 1 else "s"
    lines += [f"setting up CO interactions... found {n_bonds} interaction{plural}.", "projecting..."]
    return "\n".join(lines) + "\n"


def lobsterout_results(
    result: CohpResult,
    bands: QeBands,
    n_bonds: int,
    notes: list[str],
    n_aliased: int,
    total_spilling: bool,
    lowest: float | None,
) -> str:
    """Return the part of a lobsterout about the projection.

    ``lowest`` is the energy (eV) of the lowest occupied state from the Fermi energy, where the curves begin above it.
    """
    lines = [f"INFO: {note}" for note in notes]
    if n_aliased:
        lines += [
            f"WARNING: {n_aliased} of {n_bonds} interactions are to images of an atom that these k-points "
            "cannot tell apart, listed or not;",
            f"WARNING: their values are no bond strengths ({OWN_ENGINE}.json lists them). "
            "Use more k-points, a larger cell or shorter bonds.",
        ]
    if lowest is not None:
        lines += [
            "WARNING: the curves begin above occupied states of the basis: their integrals have nothing of these, and",
            "WARNING: differ from the lists, which have all. "
            f"Give COHPstartEnergy {math.floor(lowest) - 1} (eV from the Fermi energy).",
        ]
    if result.n_rank_deficient:
        lines += [
            f"WARNING: {result.n_rank_deficient} of {result.n_kpoints} k-points could not be orthonormalized: "
            "their projections are",
            f"WARNING: rank-deficient (smallest singular value {result.smallest_singular_value:.1e}), "
            "so directions of the basis are undetermined there and averaged over.",
        ]
    if result.n_cut_levels:
        lines += [
            f"INFO: at {result.n_cut_levels} of {result.n_kpoints} k-points the last band used is one of several "
            "degenerate ones;",
            "INFO: of these, the combinations are used that reach what the lower bands leave.",
        ]
    for spin in range(len(result.charge_spilling)):
        if len(result.charge_spilling) == 2:
            lines += ["", f"spillings for spin channel {spin + 1}"]
        if total_spilling:
            lines.append(f"abs. total  spilling: {100 * result.total_spilling[spin]:6.2f}%")
        lines.append(f"abs. charge spilling: {100 * result.charge_spilling[spin]:6.2f}%")
    lines += [
        "",
        f"number of electrons recovered by projection: {result.loewdin.sum():.4f} of "
        f"{bands.save.n_electrons - bands.core_electrons.sum():g}",
        "",
    ]
    return "\n".join(lines) + "\n"


def lobsterout_end(files: Sequence[str], layout: Layout, timing: Timing) -> str:
    """Return the last part of a lobsterout: the files, in the words that tell others' readers what is there."""
    left = list(files)
    lines = []
    if layout == 4:
        for pair in (*((f"{kind}CAR.lobster", f"I{kind}LIST.lobster") for kind in KINDS), _POPULATION_FILES):
            if set(pair) <= set(left):
                lines.append(f"writing {pair[0]} and {pair[1]}...")
                left = [file for file in left if file not in pair]
    for file in left:
        if layout == 6 and file.endswith("LIST.lobster"):
            lines.append(f"Writing {file}")
        else:
            lines.append(f"{'Writing' if layout == 6 and file.startswith('GROSSPOP') else 'writing'} {file}...")
    return "\n".join([*lines, format_timing(timing)])
