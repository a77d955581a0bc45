"""Regenerate the tables of docs/cohp.md: what getl-cohp takes, beside the cost of the algebra.

    nice -n 10 python tests/benchmarks/cohp.py --work FOLDER --projections slater --threads 2

Writes synthetic results of a Zr49Cu49Al2-like glass (10 functions each of Zr and Cu, 4 of Al; 2 % more bands than
functions) in QE's formats, and runs getl-cohp on them as a user would: all bonds up to 4.2 Å, ICOHPs, ICOBIs, charges.
Every size gets one k-point; ``--large`` atoms also ``--kpoints`` of them.

``slater``: wavefunctions of pw.x with random coefficients, as many plane waves as 45 Ry give (600 for each atom), with
the package's PAW datasets (needs ld1.x); with several k-points also all curves. ``projwfc``: random projections of
projwfc.x with singular values from 0.3 to 1; with several k-points also overlaps (COOPs, Mulliken charges) and curves.

The limit: for every k-point one singular value decomposition of the projections and the two products that make H and D;
with wavefunctions also the product that projects them, and the decomposition of the overlaps. It is measured on
matrices of that size with the same threads. On a machine that does other work, too, only processor times mean
something, best with one thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.io import FortranFile

from aiida_getl.cohp.save import BOHR, HARTREE
from aiida_getl.pseudos.generate import generate_family
from aiida_getl.structures.packing import random_packing

SHELLS = {
    "Zr": (("4S", 0, 2), ("5S", 0, 2), ("4P", 1, 6), ("4D", 2, 2)),
    "Cu": (("3S", 0, 2), ("4S", 0, 1), ("3P", 1, 6), ("3D", 2, 10)),
    "Al": (("3S", 0, 2), ("3P", 1, 1)),
}
VALENCE = {"Zr": 12.0, "Cu": 19.0, "Al": 3.0}
SPACE = 17.5  #: Å^3 per atom
ECUTWFC = 45.0  #: Ry
#: Runs getl-cohp from a small process: the peak memory of a process counts that of the one it was forked from.
LAUNCHER = """\
import os, sys
command = [sys.executable, "-m", "aiida_getl.cohp.cli", "--projections", sys.argv[1]]
child = os.posix_spawn(sys.executable, command, os.environ)
_, status, usage = os.wait4(child, 0)
print("\\n", usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
LOBSTERIN = "cohpGenerator from 1.0 to 4.2\n"


@dataclass(frozen=True)
class Case:
    """One synthetic calculation."""

    n_atoms: int
    n_kpoints: int
    n_functions: int
    source: str
    folder: Path


def make_case(n_atoms: int, n_kpoints: int, source: str, overlaps: bool, curves: bool, work: Path) -> Case:
    """Write the files of one calculation, unless they are there."""
    n_al = max(1, round(0.02 * n_atoms))
    n_zr = (n_atoms - n_al) // 2
    counts = {"Zr": n_zr, "Cu": n_atoms - n_al - n_zr, "Al": n_al}
    symbols = [element for element, count in counts.items() for _ in range(count)]
    n = sum(2 * angular + 1 for symbol in symbols for _, angular, _ in SHELLS[symbol])
    folder = work / f"{source}-{n_atoms}-atoms-{n_kpoints}-kpoints{'-overlaps' if overlaps else ''}"
    save = folder / "x.save"
    if not (save / "data-file-schema.xml").is_file():
        save.mkdir(parents=True, exist_ok=True)
        write_save(save, symbols, n, n_kpoints, source, overlaps)
    (folder / "lobsterin").write_text(LOBSTERIN if curves else LOBSTERIN + "skipCar\n")
    return Case(n_atoms, n_kpoints, n, source, folder)


def write_save(save: Path, symbols: list[str], n: int, n_kpoints: int, source: str, overlaps: bool) -> None:
    """Write what pw.x and projwfc.x would; the same numbers at every k-point, for only their size matters."""
    rng = np.random.default_rng(1)
    n_bands = round(1.02 * n)
    atoms = random_packing({element: symbols.count(element) for element in SHELLS}, seed=1, volume_per_atom=SPACE)
    symbols = atoms.get_chemical_symbols()
    edge = float(atoms.cell[0, 0])
    energies = np.sort(rng.uniform(-60, 15, n_bands)) / HARTREE
    n_electrons = sum(VALENCE[symbol] for symbol in symbols)
    occupations = np.clip(n_electrons / 2 - np.arange(n_bands), 0, 1)
    kpoints = (np.arange(n_kpoints) + 0.5)[:, None] / (2 * n_kpoints) * np.ones(3)
    if source == "slater":
        for element, path in generate_family("ld1.x", save).items():
            path.rename(save / f"{element}.UPF")
        write_wavefunctions(save, rng, edge / BOHR, kpoints, n_bands)
    else:
        write_pseudopotentials(save)
        write_projections(save / "atomic_proj.xml", rng, energies, kpoints, n, overlaps)
    positions = atoms.positions / BOHR
    (save / "data-file-schema.xml").write_text(
        '<?xml version="1.0"?>\n<espresso><general_info><creator VERSION="synthetic"/></general_info>\n<output>\n'
        '<atomic_species ntyp="3">'
        + "".join(f"<species name={e!r}><pseudo_file>{e}.UPF</pseudo_file></species>" for e in SHELLS)
        + f'</atomic_species>\n<atomic_structure nat="{len(symbols)}" alat="{edge / BOHR}"><atomic_positions>\n'
        + "\n".join(
            f'<atom name="{symbol}">{text(position)}</atom>'
            for symbol, position in zip(symbols, positions, strict=True)
        )
        + "\n</atomic_positions><cell>"
        + "".join(f"<a{i + 1}>{text(row)}</a{i + 1}>" for i, row in enumerate(atoms.cell[:] / BOHR))
        + "</cell></atomic_structure>\n<band_structure><lsda>false</lsda><noncolin>false</noncolin>"
        f"<nelec>{n_electrons}</nelec><fermi_energy>{energies[int(n_electrons / 2)]}</fermi_energy>\n"
        + "".join(
            f'<ks_energies><k_point weight="{2 / n_kpoints}">{text(k)}</k_point><eigenvalues>{text(energies)}'
            f"</eigenvalues><occupations>{text(occupations)}</occupations></ks_energies>\n"
            for k in kpoints
        )
        + "</band_structure></output></espresso>\n"
    )


def write_pseudopotentials(save: Path) -> None:
    """Write UPF files that have no more than what is read of them beside projections of projwfc.x."""
    for element, shells in SHELLS.items():
        chi = "\n".join(
            f'<PP_CHI.{number} label="{label}" l="{angular}" occupation="{occupation}" n="1"> 1.0 </PP_CHI.{number}>'
            for number, (label, angular, occupation) in enumerate(shells, start=1)
        )
        header = f'element="{element}" is_paw="T" z_valence="{VALENCE[element]}" number_of_wfc="{len(shells)}"'
        (save / f"{element}.UPF").write_text(f'<UPF version="2.0.1">\n<PP_HEADER {header}/>\n{chi}\n</UPF>\n')


def write_projections(
    path: Path, rng: np.random.Generator, energies: NDArray, kpoints: NDArray, n: int, overlaps: bool
) -> None:
    """Write an atomic_proj.xml."""
    n_bands, n_kpoints = len(energies), len(kpoints)
    x = projections(rng, n, n_bands)
    state = f"<E>\n{text(energies * 2)}\n</E>\n<PROJS>\n" + "".join(
        f'<ATOMIC_WFC index="{row + 1}" spin="1">\n{text(x[row].view(float))}\n</ATOMIC_WFC>\n' for row in range(n)
    )
    with path.open("w") as file:
        file.write(
            f'<PROJECTIONS>\n<HEADER NUMBER_OF_BANDS="{n_bands}" NUMBER_OF_K-POINTS="{n_kpoints}" '
            f'NUMBER_OF_SPIN_COMPONENTS="1" NUMBER_OF_ATOMIC_WFC="{n}"/>\n<EIGENSTATES>\n'
        )
        for k in kpoints:
            file.write(f'<K-POINT Weight="{2 / n_kpoints}">\n{text(k)}\n</K-POINT>\n{state}</PROJS>\n')
        file.write("</EIGENSTATES>\n")
        if overlaps:
            a = np.eye(n) + 0.1 / np.sqrt(n) * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
            block = (
                f'<OVPS dim="{n}" spin="1">\n{text(np.ascontiguousarray((a.conj().T @ a).T).view(float))}\n</OVPS>\n'
            )
            file.write("<OVERLAPS>\n")
            for _ in range(n_kpoints):
                file.write(block)
            file.write("</OVERLAPS>\n")
        file.write("</PROJECTIONS>\n")


def plane_waves(edge: float, kpoint: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the Miller indices of the plane waves of a cube (bohr) up to the cut-off, (n, 3)."""
    reciprocal = 2 * np.pi / edge
    largest = int(np.sqrt(ECUTWFC) / reciprocal) + 1
    miller = np.stack(np.meshgrid(*[np.arange(-largest, largest + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return miller[(((miller + kpoint) * reciprocal) ** 2).sum(axis=1) < ECUTWFC].astype("i4")


def write_wavefunctions(
    save: Path, rng: np.random.Generator, edge: float, kpoints: NDArray[np.float64], n_bands: int
) -> None:
    """Write random wavefunctions, large enough that no direction of the basis is left undetermined."""
    reciprocal = 2 * np.pi / edge * np.eye(3)
    for number, k in enumerate(kpoints, start=1):
        miller = plane_waves(edge, k)
        n = len(miller)
        with FortranFile(save / f"wfc{number}.dat", "w") as file:
            file.write_record(np.int32(number), k @ reciprocal, np.int32(1), np.int32(0), np.float64(1))
            file.write_record(np.array([n, n, 1, n_bands], dtype="i4"))
            file.write_record(reciprocal)
            file.write_record(miller)
            for _ in range(n_bands):
                file.write_record(rng.normal(scale=30 / np.sqrt(n), size=2 * n))


def projections(rng: np.random.Generator, n: int, n_bands: int) -> NDArray[np.complex128]:
    """Return random projections, those of the lowest n bands with singular values from 0.3 to 1."""
    left, right = (np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0] for _ in range(2))
    rest = 0.1 / np.sqrt(n) * (rng.normal(size=(n, n_bands - n)) + 1j * rng.normal(size=(n, n_bands - n)))
    return np.hstack([(left * np.linspace(1, 0.3, n)) @ right.conj().T, rest])


def text(values: NDArray[np.float64]) -> str:
    """Write numbers as QE 7 does."""
    flat = np.ravel(values)
    whole = len(flat) // 3 * 3
    body = ("%24.15E%24.15E%24.15E\n" * (whole // 3)) % tuple(flat[:whole])
    return body + "".join(f"{value:24.15E}" for value in flat[whole:])


def run(case: Case, threads: int) -> tuple[float, float, float]:
    """Run getl-cohp; return wall and processor time in s and peak memory in MB."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    started = time.perf_counter()
    launched = subprocess.run(
        [sys.executable, "-c", LAUNCHER, case.source], cwd=case.folder, env=environment, capture_output=True
    )
    wall = time.perf_counter() - started
    if launched.returncode:
        raise SystemExit(f"getl-cohp failed in {case.folder}: {launched.stderr.decode()}")
    cpu, memory = launched.stdout.split()[-2:]
    return wall, float(cpu), float(memory) / 1024


def limit(case: Case) -> float:
    """Return the processor time in s of what cannot be avoided at one k-point; of three runs the best."""
    rng, n = np.random.default_rng(0), case.n_functions
    x = projections(rng, n, n)
    hermitian, e = x + x.conj().T, rng.normal(size=n)
    part = 4096
    rows, bands = (rng.normal(size=(m, part)) + 1j * rng.normal(size=(m, part)) for m in (n, round(1.02 * n)))
    n_waves = len(plane_waves((SPACE * case.n_atoms) ** (1 / 3) / BOHR, np.zeros(3)))
    best = np.inf
    for _ in range(3 if n < 1500 else 1):
        started = time.process_time()
        u, _, vh = scipy.linalg.svd(x, check_finite=False)
        c = u @ vh
        for diagonal in (e, np.abs(e)):
            (c * diagonal) @ c.conj().T
        spent = time.process_time() - started
        if case.source == "slater":
            started = time.process_time()
            rows.conj() @ bands.T
            spent += (time.process_time() - started) * n_waves / part
            started = time.process_time()
            scipy.linalg.eigh(hermitian, check_finite=False)
            spent += time.process_time() - started
        best = min(best, spent)
    return best


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the files (100 atoms, 8 k-points: 1 GB, slater 8 GB)"
    )
    parser.add_argument("--projections", choices=("slater", "projwfc"), default="slater", help="default: slater")
    parser.add_argument("--atoms", type=int, nargs="+", default=[16, 32, 64, 100, 200])
    parser.add_argument("--large", type=int, default=100, help="atoms of the case of several k-points")
    parser.add_argument("--kpoints", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    # The limit is measured in this process, whose threads are set before NumPy starts.
    if os.environ.get("OMP_NUM_THREADS") != str(options.threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=environment).returncode)
    print("| atoms | functions | k-points | also | wall, s | CPU, s | memory, MB | limit of the algebra, CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    also = [(False, False), (False, True)]  # overlaps, curves
    if options.projections == "projwfc":
        also = [(False, False), (True, False), (True, True)]
    cases = [(n, 1, False, False) for n in options.atoms]
    cases += [(options.large, options.kpoints, *more) for more in also]
    for n_atoms, n_kpoints, overlaps, curves in cases:
        case = make_case(n_atoms, n_kpoints, options.projections, overlaps, curves, options.work)
        words = " ".join(word for word, given in (("overlaps", overlaps), ("curves", curves)) if given)
        wall, cpu, memory = run(case, options.threads)
        algebra = n_kpoints * limit(case)
        print(
            f"| {n_atoms} | {case.n_functions} | {n_kpoints} | {words} | {wall:.1f} | {cpu:.1f} "
            f"| {memory:.0f} | {algebra:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
