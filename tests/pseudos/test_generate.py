"""PAW datasets made by the real ld1.x."""

import shutil
import stat
from pathlib import Path

import pytest

from aiida_getl.pseudos import generate
from aiida_getl.pseudos.generate import (
    DATASETS,
    ELEMENTS,
    RECOMMENDED_CUTOFFS,
    GenerationError,
    generate_family,
)
from aiida_getl.quantumespresso.upf import read_upf


@pytest.fixture
def ld1() -> str:
    path = shutil.which("ld1.x")
    assert path, "these tests need Quantum ESPRESSO's ld1.x on the PATH: apt install quantum-espresso"
    return path


@pytest.fixture
def fake_ld1(tmp_path):
    """Return a function that writes an executable shell script in place of ld1.x."""

    def write(body: str) -> str:
        script = tmp_path / "ld1.x"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return str(script)

    return write


@pytest.mark.engines
def test_family_has_the_published_basis(ld1, tmp_path):
    family = generate_family(ld1, tmp_path / "new" / "folder")
    assert tuple(family) == ELEMENTS == ("Al", "Cu", "Zr")
    found = {}
    for element, path in family.items():
        upf = read_upf(path)
        assert max(map(len, path.read_text().splitlines())) <= 1024, "pw.x 6.7 cannot read longer lines"
        found[element] = (path.name, upf.kind, upf.z_valence, [shell.label for shell in upf.chi])
    assert found == {
        "Al": ("Al.pbe-n-kjpaw_getl.1.0.UPF", "PAW", 3, ["3s", "3p"]),
        "Cu": ("Cu.pbe-spn-kjpaw_getl.1.0.UPF", "PAW", 19, ["3s", "4s", "3p", "3d"]),
        "Zr": ("Zr.pbe-spn-kjpaw_getl.1.0.UPF", "PAW", 12, ["4s", "5s", "4p", "4d"]),
    }
    assert set(RECOMMENDED_CUTOFFS) == set(ELEMENTS)


@pytest.mark.engines
def test_files_are_the_same_on_any_day(ld1, fake_ld1, tmp_path):
    today = generate_family(ld1, tmp_path / "today", ["Al"])["Al"].read_text()
    # The real ld1.x, whose date is then changed in both places where it writes it.
    changed = f"{ld1}\nsed -i -E 's/[0-9]+[A-Z][a-z]{{2}}20[0-9]{{2}}/ 1Jan1999/' *.UPF && grep -c 1Jan1999 *.UPF >&2"
    other_day = generate_family(fake_ld1(changed), tmp_path / "other", ["Al"])["Al"].read_text()
    assert "1Jan1999" not in other_day
    assert other_day == today


def test_input_names_the_file_it_makes():
    for dataset in DATASETS.values():
        text = (Path(generate.__file__).parent / "inputs" / f"{dataset.stem}.in").read_text()
        assert f"file_pseudopw='{dataset.stem}.UPF'" in text


def test_unknown_element_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no PAW generation input for Ni: .* Al, Cu, Zr"):
        generate_family("ld1.x", tmp_path, ["Cu", "Ni"])


def test_missing_executable_is_named(tmp_path):
    with pytest.raises(GenerationError, match=r"cannot run /nowhere/ld1.x .* of Cu .*: install Quantum ESPRESSO"):
        generate_family("/nowhere/ld1.x", tmp_path, ["Cu"])


@pytest.mark.engines
def test_failure_quotes_ld1(ld1, fake_ld1, tmp_path):
    broken = fake_ld1(f"sed 's/zed=29/zed=-29/' | {ld1}")
    with pytest.raises(GenerationError, match=r"of Cu from .*: Error in routine ld1_readin .* wrong nuclear charge"):
        generate_family(broken, tmp_path / "family", ["Cu"])
    assert not list((tmp_path / "family").iterdir())


def test_failure_without_an_error_block_shows_the_end_of_the_output(fake_ld1, tmp_path):
    with pytest.raises(GenerationError, match=r"exit status 3.*libgfortran not found"):
        generate_family(fake_ld1("cat > /dev/null; echo libgfortran not found >&2; exit 3"), tmp_path, ["Zr"])


@pytest.mark.engines
@pytest.mark.parametrize(
    ("element", "edit", "wrong"),
    [
        ("Al", "s/lpaw=.true./lpaw=.false./", "'US'"),
        ("Zr", "s/-0.108/0.000/", "'5p'"),
    ],
    ids=["ultrasoft", "another basis"],
)
def test_another_dataset_than_intended_is_refused(ld1, fake_ld1, tmp_path, element, edit, wrong):
    with pytest.raises(GenerationError, match=f"{wrong}.* in place of .*'PAW'"):
        generate_family(fake_ld1(f"sed '{edit}' | {ld1}"), tmp_path, [element])
