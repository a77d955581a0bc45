"""The messages of the installation on machines that lack something."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "cat", "dirname", "grep", "mkdir", "paste", "rm", "sha256sum", "tail", "tr")


@pytest.fixture
def machine(tmp_path):
    """Return a function that runs the installation of a fresh clone on a machine with just a few programs."""
    clone, programs = tmp_path / "clone", tmp_path / "bin"
    (clone / "examples").mkdir(parents=True)
    shutil.copy(ROOT / "examples/install.sh", clone / "examples")
    shutil.copy(ROOT / "pyproject.toml", clone)
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(shutil.which(tool))

    def install(*others: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        for name in others:
            (programs / name).write_text("#!/bin/sh\nexit 1\n")
            (programs / name).chmod(0o755)
        return subprocess.run(
            [str(programs / "bash"), str(clone / "examples/install.sh"), *options],
            env={"PATH": str(programs)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return install


def test_missing_engine_without_apt_gives_one_sentence(machine):
    done = machine("pw.x")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "install: Quantum ESPRESSO (projwfc.x ld1.x) not found, which computes the electronic structure: get it with "
        "`sudo apt-get install quantum-espresso libopenblas0-pthread openmpi-bin` or "
        "`conda install -c conda-forge qe`.\n"
    )


def test_failing_apt_gives_the_same_sentence(machine):
    done = machine("apt-get", "sudo")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("install: Quantum ESPRESSO (pw.x projwfc.x ld1.x) not found")


def test_old_python_is_refused(machine):
    done = machine("pw.x", "projwfc.x", "ld1.x", "python3")
    assert done.returncode == 1
    assert "Python 3.10 or newer not found" in done.stderr


def test_unknown_option_is_refused(machine):
    done = machine(options=("--tets",))
    assert done.returncode == 1
    assert "unknown option --tets" in done.stderr
