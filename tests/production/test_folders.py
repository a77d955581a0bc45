"""A remote folder that refuses to be written to, or is full, and a person who mends that."""

import os
import re
import subprocess

import pytest
from aiida import orm
from aiida.engine import submit
from aiida.engine.processes.control import play_processes
from ase.build import bulk

from aiida_getl.setup.codes import ensure_code
from aiida_getl.workflows.scf_base import ScfBaseWorkChain

SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "withmpi": False}


@pytest.fixture
def folder(services):
    """A folder that nobody but root may write to, who is not the one who logs in."""
    folder = services.folder / "read_only"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o777)


def add_computer(label, hostname, transport_type, folder, **configuration):
    """Return a computer without a scheduler that works in a folder."""
    computer = orm.Computer(
        label=label,
        hostname=hostname,
        transport_type=transport_type,
        scheduler_type="core.direct",
        workdir=str(folder),
    ).store()
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_minimum_job_poll_interval(1.0)
    computer.set_prepend_text("export OMP_NUM_THREADS=1")
    computer.configure(safe_interval=0.0, **configuration)
    return computer


@pytest.fixture
def guest(production, folder):
    """The computer where jobs run as somebody who may not write to that folder."""
    return add_computer("guest", "guest", "core.ssh_async", folder, host="guest", use_login_shell=False)


@pytest.fixture
def scf(engine_path, paw):
    """Return a function that builds the inputs of pw.x for one atom of fcc Al on a computer."""

    def build(computer):
        kpoints = orm.KpointsData()
        kpoints.set_kpoints_mesh([2, 2, 2], [0.5] * 3)
        system = {"ecutwfc": 15.0, "ecutrho": 60.0, "nbnd": 6, "occupations": "smearing", "degauss": 0.02}
        builder = ScfBaseWorkChain.get_builder()
        builder.kpoints = kpoints
        builder.pw.code = ensure_code("pw.x", engine_path("pw.x"), "under test", computer)[0]
        builder.pw.structure = orm.StructureData(ase=bulk("Al", "fcc", 4.05))
        builder.pw.pseudos = {"Al": paw.get_pseudo("Al")}
        builder.pw.parameters = orm.Dict({"CONTROL": {"calculation": "scf"}, "SYSTEM": system, "ELECTRONS": {}})
        builder.pw.metadata.options = {**SERIAL, "max_wallclock_seconds": 600}
        return builder

    return build


@pytest.fixture
def disk(tmp_path):
    """A file system of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"file systems may not be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small(production, disk):
    """The computer where jobs run on that file system."""
    return add_computer("small", "localhost", "core.local", disk)


@pytest.mark.engines
def test_folder_that_is_read_only(change_options, scf, guest, folder, wait):
    """The upload is tried again, then the job is paused; it goes on where it was once somebody plays it."""
    change_options({"transport.task_maximum_attempts": 2}, workers=1)
    node = submit(scf(guest))
    (job,) = wait(lambda: [called for called in node.called if called.paused], "the upload to be refused")
    assert "upload_calculation failed 2 times" in job.process_status
    told = "\n".join(log.message for log in orm.Log.collection.get_logs_for(job))
    # asyncssh goes on where it may not make a folder, and misses it then.
    assert re.search("SFTPNoSuchFile|SFTPPermissionDenied", told), told
    assert job.get_job_id() is None
    assert not node.is_terminated
    assert not list(folder.iterdir())

    # Played too soon it is refused again; nothing is lost.
    play_processes([job], timeout=300)
    wait(lambda: orm.load_node(job.pk).paused, "the upload to be refused again")

    folder.chmod(0o777)
    play_processes([job], timeout=300)
    wait(lambda: node.is_terminated, "the end of the process")
    assert node.is_finished_ok, node.exit_message
    assert [called.uuid for called in node.called if isinstance(called, orm.CalcJobNode)] == [job.uuid]
    (remote,) = folder.glob("*/*/*")
    assert str(remote) == job.get_remote_workdir()
    assert os.stat(remote / "aiida.out").st_uid != 0


@pytest.mark.engines
def test_disk_that_is_full(change_options, scf, small, disk, wait):
    """pw.x cannot write its last files, nor AiiDA those of the next try, which waits for room and goes on."""
    change_options({"transport.task_maximum_attempts": 2}, workers=1)
    other = disk / "of_somebody_else"
    builder = scf(small)
    builder.pw.metadata.options["prepend_text"] = (
        f"test -e {other} || {{ head -c 100M /dev/zero > {other} 2> /dev/null; truncate -s -64K {other}; }}"
    )
    node = submit(builder)
    (job,) = wait(lambda: [called for called in node.called if called.paused], "the second upload to be refused")
    (first,) = [called for called in node.called if isinstance(called, orm.CalcJobNode) and called.pk != job.pk]
    assert first.is_failed
    assert "JOB DONE" not in first.outputs.retrieved.base.repository.get_object_content("aiida.out")[-1000:]
    assert job.get_job_id() is None
    told = "\n".join(log.message for log in orm.Log.collection.get_logs_for(job))
    assert "No space left on device" in told

    other.write_bytes(b"")  # which is there, and takes no room
    play_processes([job], timeout=300)
    wait(lambda: node.is_terminated, "the end of the process")
    assert node.is_finished_ok, node.exit_message
    assert len([called for called in node.called if isinstance(called, orm.CalcJobNode)]) == 2
