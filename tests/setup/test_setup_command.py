"""``aiida-getl setup`` and its check, as a user types them, in a folder of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Return a function that runs a command of this environment with a fresh AIIDA_PATH."""
    home = tmp_path_factory.mktemp("user")
    # As after installing, without activating: the commands have to find this environment by themselves.
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != str(BIN))
    environment = os.environ | {"AIIDA_PATH": str(home), "HOME": str(home), "PATH": path}

    def run(command: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(BIN / command), *arguments],
            env=environment | changes,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )

    run.home = home
    yield run
    run("verdi", "-p", "getl", "daemon", "stop")


@pytest.fixture(scope="module")
def first_setup(shell):
    """What the first ``aiida-getl setup`` printed."""
    done = shell("aiida-getl", "setup")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_check_before_setup_says_what_to_do(shell, tmp_path):
    done = shell("aiida-getl", "setup", "--check", AIIDA_PATH=str(tmp_path))
    assert done.returncode == 1
    assert "BROKEN  profile" in done.stdout
    assert "run `aiida-getl setup`" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.engines
def test_setup_makes_everything(first_setup):
    for made in ("profile", "code", "pseudopotentials"):
        assert any(line.split()[0] == made and "created" in line for line in first_setup.splitlines()), first_setup
    assert "Ready." in first_setup


@pytest.mark.engines
def test_check_is_content_after_setup(shell, first_setup):
    done = shell("aiida-getl", "setup", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
    assert "PAW datasets of Al, Cu, Zr" in done.stdout


@pytest.mark.engines
def test_setup_again_changes_nothing(shell, first_setup):
    done = shell("aiida-getl", "setup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "created" not in done.stdout


@pytest.mark.engines
@pytest.mark.slow
def test_setup_mends_a_dead_daemon_and_a_moved_clone(shell, first_setup, tmp_path):
    # As after the machine went down: the process is gone, its file is left.
    shell("verdi", "-p", "getl", "daemon", "stop")
    dead = subprocess.Popen(["true"])
    dead.wait()
    (shell.home / ".aiida/daemon/circus-getl.pid").write_text(str(dead.pid))
    done = shell("aiida-getl", "setup", "--check")
    assert done.returncode == 1
    assert "BROKEN  daemon" in done.stdout
    shutil.move(shell.home / ".aiida", tmp_path)
    try:
        done = shell("aiida-getl", "setup", "--check", AIIDA_PATH=str(tmp_path))
        assert done.returncode == 1
        assert "if its folder was moved" in done.stdout
        assert shell("aiida-getl", "setup", AIIDA_PATH=str(tmp_path)).returncode == 0
        assert shell("aiida-getl", "setup", "--check", AIIDA_PATH=str(tmp_path)).returncode == 0
    finally:
        shell("verdi", "-p", "getl", "daemon", "stop", AIIDA_PATH=str(tmp_path))


def test_setup_names_an_engine_that_does_not_run(shell, tmp_path):
    (tmp_path / "pw.x").write_text("#!/bin/sh\necho 'error while loading shared libraries' >&2\nexit 127\n")
    (tmp_path / "pw.x").chmod(0o755)
    done = shell("aiida-getl", "setup", PATH=f"{tmp_path}:{os.environ['PATH']}", AIIDA_PATH=str(tmp_path))
    assert done.returncode == 1
    assert f"Error: {tmp_path}/pw.x, which computes the electronic structure, does not run" in done.stderr
    assert "Traceback" not in done.stderr
