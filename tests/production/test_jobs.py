"""Jobs that Slurm stops or cannot start: each ends with its reason, or goes on when it can."""

from aiida.engine import submit

#: Takes more memory than any job below asks for, and time enough for Slurm to see it.
GREEDY = "python3 -c 'import time; block = bytearray(600 << 20); time.sleep(300)'"


def is_running(services, node):
    return node.get_job_id() and services.jobs(node) == [(node.get_job_id(), "RUNNING")]


def test_cancelled(daemon, stage, services, wait, ended):
    node = submit(stage())
    wait(lambda: is_running(services, node), "the job to run")
    services.slurm("scancel", node.get_job_id())
    ended(node)
    # Before LAMMPS began, since the gate was closed; 400 later on, see the melt-quench's tests.
    assert node.exit_status == 351, node.exit_message
    ((_, state),) = services.jobs(node)
    assert state.startswith("CANCELLED")


def test_node_drained(daemon, stage, services, wait, gate, ended):
    name = services.slurm("sinfo", "--noheader", "--format=%n").strip()
    services.slurm("scontrol", "update", f"nodename={name}", "state=drain", "reason=test")
    gate.open()
    try:
        node = submit(stage())
        wait(lambda: services.queue().get(node.get_job_id() or "") == "PENDING", "the job to be queued")
    finally:
        services.slurm("scontrol", "update", f"nodename={name}", "state=resume")
    ended(node)
    assert node.is_finished_ok, node.exit_message
    assert services.jobs(node) == [(node.get_job_id(), "COMPLETED")]


def test_out_of_memory(daemon, stage, services, gate, ended):
    node = submit(stage(max_memory_kb=100_000, prepend_text=GREEDY))
    ended(node)
    assert node.exit_status == 110, node.exit_message
    assert len(services.jobs(node)) == 1
