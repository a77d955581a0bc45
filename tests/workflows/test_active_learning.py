"""The loop of active learning without engines: what it refuses, how it ends, what it records; labels are made up."""

import time

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node, submit
from aiida.engine.processes.control import kill_processes
from click.testing import CliRunner

from aiida_getl.acquisition.decision import added_run, added_structure
from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.decide import decide
from aiida_getl.cli import main
from aiida_getl.cli.people import wake
from aiida_getl.cli.plan import check_inputs
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.packing import random_packing
from aiida_getl.workflows.active_learning import ActiveLearningWorkChain
from aiida_getl.workflows.decisions import find_decision, find_last_assessment, find_loop, find_proposals

METHOD = {"engine": "getl-cohp", "version": "0.1.0", "basis": {}, "pseudos": {}}
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}
#: Few candidates, all of them deformations.
FEW = {"deformations": {"shear_xy": [0.2]}, "n_cells": 0, "max_items": 2}


@pytest.fixture
def dbi(aiida_profile):
    """Three random cells of eight atoms, whose strengths fall with distance."""
    cells, bonds = {}, {}
    for seed in (1, 2, 3):
        atoms = random_packing({"Cu": 4, "Zr": 4}, seed)
        found = find_bonds(atoms.positions, atoms.cell[:], 3.4)
        label = BondStrengthsData.from_bonds(
            found, atoms.get_chemical_symbols(), -np.exp(2.0 - found.distance), METHOD, spilling=0.01
        )
        cells[f"run_{seed}"] = {"as_quenched": orm.StructureData(ase=atoms).store()}
        bonds[f"run_{seed}"] = {"as_quenched": label.store()}
    return build_dbi(orm.Dict({"r_max": 3.4}), structures=cells, bonds=bonds)


@pytest.fixture
def target(aiida_profile):
    """A cell to predict."""
    return orm.StructureData(ase=random_packing({"Cu": 8, "Zr": 8}, 9)).store()


@pytest.fixture
def builder(dbi, target, pw_code, cohp_code, paw_family):
    """Return a function that builds the inputs of a loop on these, with the changes given."""

    def build(acquisition=None, label=None, **changes):
        overrides = {
            "acquisition": {**FEW, **(acquisition or {})},
            "etl_model": {"settings": {"r_max": 3.4, "min_bonds": 5, "learning_curve": False}},
            "label": {"settings": {"r_max": 3.4}, **(label or {})},
            "max_iterations": 2,
            "max_labels": 1,
        }
        arguments = {
            "codes": {"pw": pw_code, "lobster": cohp_code},
            "seed": 3,
            "dbi": dbi,
            "targets": {"glass": target},
            "protocol": "fast",
            "options": {"label": SERIAL},
        }
        overrides |= changes.pop("overrides", {})
        return ActiveLearningWorkChain.get_builder_from_protocol(**(arguments | {"overrides": overrides} | changes))

    return build


def children(node):
    return [link.link_label for link in node.base.links.get_outgoing(node_class=orm.ProcessNode).all()]


def test_ends_at_once_where_the_target_is_reached(builder, dbi):
    _, node = run_get_node(builder(goal={"quantity": "std", "limit": 10.0}))
    assert node.is_finished_ok, node.exit_message
    summary = node.outputs.summary
    assert summary["status"] == "target reached"
    assert summary["reason"].startswith("The target is reached: ")
    assert summary["reached"] is True
    assert summary["n_iterations"] == 0
    assert node.outputs.dbi.uuid == dbi.uuid
    assert node.outputs.model.base.attributes.get("dbi") == dbi.uuid
    assert set(node.outputs.assessment["types"]) == set(dbi.bond_types)
    assert "round_1_propose" not in children(node)


def test_ends_where_nothing_is_worth_its_cost(builder):
    _, node = run_get_node(builder(acquisition={"min_gain": 1.0}))
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.summary["status"] == "nothing worth its cost"
    assert "model" in node.outputs


def test_assesses_and_proposes_in_jobs_where_there_is_a_code(builder, engine_code, pw_code, cohp_code):
    """What they find is found in the graph as that of the calcfunctions is."""
    codes = {"pw": pw_code, "lobster": cohp_code, "learn": engine_code("getl-learn")}
    _, node = run_get_node(builder(codes=codes, acquisition={"min_gain": 1.0}))
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.summary["status"] == "nothing worth its cost"
    jobs = sorted((called for called in node.called if isinstance(called, orm.CalcJobNode)), key=lambda job: job.pk)
    assert [job.inputs.task.value for job in jobs] == ["assess", "propose"]
    assert {"round_1_assess", "round_1_propose"} <= set(children(node))
    (proposal,) = find_proposals(node)
    assert proposal.creator.uuid == jobs[1].uuid
    assert find_loop(proposal).uuid == node.uuid
    assert find_last_assessment(node) == node.outputs.assessment.get_dict()


