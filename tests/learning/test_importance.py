"""Where the accuracy comes from, on laws that are known."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_getl.learning.importance import permutation_importance
from aiida_getl.learning.settings import default_descriptors

SETTINGS = {"descriptor": default_descriptors(["Cu", "Zr"])[0], "max_bonds_hyperparameters": 60, "max_folds": 2}


@pytest.fixture(scope="module")
def bonds(small_table):
    """Bonds of one type."""
    return small_table.select(small_table.type == "Zr-Cu")


def test_a_law_of_distance_alone(bonds):
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(bonds))
    law = replace(bonds, strength=2.0 * np.exp((2.4 - bonds.distance) / 0.5) + noise)
    result = permutation_importance(law, SETTINGS, seed=0).values["Zr-Cu"]
    assert result["distance"]["rmse"] > 10 * result["model"]["rmse"]
    assert result["environment_at_distance"]["rmse"] < 1.5 * result["model"]["rmse"]


def test_a_law_of_environment_and_distance(bonds):
    result = permutation_importance(bonds, SETTINGS, seed=0, n_repeats=3).values["Zr-Cu"]
    assert result["environment_at_distance"]["rmse"] > 1.5 * result["model"]["rmse"]
    assert result["environment"]["rmse"] >= 0.9 * result["environment_at_distance"]["rmse"]
    assert result["distance"]["rmse_std"] < result["distance"]["rmse"]
    assert permutation_importance(bonds, SETTINGS, seed=0, n_repeats=3).values["Zr-Cu"] == result


def test_what_cannot_be_tested_is_named(small_table):
    few = small_table.select((small_table.type == "Zr-Cu") | (small_table.structure == 0))
    steps = []
    result = permutation_importance(few, SETTINGS, 0, n_repeats=1, progress=lambda *step: steps.append(step))
    assert sorted(result.values) == ["Zr-Cu"]
    assert sorted(result.skipped) == ["Cu-Cu", "Zr-Zr"]
    assert "belong to one group (run)" in result.skipped["Cu-Cu"]
    assert (result.group_by, result.n_groups) == ("run", 4)
    assert steps == [(1, 1, "Zr-Cu")]


def test_bad_input_is_refused(bonds):
    with pytest.raises(ValueError, match="0 permutations"):
        permutation_importance(bonds, SETTINGS, 0, n_repeats=0)
