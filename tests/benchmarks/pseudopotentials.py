"""Regenerate the tables of docs/pseudopotentials.md: equations of state, convergence with the cut-offs, cost.

    python tests/benchmarks/pseudopotentials.py equations cutoffs cost

Needs ld1.x and pw.x on the PATH; about a quarter of an hour of a free core for everything.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ase import Atoms

from aiida_getl.pseudos.generate import RECOMMENDED_CUTOFFS, generate_family
from aiida_getl.pseudos.validate import CRYSTALS, Settings, StateEquation, equation_of_state, total_energy

CONVERGED_GRIDS = {"fcc Al": (16, 16, 16), "fcc Cu": (14, 14, 14), "hcp Zr": (10, 10, 6), "B2 CuZr": (6, 6, 6)}
CONVERGENCE_GRIDS = {"fcc Al": (10, 10, 10), "fcc Cu": (8, 8, 8), "hcp Zr": (6, 6, 4)}
CUTOFFS = {
    "fcc Al": [(15, 240), (20, 240), (30, 120), (30, 240), (40, 240), (60, 480)],
    "fcc Cu": [(50, 300), (60, 330), (70, 330), (70, 560), (80, 400), (100, 600)],
    "hcp Zr": [(30, 270), (35, 270), (40, 160), (40, 270), (50, 300), (70, 600)],
}
LABEL_CUTOFFS = [(30, 240), (40, 270), (50, 300)]
FIVE_VOLUMES = (0.94, 0.97, 1.0, 1.03, 1.06)


def recommended(atoms: Atoms) -> tuple[float, float]:
    """Return the cut-offs in Ry of a crystal: the highest of its elements'."""
    elements = set(atoms.get_chemical_symbols())
    return (
        max(RECOMMENDED_CUTOFFS[element]["cutoff_wfc"] for element in elements),
        max(RECOMMENDED_CUTOFFS[element]["cutoff_rho"] for element in elements),
    )


def cpu_seconds() -> float:
    """Return the processor time of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def row(name: str, settings: Settings, equation: StateEquation, seconds: float) -> str:
    cells = (
        name,
        f"{settings.cutoff_wfc:g}/{settings.cutoff_rho:g}",
        "x".join(map(str, settings.kpoints)),
        f"{equation.volume:.3f}",
        f"{equation.bulk_modulus:.1f}",
        f"{equation.pressure_derivative:.2f}",
        f"{equation.residual * 1e3:.3f}",
        f"{seconds:.0f}",
    )
    return "| " + " | ".join(cells) + " |"


HEADER = """\
| crystal | cut-offs, Ry | k-points | V0, Å³/atom | B0, GPa | B0' | residual, meV/atom | CPU, s |
|---|---|---|---|---|---|---|---|"""


def equations(pw: str, family: dict[str, Path]) -> None:
    """Print the equations of state at the recommended cut-offs with converged k-points, from seven volumes."""
    print(HEADER)
    for name, grid in CONVERGED_GRIDS.items():
        atoms = CRYSTALS[name]
        settings = Settings(*recommended(atoms), grid)
        start = cpu_seconds()
        print(row(name, settings, equation_of_state(pw, atoms, family, settings), cpu_seconds() - start), flush=True)


def cutoffs(pw: str, family: dict[str, Path]) -> None:
    """Print the equations of state against the cut-offs; five volumes, coarse k-points: compare within a crystal."""
    print(HEADER)
    for name, grid in CONVERGENCE_GRIDS.items():
        for cutoff_wfc, cutoff_rho in CUTOFFS[name]:
            settings = Settings(cutoff_wfc, cutoff_rho, grid)
            start = cpu_seconds()
            equation = equation_of_state(pw, CRYSTALS[name], family, settings, FIVE_VOLUMES)
            print(row(name, settings, equation, cpu_seconds() - start), flush=True)


def cost(pw: str, family: dict[str, Path]) -> None:
    """Print the processor time of one self-consistent calculation at Γ of 16 atoms, as disordered as a glass."""
    atoms = CRYSTALS["B2 CuZr"].repeat(2)
    atoms.set_cell(atoms.cell * (17.0 * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    atoms.rattle(0.3, seed=1)
    print("| cut-offs, Ry | CPU, s |\n|---|---|")
    for cutoff_wfc, cutoff_rho in LABEL_CUTOFFS:
        start = cpu_seconds()
        total_energy(pw, atoms, family, Settings(cutoff_wfc, cutoff_rho, (1, 1, 1), conv_thr=2e-6))
        print(f"| {cutoff_wfc}/{cutoff_rho} | {cpu_seconds() - start:.0f} |", flush=True)


PARTS: dict[str, Callable[[str, dict[str, Path]], None]] = {"equations": equations, "cutoffs": cutoffs, "cost": cost}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS, help="the tables to make")
    arguments = parser.parse_args()
    ld1, pw = shutil.which("ld1.x"), shutil.which("pw.x")
    if not ld1 or not pw:
        parser.error("this needs Quantum ESPRESSO's ld1.x and pw.x on the PATH: apt install quantum-espresso")
    with tempfile.TemporaryDirectory() as directory:
        family = generate_family(ld1, Path(directory))
        for part in arguments.parts:
            print(f"\n## {part}\n", flush=True)
            PARTS[part](pw, family)


if __name__ == "__main__":
    main()
