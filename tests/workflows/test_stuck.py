"""Jobs that will never start are told from those that only wait, by what Slurm said of them."""

import logging

import pytest
from aiida import orm
from aiida.common.datastructures import CalcJobState
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from aiida.schedulers.datastructures import JobInfo, JobState

from aiida_getl.cli.loop_text import describe_status, status_of
from aiida_getl.workflows.stuck import PAUSED_BY_AIIDA, find_stuck

FAILED = "sbatch: error: Batch job submission failed: "
BUSY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.fixture
def loop(aiida_profile):
    node = orm.WorkChainNode().store()
    node.set_process_state(ProcessState.WAITING)
    return node


@pytest.fixture
def job(loop, aiida_computer_local):
    """Return a function that makes a job of a label of the loop."""

    def make():
        label = orm.WorkChainNode()
        label.base.links.add_incoming(loop, LinkType.CALL_WORK, "label")
        label.store()
        node = orm.CalcJobNode(computer=aiida_computer_local(), process_type="aiida.calculations:getl.lammps")
        node.set_process_state(ProcessState.WAITING)
        node.base.links.add_incoming(label, LinkType.CALL_CALC, "job")
        return node.store()

    return make


@pytest.fixture
def refused(job):
    """Return a function that makes a job that AiiDA paused after these answers of sbatch."""

    def make(*answers):
        node = job()
        for answer in answers:
            message = f'Traceback (most recent call last):\n  File "slurm.py"\nSchedulerError: stderr={answer}\n'
            record = logging.LogRecord("aiida", logging.ERROR, "utils.py", 1, message, None, None)
            record.dbnode_id = node.pk
            orm.Log.collection.create_entry_from_record(record)
        node.set_process_status(f"{PAUSED_BY_AIIDA}: submit_calculation failed 5 times consecutively")
        node.pause()
        return node

    return make


@pytest.mark.parametrize(
    "said",
    [
        "Invalid partition name specified",
        "Invalid qos specification",
        "Requested time limit is invalid (missing or exceeds some limit)",
        "Requested node configuration is not available",
        "Invalid generic resource (gres) specification",
    ],
)
def test_refused_for_good(refused, loop, said):
    node = refused(FAILED + said)
    assert find_stuck(loop) == {node.pk: f"Slurm refuses it for good: {said}"}
    told = describe_status(status_of(loop))
    assert f"Stuck       job <{node.pk}> will not start. Slurm refuses it for good: {said}." in told


def test_limits_of_one_job_are_no_limits_of_their_number(refused, loop):
    node = refused(f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{FAILED}{BUSY}")
    refused(f"sbatch: error: AssocMaxSubmitJobLimit\n{FAILED}{BUSY}")
    assert find_stuck(loop) == {node.pk: "Slurm refuses it for good: QOSMaxWallDurationPerJobLimit"}


@pytest.mark.parametrize(
    "said",
    [
        "Unable to contact slurm controller (connect failure)",
        "Socket timed out on send/recv operation",
        "Requested partition configuration not available now",
        "Required node not available (down, drained or reserved)",
        "Invalid authentication credential",
        "Unable to create job record, try again",
    ],
)
def test_refused_for_now(refused, loop, said):
    refused(FAILED + said)
    refused(f"{FAILED}Invalid partition name specified", FAILED + said)  # mended, and out of reach since
    assert find_stuck(loop) == {}


@pytest.mark.parametrize(
    ("reason", "is_stuck"),
    [
        ("PartitionTimeLimit", True),
        ("InvalidQOS", True),
        ("AssocMaxWallDurationPerJobLimit", True),
        ("Priority", False),
        ("Resources", False),
        ("QOSMaxJobsPerUserLimit", False),
        ("AssocGrpCPUMinutesLimit", False),
        (None, False),
    ],
)
def test_in_the_queue(job, loop, reason, is_stuck):
    node = job()
    node.set_state(CalcJobState.WITHSCHEDULER)
    node.set_scheduler_state(JobState.QUEUED)
    node.set_last_job_info(JobInfo({"job_id": "1", "annotation": reason}))
    assert find_stuck(loop) == ({node.pk: f"Slurm keeps it in its queue for ever: {reason}"} if is_stuck else {})


def test_of_others(refused, loop):
    node = refused(f"{FAILED}Invalid qos specification")
    assert set(find_stuck()) >= {node.pk}
    assert find_stuck(orm.WorkChainNode().store()) == {}
    node.set_process_state(ProcessState.KILLED)
    assert find_stuck(loop) == {}
