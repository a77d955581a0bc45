"""The regressor against scikit-learn, its round trip through arrays, and its honesty on few bonds."""

import json

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

from aiida_getl.learning.kernels import BondSoapKernel, DistanceKernel, PublishedKernel
from aiida_getl.learning.regression import NOISE_BOUNDS, BondRegressor, PriorMean, log_marginal_likelihood


def bonds(n, seed=0):
    """Bonds with a strength that depends on distance and on the first feature."""
    rng = np.random.default_rng(seed)
    descriptor = np.abs(rng.normal(size=(n, 10))) + 1.0
    descriptor /= np.linalg.norm(descriptor, axis=1, keepdims=True)
    X = np.hstack([rng.uniform(2.3, 4.2, (n, 1)), descriptor]).astype(np.float32).astype(float)
    mean = 2 * np.exp((2.4 - X[:, 0]) / 0.5)
    return X, mean + np.sqrt(mean + 0.02) * (2 * (X[:, 1] - 0.3) + rng.normal(scale=0.03, size=n))


def test_marginal_likelihood_is_scikit_learns():
    X, y = bonds(40)
    kernel, noise = BondSoapKernel(0.1, 0.8, 3.0, 0.02, 1.0), 2e-3
    theirs = GaussianProcessRegressor(kernel + WhiteKernel(noise, NOISE_BOUNDS), alpha=0.0, optimizer=None).fit(X, y)
    value, gradient = log_marginal_likelihood(kernel, noise, kernel.pairs(X), y)
    expected, slopes = theirs.log_marginal_likelihood(theirs.kernel_.theta, eval_gradient=True)
    assert value == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)


def test_predictions_are_scikit_learns():
    X, y = bonds(80)
    new, _ = bonds(50, seed=1)
    ours = BondRegressor(BondSoapKernel(), optimise=False, noise=1e-3).fit(X, y)
    m, s = ours.mean_(X[:, 0]), ours.mean_.scale(X[:, 0])
    theirs = GaussianProcessRegressor(BondSoapKernel() + WhiteKernel(1e-3), alpha=0.0, optimizer=None).fit(
        X, (y - m) / s
    )
    mean, std = ours.predict(new, return_std=True)
    latent, spread = theirs.predict(new, return_std=True)
    scale = ours.mean_.scale(new[:, 0])
    np.testing.assert_allclose(mean, ours.mean_(new[:, 0]) + scale * latent, rtol=1e-8)
    np.testing.assert_allclose(std, scale * spread, rtol=1e-6)
    np.testing.assert_array_equal(ours.predict(new), mean)


