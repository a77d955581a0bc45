"""Harmonics in QE's order, and the integrals of three of them."""

import numpy as np
import pytest

from aiida_getl.slater.harmonics import gaunt, real_harmonics


@pytest.fixture
def directions():
    vectors = np.random.default_rng(3).normal(size=(40, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def test_harmonics_are_those_of_qe(directions):
    """As in ylmr2.f90, up to the sign of odd m, which no observable depends on and names do not show."""
    x, y, z = directions.T
    s, p, d = (real_harmonics(angular, 2.5 * directions) * np.sqrt(4 * np.pi) for angular in range(3))
    np.testing.assert_allclose(s, np.ones((1, 40)))
    np.testing.assert_allclose(p, np.sqrt(3) * np.array([z, x, y]), atol=1e-14)
    expected = [(3 * z**2 - 1) / np.sqrt(12), x * z, y * z, (x**2 - y**2) / 2, x * y]
    np.testing.assert_allclose(d, np.sqrt(15) * np.array(expected), atol=1e-14)


def test_zero_vector_has_no_direction():
    for angular in range(4):
        values = real_harmonics(angular, np.zeros((1, 3)))
        np.testing.assert_allclose(values, np.full((2 * angular + 1, 1), 0.5 / np.sqrt(np.pi) if angular == 0 else 0))


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 2), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)])
def test_products_of_harmonics_are_expanded_by_the_integrals(directions, first, second):
    product = real_harmonics(first, directions)[:, None] * real_harmonics(second, directions)
    total = np.zeros_like(product)
    for third in range(first + second + 1):
        total += np.einsum("abc,cn->abn", gaunt(first, second, third), real_harmonics(third, directions))
    np.testing.assert_allclose(total, product, atol=1e-13)


def test_integrals_vanish_out_of_the_triangle():
    for first, second, third in ((0, 1, 2), (1, 1, 1), (1, 1, 3), (2, 2, 5)):
        np.testing.assert_allclose(gaunt(first, second, third), 0, atol=1e-14)
    assert gaunt(1, 1, 2)[0, 0, 0] == pytest.approx(1 / np.sqrt(5 * np.pi))
