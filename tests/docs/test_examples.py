"""The files of examples/ and of the repository's root that nothing else runs: they are understood by their readers."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from aiida import orm
from aiida.plugins import CalculationFactory
from click.testing import CliRunner

import aiida_getl
from aiida_getl.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = [*EXAMPLES.glob("*.sh"), ROOT / "tests/run.sh", ROOT / ".ci/run"]
CODES = sorted((EXAMPLES / "cluster" / "codes").glob("*.yaml"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash(path):
    run = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_activate(tmp_path):
    """It says how to install where nothing is installed, else it leads AiiDA to the clone, from any folder."""
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLES / "activate.sh", tmp_path / "examples")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def source():
        command = f'source {tmp_path}/examples/activate.sh && echo "$ACTIVE|$AIIDA_PATH"'
        return subprocess.run(["bash", "-c", command], cwd="/", env=environment, capture_output=True, text=True)

    run = source()
    assert run.returncode == 1
    assert f"bash {tmp_path}/examples/install.sh" in run.stderr
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").write_text("ACTIVE=yes\n")
    assert source().stdout == f"yes|{tmp_path}\n"


def test_quickstart_runs_what_the_tutorial_explains():
    text, tutorial = (EXAMPLES / "quickstart.sh").read_text(), (ROOT / "docs/tutorial.md").read_text()
    for command in ("bash examples/install.sh", "source examples/activate.sh", "aiida-getl setup"):
        assert f"\n{command}\n" in text
        assert f"\n{command}\n" in tutorial
    assert 'aiida-getl run examples/quickstart.yaml "$@"' in text


@pytest.mark.parametrize("path", CODES, ids=lambda path: path.stem)
def test_codes(path, getl_computer):
    """AiiDA takes each as a code, for a plugin that there is."""
    settings = yaml.safe_load(path.read_text())
    assert settings.pop("computer") == "cluster"
    assert orm.InstalledCode(computer=getl_computer, **settings).label == settings["label"]
    CalculationFactory(settings["default_calc_job_plugin"])
    assert set(settings) == {
        "label",
        "description",
        "filepath_executable",
        "default_calc_job_plugin",
        "with_mpi",
        "prepend_text",
        "append_text",
    }


def test_labels_are_read():
    """The labels of the tutorial: three glasses in three states each."""
    command = ["dbi", "import", str(EXAMPLES / "labels/pairs.csv"), "--dry-run"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "9 structures in 3 runs" in result.output


def test_workflow_of_the_repository_does_what_ci_runs():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    assert "exec bash tests/run.sh" in (ROOT / ".ci/run").read_text()
    versions = [entry["python"] for entry in job["strategy"]["matrix"]["include"]]
    assert all(isinstance(version, str) for version in versions)  # 3.10 as a number is 3.1
    oldest = min(versions, key=lambda version: int(version.partition(".")[2]))
    assert f'requires-python = ">={oldest}"' in (ROOT / "pyproject.toml").read_text()


def test_citation():
    """The fields that Citation File Format 1.2.0 asks for, and the version of the package."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == aiida_getl.__version__
    (paper,) = citation["references"]
    assert paper["doi"] == "10.1103/PhysRevMaterials.4.113603"
    assert {"type", "title", "authors"} <= set(paper)
