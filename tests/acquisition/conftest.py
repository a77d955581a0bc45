"""Small Cu-Zr cells with a made-up law of bond strengths, and a model of them."""

import numpy as np
import pytest
from ase import Atoms

from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.descriptors import BondEnvironment
from aiida_getl.learning.training import train
from aiida_getl.structures.bonds import bond_vectors, find_bonds

DESCRIPTOR = BondEnvironment(["Cu", "Zr"], soap={"n_max": 3, "l_max": 3}).settings()


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


def law(atoms, bonds):
    """A strength that decays with distance and is screened by atoms near the middle of the bond."""
    middle = atoms.positions[bonds.atom_i] + 0.5 * bond_vectors(atoms.positions, np.asarray(atoms.cell), bonds)
    images = np.stack(np.meshgrid(*[range(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ np.asarray(atoms.cell)
    everywhere = (atoms.positions[:, None] + images).reshape(-1, 3)
    gap = np.linalg.norm(middle[:, None] - everywhere, axis=2)
    return 2.0 * np.exp((2.4 - bonds.distance) / 0.5) * np.exp(-0.5 * np.exp(-np.square(gap / 2.0)).sum(axis=1))


def labelled(atoms, metadata, seed=0):
    """The table of a cell."""
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
    noise = np.random.default_rng(seed).normal(scale=0.01, size=len(bonds))
    return table_of_structure(atoms, bonds, law(atoms, bonds) + noise, metadata, [DESCRIPTOR])


@pytest.fixture(scope="session")
def make_cell():
    """Factory of random Cu-Zr cells."""
    return random_cell


@pytest.fixture(scope="session")
def make_table():
    """Factory of the labelled bonds of a cell: (atoms, metadata, seed)."""
    return labelled


@pytest.fixture(scope="session")
def cells():
    """Four glasses."""
    return [random_cell(seed) for seed in range(4)]


@pytest.fixture(scope="session")
def table(cells):
    """Their labelled bonds."""
    entries = [{"run": f"g{k}", "sub_run": "as_quenched", "composition": "Cu50Zr50"} for k in range(4)]
    return concatenate([labelled(atoms, entry, k) for k, (atoms, entry) in enumerate(zip(cells, entries, strict=True))])


@pytest.fixture(scope="session")
def settings():
    """Of the training."""
    return {"descriptor": DESCRIPTOR, "max_bonds_hyperparameters": 100, "learning_curve": False}


@pytest.fixture(scope="session")
def model(table, settings):
    """Trained on the four."""
    return train(table, settings, seed=0)
