"""Structures with a made-up but smooth law of bond strengths, and the published glass."""

import numpy as np
import pytest
from ase import Atoms
from ase.io import read

from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.bonds import bond_vectors, find_bonds
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS


def random_cell(seed, symbols=("Cu",) * 8 + ("Zr",) * 8, length=6.4):
    """A cell without overlapping atoms, by rejection."""
    rng = np.random.default_rng(seed)
    cell = np.diag([length] * 3) + rng.uniform(-0.3, 0.3, (3, 3))
    points = []
    while len(points) < len(symbols):
        trial = rng.uniform(0, 1, 3)
        delta = np.array([trial - p for p in points]).reshape(-1, 3)
        delta -= np.round(delta)
        if not len(delta) or np.linalg.norm(delta @ cell, axis=1).min() > 2.1:
            points.append(trial)
    return Atoms(symbols, scaled_positions=np.array(points), cell=cell, pbc=True)


def screened_strength(atoms, bonds):
    """A strength that decays with distance and is screened by atoms near the middle of the bond."""
    middle = atoms.positions[bonds.atom_i] + 0.5 * bond_vectors(atoms.positions, np.asarray(atoms.cell), bonds)
    images = np.stack(np.meshgrid(*[range(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ np.asarray(atoms.cell)
    everywhere = (atoms.positions[:, None] + images).reshape(-1, 3)
    gap = np.linalg.norm(middle[:, None] - everywhere, axis=2)
    screening = np.exp(-np.square(gap / 2.0)).sum(axis=1)
    return 2.0 * np.exp((2.4 - bonds.distance) / 0.5) * np.exp(-0.5 * screening)


@pytest.fixture(scope="session")
def make_cell():
    """Factory of random Cu-Zr cells."""
    return random_cell


@pytest.fixture(scope="session")
def law():
    """The made-up law: (atoms, bonds) to strengths in eV."""
    return screened_strength


@pytest.fixture(scope="session")
def small_table():
    """Ten labelled 16-atom cells of four runs, as few as a first calculation has."""
    descriptors = default_descriptors(["Cu", "Zr"])
    tables = []
    for run in range(4):
        glass = random_cell(run)
        for sub_run, strain in list({AS_QUENCHED: 0.0, "tension_x": 0.02, "compression_x": -0.1}.items())[
            : 2 + run % 2
        ]:
            atoms = glass.copy()
            atoms.set_cell(np.asarray(glass.cell) * [1 + strain, 1, 1], scale_atoms=True)
            bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
            noise = np.random.default_rng(run).normal(scale=0.01, size=len(bonds))
            strength = screened_strength(atoms, bonds) + noise
            tables.append(table_of_structure(atoms, bonds, strength, {"run": run, "sub_run": sub_run}, descriptors))
    return concatenate(tables)


def read_published(reference_data, descriptors):
    """The table of the labelled bonds of run 21, sub-run after sub-run."""
    runs = reference_data / "prm4_113603" / "ML" / "big-data-full" / "Zr49Cu49Al2" / "c" / "md" / "lammps" / "100"
    names = {0: AS_QUENCHED, **{number: name for name, number in PUBLISHED_SUBRUNS.items()}}
    tables = []
    for number, name in names.items():
        folder = runs / "21" / "2000" / str(number)
        if not (folder / "ICOHPLIST.lobster").exists():
            continue
        atoms = read(folder / "Zr49Cu49Al2.xyz")
        bonds, icohp = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds(atoms)
        tables.append(table_of_structure(atoms, bonds, -icohp[:, 0], {"run": 21, "sub_run": name}, descriptors))
    return concatenate(tables)


@pytest.fixture(scope="session")
def published_labels(reference_data):
    """The labelled bonds of the published glass and its deformations, without descriptors."""
    return read_published(reference_data, [])


@pytest.fixture(scope="session")
def published_table(reference_data):
    """The labelled bonds of the published glass and its deformations, 11,967 of them."""
    return read_published(reference_data, default_descriptors(["Al", "Cu", "Zr"]))
