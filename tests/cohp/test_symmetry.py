"""Complete sets of k-points, and such that symmetry has reduced."""

import itertools

import numpy as np
import pytest

from aiida_getl.cohp.symmetry import lacks_images

FCC = np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]]) * 4.05


def cubic_rotations():
    """The 48 matrices of the cubic point group, cartesian."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((-1, 1), repeat=3):
            yield np.eye(3)[list(order)] * signs


@pytest.fixture(params=[False, True], ids=["direct", "transposed"])
def rotations(request):
    """In lattice coordinates of the fcc cell, written either way."""
    matrices = [FCC @ rotation @ np.linalg.inv(FCC) for rotation in cubic_rotations()]
    return np.array([matrix.T if request.param else matrix for matrix in matrices])


def grid(n, shift=0.0):
    return (np.array(list(itertools.product(range(n), repeat=3))) + shift) / n


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 8])
def test_whole_grids_are_complete(rotations, n):
    assert not lacks_images(grid(n), rotations, FCC)


def test_time_reversed_points_may_be_left_out(rotations):
    points = grid(4)
    half = [k for n, k in enumerate(points) if not any(np.allclose((k + q) % 1 % 1, 0) for q in points[:n])]
    assert len(half) == 36
    assert not lacks_images(np.array(half), rotations, FCC)


def test_reduced_grids_are_found(rotations):
    reduced = np.array([[0, 0, 0], [0.25, 0, 0], [0.5, 0, 0], [0.25, 0.25, 0], [0.5, 0.25, 0], [-0.25, 0.25, 0.0]])
    assert lacks_images(reduced, rotations, FCC)
    assert lacks_images(np.delete(grid(4), [5, 15], axis=0), rotations, FCC)


def test_gamma_alone_and_the_identity_are_complete(rotations):
    assert not lacks_images(np.zeros((1, 3)), rotations, FCC)
    assert not lacks_images(np.array([[0.1, 0.2, 0.3]]), np.eye(3)[None], FCC)
