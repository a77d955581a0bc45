"""Overlaps at two centres and of Bloch sums, by other ways."""

import numpy as np
import pytest
from scipy.integrate import lebedev_rule
from scipy.spatial.transform import Rotation

from aiida_getl.slater.harmonics import real_harmonics
from aiida_getl.slater.orbitals import slater_orbital
from aiida_getl.slater.overlaps import NEGLIGIBLE, BlochOverlaps, TwoCentreOverlaps
from aiida_getl.structures.bonds import bond_vectors, find_bonds


def orbitals(element, *labels):
    return [slater_orbital(element, label) for label in labels]


def matrix(table, a, b, vector):
    """All overlaps of an atom of kind a with one of kind b at a vector from it."""
    sizes = [sum(orbital.shell.n_functions for orbital in table.kinds[kind]) for kind in (a, b)]
    total = np.zeros(sizes)
    for row, column, pair in table.pairs(a, b):
        block = pair.blocks(np.array([vector]))[0]
        total[row : row + block.shape[0], column : column + block.shape[1]] = block
    return total


def values(kind, points):
    """All functions of an atom at points from it, (functions, n)."""
    r = np.linalg.norm(points, axis=1)
    return np.concatenate([o.radial(r) / r * real_harmonics(o.shell.l, points) for o in kind])


@pytest.fixture(scope="module")
def table():
    return TwoCentreOverlaps([orbitals("C", "2s", "2p"), orbitals("Cu", "3s", "4s", "3p", "3d")])


def test_hydrogen_molecule():
    table = TwoCentreOverlaps([orbitals("H", "1s")])
    distance = np.linspace(0.6, 12, 25)
    ((_, _, pair),) = table.pairs(0, 0)
    found = pair.blocks(distance[:, None] * np.array([0.6, 0.0, 0.8]))[:, 0, 0]
    np.testing.assert_allclose(found, np.exp(-distance) * (1 + distance + distance**2 / 3), atol=2e-7)


def test_overlaps_are_integrals_over_space(table):
    """On radial and angular grids around both atoms, each weighted where its atom is the nearer one."""
    vector = np.array([1.3, -2.1, 2.6])
    nodes, weights = np.polynomial.legendre.leggauss(160)
    # Of (0, inf), half of the points within 2 bohr.
    r, measure = 2 * (1 + nodes) / (1 - nodes), weights * 4 / (1 - nodes) ** 2
    directions, solid_angle = lebedev_rule(65)
    total = 0
    for centre in (np.zeros(3), vector):
        points = (r[:, None, None] * directions.T).reshape(-1, 3) + centre
        volume = (measure * r**2)[:, None] * solid_angle
        ratio = np.linalg.norm(points - vector, axis=1) / np.linalg.norm(points, axis=1)
        share = 1 / (1 + ratio ** (6 if centre.any() else -6))
        left, right = values(table.kinds[0], points), values(table.kinds[1], points - vector)
        total = total + (left * volume.ravel() * share) @ right.T
    assert np.abs(total).max() > 0.2
    np.testing.assert_allclose(matrix(table, 0, 1, vector), total, atol=1e-5)


def test_overlaps_are_symmetric(table):
    vector = np.array([0.7, 3.0, -1.1])
    for a, b in ((0, 0), (0, 1), (1, 1)):
        np.testing.assert_allclose(matrix(table, a, b, vector), matrix(table, b, a, -vector).T, atol=1e-12)


def test_overlaps_turn_with_the_vector(table):
    turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()
    points = np.random.default_rng(0).normal(size=(30, 3))
    turns = []
    for kind in table.kinds:
        before, after = values(kind, points), values(kind, points @ turn.T)
        turns.append(np.zeros((len(before), len(before))))
        row = 0
        for orbital in kind:
            rows = slice(row, row := row + orbital.shell.n_functions)
            turns[-1][rows, rows] = after[rows] @ np.linalg.pinv(before[rows])
    vector = np.array([1.9, 0.3, -2.2])
    expected = turns[0] @ matrix(table, 0, 1, vector) @ turns[1].T
    np.testing.assert_allclose(matrix(table, 0, 1, turn @ vector), expected, atol=1e-11)


def test_overlaps_are_negligible_out_of_reach(table):
    for _, _, pair in table.pairs(1, 1):
        far = pair.blocks((pair.reach + np.array([0.2, 1.0]))[:, None] * np.array([0.0, 0.6, 0.8]))
        assert np.abs(far).max() < 3 * NEGLIGIBLE
    assert table.reach == max(pair.reach for a in (0, 1) for b in (0, 1) for _, _, pair in table.pairs(a, b))


@pytest.mark.parametrize("kpoint", [(0, 0, 0), (0.5, 0, 0.5), (0.1, -0.3, 0.45)])
def test_bloch_sums_are_those_of_plane_waves(kpoint):
    """Three atoms in a small triclinic cell, one of them outside of it."""
    kinds = [orbitals("C", "2s", "2p"), orbitals("H", "1s")]
    cell = np.array([[5.0, 0.0, 0.3], [0.4, 5.5, 0.0], [-0.7, 1.0, 6.0]])
    positions = np.array([[0.1, 0.2, 0.3], [2.6, 2.4, 3.1], [-3.0, 1.0, 7.5]])
    kind, kpoint = np.array([0, 0, 1]), np.array(kpoint, dtype=float)
    table = TwoCentreOverlaps(kinds)
    pairs = find_bonds(positions, cell, table.reach)
    bloch = BlochOverlaps(table, kind, np.array([0, 4, 8, 9]), pairs, bond_vectors(positions, cell, pairs))
    found = bloch(kpoint)
    assert np.isrealobj(found) == (2 * kpoint % 1 == 0).all()

    steps = np.stack(np.meshgrid(*[np.arange(-18, 19)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = (steps + kpoint) @ (2 * np.pi * np.linalg.inv(cell).T)
    q = np.linalg.norm(vectors, axis=1)
    rows = []
    for atom, position in zip(kind, positions, strict=True):
        phase = 4 * np.pi * np.exp(-1j * vectors @ position) / np.sqrt(np.linalg.det(cell))
        rows += [phase * (-1j) ** o.shell.l * real_harmonics(o.shell.l, vectors) * o.transform(q) for o in kinds[atom]]
    waves = np.concatenate(rows)
    np.testing.assert_allclose(found, waves.conj() @ waves.T, atol=1e-4)  # the cusp of 2s needs more
