"""Faults of daemon, services and cluster while a job of ours runs: it is found again, and none is submitted twice."""

import os
import subprocess
import time

import pytest
from aiida.engine import submit
from aiida.manage import get_manager

#: For how long a service is gone; 60 as a trial of patience (docs/production.md), 5 to keep the tests short.
OUTAGE = float(os.environ.get("GETL_OUTAGE", "5"))


@pytest.fixture
def running(daemon, stage, services, wait):
    """Return a function that submits jobs and waits until all of them run."""

    def start(number=2, **options):
        nodes = [submit(stage(seed, **options)) for seed in range(number)]
        wait(
            lambda: all(services.jobs(node)[-1:] and services.jobs(node)[-1][1] == "RUNNING" for node in nodes),
            "jobs to run",
        )
        wait(lambda: all(node.get_job_id() for node in nodes), "job numbers")
        return nodes

    return start


@pytest.fixture
def check(services, ended):
    """Return a function that checks that jobs come to their right end, each having been submitted once."""

    def look(*nodes):
        ended(*nodes)
        for node in nodes:
            assert node.is_finished_ok, (node.exit_status, node.exit_message, node.exception)
            assert services.jobs(node) == [(node.get_job_id(), "COMPLETED")]
            assert node.outputs.results["steps"] == 2000

    return look


def let_go_of_the_database():
    """Close the connection of this test, which is not under test: what mends AiiDA's would end it."""
    session = get_manager().get_profile_storage().get_session()
    session.commit()
    session.get_bind().dispose()


@pytest.mark.parametrize("victims", ["one worker", "all workers", "daemon"])
def test_killed(victims, running, daemon, gate, check):
    nodes = running()
    if victims == "daemon":
        daemon.kill()
        gate.open()
        daemon.start()
    else:
        daemon.kill_workers(1 if victims == "one worker" else 2)
        gate.open()
    check(*nodes)


@pytest.mark.parametrize("service", ["rabbitmq", "slurmctld", "sshd"])
def test_restarted(service, running, services, production, daemon, gate, check):
    nodes = running()
    services.stop(service)
    # The workers look for their jobs once a second.
    time.sleep(OUTAGE)
    services.start(service)
    if service == "rabbitmq":
        # It hands what was under way to any worker, while the one that had it goes on: both would end the process.
        daemon.stop()
        let_go_of_the_database()
        subprocess.run(["verdi", "-p", production.name, "process", "repair", "--force"], check=True)
        daemon.start()
    gate.open()
    check(*nodes)


def test_database_restarted(running, services, daemon, gate, check, keep_running, wait):
    """Workers do not survive it, the processes do: what cron calls hands them to a new daemon."""
    nodes = running()
    old = daemon.workers()
    let_go_of_the_database()
    services.restart("postgres")
    assert "restarted below the daemon" in keep_running()
    wait(lambda: len(daemon.workers()) == 2, "two new workers")
    assert not set(old) & set(daemon.workers())
    gate.open()
    check(*nodes)
    # A daemon that is well is left alone.
    workers = daemon.workers()
    assert keep_running() == ""
    assert daemon.workers() == workers
