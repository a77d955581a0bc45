"""Importance, tuning and comparison as nodes: the numbers of the pure functions, and what is refused."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.compare_predictions import compare_predictions
from aiida_getl.calculations.functions.importance import importance
from aiida_getl.calculations.functions.tune import tune
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.learning.importance import permutation_importance
from aiida_getl.learning.settings import complete_settings
from aiida_getl.structures.bonds import find_bonds

QUICK = {"max_bonds": 60, "max_bonds_hyperparameters": 30, "min_bonds": 5, "max_folds": 3}
SEED = 0


@pytest.fixture
def dbi(label):
    """Three glasses."""
    labels = [label(seed) for seed in (1, 2, 3)]
    return build_dbi(
        orm.Dict({"r_max": 4.0}),
        structures={f"run_{k}": {"as_quenched": structure} for k, (structure, _) in enumerate(labels)},
        bonds={f"run_{k}": {"as_quenched": bonds} for k, (_, bonds) in enumerate(labels)},
    )


def test_importance(dbi):
    found = importance(dbi, orm.Dict({**QUICK, "n_repeats": 2}), orm.Int(SEED)).get_dict()
    direct = permutation_importance(dbi.get_table(), complete_settings(QUICK, dbi.descriptors), SEED, 2)
    assert found["values"].keys() == direct.values.keys() == {"Cu-Cu", "Zr-Cu", "Zr-Zr"}
    for name, own in direct.values.items():
        assert found["values"][name]["distance"]["rmse"] == pytest.approx(own["distance"]["rmse"])
        assert own["distance"]["rmse"] > own["model"]["rmse"]  # strength depends on nothing else
    for settings, message in (({"n_repeats": 0}, "0 permutations"), ({"max_bond": 3}, "unknown training settings")):
        _, node = importance.run_get_node(dbi, orm.Dict(settings), orm.Int(SEED))
        assert node.exit_status == 401
        assert message in node.exit_message


def test_tune(dbi):
    candidates = [{"max_bonds": 10}, {}, {"prior_mean": "zero"}]
    found = tune(dbi, orm.List(candidates), orm.Dict(QUICK), orm.Int(SEED)).get_dict()
    assert found["candidates"] == candidates
    tuning = found["tuning"]
    assert tuning["best"] == int(np.argmin(tuning["score"])) != 0
    assert found["best"] == QUICK | candidates[tuning["best"]]
    assert found["not_nested"] is None
    nested = found["nested"]
    assert nested["n_groups"] == len(nested["choices"]) == 3
    assert nested["metrics"]["Zr-Cu"]["model"]["rmse"] > 0
    # Each choice was made without one of the groups.
    assert all(choice["score"] != tuning["score"] for choice in nested["choices"])


def test_tuning_without_nesting(dbi):
    for settings, reason in (({"nested": False}, "not asked for"), ({"max_folds": 2}, "needs three groups")):
        found = tune(dbi, orm.List([{}, {"max_bonds": 40}]), orm.Dict(QUICK | settings), orm.Int(SEED)).get_dict()
        assert found["nested"] is None
        assert reason in found["not_nested"]
        assert set(found["best"]) <= {*QUICK}


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "needs candidates"),
        (["max_bonds"], "is 'max_bonds': it must name settings"),
        ([{}, {"max_bond": 5}], "unknown training settings ['max_bond']"),
        ([{"group_by": "random"}], "cannot differ in ['group_by']"),
        ([{"descriptor": {}}], "cannot differ in ['descriptor']"),
    ],
)
def test_bad_candidates_are_refused(dbi, candidates, message):
    _, node = tune.run_get_node(dbi, orm.List(candidates), orm.Dict(QUICK), orm.Int(SEED))
    assert node.exit_status == 401
    assert message in node.exit_message


def stretched(structure, bonds):
    """Return a structure 2 % longer along x, and its bonds."""
    atoms = structure.get_ase()
    atoms.set_cell(atoms.cell[:] * [1.02, 1, 1], scale_atoms=True)
    listed = find_bonds(atoms.positions, atoms.cell[:], 4.0)
    symbols = atoms.get_chemical_symbols()
    node = BondStrengthsData.from_bonds(listed, symbols, -np.exp(-listed.distance), bonds.method)
    return orm.StructureData(ase=atoms).store(), node.store()


def test_two_glasses(label):
    (_, a), (_, b) = label(1), label(2)
    outputs = compare_predictions(a, b, orm.Dict({}), orm.Int(SEED))
    assert set(outputs) == {"comparison"}
    entry = outputs["comparison"]["distributions"]["Zr-Cu"]
    means = [node.get_strength()[node.get_bond_types() == "Zr-Cu"].mean() for node in (a, b)]
    assert entry["shift"] == pytest.approx(means[1] - means[0])
    assert entry["shift_error"] > 0
    assert outputs["comparison"]["changes"] is None


def test_two_states_of_one_glass(label):
    structure, before = label(1)
    strained, after = stretched(structure, before)
    outputs = compare_predictions(before, after, orm.Dict({}), orm.Int(SEED), structure, strained)
    changes = outputs["comparison"]["changes"]
    rows = {name: outputs["rows"].get_array(name) for name in ("kept_a", "kept_b", "broken", "formed")}
    assert len(rows["kept_a"]) + len(rows["broken"]) == before.n_bonds
    assert len(rows["kept_b"]) + len(rows["formed"]) == after.n_bonds
    assert sum(entry["n_kept"] for entry in changes.values()) == len(rows["kept_a"]) > 0.9 * before.n_bonds
    assert all(entry["distance_change"] > 0 > entry["strength_change"] for entry in changes.values())


def test_frames_are_named(label):
    structure, bonds = label(1)
    strained, after = stretched(structure, bonds)
    frames = [node.get_ase() for node in (structure, strained)]
    trajectory = orm.TrajectoryData()
    symbols = frames[0].get_chemical_symbols()
    trajectory.set_trajectory(
        symbols, np.array([f.positions for f in frames]), cells=np.array([f.cell[:] for f in frames])
    )
    trajectory.store()
    settings = orm.Dict({"frame_a": 0, "frame_b": 1})
    outputs = compare_predictions(bonds, after, settings, orm.Int(SEED), trajectory, trajectory)
    direct = compare_predictions(bonds, after, orm.Dict({}), orm.Int(SEED), structure, strained)
    np.testing.assert_array_equal(outputs["rows"].get_array("kept_b"), direct["rows"].get_array("kept_b"))
    _, node = compare_predictions.run_get_node(bonds, after, orm.Dict({}), orm.Int(SEED), trajectory, trajectory)
    assert node.exit_status == 401
    assert "has 2 frames: say which" in node.exit_message


def test_what_cannot_be_compared(label):
    (structure, a), (_, b) = label(1), label(2, basis={"Cu": ["4s"]})
    aluminium, c = label(3, composition={"Al": 8})
    for inputs, status, message in (
        ((a, b, orm.Dict({}), orm.Int(0)), 402, "made by different methods"),
        ((a, c, orm.Dict({}), orm.Int(0), structure), 401, "give both, or none"),
        ((a, c, orm.Dict({}), orm.Int(0), structure, aluminium), 401, "not the same atoms"),
        ((a, c, orm.Dict({}), orm.Int(0), structure, structure), 401, "its atoms are others"),
    ):
        _, node = compare_predictions.run_get_node(*inputs)
        assert node.exit_status == status
        assert message in node.exit_message
    found = compare_predictions(a, b, orm.Dict({"mixed_methods": True}), orm.Int(0))["comparison"]
    assert found["distributions"]["Zr-Cu"]["n_b"] > 0
    only = compare_predictions(a, c, orm.Dict({}), orm.Int(0))["comparison"]["distributions"]
    assert only["Al-Al"]["n_a"] == 0
