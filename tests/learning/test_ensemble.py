"""Two models and their mean: better than either, honest on few bonds, the same after a round trip."""

import json

import numpy as np
import pytest

from aiida_getl.learning.ensemble import BondEnsemble

N_SCREENING, N_DENSITY = 32, 60


@pytest.fixture(scope="module")
def data(small_table):
    table = small_table.of_type("Zr-Cu")
    return table.design_matrix("bond_environment"), table.strength, table.structure


def test_errs_less_than_its_members(data):
    X, y, structure = data
    new = structure >= 5
    fitted = BondEnsemble(N_SCREENING, N_DENSITY).fit(X[~new], y[~new], structure[~new] // 3)
    assert sorted(fitted.members_) == ["screening", "soap"]
    errors = {
        name: np.std(member.latent(fitted.columns(X[new], name), False)[0] - y[new])
        for name, member in fitted.members_.items()
    }
    mean = fitted.predict(X[new])
    assert np.std(mean - y[new]) < min(errors.values())
    assert 0.0 <= fitted.weight_ <= 1.0
    np.testing.assert_array_equal(fitted.predict(X[new], return_std=True)[0], mean)


@pytest.mark.parametrize("seed", range(5))
def test_few_bonds_are_no_reason_for_confidence(data, seed):
    """Thirty bonds of two glasses, tested on the two others."""
    X, y, structure = data
    few = np.random.default_rng(seed).choice(np.flatnonzero(structure < 5), 30, replace=False)
    new = structure >= 5
    mean, std = (
        BondEnsemble(N_SCREENING, N_DENSITY).fit(X[few], y[few], structure[few] // 3).predict(X[new], return_std=True)
    )
    assert np.mean(np.abs(mean - y[new]) <= 1.96 * std) > 0.85


def test_reloaded_predicts_the_same_bits(data, tmp_path):
    X, y, structure = data
    end = 1 + N_SCREENING + N_DENSITY
    for n_screening, n_density, columns in (
        (N_SCREENING, N_DENSITY, slice(None)),
        (N_SCREENING, 0, np.r_[: 1 + N_SCREENING, end : X.shape[1]]),
        (0, 0, np.r_[0, end : X.shape[1]]),
    ):
        fitted = BondEnsemble(n_screening, n_density, max_inducing=80).fit(X[:, columns], y, structure)
        arrays, attributes = fitted.to_arrays()
        np.savez(tmp_path / "model.npz", **arrays)
        with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
            again = BondEnsemble.from_arrays(dict(stored), json.loads(json.dumps(attributes)))
        first, second = fitted.predict_bonds(X[:50, columns]), again.predict_bonds(X[:50, columns])
        for name in ("mean", "std", "novel"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_models_stored_before_there_was_a_density_load(data):
    X, y, structure = data
    X = np.delete(X, np.s_[1 + N_SCREENING : 1 + N_SCREENING + N_DENSITY], axis=1)
    fitted = BondEnsemble(N_SCREENING, max_inducing=80).fit(X, y, structure)
    arrays, attributes = fitted.to_arrays()
    del attributes["n_density"], attributes["members"]["screening"]["n_density"]
    np.testing.assert_array_equal(BondEnsemble.from_arrays(arrays, attributes).predict(X[:50]), fitted.predict(X[:50]))


def test_most_bonds_chosen_at_random_with_a_seed(data):
    X, y, structure = data
    one, same, other = (
        BondEnsemble(N_SCREENING, N_DENSITY, max_bonds=100, seed=seed).fit(X, y, structure).predict(X[:20])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_one_group_alone_is_trusted_less(data):
    X, y, structure = data
    alone = BondEnsemble(N_SCREENING, N_DENSITY).fit(X, y)
    assert alone.errors_.widening == pytest.approx(np.sqrt(2.0))
    assert BondEnsemble(N_SCREENING, N_DENSITY).fit(X, y, structure).errors_.widening < 1.1


def test_equal_bonds_of_a_crystal_can_be_learnt(data):
    X = np.tile(data[0][:1], (30, 1))
    mean, std = (
        BondEnsemble(N_SCREENING, N_DENSITY).fit(X, np.full(30, 0.7), np.arange(30) % 3).predict(X, return_std=True)
    )
    np.testing.assert_allclose(mean, 0.7, atol=2e-3)
    assert (std > 0.002).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_few_bonds_still_tell_what_is_new(data, seed):
    X, y, structure = data
    X = X[:, np.r_[0, 1 + N_SCREENING + N_DENSITY : X.shape[1]]]
    few = np.random.default_rng(seed).choice(np.flatnonzero(structure < 5), 8, replace=False)
    fitted = BondEnsemble().fit(X[few], y[few], structure[few] // 3)
    strange = X[few].copy()
    strange[:, 1:] = np.roll(strange[:, 1:], X.shape[1] // 2, axis=1)  # as long as before, and unlike all
    assert fitted.predict_bonds(strange).novel.all()
    assert not fitted.predict_bonds(X[few]).novel.any()
