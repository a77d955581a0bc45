"""The daemon of the embedded profile (SQLite, ZeroMQ) is killed while a job runs: the job is found again."""

import time

import psutil
import pytest
from aiida import orm
from aiida.engine import submit
from aiida.plugins import CalculationFactory

from aiida_getl.structures.packing import random_packing

PATIENCE = 900
STAGE = {
    "kind": "minimise",
    "steps": 10,
    "energy_tolerance": 0.0,
    "force_tolerance_eV_per_A": 0.0,
    "thermo_every": 10,
    "frame_every": 10,
}


@pytest.fixture
def daemon(started_daemon_client, stop_daemon):
    """The client of a running daemon; whatever a test did to the daemon, it is stopped afterwards."""
    yield started_daemon_client
    stop_daemon(started_daemon_client)


def wait_for(condition, what):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited {PATIENCE} s for {what}"
        time.sleep(0.2)


def processes_of(daemon):
    """Return the daemon and its children: the job is none of them."""
    master = psutil.Process(daemon.get_daemon_pid())
    return [master, *master.children(recursive=True)]


def is_worker(process):
    try:
        return "worker" in process.cmdline()
    except psutil.NoSuchProcess:  # what workers start is gone soon
        return False


@pytest.fixture
def stage(lammps_code, cuzr_potential):
    """A minimisation that waits at a gate and counts how often it was begun, both in the folder given."""

    def build(folder):
        builder = CalculationFactory("getl.lammps").get_builder()
        builder.code = lammps_code
        builder.structure = orm.StructureData(ase=random_packing({"Zr": 4, "Cu": 4}, 0))
        builder.potential = cuzr_potential
        builder.parameters = orm.Dict(STAGE)
        builder.metadata.options = {
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            "withmpi": False,
            "prepend_text": f"echo begun >> {folder}/begun\nuntil test -e {folder}/gate; do sleep 0.2; done",
        }
        return builder

    return build


@pytest.mark.slow
@pytest.mark.engines
@pytest.mark.parametrize("victims", ["worker", "daemon"])
def test_killed(victims, daemon, stage, tmp_path):
    node = submit(stage(tmp_path))
    wait_for(lambda: (tmp_path / "begun").exists() and node.get_job_id(), "the job to run")
    number = node.get_job_id()
    killed = [each for each in processes_of(daemon) if victims == "daemon" or is_worker(each)]
    assert killed
    for each in killed:
        each.kill()
    psutil.wait_procs(killed, timeout=PATIENCE)
    assert psutil.pid_exists(int(number))  # the job runs on
    if victims == "daemon":
        daemon.start_daemon()
    # Otherwise the daemon starts a new worker by itself.
    wait_for(lambda: any(is_worker(each) for each in processes_of(daemon)), "a new worker")
    (tmp_path / "gate").touch()
    wait_for(lambda: node.is_terminated, "the process to end")
    assert node.is_finished_ok, (node.exit_status, node.exit_message, node.exception)
    assert node.get_job_id() == number
    assert (tmp_path / "begun").read_text() == "begun\n"
