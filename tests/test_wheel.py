"""The wheel: every file of the package is in it, and nothing else; installed without a source tree near, it works."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aiida_getl"
#: One of each kind of data without which some part would fail at run time.
KINDS = (".json", ".yaml", ".in", ".html", ".js", ".css")
#: Reads what the package finds in its own folder, by the functions that read it at run time.
USE_DATA = """
import sys
from pathlib import Path
import aiida_getl
from aiida_getl.pseudos.generate import generate_family, GenerationError
from aiida_getl.slater.orbitals import slater_shells
from aiida_getl.workflows.active_learning import ActiveLearningWorkChain
from aiida_getl.workflows.getl import GetlWorkChain
from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain
import aiida_getl.report.page as page
assert Path(aiida_getl.__file__).parent.parent == Path(sys.argv[1]), aiida_getl.__file__
assert [shell.label for shell in slater_shells("Al")][-1] == "3p"
for process in (ActiveLearningWorkChain, GetlWorkChain, LabelWorkChain, MeltQuenchWorkChain):
    assert {"fast", "balanced", "stringent"} <= set(process.get_available_protocols())
assert page._environment().get_template("page.html") and "svg" in page._asset("charts.js")
try:  # reads the input of the first element, and then finds no program
    generate_family("no-such-ld1.x", Path("pseudos"))
except GenerationError as error:
    assert "no-such-ld1.x" in str(error), error
"""


@pytest.fixture(scope="module")
def wheel_path(tmp_path_factory):
    """The wheel, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from flit_core import buildapi; print(buildapi.build_wheel({str(folder)!r}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return folder / run.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(wheel_path):
    """The wheel, opened."""
    with zipfile.ZipFile(wheel_path) as archive:
        yield archive


@pytest.fixture(scope="module")
def installed(wheel_path, tmp_path_factory):
    """The folder with the wheel installed, and a function that runs Python there and gives what it printed."""
    target, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel_path)], check=True, timeout=1800)
    # Before the environment of the tests, in which the sources are installed.
    environment = {**os.environ, "PYTHONPATH": str(target), "AIIDA_PATH": str(elsewhere)}

    def run(*arguments):
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return target, run


def test_files(wheel):
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    there = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert packed == there
    for kind in KINDS:
        assert any(name.endswith(kind) for name in packed), f"no {kind} file"


def test_metadata(wheel):
    """What a registry of plugins reads, and a shell."""
    info = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    metadata = wheel.read(f"{info}/METADATA").decode()
    entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    assert "Classifier: Framework :: AiiDA" in metadata
    assert "Classifier: License :: OSI Approved :: MIT License" in metadata
    assert "Bond strengths of disordered metals" in metadata  # the README, as the page of the package
    for words in ("[aiida.calculations]", "[aiida.workflows]", "[aiida.data]", "aiida-getl=aiida_getl.cli:main"):
        assert words in entry_points


@pytest.mark.parametrize("program", ["aiida-getl", "getl-cohp", "getl-learn"])
def test_programs(installed, program):
    target, run = installed
    assert program in run(target / "bin" / program, "--help")


def test_plugins(installed):
    _, run = installed
    verdi = Path(sys.executable).with_name("verdi")
    assert "Exit codes" in run(verdi, "plugin", "list", "aiida.workflows", "getl.label")
    assert "export" in run(verdi, "data", "getl", "--help")


def test_data_files(installed):
    target, run = installed
    run("-c", USE_DATA, target)
