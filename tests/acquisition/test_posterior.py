"""Expected variances are those that labels bring."""

import numpy as np
import pytest
from scipy.linalg import cholesky

from aiida_getl.acquisition.posterior import EnsemblePosterior
from aiida_getl.acquisition.sampling import sample_bonds
from aiida_getl.learning.regression import BondRegressor
from aiida_getl.learning.training import train


@pytest.fixture(scope="module")
def parts(model, make_cell):
    """(ensemble, target rows, rows of three cells) of the Zr-Cu bonds of cells that the model has not seen."""
    own = [sample_bonds([make_cell(seed)], model, 60, seed=0)["Zr-Cu"].X for seed in (20, 21, 22, 23)]
    return model.regressors["Zr-Cu"], own[0][:25], own[1:]


def independent(parts, **options):
    """With labels that are all independent."""
    ensemble, target, cells = parts
    return EnsemblePosterior(ensemble, target, cells, [len(rows) for rows in cells], 1e12, **options)


def test_starts_from_the_stated_standard_deviation(parts):
    ensemble, target, _ = parts
    np.testing.assert_allclose(independent(parts).std(), ensemble.predict(target, return_std=True)[1], rtol=1e-6)


def test_process_after_labels_is_the_one_trained_with_them(parts):
    """Whatever the labels say: the variance does not depend on them."""
    ensemble, target, cells = parts
    process = ensemble.members_["soap"]
    joint = independent(parts)
    joint.add(1)
    joint.add(2)
    more = BondRegressor(process.kernel_, noise=process.noise_, mean="exponential", optimise=False, max_inducing=10**6)
    inducing = np.hstack([process.X_train_[:, :1], process.X_train_[:, 1:] @ process.axes_.T])
    X = np.concatenate([inducing, *(ensemble.columns(rows, "soap") for rows in cells[1:])])
    more.fit(X, np.ones(len(X)))
    more.mean_ = process.mean_  # which labels do change, and which enters as the scale of what is asked for
    _, expected, _ = more.latent(ensemble.columns(target, "soap"))
    scale = process.mean_.scale(target[:, 0].astype(float))
    found = scale * np.sqrt(joint._parts[0][2].variance)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_log_linear_after_labels_has_their_precision_too(parts):
    ensemble, target, cells = parts
    member = ensemble.members_["screening"]
    joint = independent(parts)
    joint.add(0)
    X = ensemble.columns(cells[0], "screening").astype(float)
    strength, _, novelty = member.latent(X)
    assert (novelty < 1.0).all()
    phi, _ = member._basis(X, None)
    rows = phi * (strength / np.sqrt(member.noise_ * (strength + 0.02)))[:, None]
    factor = cholesky(member.factor_ @ member.factor_.T + rows.T @ rows, lower=True)
    phi, _ = member._basis(ensemble.columns(target, "screening").astype(float), None)
    expected = np.square(np.linalg.solve(factor, phi.T)).sum(axis=0)
    np.testing.assert_allclose(joint._parts[1][2].variance, expected, rtol=1e-6)


def test_what_a_cell_promises_is_what_it_brings(parts):
    joint = independent(parts)
    promised = joint.std(1)
    assert (promised < joint.std()).all()
    joint.add(1)
    np.testing.assert_allclose(joint.std(), promised, rtol=1e-8)


def test_the_same_cell_again_brings_little(table, settings, parts):
    """To a model of one glass another is news, but only once."""
    _, target, cells = parts
    ensemble = train(table.select(table.structure == 0), settings, seed=0).regressors["Zr-Cu"]
    counts = [len(cells[0]), len(cells[0]), len(cells[1])]
    joint = EnsemblePosterior(ensemble, target, [cells[0], cells[0], cells[1]], counts, 50.0)
    start, first = joint.std().mean(), joint.std(0).mean()
    joint.add(0)
    again, other = first - joint.std(1).mean(), first - joint.std(2).mean()
    assert 0.0 < again < 0.4 * (start - first)
    assert again < 0.8 * other


def test_labels_of_one_cell_saturate(parts):
    ensemble, target, cells = parts
    gains = []
    for count in (20, 200, 20_000):
        joint = EnsemblePosterior(ensemble, target, [cells[0]], [count], 50.0)
        gains.append(joint.std().mean() - joint.std(0).mean())
    assert gains[0] < gains[1] < gains[2] < 1.5 * gains[1]


def test_a_cell_without_such_bonds_brings_nothing(parts):
    ensemble, target, cells = parts
    joint = EnsemblePosterior(ensemble, target, [cells[0][:0], cells[1]], [0, 10], 50.0)
    np.testing.assert_array_equal(joint.std(0), joint.std())
    joint.add(0)
    assert (joint.std(1) < joint.std()).all()
