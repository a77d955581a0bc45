"""The log-linear regression: recovers a law, matches training without a fold, keeps its head on odd data."""

import numpy as np
import pytest

from aiida_getl.learning.log_linear import LOG_STRENGTH, LogLinearRegressor


def bonds(n, seed=0, noise=0.02):
    rng = np.random.default_rng(seed)
    X = np.hstack([rng.uniform(2.3, 4.2, (n, 1)), rng.gamma(2.0, 1.0, (n, 6))])
    law = 2 * np.exp((2.4 - X[:, 0]) / 0.5 - 0.3 * X[:, 1] + 0.1 * X[:, 2] * (X[:, 0] - 3.0))
    return X, law + rng.normal(scale=noise * np.sqrt(law + 0.02)), law


def test_recovers_a_screened_law():
    X, y, _ = bonds(800)
    new, _, law = bonds(300, seed=1)
    fitted = LogLinearRegressor().fit(X, y)
    mean, std, _ = fitted.latent(new)
    assert np.sqrt(np.mean((mean - law) ** 2 / (law + 0.02))) < 0.02
    assert fitted.noise_ == pytest.approx(4e-4, rel=0.2)
    assert np.mean(np.abs(mean - law) < 2 * std) > 0.8
    np.testing.assert_array_equal(fitted.latent(new, return_std=False)[0], mean)


def test_left_out_is_close_to_training_without():
    X, y, _ = bonds(300)
    folds = [np.arange(300) % 4 == k for k in range(4)]
    mean, std, novelty = LogLinearRegressor().fit(X, y).left_out(X, y, folds)
    for test in folds:
        expected, spread, _ = LogLinearRegressor().fit(X[~test], y[~test]).latent(X[test])
        error = np.abs(mean[test] - expected)
        assert np.median(error / spread) < 0.2
    assert (novelty > 0).all()
    assert np.isfinite(std).all()


def test_left_out_holds_what_is_beyond_the_other_bonds():
    """One odd bond, predicted from the others, is held within their range: as training without it would."""
    X, y, _ = bonds(300)
    X[7, 1:] *= 30.0
    test = np.arange(300) == 7
    mean, _, _ = LogLinearRegressor().fit(X, y).left_out(X, y, [test, ~test])
    expected, _, _ = LogLinearRegressor().fit(X[~test], y[~test]).latent(X[test])
    assert mean[7] == pytest.approx(expected[0], abs=0.02)


def test_the_density_keeps_its_proportions():
    """Two coefficients of the same weight: the prior lets the large one speak, not the one that hardly varies."""
    rng = np.random.default_rng(0)
    X = np.hstack([rng.uniform(2.3, 4.2, (60, 1)), rng.normal(size=(60, 2)) * [1.0, 0.03]])
    for column in (1, 2):
        law = np.exp((2.4 - X[:, 0]) / 0.5 + 0.05 * X[:, column] / X[:, column].std())
        fitted = LogLinearRegressor(n_density=2).fit(X, law)
        weights = np.abs(fitted.weights_[-2:] * [1.0, 0.03])
        if column == 1:
            assert weights[0] > 0.02
        else:
            assert weights.max() < 0.01


def test_far_away_it_neither_explodes_nor_claims_to_know():
    X, y, _ = bonds(200)
    fitted = LogLinearRegressor().fit(X, y)
    far = X[:5].copy()
    far[:, 1:] *= -50.0
    mean, std, novelty = fitted.latent(far)
    assert (mean <= np.exp(LOG_STRENGTH[1])).all()
    assert (novelty > 50 * fitted.latent(X)[2].max()).all()
    assert np.isfinite(std).all()


@pytest.mark.parametrize("strength", [np.zeros(40), np.full(40, -0.05), np.linspace(-0.1, 0.1, 40)])
def test_bonds_that_hardly_bond(strength):
    X = bonds(40)[0]
    mean, std, _ = LogLinearRegressor().fit(X, strength).latent(X)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert np.abs(mean).max() < 0.3