@pytest.mark.parametrize(
    "regressor",
    [
        BondRegressor(BondSoapKernel()),
        BondRegressor(DistanceKernel()),
        BondRegressor(PublishedKernel(0.5, zeta=2), noise=0.01, mean="zero", optimise=False),
    ],
    ids=["bond SOAP", "distance", "published"],
)
def test_reloaded_predicts_the_same_bits(regressor, tmp_path):
    X, y = bonds(120)
    if isinstance(regressor.kernel, DistanceKernel):
        X = X[:, :1]
    new = X[:30] + 0.01
    regressor.fit(X, y, np.arange(120) % 4)
    arrays, attributes = regressor.to_arrays()
    np.savez(tmp_path / "model.npz", **arrays)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
        again = BondRegressor.from_arrays(dict(stored), json.loads(json.dumps(attributes)))
    for ours, theirs in zip(again.predict(new, return_std=True), regressor.predict(new, return_std=True), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_learns_and_is_deterministic():
    X, y = bonds(300)
    new, target = bonds(200, seed=1)
    groups = np.arange(300) % 4
    fitted = BondRegressor(max_bonds=200, max_bonds_hyperparameters=150, seed=3).fit(X, y, groups)
    assert len(fitted.X_train_) == 200
    mean, std = fitted.predict(new, return_std=True)
    distance_only = BondRegressor(DistanceKernel()).fit(X[:, :1], y).predict(new[:, :1])
    assert np.std(mean - target) < 0.7 * np.std(distance_only - target)
    assert 0.8 < np.sqrt(np.mean(((mean - target) / std) ** 2)) < 1.2
    again = BondRegressor(max_bonds=200, max_bonds_hyperparameters=150, seed=3).fit(X, y)
    np.testing.assert_array_equal(again.predict(new), mean)
    other = BondRegressor(max_bonds=200, max_bonds_hyperparameters=150, seed=4).fit(X, y)
    assert not np.array_equal(other.predict(new), mean)


def test_left_out_errors_are_those_of_training_without_the_group():
    X, y = bonds(60)
    groups = np.arange(60) % 3
    options = {"kernel": BondSoapKernel(), "noise": 1e-3, "mean": "zero", "optimise": False}
    fitted = BondRegressor(**options).fit(X, y)
    z2, means, rows = [], [], []
    for k in range(3):
        mean, std = (
            BondRegressor(**options).fit(X[groups != k], y[groups != k]).predict(X[groups == k], return_std=True)
        )
        z2.append(((mean - y[groups == k]) / std) ** 2)
        means.append(mean)
        rows.append(np.flatnonzero(groups == k))
    expected = np.sqrt(np.mean(z2))
    assert expected > 1.0
    assert BondRegressor(**options).fit(X, y, groups).widening_ == pytest.approx(expected * np.sqrt(4 / 3), rel=1e-4)
    mean, _, novelty = fitted.left_out(X.astype(np.float32), y, [groups == k for k in range(3)])
    np.testing.assert_allclose(mean, np.concatenate(means)[np.argsort(np.concatenate(rows))], atol=1e-5)
    assert (novelty > fitted.latent(X.astype(np.float32))[2]).all()


def test_groups_that_differ_widen_the_standard_deviation():
    """Each glass has a shift of its own, and a look of its own that is no guide to the shift of the next."""
    X, y = bonds(200)
    groups = np.repeat(np.arange(4), 50)
    y = y + np.array([-0.3, 0.3, -0.2, 0.2])[groups] * np.sqrt(2 * np.exp((2.4 - X[:, 0]) / 0.5) + 0.02)
    X[:, 1:] += 0.2 * np.random.default_rng(5).normal(size=(4, 10))[groups]
    X[:, 1:] /= np.linalg.norm(X[:, 1:], axis=1, keepdims=True)
    assert BondRegressor().fit(X, y, groups).widening_ > 2.0
    assert BondRegressor().fit(X, y).widening_ == 1.0
    assert BondRegressor().fit(*bonds(200), groups).widening_ < 1.3


def test_one_group_alone_is_trusted_less():
    X, y = bonds(50)
    assert BondRegressor().fit(X, y, np.zeros(50)).widening_ == pytest.approx(np.sqrt(2))


def test_uncertainty_grows_away_from_the_data():
    X, y = bonds(100)
    near = X[X[:, 0] > 2.5]
    fitted = BondRegressor().fit(near, y[X[:, 0] > 2.5])
    probe = np.repeat(near[:1], 2, axis=0)
    probe[:, 0] = 3.0, 1.9
    std = fitted.predict(probe, return_std=True)[1] / fitted.mean_.scale(probe[:, 0])
    assert std[1] > 1.5 * std[0]


def test_few_inducing_bonds_stand_for_all():
    X, y = bonds(400)
    new, target = bonds(200, seed=1)
    whole = BondRegressor(max_bonds=400).fit(X, y)
    sparse = BondRegressor(max_bonds=400, max_inducing=100).fit(X, y)
    alone = BondRegressor(max_bonds=100).fit(X, y)
    assert len(sparse.X_train_) == 100
    errors = [np.std(regressor.predict(new) - target) for regressor in (whole, sparse, alone)]
    assert errors[1] < errors[0] + 0.5 * (errors[2] - errors[0])
    mean, std = sparse.predict(new, return_std=True)
    np.testing.assert_allclose(std, whole.predict(new, return_std=True)[1], rtol=0.1)
    assert 0.8 < np.sqrt(np.mean(((mean - target) / std) ** 2)) < 1.2


def test_axes_of_the_inducing_bonds_lose_nothing_that_these_tell():
    X, y = bonds(60)
    new, _ = bonds(50, seed=1)
    # A direction that no training bond has: it shortens no dot product, and counts for the variance.
    X, new = (np.hstack([rows, np.zeros((len(rows), 3))]) for rows in (X, new))
    new[:10, 1:11] *= np.sqrt(0.5)
    new[:10, 11] = np.sqrt(0.5)
    plain, reduced = (BondRegressor(max_axes=number).fit(X, y) for number in (None, 400))
    assert reduced.X_train_.shape == (60, 11)
    for first, second in zip(*(r.latent(new) for r in (plain, reduced)), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)
    _, _, novelty = reduced.latent(new)
    assert novelty[:10].min() > novelty[10:].max()
    few = BondRegressor(max_axes=6).fit(X, y)
    assert few.X_train_.shape == (60, 7)
    difference = few.predict(new[10:]) - plain.predict(new[10:])
    assert 0.0 < np.std(difference) < 0.5 * np.std(plain.predict(new[10:]))


def test_equal_bonds_of_a_crystal_can_be_learnt():
    X = np.tile(bonds(1)[0], (30, 1))
    mean, std = BondRegressor().fit(X, np.full(30, 0.7), np.arange(30) % 3).predict(X, return_std=True)
    np.testing.assert_allclose(mean, 0.7, atol=1e-3)
    assert (std > 0.005).all()


def test_prior_mean_finds_the_decay():
    d = np.linspace(2.3, 4.2, 50)
    mean = PriorMean.fit(d, 1.7 * np.exp((2.5 - d) / 0.6))
    assert mean.decay == pytest.approx(0.6, rel=1e-4)
    np.testing.assert_allclose(mean(np.array([2.5])), 1.7, rtol=1e-4)
    np.testing.assert_array_equal(PriorMean().scale(d), 1.0)
    # strengths that hardly bond still give a mean within the bounds
    assert PriorMean.fit(d, np.full(50, -0.01)).amplitude >= 1e-3


def test_bad_input_is_refused():
    X, y = bonds(5)
    with pytest.raises(ValueError, match="three bonds"):
        BondRegressor().fit(X[:2], y[:2])
    with pytest.raises(ValueError, match="one strength for each"):
        BondRegressor().fit(X, y[:4])
    with pytest.raises(ValueError, match=r"no prior mean 'linear': choose from \['exponential', 'zero'\]"):
        BondRegressor(mean="linear").fit(X, y)
    y[2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        BondRegressor().fit(X, y)
