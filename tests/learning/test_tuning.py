"""Choosing settings without seeing what they are judged on."""

import numpy as np
import pytest

from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.tuning import nested_validation, tune

BOND, ENDS = default_descriptors(["Cu", "Zr"])
SETTINGS = {"descriptor": BOND, "max_bonds": 150, "max_bonds_hyperparameters": 60}


@pytest.fixture(scope="module")
def mixed(small_table):
    """Bonds of one type only, for speed."""
    return small_table.select(small_table.type == "Zr-Cu")


def test_more_bonds_win(mixed):
    steps = []
    result = tune(mixed, [{"max_bonds": 20}, {}], SETTINGS, seed=0, progress=lambda *step: steps.append(step[:2]))
    assert steps == [(1, 2), (2, 2)]
    assert result.to_attributes()["skipped"] == {}
    assert result.best == 1
    assert result.score[1] < result.score[0]
    assert result.rmse[1]["Zr-Cu"] == pytest.approx(result.score[1])


def test_outer_groups_are_predicted_with_settings_chosen_without_them(mixed):
    steps = []
    nested = nested_validation(
        mixed, [{"max_bonds": 20}, {}], SETTINGS, seed=0, progress=lambda *step: steps.append(step)
    )
    assert [choice.best for choice in nested.choices] == [1, 1, 1, 1]
    assert len({tuple(choice.score) for choice in nested.choices}) == 4  # each saw other bonds
    columns = nested.validation.predictions["Zr-Cu"]
    np.testing.assert_array_equal(mixed.strength[columns["row"]], columns["target"])
    assert nested.validation.group_by == "run"
    assert nested.validation.metrics["Zr-Cu"]["model"]["rmse"] < 0.1 * np.ptp(columns["target"])
    assert [step[:2] for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_changing_the_tested_labels_cannot_change_the_choice(mixed):
    """The labels of an outer group are unknown to the tuning without it."""
    held = np.array([entry["run"] == 3 for entry in mixed.structures])[mixed.structure]
    changed = mixed.select(np.arange(len(mixed)))
    changed.strength[held] = 1.0
    scores = [
        nested_validation(table, [{"max_bonds": 20}, {"max_bonds": 40}], SETTINGS, seed=0).choices
        for table in (mixed, changed)
    ]
    same = [a.score == b.score for a, b in zip(*scores, strict=True)]
    assert sum(same) == 1  # the fold that leaves this group out


def test_bad_input_is_refused(mixed):
    with pytest.raises(ValueError, match=r"cannot differ in \['group_by', 'r_max'\]"):
        tune(mixed, [{"r_max": 3.0, "group_by": "random"}], SETTINGS, 0)
    with pytest.raises(ValueError, match="candidates to choose from"):
        tune(mixed, [], SETTINGS, 0)
    with pytest.raises(ValueError, match="is 'max_bonds': it must name settings"):
        tune(mixed, ["max_bonds"], SETTINGS, 0)
    with pytest.raises(ValueError, match="no bond type can be validated"):
        tune(mixed.select(mixed.structure == 0), [{}], SETTINGS, 0)
    two_runs = mixed.select(mixed.structure < 5)
    with pytest.raises(ValueError, match=r"three groups.*there are 2"):
        nested_validation(two_runs, [{}], SETTINGS, 0)
