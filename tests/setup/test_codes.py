"""The codes and the computer in a temporary profile."""

from pathlib import Path

import pytest
from aiida import orm

from aiida_getl.setup.codes import ensure_code


def test_codes_are_found_by_their_stable_labels(lammps_code, pw_code, engine_path):
    assert orm.load_code("lammps@localhost").uuid == lammps_code.uuid
    assert orm.load_code("pw@localhost").filepath_executable == engine_path("pw.x")


def test_an_unchanged_engine_keeps_its_code(getl_computer, engine_path):
    first, _ = ensure_code("pw.x", engine_path("pw.x"), "6.7", getl_computer)
    second, is_new = ensure_code("pw.x", engine_path("pw.x"), "6.7", getl_computer)
    assert not is_new
    assert second.uuid == first.uuid


@pytest.mark.parametrize(("path", "version"), [("/elsewhere/pw.x", "6.7"), ("/usr/bin/pw.x", "7.4")])
def test_a_moved_or_renewed_engine_takes_over_the_label(getl_computer, path, version):
    old, _ = ensure_code("pw.x", Path("/usr/bin/pw.x"), "6.7", getl_computer)
    new, is_new = ensure_code("pw.x", Path(path), version, getl_computer)
    assert is_new
    assert orm.load_code("pw@localhost").uuid == new.uuid
    assert orm.load_node(old.pk).label == f"pw-until-{old.pk}"
    # Results of the old one must not be served from the cache as the new one's.
    assert old.base.caching.compute_hash() != new.base.caching.compute_hash()


def test_computer_answers(getl_computer, work_directory):
    with getl_computer.get_transport() as transport:
        status, stdout, _ = transport.exec_command_wait("echo here")
    assert (status, stdout.strip()) == (0, "here")
    assert getl_computer.get_workdir() == str(work_directory)
    assert getl_computer.get_minimum_job_poll_interval() == 1.0


def test_nodes_live_in_postgresql_too(postgres_profile, lammps_code, cuzr_potential):
    assert postgres_profile.storage_backend == "core.psql_dos"
    assert orm.load_node(cuzr_potential.uuid).filename == "CuZr_mm.eam.fs"
    assert orm.QueryBuilder().append(orm.InstalledCode).count() == 1
