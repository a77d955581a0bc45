"""Structures with a made-up but smooth law of bond strengths, and the published glass."""

import numpy as np
import pytest
from ase.io import read

from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.bonds import BondList, find_bonds
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS


@pytest.fixture(scope="session")
def doubled():
    """Return a function that gives a cell repeated twice each way, and the same bonds in it."""

    def repeat(atoms, bonds):
        image = np.mod(bonds.translation, 2)
        other = bonds.atom_j + len(atoms) * (image @ [4, 2, 1])
        return atoms.repeat(2), BondList(bonds.atom_i, other, (bonds.translation - image) // 2, bonds.distance)

    return repeat


@pytest.fixture(scope="session")
def small_table(make_cell, law):
    """Ten labelled 16-atom cells of four runs, as few as a first calculation has."""
    descriptors = default_descriptors(["Cu", "Zr"])
    tables = []
    for run in range(4):
        glass = make_cell(run)
        for sub_run, strain in list({AS_QUENCHED: 0.0, "tension_x": 0.02, "compression_x": -0.1}.items())[
            : 2 + run % 2
        ]:
            atoms = glass.copy()
            atoms.set_cell(np.asarray(glass.cell) * [1 + strain, 1, 1], scale_atoms=True)
            bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
            noise = np.random.default_rng(run).normal(scale=0.01, size=len(bonds))
            strength = law(atoms, bonds) + noise
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
