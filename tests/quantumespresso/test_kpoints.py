"""K-points that tell bonds from their images."""

import numpy as np
import pytest

from aiida_getl.quantumespresso.kpoints import (
    KPoints,
    choose_kpoints,
    fewest_kpoints,
    lumped_pairs,
    lumped_with_images,
    regular_grid,
)
from aiida_getl.structures.bonds import bond_vectors, find_bonds

GAMMA = KPoints(np.zeros((1, 3)), np.ones(1))
QUARTER = KPoints(np.full((1, 3), 0.25), np.ones(1))


def glass(length, n_atoms=16):
    return find_bonds(np.random.default_rng(0).uniform(0, length, (n_atoms, 3)), np.eye(3) * length, 4.2)


def test_large_cells_need_gamma_only():
    assert fewest_kpoints(glass(9.0)).is_gamma


def test_a_quarter_is_enough_for_small_glasses():
    bonds = glass(6.5)
    assert len(lumped_pairs(bonds, GAMMA))
    kpoints = fewest_kpoints(bonds)
    assert kpoints.points.tolist() == [[0.25, 0.25, 0.25]]
    assert not len(lumped_pairs(bonds, kpoints))


def test_the_mean_value_point_where_it_separates_all_bonds():
    assert choose_kpoints(glass(9.0), "mean-value").points.tolist() == [[0.25, 0.25, 0.25]]
    small = glass(4.0)
    kpoints = choose_kpoints(small, "mean-value")
    assert len(kpoints.points) > 1
    assert not len(lumped_pairs(small, kpoints))


def test_a_short_axis_alone_is_sampled():
    bonds = find_bonds(np.random.default_rng(0).uniform(0, 6, (16, 3)), np.diag([6.0, 12.0, 12.0]), 4.2)
    assert fewest_kpoints(bonds).points.tolist() == [[0.25, 0.0, 0.0]]


def test_lumped_bonds_are_those_of_one_pair_that_differ_by_a_period():
    # Atom 2 is 2 Å from atom 1 in its own cell and in the next.
    bonds = find_bonds([[0, 0, 0], [2.0, 0, 0]], np.diag([4.0, 20.0, 20.0]), 3.0)
    assert bonds.translation[:, 0].tolist() == [-1, 0]
    assert lumped_pairs(bonds, GAMMA).tolist() == [[0, 1]]
    assert not len(lumped_pairs(bonds, QUARTER))


def test_an_atom_and_its_image_are_told_apart():
    bonds = find_bonds([[0, 0, 0]], np.diag([3.0, 20.0, 20.0]), 4.0)
    assert set(map(tuple, lumped_pairs(bonds, GAMMA).tolist())) == {(0, 0)}
    assert not len(lumped_pairs(bonds, regular_grid((4, 1, 1))))


def test_a_bond_and_its_opposite_are_told_apart():
    """Not so at (1/4, 0, 0), which tells the atom from its image; nor for fcc Al in its primitive cell at 2x2x2."""
    bonds = find_bonds([[0, 0, 0]], np.diag([3.0, 20.0, 20.0]), 4.0)
    assert lumped_pairs(bonds, QUARTER).tolist() == [[0, 0]]
    kpoints = fewest_kpoints(bonds)
    assert not len(lumped_pairs(bonds, kpoints))
    vectors = bond_vectors(np.zeros((1, 3)), np.diag([3.0, 20.0, 20.0]), bonds)
    assert not lumped_with_images(vectors, np.diag([3.0, 20.0, 20.0]), kpoints).any()
    bonds = find_bonds([[0, 0, 0]], 4.05 / 2 * (np.ones((3, 3)) - np.eye(3)), 3.0)
    assert len(bonds) == 6
    assert len(set(lumped_pairs(bonds, regular_grid((2, 2, 2)))[:, 0])) == 6
    assert not len(lumped_pairs(bonds, regular_grid((4, 4, 4))))


def test_regular_grids_leave_out_the_time_reversed_half():
    shifted = regular_grid((2, 2, 2), (0.5, 0.5, 0.5))
    assert len(shifted.points) == 4
    np.testing.assert_allclose(shifted.weights, 0.25)
    centred = regular_grid((3, 3, 3))
    assert len(centred.points) == 14
    assert centred.weights.sum() == pytest.approx(1.0)


def test_cells_too_small_are_refused():
    with pytest.raises(ValueError, match="too small for bonds of"):
        fewest_kpoints(find_bonds([[0, 0, 0]], np.eye(3) * 1.2, 8.0))


def test_a_grid_that_lumps_images_together_is_refused():
    bonds = glass(6.5)
    with pytest.raises(ValueError, match="too small for the k-points"):
        choose_kpoints(bonds, {"mesh": [1, 1, 1]})
    assert len(choose_kpoints(bonds, {"mesh": [2, 2, 2], "offset": [0.5, 0.5, 0.5]}).points) == 4
    assert choose_kpoints(bonds, "fewest").points.tolist() == [[0.25, 0.25, 0.25]]


def test_images_that_are_not_listed():
    """Silicon: four images of the second atom are as near as the one that is asked for."""
    cell = 5.43 / 2 * (np.ones((3, 3)) - np.eye(3))
    one = np.full((1, 3), 5.43 / 4)
    assert lumped_with_images(one, cell, GAMMA).all()
    assert not lumped_with_images(one, cell, regular_grid((2, 2, 2))).any()
    # The next images are twice as far: of no account for the bond alone, but for a list that has them.
    assert not lumped_with_images(one, cell, regular_grid((3, 3, 3))).any()
    assert lumped_with_images(np.concatenate([one, one - 2 * cell[:1]]), cell, regular_grid((2, 2, 2))).all()
    assert not len(lumped_with_images(np.empty((0, 3)), cell, GAMMA))
    assert not lumped_with_images(one, 10 * cell, GAMMA).any()


def test_a_bond_and_the_same_one_backwards():
    """H(T) + H(-T) at 0 and 1/2, or H(T) - H(-T) at 1/4, is not H(T); the on-site terms count at Γ."""
    vectors, cell = np.array([[3.0, 0, 0]]), np.diag([3.0, 20.0, 20.0])
    for kpoints, is_lumped in (
        (GAMMA, True),
        (regular_grid((2, 1, 1)), True),
        (QUARTER, True),
        (regular_grid((3, 1, 1)), False),
        (regular_grid((2, 1, 1), (0.5, 0, 0)), True),
        (regular_grid((4, 1, 1)), False),
    ):
        assert lumped_with_images(vectors, cell, kpoints).tolist() == [is_lumped]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_images_in_a_skewed_cell_are_those_found_by_counting(n):
    rng = np.random.default_rng(n)
    cell = np.array([[4.0, 0, 0], [3.0, 4.5, 0], [-2.0, 1.0, 5.0]])
    positions, kpoints = rng.uniform(0, 5, (4, 3)), regular_grid((n, n, n))
    bonds = find_bonds(positions, cell, 7.0)
    vectors = bond_vectors(positions, cell, bonds)
    reach = np.maximum(1.2 * bonds.distance, bonds.distance.max())
    shifts = np.array([t for t in np.ndindex(17, 17, 17) if t != (8, 8, 8)]) - 8
    shifts = shifts[np.abs(kpoints.weights @ np.cos(2 * np.pi * kpoints.points @ shifts.T)) > 1e-6]
    images = np.linalg.norm(vectors[:, None] + shifts @ cell, axis=2)
    expected = (images < reach[:, None]).any(axis=1)
    assert lumped_with_images(vectors, cell, kpoints).tolist() == expected.tolist()
    assert expected.any()
