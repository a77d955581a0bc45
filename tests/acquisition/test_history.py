"""Costs learnt from the past, and the start from nothing."""

import pytest

from aiida_getl.acquisition.history import cost_models
from aiida_getl.acquisition.start import propose_start


def test_a_run_costs_its_label_and_the_quench():
    rows = [
        {"what": "label", "n_atoms": 24, "core_hours": 2.0},
        {"what": "label", "n_atoms": 24, "core_hours": 2.0},
        {"what": "melt_quench", "n_atoms": 24, "core_hours": 0.5},
    ]
    costs = cost_models(rows, 24)
    assert costs["deformation"](24) == pytest.approx(2.0)
    assert costs["composition"](24) == pytest.approx(2.5)
    assert costs["run"].n_observations == 2


def test_without_history_the_default_is_taken():
    costs = cost_models([], 24)
    assert costs["cell"].n_observations == 0
    assert costs["cell"](24) == costs["composition"](24) > 0


def test_rows_of_something_else_are_refused():
    with pytest.raises(ValueError, match="a past cost has what"):
        cost_models([{"what": "coffee", "n_atoms": 1, "core_hours": 1.0}], 24)


def test_runs_to_start_from_have_their_own_seeds_and_alternate():
    proposal = propose_start(["Cu50Zr50", "Cu64Zr36"], 2, 24, cost_models([], 24)["composition"], seed=3)
    recipes = [item.recipe for item in proposal]
    assert [recipe["composition"] for recipe in recipes] == ["Cu50Zr50", "Cu64Zr36"] * 2
    assert len({recipe["seed"] for recipe in recipes}) == 4
    again = propose_start(["Cu50Zr50", "Cu64Zr36"], 2, 24, cost_models([], 24)["composition"], seed=3)
    assert again == proposal


def test_one_run_is_too_few_to_start_from():
    with pytest.raises(ValueError, match="1 runs to start from: 2 are needed"):
        propose_start(["Cu50Zr50"], 1, 24, cost_models([], 24)["composition"], seed=3)
