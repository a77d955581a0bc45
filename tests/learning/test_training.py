"""Training on as few cells as a first calculation has."""

import numpy as np
import pytest

from aiida_getl.learning.dataset import concatenate
from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.selection import METHODS, select
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.training import train
from aiida_getl.learning.validation import validate

BOND = default_descriptors(["Cu", "Zr"])[0]


def test_seeds_decide(small_table):
    few = {"descriptor": BOND, "max_bonds": 60}
    predictions = [train(small_table, few, seed).regressors["Zr-Cu"].members_["soap"].alpha_ for seed in (0, 0, 1)]
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert not np.array_equal(predictions[0], predictions[2])


@pytest.mark.parametrize("selection", METHODS)
def test_training_bonds_are_selected_as_told(small_table, selection):
    bonds = small_table.of_type("Zr-Cu")
    few = {"descriptor": BOND, "max_bonds": 70, "selection": selection, "max_bonds_hyperparameters": 30}
    chosen = [train(bonds, few, seed).regressors["Zr-Cu"].members_["soap"].X_train_ for seed in (0, 0, 1)]
    assert len(chosen[0]) == 70
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[0], chosen[2])
    if selection == "farthest_point":  # the same bonds as by the selection itself
        X = bonds.design_matrix("bond_environment")
        rows = np.sort(select(selection, X, 70, 0))
        np.testing.assert_array_equal(chosen[0][:, 0], X[rows, 0])
    if selection == "uncertainty":
        random = train(bonds, {**few, "selection": "random"}, 0).regressors["Zr-Cu"].members_["soap"].X_train_
        assert not np.array_equal(chosen[0], random)


def test_without_a_prior_mean(small_table):
    """Far from all bonds the process returns to zero; near them both means predict alike."""
    bonds = small_table.of_type("Zr-Cu")
    settings = {"descriptor": BOND, "prior_mean": "zero", "learning_curve": False, "max_folds": 2, "max_bonds": 100}
    model = train(bonds, settings, seed=0)
    member = model.regressors["Zr-Cu"].members_["soap"]
    assert member.mean_.amplitude == 0.0
    far = np.hstack([[[9.0]], np.zeros((1, len(member.axes_)))])
    assert abs(member.latent(far)[0][0]) < 0.02
    arrays, attributes = model.to_arrays()
    again = EtlModel.from_arrays(arrays, attributes)
    assert again.settings["prior_mean"] == "zero"
    X = bonds.design_matrix("bond_environment")[:30]
    for first, second in zip(*(m.regressors["Zr-Cu"].predict(X, return_std=True) for m in (model, again)), strict=True):
        np.testing.assert_array_equal(first, second)
    zero, exponential = (
        validate(bonds, {**settings, "prior_mean": mean}, 0).predictions["Zr-Cu"] for mean in ("zero", "exponential")
    )
    errors = [regression_metrics(own["target"], own["model_mean"])["rmse"] for own in (zero, exponential)]
    assert errors[0] != errors[1]
    assert errors[0] < 1.5 * errors[1]


def test_types_with_too_few_bonds_are_reported(small_table):
    pure = np.flatnonzero(small_table.type == "Cu-Cu")
    few = small_table.select(np.sort(np.concatenate([np.flatnonzero(small_table.type != "Cu-Cu"), pure[:7]])))
    model = train(few, {"descriptor": BOND}, seed=0)
    assert sorted(model.regressors) == ["Zr-Cu", "Zr-Zr"]
    assert model.untrained == {"Cu-Cu": "7 bonds, at least 30 are needed (min_bonds)"}


def test_long_bonds_are_left_out(small_table):
    model = train(small_table, {"descriptor": BOND, "r_max": 3.5}, seed=0)
    assert model.r_max == 3.5
    assert all(longest <= 3.5 for _, longest in model.distance_range.values())


def test_bad_input_is_refused(small_table):
    wrong = {**BOND, "species": ["Al", "Cu", "Zr"]}
    features, made = (from_settings(settings).n_features for settings in (BOND, wrong))
    with pytest.raises(ValueError, match=f"has {features} features, its settings make {made}"):
        train(small_table, {"descriptor": wrong}, 0)
    with pytest.raises(ValueError, match="within r_max"):
        train(small_table, {"descriptor": BOND, "r_max": 1.0}, 0)
    bare = concatenate([small_table])
    del bare.descriptors["bond_environment"]
    with pytest.raises(ValueError, match="no descriptor 'bond_environment'"):
        train(bare, {"descriptor": BOND}, 0)