def test_does_an_interrupted_job_once_more(builder, engine_code, pw_code, cohp_code, tmp_path):
    """Each of the first two jobs is killed the first time; without pw.x it is clear that nothing else ran."""
    fault = f"""
task=$(python3 -c 'import json; print(json.load(open("job.json"))["task"])')
test -e {tmp_path}/$task || {{ touch {tmp_path}/$task; kill -9 $$; }}
"""
    codes = {"pw": pw_code, "lobster": cohp_code, "learn": engine_code("getl-learn")}
    options = {"label": SERIAL, "learn": {"prepend_text": fault}}
    _, node = run_get_node(builder(codes=codes, acquisition={"min_gain": 1.0}, options=options))
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.summary["status"] == "nothing worth its cost"
    jobs = sorted((called for called in node.called if isinstance(called, orm.CalcJobNode)), key=lambda job: job.pk)
    assert [(job.inputs.task.value, job.exit_status) for job in jobs] == [
        ("assess", 302),
        ("assess", 0),
        ("propose", 302),
        ("propose", 0),
    ]
    assert {"round_1_assess_again", "round_1_propose_again"} <= set(children(node))


def test_ends_where_the_budget_pays_for_no_label(builder):
    _, node = run_get_node(builder(overrides={"max_core_hours": 0.001}))
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.summary["status"] == "budget spent"
    assert node.outputs.summary["n_labelled"] == 0
    assert "model" in node.outputs


def test_failed_labels_are_recorded_and_leave_a_model(builder, getl_computer, pw_code):
    """The program is none that computes: the label fails, nothing else does."""
    broken = orm.InstalledCode(
        label="pw-broken",
        computer=getl_computer,
        filepath_executable="/bin/false",
        default_calc_job_plugin="quantumespresso.pw",
    ).store()
    build = builder(overrides={"failures_max": 0})
    build.label.scf.pw.code = broken
    _, node = run_get_node(build)
    assert node.exit_status == 410
    assert "Too many labels failed: 1, and 0 may." in node.exit_message
    record = node.outputs.records["iteration_001"].get_dict()
    assert (record["n_labelled"], record["n_failed"]) == (0, 1)
    (item,) = record["items"]
    assert "PwCalculation" in item["failure"]
    assert item["kind"] == "deformation"
    assert record["gain_realised"] == pytest.approx(0.0, abs=1e-12)
    assert record["decision"]["automatic"]
    assert node.outputs.summary["status"] == "too many failures"
    assert node.outputs.model.bond_types


def test_stopped_by_a_person_while_it_waits(builder, started_daemon_client):
    """Approving what ended is explained."""

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == status, result.output
        return result.output

    node = submit(builder(overrides={"mode": "ask"}))
    await_that(lambda: orm.load_node(node.pk).paused)
    output = invoke("proposal", "show", node.pk)
    for words in ("Where the model stands", "shear", "core-hours", "aiida-getl proposal approve"):
        assert words in output
    invoke("loop", "stop", node.pk, "--reason", "good enough")
    await_that(lambda: orm.load_node(node.pk).is_terminated)
    ended = orm.load_node(node.pk)
    assert ended.is_finished_ok, ended.exit_message
    assert ended.outputs.summary["status"] == "stopped by a person"
    assert ended.outputs.summary["reason"].endswith("rejected the proposal: good enough")
    assert "model" in ended.outputs
    assert "has ended already" in invoke("loop", "stop", node.pk, "--reason", "again", status=1)
    assert "stopped by a person" in invoke("loop", "status", node.pk)


def test_a_killed_loop_takes_no_decision(builder, started_daemon_client):
    node = submit(builder(overrides={"mode": "ask"}))
    await_that(lambda: orm.load_node(node.pk).paused)
    kill_processes([node], timeout=300)
    await_that(lambda: orm.load_node(node.pk).is_terminated)
    result = CliRunner().invoke(main, ["proposal", "approve", str(node.pk)])
    assert result.exit_code == 1
    assert "has ended (killed), so nothing would follow" in result.output
    assert find_decision(find_proposals(node)[-1]) is None


