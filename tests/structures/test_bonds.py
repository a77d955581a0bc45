"""Periodic bond lists against brute force, also in cells smaller than the cut-off."""

import itertools

import numpy as np
import pytest

from aiida_getl.structures.bonds import BondList, bond_type, bond_types, bond_vectors, find_bonds


def brute_force(positions, cell, r_max):
    """All bonds within r_max, by trying every translation."""
    found = set()
    n = 6
    for i, j in itertools.product(range(len(positions)), repeat=2):
        for t in itertools.product(range(-n, n + 1), repeat=3):
            d = np.linalg.norm(positions[j] + np.array(t) @ cell - positions[i])
            if d <= r_max and (i < j or (i == j and t > (0, 0, 0))):
                found.add((i, j, *t))
    return found


@pytest.mark.parametrize(
    "cell",
    [np.diag([3.0, 3.0, 3.0]), np.array([[4.0, 0, 0], [3.5, 4.0, 0], [0.5, -1.0, 3.0]])],
    ids=["smaller than the cut-off", "sheared"],
)
def test_finds_every_bond_once(cell):
    positions = np.random.default_rng(1).uniform(-1, 2, (4, 3)) @ cell
    bonds = find_bonds(positions, cell, 4.2)
    assert set(bonds.keys()) == brute_force(positions, cell, 4.2)
    assert len(set(bonds.keys())) == len(bonds)
    np.testing.assert_allclose(np.linalg.norm(bond_vectors(positions, cell, bonds), axis=1), bonds.distance)


def test_limits_are_included():
    bonds = find_bonds([[0, 0, 0]], np.eye(3) * 3.0, r_max=3.0, r_min=3.0 - 1e-9)
    assert len(bonds) == 3
    assert bonds.keys() == [(0, 0, 0, 0, 1), (0, 0, 0, 1, 0), (0, 0, 1, 0, 0)]


def test_keys_do_not_depend_on_direction():
    forward = BondList(np.array([0]), np.array([1]), np.array([[1, 0, -1]]), np.array([2.0]))
    backward = BondList(np.array([1]), np.array([0]), np.array([[-1, 0, 1]]), np.array([2.0]))
    assert forward.keys() == backward.keys() == [(0, 1, 1, 0, -1)]


def test_types_put_the_heavier_element_first():
    assert bond_type("Cu", "Zr") == bond_type("Zr", "Cu") == "Zr-Cu"
    bonds = find_bonds([[0, 0, 0], [1, 0, 0]], np.eye(3) * 10, 2.0)
    assert bond_types(["Al", "Cu"], bonds).tolist() == ["Cu-Al"]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="volume"):
        find_bonds([[0, 0, 0]], np.zeros((3, 3)), 3.0)
    with pytest.raises(ValueError, match="r_min < r_max"):
        find_bonds([[0, 0, 0]], np.eye(3), 1.0, 2.0)
