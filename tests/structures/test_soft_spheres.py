"""Soft spheres."""

import numpy as np
import pytest
from ase import Atoms

from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.soft_spheres import push_apart


@pytest.fixture
def crowd():
    """Atoms thrown into a sheared cell that holds them easily."""
    rng = np.random.default_rng(0)
    cell = np.array([[8.0, 0, 0], [2.0, 8.0, 0], [0, 1.0, 8.0]])
    return Atoms(["Cu"] * 20, scaled_positions=rng.uniform(size=(20, 3)), cell=cell, pbc=True)


def test_no_pair_is_much_too_close(crowd):
    contact = np.full((20, 20), 2.4)
    assert find_bonds(crowd.positions, crowd.cell[:], 2.4).distance.min() < 1.5
    apart = push_apart(crowd, contact)
    assert find_bonds(apart.positions, apart.cell[:], 3.0).distance.min() > 2.35


def test_who_may_not_move_stays(crowd):
    mobile = np.arange(20) >= 5
    apart = push_apart(crowd, np.full((20, 20), 2.4), mobile)
    np.testing.assert_array_equal(apart.positions[:5], crowd.positions[:5])
    assert np.abs(apart.positions - crowd.positions)[5:].max() > 0.1
    still = push_apart(crowd, np.full((20, 20), 2.4), np.zeros(20, dtype=bool))
    np.testing.assert_array_equal(still.positions, crowd.positions)


def test_nothing_moves_without_overlaps():
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [3.0, 3.0, 3.0]], cell=[6.0] * 3, pbc=True)
    np.testing.assert_array_equal(push_apart(atoms, np.full((2, 2), 2.5)).positions, atoms.positions)


def test_an_atom_may_touch_its_own_image():
    """Which no displacement can change."""
    atoms = Atoms("Cu", positions=[[0.1, 0.2, 0.3]], cell=[2.0, 4.0, 4.0], pbc=True)
    np.testing.assert_allclose(push_apart(atoms, np.array([[2.5]])).positions, atoms.positions, atol=1e-9)
