"""Finding the engines, their versions, and what starts them in parallel."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aiida_getl.setup import engines
from aiida_getl.setup.engines import EngineError, engine_version, find_engine, parallel_launcher, require_engine


def make_program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty_machine(monkeypatch, tmp_path):
    """Neither the PATH nor the folder of Python holds an engine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engines.sys, "executable", str(tmp_path / "python"))
    return tmp_path


@pytest.mark.engines
@pytest.mark.parametrize("name", ["lmp", "pw.x", "projwfc.x", "ld1.x"])
def test_real_engines_tell_their_version(engine_path, name):
    version = engine_version(name, engine_path(name))
    assert re.search(r"\d+\.\d+|20\d\d", version)


@pytest.mark.engines
def test_running_for_the_version_leaves_nothing_behind(engine_path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    engine_version("pw.x", engine_path("pw.x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engines
def test_launcher_runs_one_job_on_two_cores(engine_path, qe_launcher, tmp_path):
    if qe_launcher is None:
        pytest.skip("no mpirun fits pw.x on this machine")
    (tmp_path / "empty").touch()
    command = [*qe_launcher, "-np", "2", str(engine_path("pw.x")), "-in", "empty"]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert output.count("Program PWSCF") == 1


@pytest.mark.parametrize("name", ["lmp", "pw.x", "projwfc.x", "ld1.x"])
def test_missing_engine_gives_one_sentence(empty_machine, name):
    with pytest.raises(EngineError) as raised:
        require_engine(name)
    message = str(raised.value)
    assert message.startswith(f"{name}, which ")
    assert "apt-get install" in message
    assert "conda install -c conda-forge" in message
    assert "\n" not in message


def test_engines_beside_python_are_found(empty_machine):
    lammps = make_program(empty_machine / "lmp_serial", "echo")
    assert find_engine("lmp") == lammps


def test_versioned_lobster_is_found_and_its_relatives_are_not(empty_machine):
    make_program(empty_machine / "lobsterpy", "echo")
    assert find_engine("lobster") is None
    lobster = make_program(empty_machine / "lobster-5.1.1", "echo 'LOBSTER v5.1.1 (g++ 9.3.0)'")
    assert find_engine("lobster") == lobster
    assert engine_version("lobster", lobster) == "5.1.1"


def test_program_that_does_not_run_is_named(tmp_path):
    broken = make_program(tmp_path / "pw.x", "echo 'libmpi.so.40: cannot open shared object file' >&2; exit 127")
    with pytest.raises(EngineError, match=r"does not run .*libmpi\.so\.40.*conda-forge qe"):
        engine_version("pw.x", broken)


def test_mpirun_of_another_library_is_not_taken(empty_machine):
    """It starts two serial copies, each of which believes to be alone."""
    pw = make_program(empty_machine / "pw.x", "echo 'Parallel version (MPI), running on     1 processors'")
    # What a foreign mpirun does: the program as often as was asked, each on its own.
    make_program(empty_machine / "mpirun", f"{pw}; {pw}")
    assert parallel_launcher(pw) is None
    ours = make_program(empty_machine / "mpiexec", "echo 'Parallel version (MPI), running on     2 processors'")
    assert parallel_launcher(pw) == [str(ours), "--bind-to", "none"]


def test_python_of_the_tests_is_searched():
    assert find_engine("getl-cohp") == Path(sys.executable).parent / "getl-cohp"
