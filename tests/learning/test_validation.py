"""Validation on as few cells as a first calculation has."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aiida_getl.learning.dataset import concatenate
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.validation import validate

BOND = default_descriptors(["Cu", "Zr"])[0]
TYPES = ["Cu-Cu", "Zr-Cu", "Zr-Zr"]
#: enough for what is tested of folds and books rather than of errors
FAST = {"descriptor": BOND, "learning_curve": False, "max_bonds_hyperparameters": 50}


@pytest.fixture(scope="module")
def validation(small_table):
    return validate(small_table, {"descriptor": BOND}, seed=0)


def test_whole_runs_are_left_out(small_table, validation):
    assert validation.group_by == "run"
    assert validation.n_groups == 4
    assert sorted(validation.metrics) == TYPES
    for name in TYPES:
        columns = validation.predictions[name]
        np.testing.assert_array_equal(small_table.type[columns["row"]], name)
        np.testing.assert_array_equal(small_table.strength[columns["row"]], columns["target"])
        # bonds of one run, and only they, were predicted by the same regressor
        runs = np.array([entry["run"] for entry in small_table.structures])[small_table.structure[columns["row"]]]
        assert len(set(zip(runs, columns["group"], strict=True))) == 4


def test_environment_is_learnt_without_overconfidence(validation):
    for name in TYPES:
        ours = validation.metrics[name]["model"]
        assert ours["rmse"] < 0.8 * validation.metrics[name]["distance_only"]["rmse"]
        assert np.isfinite(validation.metrics[name]["published"]["rmse"])
        assert ours["coverage_95"] > 0.88
        assert ours["z_std"] < 1.25


def test_learning_curve_ends_at_the_validated_error(validation):
    for name in TYPES:
        curve = validation.learning_curve[name]
        assert [point["n_groups"] for point in curve] == [1, 2, 3]
        assert curve[-1]["rmse"] == validation.metrics[name]["model"]["rmse"]
        assert curve[0]["rmse"] > curve[-1]["rmse"]
        assert curve[0]["n_bonds"] < curve[1]["n_bonds"] < curve[2]["n_bonds"]


def test_validation_goes_into_arrays_and_json(validation):
    arrays, attributes = validation.to_arrays()
    assert json.loads(json.dumps(attributes))["metrics"] == validation.metrics
    assert len(arrays["Zr-Cu.model_std"]) == validation.metrics["Zr-Cu"]["model"]["n"]


def test_one_run_is_split_by_strain(small_table):
    one = small_table.select(np.isin(small_table.structure, [2, 3, 4]))
    validation = validate(one, FAST, seed=0)
    assert validation.group_by == "strain"
    assert validation.n_groups == 2


def test_a_type_of_one_run_mostly_is_not_validated(small_table):
    pure = small_table.type == "Cu-Cu"
    first = small_table.structure < 2
    some = np.flatnonzero(pure & ~first)[:5]
    part = small_table.select(np.sort(np.concatenate([np.flatnonzero(pure & first), some])))
    assert "without one group 5 are left" in validate(part, FAST, seed=0).skipped["Cu-Cu"]


def test_seeds_decide(small_table, validation):
    again = validate(small_table, {"descriptor": BOND, "learning_curve": False}, seed=0)
    assert again.metrics == validation.metrics
    assert again.learning_curve == {}


def test_types_with_too_few_bonds_are_reported(small_table):
    pure = np.flatnonzero(small_table.type == "Cu-Cu")
    few = small_table.select(np.sort(np.concatenate([np.flatnonzero(small_table.type != "Cu-Cu"), pure[:7]])))
    validation = validate(few, FAST, seed=0)
    assert "belong to one group (run)" in validation.skipped["Cu-Cu"]
    assert sorted(validation.metrics) == ["Zr-Cu", "Zr-Zr"]


def test_long_bonds_are_left_out(small_table):
    validation = validate(small_table, {**FAST, "r_max": 3.5}, seed=0)
    for columns in validation.predictions.values():
        assert (small_table.distance[columns["row"]] <= 3.5).all()
        np.testing.assert_array_equal(small_table.strength[columns["row"]], columns["target"])


def test_published_method_needs_its_descriptor(small_table):
    bare = concatenate([small_table])
    del bare.descriptors["end_atom_soap"]
    validation = validate(bare, FAST, seed=0)
    assert sorted(validation.metrics["Zr-Cu"]) == ["distance_only", "model"]


def test_structures_that_are_there_twice_are_noticed(small_table, validation):
    assert validation.shared == dict.fromkeys(TYPES, 0.0)
    first = small_table.select(small_table.structure == 0)
    twin = replace(first, structures=[{**small_table.structures[0], "run": "another name"}])
    shared = validate(concatenate([small_table, twin]), FAST, seed=0).shared
    for name in TYPES:
        n_twin, n_all = np.sum(first.type == name), np.sum(small_table.type == name)
        assert shared[name] == pytest.approx(2 * n_twin / (n_all + n_twin))
