"""Training on as few cells as a first calculation has."""

import numpy as np
import pytest

from aiida_getl.learning.dataset import concatenate
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.training import train

BOND = default_descriptors(["Cu", "Zr"])[0]


def test_seeds_decide(small_table):
    few = {"descriptor": BOND, "max_bonds": 60}
    predictions = [train(small_table, few, seed).regressors["Zr-Cu"].members_["soap"].alpha_ for seed in (0, 0, 1)]
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert not np.array_equal(predictions[0], predictions[2])


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
    with pytest.raises(ValueError, match="has 578 features, its settings make 1245"):
        train(small_table, {"descriptor": {**BOND, "species": ["Al", "Cu", "Zr"]}}, 0)
    with pytest.raises(ValueError, match="within r_max"):
        train(small_table, {"descriptor": BOND, "r_max": 1.0}, 0)
    bare = concatenate([small_table])
    del bare.descriptors["bond_environment"]
    with pytest.raises(ValueError, match="no descriptor 'bond_environment'"):
        train(bare, {"descriptor": BOND}, 0)
