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
    result = permutation_importance(law, SETTINGS, seed=0)["Zr-Cu"]
    assert result["distance"]["rmse"] > 10 * result["model"]["rmse"]
    assert result["environment_at_distance"]["rmse"] < 1.5 * result["model"]["rmse"]


def test_a_law_of_environment_and_distance(bonds):
    result = permutation_importance(bonds, SETTINGS, seed=0, n_repeats=3)["Zr-Cu"]
    assert result["environment_at_distance"]["rmse"] > 1.5 * result["model"]["rmse"]
    assert result["environment"]["rmse"] >= 0.9 * result["environment_at_distance"]["rmse"]
    assert result["distance"]["rmse_std"] < result["distance"]["rmse"]
    assert permutation_importance(bonds, SETTINGS, seed=0, n_repeats=3)["Zr-Cu"] == result


def test_bad_input_is_refused(bonds):
    with pytest.raises(ValueError, match="0 permutations"):
        permutation_importance(bonds, SETTINGS, 0, n_repeats=0)
