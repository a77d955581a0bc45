"""Groups that are left out together."""

import numpy as np
import pytest

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.splits import folds, group_labels, strain_group
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

NAMES = [AS_QUENCHED, *PUBLISHED_SUBRUNS]


@pytest.fixture
def table():
    """Two bonds from every deformation of two runs."""
    structures = [{"run": run, "sub_run": name} for run in (21, 7) for name in NAMES]
    structure = np.repeat(np.arange(30), 2)
    zeros = np.zeros(60, dtype=int)
    return BondTable(
        np.full(60, "Cu-Cu"), zeros + 2.5, zeros + 0.5, zeros, zeros, np.zeros((60, 3), int), structure, structures
    )


def test_whole_runs(table):
    groups = group_labels(table, "run")
    assert len(np.unique(groups)) == 2
    assert (groups[:30] == groups[0]).all()
    assert (groups[30:] == groups[30]).all()


def test_near_copies_are_one_strain_group(table):
    groups = group_labels(table, "strain")
    members = {}
    for k, entry in enumerate(table.structures[:15]):
        members.setdefault(groups[2 * k], set()).add(NAMES.index(entry["sub_run"]))
    expected = [{0, 7, 9, 11, 13}, {1, 3}, {2, 5}, {4, 6}, {8}, {10}, {12}, {14}]
    assert sorted(map(sorted, members.values())) == sorted(map(sorted, expected))
    # the same strain of another glass is another group
    assert not set(groups[:30]) & set(groups[30:])


def test_frames_of_a_trajectory_are_one_group(table):
    """They are near copies: one of them in training gives the others away."""
    names = [AS_QUENCHED, "frame_0", "frame_250", "n17", "loop1_3", "shear_xy", "shear_yx_frame_3", "shear_yx_loop1_2"]
    for entry, name in zip(table.structures, names, strict=False):
        entry["sub_run"] = name
    groups = group_labels(table, "strain")[: 2 * len(names) : 2]
    assert len(set(groups[:5])) == len(set(groups[5:])) == 1
    assert groups[0] != groups[5]


@pytest.mark.parametrize(
    ("sub_run", "group"),
    [
        ("sub_run_15", "small"),
        ("Strained_5", "Strained_5"),
        ("Strained_5_frame_12", "Strained_5"),
        ("compression_x_frame3", "compression_x"),
        ("isotropic_tension", "small"),
        ("biaxial", "biaxial"),
        ("isotropic", "isotropic"),
    ],
)
def test_names_of_strains(sub_run, group):
    assert strain_group(sub_run) == group


def test_random_parts_are_even_and_seeded(table):
    groups = group_labels(table, "random", n_random=4, seed=1)
    assert np.bincount(groups).tolist() == [15] * 4
    np.testing.assert_array_equal(groups, group_labels(table, "random", n_random=4, seed=1))
    assert not np.array_equal(groups, group_labels(table, "random", n_random=4, seed=2))


def test_folds_are_whole_groups_of_even_size():
    groups = np.repeat([3, 5, 8, 9, 11], [50, 10, 10, 20, 10])
    parts = folds(groups, 2)
    assert sorted(np.concatenate(parts)) == [3, 5, 8, 9, 11]
    assert sorted(np.isin(groups, part).sum() for part in parts) == [50, 50]
    assert [len(part) for part in folds(groups, 10)] == [1] * 5
    assert len(folds(groups[:50], 10)) == 1


def test_compositions_are_compared_by_their_share_of_each_element(table):
    formulas = ["Zr49Cu49Al2", "Al4Cu98Zr98", {"Al": 2, "Cu": 49, "Zr": 49}, "CuZr", "Zr54Cu54"]
    for entry, formula in zip(table.structures[:5], formulas, strict=True):
        entry["composition"] = formula
    for entry in table.structures[5:]:
        entry["composition"] = "Zr45Cu45Al10"
    groups = group_labels(table, "composition")
    assert len(np.unique(groups)) == 3
    assert len(np.unique(groups[:6])) == len(np.unique(groups[6:10])) == 1
    assert groups[10] != groups[6] != groups[0] != groups[10]


def test_the_same_run_of_another_composition_is_another_glass(table):
    for number, entry in enumerate(table.structures):
        entry["run"], entry["composition"] = 1, "CuZr" if number < 15 else "CuZr2"
    assert len(np.unique(group_labels(table, "run"))) == 2
    assert not set(group_labels(table, "strain")[:30]) & set(group_labels(table, "strain")[30:])


def test_bad_input_is_refused(table):
    with pytest.raises(ValueError, match="'moon'"):
        group_labels(table, "moon")
    del table.structures[3]["sub_run"]
    with pytest.raises(ValueError, match="structure 3 has no 'sub_run'"):
        group_labels(table, "strain")
    assert len(np.unique(group_labels(table, "run"))) == 2
    with pytest.raises(ValueError, match=r"structure 0 has no 'composition'.*state it"):
        group_labels(table, "composition")
    table.structures[0]["run"] = None
    with pytest.raises(ValueError, match="structure 0 has no 'run'"):
        group_labels(table, "run")
