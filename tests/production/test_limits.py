"""Limits of the scheduler, of the daemon and of computers: what is beyond them waits, is not lost and does not fail."""

import getpass

import pytest
from aiida import orm
from aiida.engine import submit
from aiida.engine.processes.control import kill_processes, play_processes

from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain
from aiida_getl.workflows.stuck import find_stuck

SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600}
SHORT = {"melt_steps": 100, "quench_rate_K_per_ps": 4000.0, "equilibrate_steps": 100, "thermo_rows": 10, "frames": 2}
#: Options of jobs that Slurm refuses, and what it says.
REFUSED = (
    ({"queue_name": "later"}, "invalid partition"),
    ({"qos": "nosuch"}, "Invalid qos"),
    ({"max_memory_kb": 10**10}, "Requested node configuration is not available"),
)


@pytest.fixture
def limit_jobs(services):
    """Return a function that limits how many of our jobs Slurm takes, queued ones included; -1 lifts the limit."""

    def limit(number):
        user = ("modify", "user", getpass.getuser(), "set", f"MaxSubmitJobs={number}")
        services.slurm("sacctmgr", "--immediate", *user)

    yield limit
    limit(-1)


def test_jobs_beyond_what_slurm_takes(
    change_options, limit_jobs, stage, services, gate, wait, ended, keep_running, daemon
):
    """They are paused by AiiDA after some tries, and taken up by what cron calls."""
    change_options({"transport.task_maximum_attempts": 2}, workers=2)
    limit_jobs(2)
    nodes = [submit(stage(seed)) for seed in range(3)]
    (late,) = wait(lambda: [node for node in nodes if node.paused], "the third job to be refused")
    assert "submit_calculation failed 2 times" in late.process_status
    assert late.get_job_id() is None
    early = [node for node in nodes if node != late]
    wait(lambda: all(node.get_job_id() for node in early), "the others to be submitted")
    # There still is no room, and no harm in trying.
    assert "1 processes had failed to reach the cluster" in keep_running()
    wait(lambda: late.paused, "the third job to be refused again")
    gate.open()
    ended(*early)
    assert "1 processes had failed to reach the cluster" in keep_running()
    ended(late)
    for node in nodes:
        assert node.is_finished_ok, node.exit_message
        assert services.jobs(node) == [(node.get_job_id(), "COMPLETED")]


def test_work_chains_that_take_all_slots_of_the_daemon(
    change_options, cluster_code, potential, services, wait, ended, keep_running, daemon
):
    """Their jobs find none, and none would ever be free, until workers are added."""
    change_options({"daemon.worker_process_slots": 2}, workers=1)
    nodes = [
        submit(
            MeltQuenchWorkChain.get_builder_from_protocol(
                cluster_code("lmp"),
                "CuZr",
                potential,
                n_atoms=24,
                seed=seed,
                overrides={"parameters": SHORT},
                options=SERIAL,
            )
        )
        for seed in range(2)
    ]
    jobs = wait(lambda: [job for node in nodes for job in node.called if isinstance(job, orm.CalcJobNode)], "a job")
    wait(lambda: len([job for node in nodes for job in node.called if isinstance(job, orm.CalcJobNode)]) == 2, "two")
    with pytest.raises(pytest.fail.Exception, match="in vain"):
        wait(lambda: any(job.get_job_id() for job in jobs), "what cannot happen", seconds=5)
    assert "4 processes for 2 slots: adding 2 workers" in keep_running()
    ended(*nodes)
    assert all(node.is_finished_ok for node in nodes)
    assert len(daemon.workers()) == 3


def test_jobs_that_slurm_will_never_run(change_options, stage, services, gate, wait, ended, keep_running):
    """Refused, or left in the queue: they are told and left alone, until they are killed or the cluster changes."""
    change_options({"transport.task_maximum_attempts": 2}, workers=1)
    refused = [submit(stage(seed, **options)) for seed, (options, _) in enumerate(REFUSED)]
    queued = submit(stage(len(refused), queue_name="short", max_wallclock_seconds=3600))
    nodes = [*refused, queued]
    unknown = submit(stage(4, account="nosuch"))
    ours = {node.pk for node in nodes}
    stuck = wait(lambda: (found := find_stuck()).keys() >= ours and found, "all of them to be stuck")
    assert "PartitionTimeLimit" in stuck[queued.pk]
    for node, (_, said) in zip(refused, REFUSED, strict=True):
        assert said in stuck[node.pk]
    assert find_stuck(queued) == {}  # nothing that it called
    wait(lambda: unknown.is_terminated, "AiiDA to end what has no account")
    assert unknown.exit_status == 131

    def are_told():
        told = keep_running()
        return all(f"verdi process kill {node.pk}" in told for node in nodes)

    wait(are_told, "all of them to be told")
    assert all(node.paused for node in refused)

    gate.open()
    services.slurm("scontrol", "create", "partitionname=later", "nodes=ALL", "maxtime=infinite")
    services.slurm("scontrol", "update", "partitionname=short", "maxtime=infinite")
    later, *others = refused
    play_processes([later], timeout=300)
    kill_processes(others, timeout=300)
    wait(lambda: all(node.is_killed for node in others), "the end of what was killed")
    ended(later, queued)
    assert later.is_finished_ok, later.exit_message
    assert queued.is_finished_ok, queued.exit_message
    assert not find_stuck().keys() & ours