def test_items_that_nothing_can_make_or_label_are_recorded(builder, started_daemon_client):
    """A decision may come from elsewhere than the command, which refuses them; the loop ends well all the same."""
    iron = orm.StructureData(ase=random_packing({"Fe": 4, "Zr": 4}, 1)).store()
    node = submit(builder(overrides={"mode": "ask", "max_iterations": 1}))
    await_that(lambda: orm.load_node(node.pk).paused)
    loop = orm.load_node(node.pk)
    (proposal,) = find_proposals(loop)
    for what, message in (
        ("Cu70Zr30", "started without a potential"),
        (iron.uuid, "no pseudopotential for Fe, only for Cu, Zr"),
    ):
        result = CliRunner().invoke(main, ["proposal", "approve", str(node.pk), "--only", "1", "--add", what])
        assert result.exit_code == 1
        assert f"--add {what}: " in result.output
        assert message in result.output
    assert find_decision(proposal) is None

    items = [added_run("Cu70Zr30", 8, 1), added_structure(iron.uuid, "iron", 8)]
    statement = {"action": "approve", "only": [], "reason": "", "by": {"user": "a", "system_user": None}, "when": "now"}
    decide(proposal, orm.Dict({**statement, "add": items}), structure_1=iron)
    wake(loop, lambda: False)
    await_that(lambda: orm.load_node(node.pk).is_terminated)
    ended = orm.load_node(node.pk)
    assert ended.is_finished_ok, (ended.exit_message, ended.exception)
    assert ended.outputs.summary["status"] == "budget spent"
    record = ended.outputs.records["iteration_001"].get_dict()
    assert (record["n_labelled"], record["n_failed"]) == (0, 2)
    first, second = (item["failure"] for item in record["items"])
    assert "without a potential" in first
    assert "no pseudopotential for Fe" in second
    assert "model" in ended.outputs


def await_that(condition, seconds=3600):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overrides": {"mode": "perhaps"}}, "mode is 'perhaps': choose from auto, ask"),
        ({"overrides": {"max_labels": 0}}, "0 given, must be at least 1"),
        ({"overrides": {"max_core_hours": -1.0}}, "-1.0 given, must be positive"),
        ({"goal": {"quantity": "mae", "limit": 0.1}}, "give a quantity, std or rmse"),
        ({"acquisition": {"balanse": 0.2}}, r"unknown settings of active learning \['balanse'\]"),
        ({"goal": {"quantity": "std", "limit": {"Cu-Zr": 0.1, "Al-Al": 0.1}}}, "a limit for Al-Al.* target are Cu, Zr"),
        ({"acquisition": {"weights": {"Al-Zr": 1.0}}}, "a weight for Zr-Al"),
        ({"targets": {}}, "what is to be predicted"),
        ({"targets": {}, "target_compositions": {"glass": "CuZr"}}, "are melt-quench runs: give `melt_quench`"),
        ({"dbi": None, "compositions": ["CuZr"]}, "are melt-quench runs: give `melt_quench`"),
        ({"dbi": None, "compositions": ["Cu50Qq50"]}, "'Qq'"),
        ({"seed": -1}, "the seed is -1"),
        ({"label": {"settings": {"r_max": 0.5}}}, "r_min 1.0 and r_max 0.5"),
    ],
    ids=str,
)
def test_bad_inputs_are_refused_at_launch(builder, changes, message):
    with pytest.raises(ValueError, match=message):
        run_get_node(builder(**changes))


@pytest.mark.parametrize(
    ("elements", "acquisition", "message"),
    [
        ("Zr", {"compositions": ["Fe50Zr50"], "n_runs": 0}, "has no Fe.*Fe50Zr50 is among the `compositions`"),
        (
            "Al",
            {"n_runs": 0, "n_compositions": 2},
            "has no Al.*list the `compositions` .* instead of auto",
        ),
    ],
)
def test_runs_that_nothing_could_make_are_refused_at_launch(
    builder, lammps_code, pw_code, cohp_code, cuzr_potential, elements, acquisition, message
):
    target = orm.StructureData(ase=random_packing({"Cu": 4, elements: 4}, 9)).store()
    codes = {"pw": pw_code, "lobster": cohp_code, "lammps": lammps_code}
    build = builder(codes=codes, potential=cuzr_potential, targets={"glass": target}, acquisition=acquisition)
    with pytest.raises(ValueError, match=message):
        run_get_node(build)


def test_a_target_that_the_potential_lacks_needs_no_runs(builder, lammps_code, pw_code, cohp_code, cuzr_potential):
    """Deformations and cells of it are labelled all the same."""
    target = orm.StructureData(ase=random_packing({"Cu": 4, "Al": 4}, 9)).store()
    codes = {"pw": pw_code, "lobster": cohp_code, "lammps": lammps_code}
    own = {"n_compositions": 0, "n_runs": 1}
    check_inputs(builder(codes=codes, potential=cuzr_potential, targets={"glass": target}, acquisition=own))


def test_labels_on_another_scale_are_refused_at_launch(builder, dbi, target):
    entry = dbi.structures[0]
    structure, label = orm.load_node(entry["structure_id"]), orm.load_node(entry["label_id"])
    other = BondStrengthsData.from_bonds(
        label.get_bonds(), label.symbols, label.get_icohp(), {**METHOD, "pseudos": {"Cu": "0" * 32}}, spilling=0.01
    ).store()
    theirs = build_dbi(
        orm.Dict({"r_max": 3.4}), structures={"a": {"as_quenched": structure}}, bonds={"a": {"as_quenched": other}}
    )
    with pytest.raises(ValueError, match="made with other pseudopotentials of Cu"):
        run_get_node(builder(dbi=theirs))
