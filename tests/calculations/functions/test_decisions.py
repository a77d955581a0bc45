"""From a proposal to cells: who decided, and what is made of it."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.acquisition.decision import added_structure
from aiida_getl.calculations.functions.decide import decide
from aiida_getl.calculations.functions.make_cell import make_cell
from aiida_getl.calculations.functions.plan_run import plan_run
from aiida_getl.calculations.functions.propose_start import propose_start
from aiida_getl.calculations.functions.record_iteration import record_iteration
from aiida_getl.calculations.functions.record_missing_cell import record_missing_cell
from aiida_getl.provenance import trace
from aiida_getl.structures.deformation import deform, deformations
from aiida_getl.structures.packing import random_packing
from aiida_getl.workflows.decisions import find_decision

WHO = {"by": {"user": "ada@example.org", "system_user": "ada"}, "when": "2026-01-01T10:00:00+00:00"}


@pytest.fixture
def proposal(aiida_profile):
    """Two runs to start from."""
    return propose_start(orm.Dict({"compositions": ["CuZr"], "n_runs": 2, "n_atoms": 8}), orm.Int(1))


@pytest.fixture
def structure(aiida_profile):
    """Eight atoms."""
    return orm.StructureData(ase=random_packing({"Cu": 4, "Zr": 4}, 1)).store()


def decision_of(recipe):
    return orm.Dict({"chosen": [{"number": 1, "description": "a cell", "recipe": recipe}]}).store()


def test_a_decision_is_found_by_its_proposal_and_the_first_one_counts(proposal):
    assert find_decision(proposal) is None
    statement = {"action": "approve", "only": [1, 2], "add": [], "reason": "", **WHO}
    first = decide(proposal, orm.Dict(statement))
    decide(proposal, orm.Dict({"action": "reject", "again": False, "reason": "no", **WHO}))
    assert find_decision(proposal).uuid == first.uuid
    assert first["proposal"] == proposal.uuid
    plan = plan_run(first, orm.Int(2))
    assert (plan["composition"].value, plan["n_atoms"].value) == ("CuZr", 8)
    assert plan["seed"].value == proposal["items"][1]["recipe"]["seed"]
    assert trace(plan["composition"]).decisions[0].content["by"]["user"] == "ada@example.org"
    _, process = plan_run.run_get_node(first, orm.Int(3))
    assert process.exit_status == 401


def test_a_structure_that_is_added_is_linked(proposal, structure):
    statement = {"action": "approve", "only": [1], "add": [added_structure(structure.uuid, "mine", 8)], "reason": ""}
    _, process = decide.run_get_node(proposal, orm.Dict({**statement, **WHO}))
    assert process.exit_status == 402
    decision = decide(proposal, orm.Dict({**statement, **WHO}), structure_1=structure)
    cell = make_cell(decision, orm.Int(3), structure)
    assert cell.base.caching.get_hash() == structure.base.caching.get_hash()
    assert cell.uuid != structure.uuid


def test_what_is_not_proposed_is_refused(proposal):
    statement = {"action": "approve", "only": [5], "add": [], "reason": "", **WHO}
    _, process = decide.run_get_node(proposal, orm.Dict(statement))
    assert process.exit_status == 401
    assert "no items [5]" in process.exit_message


def test_a_deformed_cell(structure):
    recipe = {"operation": "deform", "parent": structure.uuid, "deformation": {"name": "shear_xy", "amplitude": 0.2}}
    cell = make_cell(decision_of(recipe), orm.Int(1), structure)
    expected = deform(structure.get_ase(), deformations(shear=0.2)["shear_xy"])
    assert cell.get_ase().cell[:] == pytest.approx(expected.cell[:])
    assert cell.get_ase().positions == pytest.approx(expected.positions)


def test_a_frame_lies_in_its_cell(structure):
    atoms = structure.get_ase()
    trajectory = orm.TrajectoryData()
    positions = np.array([atoms.positions, atoms.positions + atoms.cell[0]])
    trajectory.set_trajectory(atoms.get_chemical_symbols(), positions, cells=np.array([atoms.cell[:]] * 2))
    trajectory.store()
    cell = make_cell(decision_of({"operation": "frame", "run": trajectory.uuid, "frame": 1}), orm.Int(1), trajectory)
    assert cell.get_ase().get_scaled_positions(wrap=False).max() < 1.0
    _, process = make_cell.run_get_node(
        decision_of({"operation": "frame", "run": trajectory.uuid, "frame": 7}), orm.Int(1), trajectory
    )
    assert process.exit_status == 403
    assert "there is no frame 7" in process.exit_message


def test_a_cell_cut_from_a_target():
    target = orm.StructureData(ase=random_packing({"Cu": 60, "Zr": 60}, 2)).store()
    recipe = {"operation": "cut", "target": target.uuid, "frame": 0, "centre": 5, "n_atoms": 24}
    cell = make_cell(decision_of(recipe), orm.Int(1), target)
    assert len(cell.sites) == 24
    assert make_cell(decision_of(recipe), orm.Int(1), target).base.caching.get_hash() == cell.base.caching.get_hash()


def test_another_source_than_the_recipe_names_is_refused(structure):
    other = structure.clone().store()
    recipe = {"operation": "given", "structure": structure.uuid}
    _, process = make_cell.run_get_node(decision_of(recipe), orm.Int(1), other)
    assert process.exit_status == 402
    _, process = make_cell.run_get_node(decision_of(recipe), orm.Int(4), structure)
    assert process.exit_status == 401


def test_the_record_of_an_iteration_without_a_label(proposal):
    statement = {"action": "approve", "only": None, "add": [], "reason": "go", **WHO}
    decision = decide(proposal, orm.Dict(statement))
    failures = {f"item_{n}": record_missing_cell(decision, orm.Int(n), orm.Str("no lmp")) for n in (1, 2)}
    record = record_iteration(proposal, decision, failures=failures).get_dict()
    assert (record["n_labelled"], record["n_failed"], record["core_hours"]) == (0, 2, 0)
    assert [item["failure"] for item in record["items"]] == ["no lmp"] * 2
    assert record["gain_expected"] is None
    assert record["gain_realised"] is None
    assert record["core_hours_expected"] == pytest.approx(sum(item["cost"] for item in proposal["items"]))
