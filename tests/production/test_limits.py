"""Limits of the scheduler, of the daemon and of computers: what is beyond them waits, is not lost and does not fail."""

import getpass

import pytest
from aiida import orm
from aiida.engine import submit

from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain

SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600}
SHORT = {"melt_steps": 100, "quench_rate_K_per_ps": 4000.0, "equilibrate_steps": 100, "thermo_rows": 10, "frames": 2}


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
