"""Equation of state of a crystal with pw.x: does a dataset give the lattice constant and bulk modulus that it should?

The energies of an isotropically strained cell are fitted with the Birch-Murnaghan equation (ASE), as in the Delta
project (Lejaeghere et al., Science 351, aad3000 (2016)).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.io.espresso import write_espresso_in
from ase.units import GPa, Hartree
from numpy.typing import NDArray


@dataclass(frozen=True)
class Settings:
    """Settings of pw.x.

    Attributes
    ----------
    cutoff_wfc, cutoff_rho
        Cut-offs in Ry of the wave functions and of the density.
    kpoints
        Divisions of the grid, which contains Γ.
    degauss
        Width in Ry of the Marzari-Vanderbilt smearing.
    conv_thr
        Energy in Ry per atom at which the density counts as converged.
    """

    cutoff_wfc: float
    cutoff_rho: float
    kpoints: tuple[int, int, int]
    degauss: float = 0.02
    conv_thr: float = 1e-8


@dataclass(frozen=True)
class StateEquation:
    """A fitted equation of state.

    Attributes
    ----------
    volumes : (n,) Å³ per atom
    energies : (n,) eV per atom
    volume
        At equilibrium, Å³ per atom.
    bulk_modulus
        GPa.
    pressure_derivative
        Of the bulk modulus, without unit.
    residual
        Root mean square deviation of the fit, eV per atom.
    """

    volumes: NDArray[np.float64]
    energies: NDArray[np.float64]
    volume: float
    bulk_modulus: float
    pressure_derivative: float
    residual: float


#: The crystals that the datasets are tested on, near their equilibrium.
CRYSTALS = {
    "fcc Al": bulk("Al", "fcc", a=4.04),
    "fcc Cu": bulk("Cu", "fcc", a=3.63),
    # The axial ratio is the one of the Delta project's hcp Zr, which only scales the volume.
    "hcp Zr": bulk("Zr", "hcp", a=3.236, c=5.1895),
    "B2 CuZr": bulk("CuZr", "cesiumchloride", a=3.27),
}


def total_energy(pw: str | Path, atoms: Atoms, pseudos: Mapping[str, Path], settings: Settings) -> float:
    """Return the total energy in eV of a crystal, by pw.x on one core.

    Parameters
    ----------
    pw
        The pw.x executable, a path or a name on the PATH.
    pseudos
        UPF file of each element.

    Raises
    ------
    RuntimeError
        Where pw.x does not end with a converged energy.
    """
    with tempfile.TemporaryDirectory(prefix="getl-pw-") as scratch:
        files = {element: pseudos[element] for element in set(atoms.get_chemical_symbols())}
        for path in files.values():
            shutil.copy(path, scratch)
        source = Path(scratch) / "pw.in"
        with source.open("w") as file:
            write_espresso_in(
                file,
                atoms,
                input_data={
                    "control": {"calculation": "scf", "pseudo_dir": ".", "outdir": ".", "disk_io": "low"},
                    "system": {
                        "ecutwfc": settings.cutoff_wfc,
                        "ecutrho": settings.cutoff_rho,
                        "occupations": "smearing",
                        "smearing": "marzari-vanderbilt",
                        "degauss": settings.degauss,
                    },
                    "electrons": {"conv_thr": settings.conv_thr * len(atoms), "mixing_beta": 0.5},
                },
                pseudopotentials={element: path.name for element, path in files.items()},
                kpts=settings.kpoints,
                crystal_coordinates=True,
            )
        run = subprocess.run(
            [str(pw), "-in", source.name],
            cwd=scratch,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != 0 or "convergence has been achieved" not in run.stdout:
            message = " / ".join(line.strip() for line in run.stdout.splitlines() if line.strip())
            raise RuntimeError(f"{pw} gave no energy of {atoms.get_chemical_formula()}, its end: {message[-800:]}")
        results = ElementTree.parse(Path(scratch) / "pwscf.save" / "data-file-schema.xml")
        energy = results.findtext("output/total_energy/etot")
    if energy is None:
        raise RuntimeError(f"{pw} wrote no total energy of {atoms.get_chemical_formula()} to its data-file-schema.xml")
    return float(energy) * Hartree


def equation_of_state(
    pw: str | Path,
    atoms: Atoms,
    pseudos: Mapping[str, Path],
    settings: Settings,
    volume_ratios: Sequence[float] = (0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06),
) -> StateEquation:
    """Return the Birch-Murnaghan equation of state of a crystal.

    Parameters
    ----------
    atoms
        Primitive cell near equilibrium; strained isotropically.
    volume_ratios
        Volumes relative to that cell, at least five: the fit has four parameters.

    Raises
    ------
    ValueError
        For fewer than five volumes.
    RuntimeError
        Where pw.x fails, see :func:`total_energy`.
    """
    if len(volume_ratios) < 5:
        raise ValueError(f"an equation of state needs at least five volumes, not {len(volume_ratios)}")
    volumes, energies = [], []
    for ratio in volume_ratios:
        strained = atoms.copy()
        strained.set_cell(atoms.cell * ratio ** (1 / 3), scale_atoms=True)
        volumes.append(strained.get_volume() / len(atoms))
        energies.append(total_energy(pw, strained, pseudos, settings) / len(atoms))
    return fit(np.array(volumes), np.array(energies))


def fit(volumes: NDArray[np.float64], energies: NDArray[np.float64]) -> StateEquation:
    """Fit the Birch-Murnaghan equation to energies (n,) in eV per atom at volumes (n,) in Å³ per atom."""
    equation = EquationOfState(volumes, energies, eos="birchmurnaghan")
    volume, _, bulk_modulus = equation.fit(warn=False)
    deviation = energies - equation.func(volumes, *equation.eos_parameters)
    return StateEquation(
        volumes=volumes,
        energies=energies,
        volume=float(volume),
        bulk_modulus=float(bulk_modulus / GPa),
        pressure_derivative=float(equation.eos_parameters[2]),
        residual=float(np.sqrt(np.mean(deviation**2))),
    )
