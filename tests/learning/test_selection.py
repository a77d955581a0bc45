"""Choices of training bonds."""

import numpy as np
import pytest

from aiida_getl.learning.selection import METHODS, farthest_points, reduced_features, select, stratified

RNG = np.random.default_rng(0)
N = 400


@pytest.fixture(scope="module")
def X():
    """Bonds in two clusters of environments, one of them with ten bonds only."""
    rare = np.arange(N) < 10
    descriptor = RNG.normal(scale=0.05, size=(N, 20)) + np.where(rare[:, None], 1.0, 0.0) * np.eye(20)[3]
    return np.column_stack([RNG.uniform(2.4, 4.2, N), descriptor]).astype(np.float32)


@pytest.fixture(scope="module")
def strength(X):
    return 3.0 * np.exp((2.4 - X[:, 0]) / 0.4)


def distance_to_nearest(X):
    """A fit that is the less certain the farther a bond is from those it knows."""

    def fit_std(known):
        return lambda rows: 1e-3 + np.min(np.linalg.norm(rows[:, None] - X[known], axis=2), axis=1)

    return fit_std


@pytest.mark.parametrize("method", METHODS)
def test_choices_are_distinct_seeded_and_nested(X, strength, method):
    def choose(n, seed=5):
        return select(method, X, n, seed, strength, distance_to_nearest(X))

    chosen = choose(120)
    assert len(set(chosen.tolist())) == 120
    assert chosen.min() >= 0
    assert chosen.max() < N
    np.testing.assert_array_equal(chosen, choose(120))
    assert not np.array_equal(chosen, choose(120, seed=6))
    if method != "uncertainty":  # whose last batch is cut to size
        np.testing.assert_array_equal(choose(60), chosen[:60])
    assert sorted(choose(10 * N)) == list(range(N))


@pytest.mark.parametrize("method", ["farthest_point", "leverage", "uncertainty"])
def test_rare_environments_are_found(X, strength, method):
    found = np.mean([np.sum(select(method, X, 80, seed, strength, distance_to_nearest(X)) < 10) for seed in range(10)])
    assert found > 1.5 * 10 * 80 / N  # half as many again as by chance


def test_strata_are_taken_in_turn(X, strength):
    strong = strength > np.quantile(strength, 0.95)
    chosen = stratified(X[:, 0], strength, seed=0)[:80]
    assert strong[chosen].sum() > 2 * strong.sum() * 80 / N
    # values without any spread are one stratum
    assert sorted(stratified(np.ones(7), np.ones(7), 0)) == list(range(7))


def test_farthest_points_are_far():
    points = np.array([[0.0], [0.1], [10.0], [5.0], [9.9]], dtype=np.float32)
    orders = {tuple(farthest_points(points, 3, seed)) for seed in range(60)}
    assert (0, 2, 3) in orders
    assert {order[0] for order in orders} == set(range(5))
    same = np.ones((4, 2), dtype=np.float32)
    assert sorted(farthest_points(same, 4, 0)) == [0, 1, 2, 3]


def test_reduced_features_keep_distances(X):
    full = reduced_features(X, n_components=20)
    assert full.dtype == np.float32
    a, b = RNG.integers(N, size=(2, 50))
    environment = np.linalg.norm(full[a, 1:] - full[b, 1:], axis=1)
    expected = np.linalg.norm(X[a, 1:] - X[b, 1:], axis=1) / np.sqrt(X[:, 1:].var(axis=0).sum())
    np.testing.assert_allclose(environment, expected, rtol=1e-4, atol=1e-5)
    assert full[:, 0].std() == pytest.approx(1.0, abs=1e-4)
    assert reduced_features(X[:, :1]).shape == (N, 1)
    assert np.isfinite(reduced_features(np.ones((5, 4), dtype=np.float32))).all()


def test_bad_input_is_refused(X):
    with pytest.raises(ValueError, match="'best'"):
        select("best", X, 10, 0)
    with pytest.raises(ValueError, match="needs the strengths"):
        select("stratified", X, 10, 0)
    with pytest.raises(ValueError, match="needs a model"):
        select("uncertainty", X, 10, 0)
    with pytest.raises(ValueError, match="0 of 400 bonds cannot be selected"):
        select("random", X, 0, 0)
    with pytest.raises(ValueError, match="1 of 0 bonds cannot be selected"):
        select("random", X[:0], 1, 0)
