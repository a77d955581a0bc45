"""The loop with the real engines and a person who decides, interrupted and taken up again."""

import os
import signal
import time

import pytest
from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.engine import submit
from click.testing import CliRunner

from aiida_getl.cli import main
from aiida_getl.provenance import trace
from aiida_getl.structures.packing import random_packing
from aiida_getl.workflows.active_learning import ActiveLearningWorkChain
from aiida_getl.workflows.decisions import find_decision, find_proposals
from aiida_getl.workflows.known_labels import find_label

#: Enough to pass through every step.
SHORT = {
    "parameters": {
        "melt_steps": 200,
        "quench_rate_K_per_ps": 2000.0,
        "equilibrate_steps": 200,
        "thermo_rows": 20,
        "frames": 4,
    }
}
CHEAP = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-3, "r_max": 3.4, "spilling_max": 0.5}
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}
FEW = {"deformations": {"shear_xy": [0.2]}, "n_cells": 0, "n_compositions": 0, "n_frames": 0, "max_items": 2}
#: Seconds that a machine with other work may take for a round.
PATIENCE = 3600
BEING_SUBMITTED = {CalcJobState.UPLOADING, CalcJobState.SUBMITTING}


@pytest.fixture
def builder(lammps_code, pw_code, cohp_code, paw_family, cuzr_potential):
    """A loop from nothing to three rounds of labels, on cells too small to be glasses."""
    target = orm.StructureData(ase=random_packing({"Cu": 8, "Zr": 8}, 9)).store()
    return ActiveLearningWorkChain.get_builder_from_protocol(
        {"lammps": lammps_code, "pw": pw_code, "lobster": cohp_code},
        5,
        compositions=["CuZr"],
        targets={"glass": target},
        potential=cuzr_potential,
        goal={"quantity": "std", "limit": 1e-6},
        protocol="fast",
        overrides={
            "mode": "ask",
            "start": {"n_runs": 2, "n_atoms": 8},
            "melt_quench": SHORT,
            "label": {"settings": CHEAP},
            "etl_model": {"settings": {"r_max": 3.4, "min_bonds": 5, "learning_curve": False}},
            "acquisition": FEW,
            "max_iterations": 3,
        },
        options={"lammps": SERIAL, "label": SERIAL},
    )


