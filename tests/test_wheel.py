"""The wheel: every file of the package is in it, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aiida_getl"
#: One of each kind of data without which some part would fail at run time.
KINDS = (".json", ".yaml", ".in", ".html", ".js", ".css")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from flit_core import buildapi; print(buildapi.build_wheel({str(folder)!r}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    with zipfile.ZipFile(folder / run.stdout.split()[-1]) as archive:
        yield archive


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
