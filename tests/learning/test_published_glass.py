"""Errors on the published glass, strain groups left out, hyperparameters fitted without them."""

import pytest

from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.validation import validate


@pytest.mark.slow
def test_errors_of_the_published_glass(published_table):
    part = published_table.select((published_table.type == "Zr-Cu") | (published_table.type == "Cu-Cu"))
    assert len(published_table) == 11967
    settings = {
        "descriptor": default_descriptors(["Al", "Cu", "Zr"])[0],
        "max_bonds": 1000,
        "max_bonds_hyperparameters": 300,
        "learning_curve": False,
    }
    validation = validate(part, settings, seed=0)
    assert validation.n_groups == 8
    for name, bound in (("Zr-Cu", 0.045), ("Cu-Cu", 0.030)):
        metrics = validation.metrics[name]
        assert metrics["model"]["rmse"] < bound
        assert metrics["model"]["rmse"] < 0.75 * metrics["published"]["rmse"]
        assert metrics["published"]["rmse"] < metrics["distance_only"]["rmse"]
        assert 0.93 < metrics["model"]["coverage_95"] < 0.98
        assert 0.85 < metrics["model"]["z_std"] < 1.1