def invoke(*arguments, status=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result.output


def await_proposal(node, number):
    """Wait until the loop pauses for a decision on its so manieth proposal; return that."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        loop = orm.load_node(node.pk)
        proposals = find_proposals(loop)
        assert not loop.is_terminated, (loop.exit_message, loop.exception)
        if len(proposals) == number and loop.paused:
            return proposals[-1]
        time.sleep(0.5)
    pytest.fail(f"no proposal {number} within {PATIENCE} s: {loop.process_status}")


def await_end(node):
    until = time.monotonic() + PATIENCE
    while not orm.load_node(node.pk).is_terminated:
        assert time.monotonic() < until
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.engines
def test_a_person_decides(builder, started_daemon_client, stop_daemon, tmp_path):
    node = submit(builder)
    first = await_proposal(node, 1)

    # Nothing is labelled before somebody said so, and what makes no sense is refused.
    assert not labels(orm.load_node(node.pk))
    assert "the proposal has no items [7]" in invoke("proposal", "approve", node.pk, "--only", "7", status=1)
    assert "Waits       for a decision on 2 proposed labels" in invoke("loop", "status", node.pk)
    assert "run 1 of 2 of CuZr to start from" in invoke("proposal", "show", first.pk)
    assert "goes on" in invoke("proposal", "approve", node.pk, "--reason", "a start")
    assert "is decided already" in invoke("proposal", "approve", first.pk, status=1)

    # The daemon is started anew while the loop waits; another proposal is asked for.
    second = await_proposal(node, 2)
    started_daemon_client.restart_daemon(wait=True)
    assert find_decision(second) is None
    invoke("proposal", "reject", second.pk, "--again", "--reason", "no more of the same")
    third = await_proposal(node, 3)
    assert not {item["key"] for item in second["items"]} & {item["key"] for item in third["items"]}

    # A part is approved and others are added, one of which has a label; the daemon's worker is killed meanwhile.
    cell = first_cell(node)
    copy = orm.StructureData(ase=cell.get_ase()).store()
    stretched = cell.get_ase()
    stretched.set_cell(stretched.cell[:] * 1.04, scale_atoms=True)
    added = orm.StructureData(ase=stretched).store()
    output = invoke("proposal", "approve", third.pk, "--only", "1", "--add", added.pk, "--add", copy.pk)
    assert "chose 1, " in output
    kill_the_worker(started_daemon_client, node)

    # The third iteration is the last one that is allowed; its decision falls while no daemon runs.
    fourth = await_proposal(node, 4)
    stop_daemon(started_daemon_client)
    invoke("proposal", "approve", fourth.pk, "--only", "1", "--reason", "the last")
    await_end(node)
    node = orm.load_node(node.pk)
    assert node.is_finished_ok, node.exit_message
    check_records(node)
    assert "is decided already" in invoke("proposal", "approve", fourth.pk, status=1)

    # Nothing is labelled twice.
    known = find_label(copy, labels(node)[0].inputs)
    assert known is not None
    assert known.uuid in {entry["label_id"] for entry in node.outputs.dbi.structures}
    hashes = [label.inputs.structure.base.caching.get_hash() for label in labels(node)]
    assert len(hashes) == len(set(hashes))

    # The model tells every decision on its way.
    decisions = [decision.content["reason"] for decision in trace(node.outputs.model).decisions]
    assert decisions == ["a start", "no more of the same", "", "the last"]
    told = invoke("trace", node.outputs.model.pk)
    assert "rejected it and asked for another" in told
    assert "1. run 1 of CuZr" in told
    report = invoke("loop", "report", node.pk, "--results", tmp_path)
    assert "a start" in report
    assert "All 3 iterations are done." in report
    assert (tmp_path / "active_learning.png").read_bytes().startswith(b"\x89PNG")


def labels(node):
    """Return the labels of a loop, oldest first; one without a state died with the worker that was to submit it."""
    found = [
        called
        for called in node.called
        if called.process_label == "LabelWorkChain" and called.process_state is not None
    ]
    return sorted(found, key=lambda label: label.pk)


def first_cell(node):
    """Return the first cell that was labelled."""
    return min((label.inputs.structure for label in labels(orm.load_node(node.pk))), key=lambda cell: cell.pk)


def kill_the_worker(client, node):
    """Kill the daemon's only worker once a job of a label of the second iteration is under way; it starts another.

    Not while another job is being submitted: AiiDA would submit that again, and two pw.x would write to one folder.
    """
    until = time.monotonic() + PATIENCE
    while True:
        states = [
            called.get_state()
            for label in labels(orm.load_node(node.pk))[2:]
            for called in label.called_descendants
            if isinstance(called, orm.CalcJobNode) and not called.is_terminated
        ]
        if CalcJobState.WITHSCHEDULER in states and not {None, *BEING_SUBMITTED} & set(states):
            break
        assert time.monotonic() < until
        time.sleep(0.2)
    (worker,) = client.get_worker_info()["info"]
    os.kill(int(worker), signal.SIGKILL)


def check_records(node):
    first, second, third = (node.outputs.records[f"iteration_{number:03d}"].get_dict() for number in (1, 2, 3))
    assert (first["n_proposed"], first["n_labelled"], first["n_failed"]) == (2, 2, 0)
    assert first["core_hours"] > 0
    assert not first["decision"]["automatic"]
    assert first["decision"]["by"]["user"]
    assert second["n_labelled"] == 2, [item["failure"] for item in second["items"]]
    (repeated,) = (item for item in second["items"] if item["label"] is None)
    assert "an equal cell is in the database already" in repeated["failure"]
    assert second["gain_expected"] is not None
    assert second["gain_realised"] is not None
    assert third["n_labelled"] == 1
    summary = node.outputs.summary.get_dict()
    assert (summary["status"], summary["reason"]) == ("budget spent", "All 3 iterations are done.")
    assert (summary["n_labelled"], summary["n_failed"]) == (5, 1)
    assert len(node.outputs.dbi.structures) == 5
