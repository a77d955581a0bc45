"""Regenerate the column `slater` of "Agreement with LOBSTER" in docs/cohp.md: bonds of crystals against LOBSTER's.

    python tests/benchmarks/crystals.py --data ../shared/data --work crystals

Makes the PAW datasets with ld1.x, from the inputs in tests/benchmarks/paw, runs pw.x and getl-cohp on each crystal, and
compares every bond that LOBSTER's list has. Needs ld1.x, pw.x and getl-cohp on the PATH; two processor minutes in all.
Runs are kept in the folder; a second call computes only what is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.units import Bohr
from labels import execute, render_namelists  # the script beside this one

from aiida_getl.lobster.icohplist import IcohpList, read_icohplist
from aiida_getl.pseudos.generate import make_dataset

HERE = Path(__file__).parent
#: Inputs of ld1.x, by element; the one of carbon serves other tests too.
INPUTS = {path.stem: path for path in (HERE.parent / "C.in", *(HERE / "paw").glob("*.in"))}
#: Å; lattice constants of the published calculations have other digits than their distances.
SAME_LENGTH = 0.01
#: Of Si the list is not at hand: LOBSTER 5.1.1 on VASP, 4x4x4 k-points, eV.
SILICON = "COHP# atomMU atomNU distance translation ICOHP (at) eF for spin 1\n1 Si1 Si2 2.33721 0 0 0 -4.62230\n"


@dataclass(frozen=True)
class Crystal:
    """One crystal, how it is computed, and the list of LOBSTER that it is compared with.

    Attributes
    ----------
    atoms
        The structure, from the folder of LOBSTER's samples.
    reference
        LOBSTER's list: its file in that folder, or the text.
    grid
        k-points, centred at Γ.
    cutoffs : Ry
        Of wavefunctions and density.
    n_bands
        More than functions, since the highest may be degenerate.
    r_max : Å
        Up to where bonds are compared.
    basis
        Shells by element, as in lobsterin; the default ones of elements that are not named.
    system
        More of pw.x's namelist SYSTEM.
    """

    atoms: Callable[[Path], Atoms]
    reference: str
    grid: tuple[int, int, int]
    cutoffs: tuple[float, float]
    n_bands: int
    r_max: float
    basis: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, object] = field(default_factory=dict)


def sample(name: str) -> Callable[[Path], Atoms]:
    """Return what reads the structure that a published calculation was of."""
    return lambda samples: read(samples / name, format="vasp")


GRID = (4, 4, 4)
CRYSTALS = {
    "diamond": Crystal(
        atoms=lambda _: bulk("C", "diamond", 6.746 * Bohr),
        reference="v6.0.0_diamond_qe75",
        grid=(6, 6, 6),
        cutoffs=(60, 640),
        n_bands=8,
        r_max=1.7,
    ),
    "Si": Crystal(
        atoms=lambda _: bulk("Si", "diamond", 4 * 2.33721 / 3**0.5),
        reference=SILICON,
        grid=GRID,
        cutoffs=(30, 180),
        n_bands=12,
        r_max=2.5,
    ),
    "NaCl": Crystal(
        atoms=sample("v4.1_NaCl_spin/CONTCAR"),
        reference="v4.1_NaCl_spin",
        grid=GRID,
        cutoffs=(45, 300),
        n_bands=13,
        r_max=4.1,
        basis={"Na": "3s 2p"},
    ),
    "GaAs": Crystal(
        atoms=lambda _: bulk("GaAs", "zincblende", 4 * 2.49546 / 3**0.5),
        reference="v2_GaAs",
        grid=GRID,
        cutoffs=(45, 350),
        n_bands=18,
        r_max=2.6,
    ),
    "CsH": Crystal(
        atoms=sample("v4.1_CsH/CONTCAR"),
        reference="v4.1_CsH",
        grid=GRID,
        cutoffs=(45, 300),
        n_bands=10,
        r_max=3.9,
    ),
    "FeNi3": Crystal(
        atoms=sample("v5.1.1_FeNi3_spin/POSCAR"),
        reference="v5.1.1_FeNi3_spin",
        grid=GRID,
        cutoffs=(45, 270),
        n_bands=30,
        r_max=2.6,
        basis={"Fe": "3d 4s", "Ni": "3d 4s"},
        system={
            **{"occupations": "smearing", "smearing": "fermi-dirac", "degauss": 0.008},
            **{"nspin": 2, "starting_magnetization(1)": 0.4, "starting_magnetization(2)": 0.07},
        },
    ),
}


def render_pw(crystal: Crystal, atoms: Atoms, pseudos: Path, calculation: str) -> str:
    """Return the input of pw.x: ``scf``, or ``nscf`` for all bands of all k-points.

    In one step FeNi3 does not become self-consistent: with that many bands it starts too far off.
    """
    elements = dict.fromkeys(atoms.get_chemical_symbols())
    ecutwfc, ecutrho = crystal.cutoffs
    namelists = {
        "CONTROL": {"calculation": calculation, "prefix": "aiida", "outdir": "./out", "pseudo_dir": str(pseudos)},
        "SYSTEM": {
            **{"ibrav": 0, "nat": len(atoms), "ntyp": len(elements), "ecutwfc": ecutwfc, "ecutrho": ecutrho},
            **crystal.system,
            **({"nbnd": crystal.n_bands, "nosym": True} if calculation == "nscf" else {}),
        },
        "ELECTRONS": {"conv_thr": 1e-8, "mixing_beta": 0.4, "diago_thr_init": 1e-3},
    }
    lines = ["ATOMIC_SPECIES", *(f"{element} 1.0 {element}.UPF" for element in elements), "CELL_PARAMETERS angstrom"]
    lines += [" ".join(f"{x:.12f}" for x in vector) for vector in atoms.cell]
    lines += ["ATOMIC_POSITIONS angstrom"]
    lines += [f"{atom.symbol} " + " ".join(f"{x:.12f}" for x in atom.position) for atom in atoms]
    lines += ["K_POINTS automatic", " ".join(map(str, (*crystal.grid, 0, 0, 0)))]
    return render_namelists(namelists) + "\n".join(lines) + "\n"


def compute(folder: Path, crystal: Crystal, atoms: Atoms, pseudos: Path) -> IcohpList:
    """Return our list, computed unless it is there."""
    if not (folder / "ICOHPLIST.lobster").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for calculation in ("scf", "nscf"):
            (folder / f"{calculation}.in").write_text(render_pw(crystal, atoms, pseudos, calculation))
            execute(["pw.x", "-in", f"{calculation}.in"], folder, f"{calculation}.out")
        basis = [f"basisFunctions {element} {shells}" for element, shells in crystal.basis.items()]
        generator = f"cohpGenerator from 1.0 to {crystal.r_max}"
        (folder / "lobsterin").write_text("\n".join([*basis, generator, "skipCar"]) + "\n")
        execute(["getl-cohp", "--save", "out/aiida.save", "--projections", "slater"], folder, "getl-cohp.out")
    return read_icohplist(folder / "ICOHPLIST.lobster")


def mean_strengths(listed: IcohpList, r_max: float) -> dict[tuple[str, float], list[float]]:
    """Return the mean ICOHP (eV) of bonds that are alike: by elements and length (Å), the sum, then each spin."""
    alike: dict[tuple[str, float], list] = {}
    for left, right, length, values in zip(
        listed.element_i, listed.element_j, listed.distance, listed.icohp, strict=True
    ):
        if length < r_max:
            kind = "-".join(sorted((str(left), str(right))))
            near = (key for key in alike if key[0] == kind and abs(key[1] - length) < SAME_LENGTH)
            alike.setdefault(next(near, (kind, float(length))), []).append(values)
    means = {key: np.mean(values, axis=0) for key, values in alike.items()}
    return {key: [float(mean.sum()), *(mean if len(mean) > 1 else ())] for key, mean in means.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GETL_REFERENCE_DATA"), help="the published data")
    parser.add_argument("--work", type=Path, required=True, help="folder for the results, kept")
    parser.add_argument("--crystals", nargs="+", choices=CRYSTALS, default=list(CRYSTALS), help="default: all")
    arguments = parser.parse_args()
    if missing := [name for name in ("ld1.x", "pw.x", "getl-cohp") if shutil.which(name) is None]:
        parser.error(f"not on the PATH: {', '.join(missing)}")
    samples, work = arguments.data / "lobster_samples", arguments.work.resolve()
    (work / "pseudo").mkdir(parents=True, exist_ok=True)
    print("| case | bond | LOBSTER, eV | `slater`, eV | |\n" + "|---" * 5 + "|")
    for name in arguments.crystals:
        crystal = CRYSTALS[name]
        atoms = crystal.atoms(samples)
        for element in set(atoms.get_chemical_symbols()):
            (work / "pseudo" / f"{element}.UPF").write_text(make_dataset("ld1.x", element, INPUTS[element]))
        ours = mean_strengths(compute(work / name, crystal, atoms, work / "pseudo"), crystal.r_max)
        is_text = "\n" in crystal.reference
        published = read_icohplist(crystal.reference if is_text else samples / crystal.reference / "ICOHPLIST.lobster")
        for (kind, length), reference in mean_strengths(published, crystal.r_max).items():
            (found,) = (values for key, values in ours.items() if key[0] == kind and abs(key[1] - length) < SAME_LENGTH)
            # Spin-polarised references of crystals without moments are compared with a run without spin by the sum.
            for part, (theirs, value) in enumerate(zip(reference, found, strict=False)):
                what = kind if part == 0 else f"{kind}, spin {part}"
                print(f"| {name} | {what} {length:.3f} Å | {theirs:.4f} | {value:.4f} | {value / theirs - 1:+.1%} |")


if __name__ == "__main__":
    main()
