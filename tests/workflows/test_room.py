"""Jobs under way on a computer: who counts, and who waits."""

import runpy
import sys
from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_getl.workflows.room import PROPERTY, count_jobs, has_room, set_max_jobs

SCRIPT = Path(__file__).parents[2] / "examples/cluster/limit_jobs.py"


@pytest.fixture
def computers(aiida_profile_clean):
    """Two computers, each with a code."""
    found = [
        orm.Computer(label, "localhost", "", "core.local", "core.direct", "/tmp").store() for label in ("near", "far")
    ]
    for computer in found:
        orm.InstalledCode(label="code", computer=computer, filepath_executable="/bin/true").store()
    return found


@pytest.fixture
def process(computers):
    """Return a function that stores a process that takes codes of computers, perhaps called by another."""

    def make(*where, caller=None, state="waiting", job=False):
        node = orm.CalcJobNode(computer=where[0]) if job else orm.WorkChainNode()
        for number, computer in enumerate(where):
            code = orm.load_code(f"code@{computer.label}")
            node.base.links.add_incoming(code, LinkType.INPUT_CALC if job else LinkType.INPUT_WORK, f"code_{number}")
        if caller is not None:
            node.base.links.add_incoming(
                caller, LinkType.CALL_CALC if job else LinkType.CALL_WORK, f"call_{node.uuid[:8]}"
            )
        node.set_process_state(state)
        return node.store()

    return make


def test_every_branch_of_work_chains_is_one_job(computers, process):
    near, far = computers
    campaign = process(near, far)
    assert count_jobs(near) == count_jobs(far) == 1  # it is about to submit
    assert count_jobs(near, without=campaign) == 0
    label = process(far, caller=campaign)
    assert (count_jobs(near, campaign), count_jobs(far, campaign)) == (0, 1)
    # Called by the label, as good as the label itself.
    base = process(far, caller=label)
    job = process(far, caller=base, job=True)
    assert count_jobs(far) == 1
    # Another campaign's, one by hand, and what has ended.
    process(far, caller=process(far), state="created")
    process(far, job=True)
    process(far, caller=campaign, state="finished")
    process(far, job=True, state="killed")
    assert count_jobs(far) == 3
    job.set_process_state("finished")
    assert count_jobs(far) == 3  # its work chain may go on


def test_room_is_looked_for_where_the_codes_are(computers, process):
    near, far = computers
    here, there, both = process(near), process(far), process(near, far)
    process(far, caller=there, job=True)
    set_max_jobs(far, 2)
    assert has_room(here)
    assert has_room(both)
    assert not has_room(there)  # the job, and what the other will submit
    set_max_jobs(far, 3)
    assert has_room(there)
    set_max_jobs(far, 1)
    assert not has_room(both)
    set_max_jobs(far, None)
    set_max_jobs(far, None)
    assert has_room(both)


def test_a_limit_is_looked_up_every_time(computers, process):
    """Also by a worker whose object of the computer is older."""
    near, _ = computers
    node = process(near)
    process(near, job=True)
    other = orm.Computer.collection.get(label="near")
    set_max_jobs(other, 1)
    assert not has_room(node)
    assert near.metadata.get(PROPERTY, 1) == 1


@pytest.mark.parametrize("number", [0, -1, 2.0, True, "3"])
def test_numbers_that_are_no_limits(computers, number):
    with pytest.raises(ValueError, match="is no limit of jobs on near"):
        set_max_jobs(computers[0], number)


@pytest.mark.parametrize(
    ("words", "limit", "message"),
    [
        (["far", "7"], 7, "far: 7 jobs at a time; 0 are under way"),
        (["far", "none"], None, "far: none jobs at a time"),
        (["mars", "7"], None, "There is no computer 'mars'"),
        (["far", "0"], None, "0 is no limit of jobs on far"),
        (["far", "few"], None, "few"),
        (["far"], None, "verdi run examples/cluster/limit_jobs.py"),
    ],
)
def test_the_script_that_sets_it(computers, monkeypatch, capsys, words, limit, message):
    monkeypatch.setattr(sys, "argv", ["limit_jobs.py", *words])
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
        said = capsys.readouterr().out
    except SystemExit as error:
        said = str(error)
    assert message in said
    assert computers[1].metadata.get(PROPERTY) == limit
