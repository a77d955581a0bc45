"""Label published cells anew, and compare every bond with what LOBSTER gave for it: the table of docs/accuracy.md.

    python tests/benchmarks/published_labels.py --data ../shared/data --work published --sub-runs 0 1 8
    python tests/benchmarks/published_labels.py --data ../shared/data --work published --sub-runs 0 --protocol fast

Takes run 21 of Phys. Rev. Materials 4, 113603 (100 atoms of a Zr49Cu49Al2 glass and its deformations; LOBSTER 3.0.0,
70/560 Ry, 2x2x2 k-points). Every sub-run takes pw.x about 25 processor minutes on each of two cores and 4 GB with the
settings of protocol `balanced`, a third of that with `fast`, then getl-cohp a minute for each source of projections
(--sources projwfc needs projwfc.x too). What is done is kept in the folder; a second call computes only what is missing
and draws figure and table anew.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml
from ase import Atoms
from ase.io import read
from labels import Case, execute, render_namelists, render_pw  # the script beside this one
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.pseudos.generate import generate_family
from aiida_getl.quantumespresso.basis import default_basis
from aiida_getl.quantumespresso.kpoints import choose_kpoints
from aiida_getl.quantumespresso.scf import lobsterin_parameters
from aiida_getl.quantumespresso.upf import read_upf
from aiida_getl.structures.bonds import bond_types, find_bonds

RUN = "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000"
#: Colours that remain distinct to colour-blind readers (Okabe and Ito).
COLOURS = {"slater": "#0072B2", "projwfc": "#E69F00"}


def case_of(protocol: str) -> Case:
    """Return the label settings of a protocol."""
    protocols = yaml.safe_load((files("aiida_getl.workflows.protocols") / "label.yaml").read_text())
    return Case((), {**protocols["default_inputs"]["settings"], **protocols["protocols"][protocol].get("settings", {})})


def compute(folder: Path, atoms: Atoms, family: dict[str, Path], case: Case, processes: int) -> None:
    """Run pw.x in the folder, unless its wavefunctions are there."""
    if (folder / "done").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    upfs = {element: read_upf(path) for element, path in family.items()}
    bonds = find_bonds(atoms.positions, atoms.cell[:], case.settings["r_max"], case.settings["r_min"])
    kpoints = choose_kpoints(bonds, case.settings["kpoints"])
    (folder / "pw.in").write_text(render_pw(atoms, family, upfs, case, kpoints))
    basis = {element: default_basis(upf) for element, upf in upfs.items()}
    (folder / "lobsterin").write_text(Lobsterin.from_dict(lobsterin_parameters(basis, case.settings)).to_text())
    launcher = ["mpirun", "-np", str(processes)] if processes > 1 else []
    execute([*launcher, "pw.x", "-in", "pw.in"], folder, "pw.out")
    (folder / "done").touch()


def analyse(folder: Path, source: str) -> Path:
    """Return the ICOHPLIST.lobster of a source of projections, computed unless it is there."""
    output = folder / source
    if not (output / "ICOHPLIST.lobster").is_file():
        output.mkdir(exist_ok=True)
        if source == "projwfc":
            namelist = {"PROJWFC": {"prefix": "aiida", "outdir": "./out", "lsym": False}}
            (folder / "projwfc.in").write_text(render_namelists(namelist))
            execute(["projwfc.x", "-in", "projwfc.in"], folder, "projwfc.out")
        command = ["getl-cohp", "--save", "out/aiida.save", "--output", source, "--projections", source]
        with (folder / f"{source}.out").open("w") as handle:
            subprocess.run(command, cwd=folder, stdout=handle, stderr=subprocess.STDOUT, check=True)
    return output / "ICOHPLIST.lobster"


def strengths(path: Path, atoms: Atoms) -> tuple[list, NDArray[np.float64], NDArray[np.str_]]:
    """Return key, -ICOHP (eV) and type of every bond."""
    bonds, values = read_icohplist(path).to_bonds(atoms)
    return list(bonds.keys()), -values.sum(axis=1), bond_types(atoms.get_chemical_symbols(), bonds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GETL_REFERENCE_DATA"), help="the published data")
    parser.add_argument("--work", type=Path, required=True, help="folder for the results, kept")
    parser.add_argument("--sub-runs", nargs="+", default=["0", "1", "8"], help="default: quenched, sheared, strained")
    parser.add_argument(
        "--protocol", choices=("fast", "balanced"), default="balanced", help="of getl.label, whose settings are taken"
    )
    parser.add_argument("--sources", nargs="+", choices=COLOURS, default=["slater"], help="of the projections")
    parser.add_argument("--processes", type=int, default=2, help="of pw.x (default: 2)")
    parser.add_argument("--figure", type=Path, help="draw our strengths against LOBSTER's")
    arguments = parser.parse_args()
    if missing := [name for name in ("ld1.x", "pw.x", "getl-cohp") if shutil.which(name) is None]:
        parser.error(f"not on the PATH: {', '.join(missing)}")
    work = arguments.work.resolve()
    family = generate_family("ld1.x", work / "pseudo")
    print("| sub-run | projections | bonds | n | slope | RMSE, eV | bias, eV | largest, eV | r |")
    print("|---" * 9 + "|")
    points = []
    for sub_run in arguments.sub_runs:
        published = arguments.data / RUN / sub_run
        atoms = read(published / "Zr49Cu49Al2.xyz", format="extxyz")
        keys, reference, types = strengths(published / "ICOHPLIST.lobster", atoms)
        folder = work / f"{arguments.protocol}-{sub_run}"
        compute(folder, atoms, family, case_of(arguments.protocol), arguments.processes)
        for source in arguments.sources:
            found = dict(zip(*strengths(analyse(folder, source), atoms)[:2], strict=True))
            ours = np.array([found[key] for key in keys])
            points.append((source, types, reference, ours))
            for name in (*np.unique(types), "all"):
                rows = np.full(len(types), True) if name == "all" else types == name
                x, y = reference[rows], ours[rows]
                if rows.sum() > 1:
                    print(
                        f"| {sub_run} | {source} | {name} | {rows.sum()} | {x @ y / (x @ x):.3f} | "
                        f"{np.sqrt(np.mean((y - x) ** 2)):.4f} | {np.mean(y - x):+.4f} | {np.abs(y - x).max():.3f} | "
                        f"{np.corrcoef(x, y)[0, 1]:.4f} |"
                    )
    if arguments.figure:
        draw(points, arguments.figure)


def draw(points: list, path: Path) -> None:
    """Plot our bond strengths against LOBSTER's, a panel for each bond type with more than ten bonds."""
    names = [name for name in np.unique(points[0][1]) if (points[0][1] == name).sum() > 10]
    figure = Figure(figsize=(3 * len(names), 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        top = 0.0
        for source, types, reference, ours in sorted(points, key=lambda point: point[0]):
            rows = types == name
            axes.plot(reference[rows], ours[rows], ".", ms=3, alpha=0.7, color=COLOURS[source], label=source)
            top = max(top, reference[rows].max(), ours[rows].max())
        axes.plot([0, top], [0, top], color="0.4", lw=0.8, zorder=0)
        axes.set(title=name, xlabel="-ICOHP by LOBSTER, eV", aspect="equal")
    axes.figure.axes[0].set_ylabel("-ICOHP here, eV")
    handles, texts = figure.axes[0].get_legend_handles_labels()
    unique = dict(zip(texts, handles, strict=True))
    if len(unique) > 1:
        figure.axes[0].legend(unique.values(), unique.keys(), frameon=False, markerscale=3)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
