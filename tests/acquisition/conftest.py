"""Small Cu-Zr cells with a made-up law of bond strengths, and a model of them."""

import numpy as np
import pytest

from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.descriptors import BondEnvironment
from aiida_getl.learning.training import train
from aiida_getl.structures.bonds import find_bonds

DESCRIPTOR = BondEnvironment(["Cu", "Zr"], soap={"n_max": 3, "l_max": 3}).settings()


@pytest.fixture(scope="session")
def make_table(law):
    """Factory of the labelled bonds of a cell: (atoms, metadata, seed)."""

    def labelled(atoms, metadata, seed=0):
        bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
        noise = np.random.default_rng(seed).normal(scale=0.01, size=len(bonds))
        return table_of_structure(atoms, bonds, law(atoms, bonds) + noise, metadata, [DESCRIPTOR])

    return labelled


@pytest.fixture(scope="session")
def cells(make_cell):
    """Four glasses."""
    return [make_cell(seed) for seed in range(4)]


@pytest.fixture(scope="session")
def table(cells, make_table):
    """Their labelled bonds."""
    entries = [{"run": f"g{k}", "sub_run": "as_quenched", "composition": "Cu50Zr50"} for k in range(4)]
    return concatenate(
        [make_table(atoms, entry, k) for k, (atoms, entry) in enumerate(zip(cells, entries, strict=True))]
    )


@pytest.fixture(scope="session")
def settings():
    """Of the training."""
    return {"descriptor": DESCRIPTOR, "max_bonds_hyperparameters": 100, "learning_curve": False}


@pytest.fixture(scope="session")
def model(table, settings):
    """Trained on the four."""
    return train(table, settings, seed=0)
