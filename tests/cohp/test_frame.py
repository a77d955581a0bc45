"""The bands in the basis: polar factors, undetermined directions, levels at the cut, subsets of the basis."""

import numpy as np
import pytest

from aiida_getl.cohp.frame import choose_from_level, level_at_cut, polar_frame, restrict_basis


def test_polar_factor_is_unitary_and_nearest():
    rng = np.random.default_rng(2)
    for smallest in (0.5, 1e-2, 2e-3):
        u, v = (np.linalg.qr(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))[0] for _ in range(2))
        singular = np.append(rng.uniform(0.6, 1, 7), smallest)
        frame = polar_frame((u * singular) @ v)
        np.testing.assert_allclose(frame.c.conj().T @ frame.c, np.eye(8), atol=1e-13)
        np.testing.assert_allclose(frame.c, u @ v, atol=1e-9)
        assert frame.smallest == pytest.approx(smallest, rel=1e-6)
        assert len(frame.bands) == 0


def test_undetermined_directions_are_averaged_over():
    """The mean over random completions of the missing part, which is what no choice among them would change."""
    rng = np.random.default_rng(4)
    u, v = (np.linalg.qr(rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6)))[0] for _ in range(2))
    frame = polar_frame((u * np.array([0.9, 0.8, 0.7, 0.6, 1e-9, 0])) @ v)
    energies = rng.normal(size=6)
    found = frame.operator(energies)
    np.testing.assert_allclose(frame.operator(np.ones(6)), np.eye(6), atol=1e-12)
    total, n = np.zeros((6, 6), dtype=complex), 20_000
    for _ in range(n):
        w = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
        w = w * np.exp(2j * np.pi * rng.uniform(size=2))  # uniformly distributed unitary matrices
        c = frame.c + frame.directions @ w @ frame.bands
        total += (c * energies) @ c.conj().T
    np.testing.assert_allclose(found, total / n, atol=0.02)


def test_subset_of_the_basis_is_what_projecting_on_it_alone_gives():
    """With plane waves spelled out: atomic functions A, states psi; X = S^-1/2 A^+ psi."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(40, 7)) + 1j * rng.normal(size=(40, 7))
    psi = np.linalg.qr(rng.normal(size=(40, 9)) + 1j * rng.normal(size=(40, 9)))[0]

    def project(functions):
        overlap = functions.conj().T @ functions
        e, v = np.linalg.eigh(overlap)
        return (v / np.sqrt(e)) @ v.conj().T @ functions.conj().T @ psi, overlap

    rows = np.array([0, 2, 3, 6])
    x, overlap = project(a)
    expected_x, expected_overlap = project(a[:, rows])
    found_x, found_overlap = restrict_basis(x, overlap, rows)
    np.testing.assert_allclose(found_x, expected_x, atol=1e-12)
    np.testing.assert_allclose(found_overlap, expected_overlap, atol=1e-12)


def test_levels_at_the_cut():
    energies = np.array([0.0, 1.0, 1.0 + 5e-4, 2.0, 2.0, 2.0 + 8e-4, 3.0])
    assert level_at_cut(energies, 3) == (3, 3)  # ends with the level
    assert level_at_cut(energies, 2) == (1, 3)
    assert level_at_cut(energies, 4) == (3, 6)
    assert level_at_cut(energies, 5) == (3, 6)
    assert level_at_cut(energies, 7) == (7, 7)  # there may be more, but they are not known
    assert level_at_cut(energies[:1], 1) == (1, 1)


@pytest.mark.parametrize("lower_rank", [4, 3])
def test_combinations_that_reach_what_the_lower_bands_leave(lower_rank):
    """Four lower bands and a level of three for five functions: what the lower bands reach is not taken."""
    rng = np.random.default_rng(3)
    directions = np.linalg.qr(rng.normal(size=(5, 5)) + 1j * rng.normal(size=(5, 5)))[0]
    lower = directions[:, :lower_rank] @ (rng.normal(size=(lower_rank, 4)) + 1j * rng.normal(size=(lower_rank, 4)))
    level = directions @ (rng.normal(size=(5, 3)) + 1j * rng.normal(size=(5, 3)))
    chosen = choose_from_level(np.hstack([lower, level]), 4)
    free = 5 - lower_rank
    assert chosen.shape == (5, 4 + free)
    np.testing.assert_array_equal(chosen[:, :4], lower)
    # The free directions are all covered, and nothing of the level that could cover them is left.
    reach = directions[:, lower_rank:].conj().T
    before, after = (np.linalg.norm(reach @ part) for part in (level, chosen[:, 4:]))
    assert after == pytest.approx(before)


def test_a_level_out_of_reach_leaves_zeros():
    rng = np.random.default_rng(3)
    lower = np.vstack([rng.normal(size=(4, 4)), np.zeros((1, 4))])
    level = np.vstack([rng.normal(size=(4, 2)), np.zeros((1, 2))])
    chosen = choose_from_level(np.hstack([lower, level]), 4)
    assert chosen.shape == (5, 5)
    np.testing.assert_array_equal(chosen[:, 4], 0)
    frame = polar_frame(chosen)
    assert frame.is_deficient
    np.testing.assert_allclose(frame.share, [0, 0, 0, 0, 1], atol=1e-12)


def test_more_bands_than_functions_where_the_lower_ones_are_not_seen():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))
    x[:, 1] = 0
    frame = polar_frame(x)
    assert not frame.is_deficient
    np.testing.assert_allclose(frame.operator(np.ones(4)), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frame.c[:, 1], 0, atol=1e-12)
