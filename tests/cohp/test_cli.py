"""The command: files, messages, exit status; and that others' readers open what it writes."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from aiida_getl import __version__
from aiida_getl.cohp.cli import main
from aiida_getl.cohp.run import HONOURED, REFUSED
from aiida_getl.lobster.charge import read_charges
from aiida_getl.lobster.cohpcar import read_cohpcar
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterin import KEYWORDS
from aiida_getl.lobster.lobsterout import read_lobsterout

LOBSTERIN = "cohpGenerator from 0.5 to 4.5 orbitalwise\nbasisSet Bunge\nCOHPstartEnergy -100\nCOHPendEnergy 40\n"


@pytest.fixture
def folder(make_save, tmp_path, monkeypatch):
    """A folder to run in."""
    make_save(tmp_path / "out" / "aiida.save")
    (tmp_path / "lobsterin").write_text(LOBSTERIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_writes_all_files(folder, capsys):
    assert main([]) == 0
    captured = capsys.readouterr()
    assert "k-point 3 of 3" in captured.err
    assert captured.out == (folder / "lobsterout").read_text()
    summary = json.loads((folder / "getl-cohp.json").read_text())
    assert summary["engine"] == "getl-cohp"
    assert summary["version"] == __version__
    assert summary["basis"] == {"C": ["2s", "2p"], "H": ["2s"]}
    assert (summary["n_basis"], summary["n_bands"], summary["n_bands_used"]) == (5, 9, 5)
    assert set(summary["pseudopotentials"]) == {"C1", "H"}
    assert sum(summary["loewdin_charges"]) == pytest.approx(5 - summary["electrons_recovered"])
    out = read_lobsterout(folder / "lobsterout")
    assert (out.engine, out.version, out.finished, out.program) == ("getl-cohp", __version__, True, "Quantum Espresso")
    assert out.basis == {"C": ("2s", "2p_y", "2p_z", "2p_x"), "H": ("2s",)}
    assert out.basis_set == "UPF"
    assert out.charge_spilling[0] == pytest.approx(summary["charge_spilling"][0], abs=1e-4)
    values = read_icohplist(folder / "ICOHPLIST.lobster")
    assert out.n_interactions == len(values) == summary["n_interactions"]
    charges = read_charges(folder / "CHARGE.lobster")
    np.testing.assert_allclose(charges.loewdin, summary["loewdin_charges"], atol=0.005)
    np.testing.assert_allclose(charges.mulliken, summary["mulliken_charges"], atol=0.005)


def test_bonds_to_images_are_listed_both_ways_and_once_as_bonds(folder):
    assert main(["--save", "out/aiida.save"]) == 0
    values = read_icohplist(folder / "ICOHPLIST.lobster")
    # C-H at 2 bohr; C-C and H-H along the 8 bohr axis both ways; C-H across that axis.
    bonds, icohp = values.to_bonds()
    assert len(values) == 6
    assert bonds.keys() == [(0, 0, 1, 0, 0), (0, 1, 0, 0, 0), (0, 1, 1, 0, 0), (1, 1, 1, 0, 0)]
    for row in range(len(values)):
        key = (values.atom_i[row], values.atom_j[row], *np.abs(values.translation[row]))
        if values.atom_i[row] == values.atom_j[row]:
            assert values.icohp[row] == pytest.approx(icohp[bonds.keys().index(key)], abs=2e-5)
    sums = np.zeros_like(values.icohp)
    np.add.at(sums, values.orbitals.bond, values.orbitals.icohp)
    np.testing.assert_allclose(sums, values.icohp, atol=1e-4)


@pytest.mark.parametrize("layout", ["4", "6"])
@pytest.mark.parametrize("n_spins", [1, 2])
def test_pymatgen_opens_the_files(make_save, tmp_path, monkeypatch, layout, n_spins):
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.io.lobster import Charge, Cohpcar, Icohplist, Lobsterout

    make_save(tmp_path / "out" / "aiida.save", n_spins=n_spins)
    (tmp_path / "lobsterin").write_text(LOBSTERIN.replace(" orbitalwise", ""))
    monkeypatch.chdir(tmp_path)
    assert main(["--layout", layout]) == 0
    values = read_icohplist(tmp_path / "ICOHPLIST.lobster")
    assert values.n_spins == n_spins
    theirs = Icohplist(filename="ICOHPLIST.lobster").icohplist
    assert len(theirs) == len(values) == 6
    spins = [Spin.up, Spin.down][:n_spins]
    for row in range(len(values)):
        assert [theirs[str(row + 1)]["icohp"][spin] for spin in spins] == values.icohp[row].tolist()
    curves, ours = Cohpcar(filename="COHPCAR.lobster"), read_cohpcar(tmp_path / "COHPCAR.lobster")
    assert curves.is_spin_polarized == (n_spins == 2)
    for row, label in enumerate(ours.labels, start=1):
        assert curves.cohp_data[str(row)]["sites"] == (label.atom_i, label.atom_j)
        for number, spin in enumerate(spins):
            np.testing.assert_array_equal(curves.cohp_data[str(row)]["COHP"][spin], ours.cohp[row - 1, number])
    out = Lobsterout(filename="lobsterout")
    assert out.lobster_version == {"4": "v4.1.0", "6": "v6.0.0"}[layout]
    assert (out.is_restart_from_projection, out.number_of_spins) == (False, n_spins)
    assert [f"{spilling:.4f}" for spilling in out.charge_spilling] == [
        f"{spilling:.4f}" for spilling in read_lobsterout(tmp_path / "lobsterout").charge_spilling
    ]
    assert Charge(filename="CHARGE.lobster").types == ["C", "H"]


def test_curves_integrate_to_the_icohp_and_have_the_asked_steps(folder):
    (folder / "lobsterin").write_text(LOBSTERIN + "COHPSteps 1400\ngaussianSmearingWidth 0.001\n")
    assert main([]) == 0
    curves, values = read_cohpcar(folder / "COHPCAR.lobster"), read_icohplist(folder / "ICOHPLIST.lobster")
    assert len(curves.energies) == 1401
    assert curves.complete
    at_fermi = np.searchsorted(curves.energies, 0)
    np.testing.assert_allclose(curves.icohp[:, :, at_fermi], values.icohp, atol=2e-5)
    np.testing.assert_allclose(np.cumsum(curves.cohp, axis=-1) * 0.1, curves.icohp, atol=5e-3)
    np.testing.assert_allclose(curves.average_icohp, curves.icohp.mean(axis=0), atol=1e-5)


def test_indistinguishable_images_are_reported(folder):
    assert main([]) == 0
    out = read_lobsterout(folder / "lobsterout")
    assert not any("cannot tell apart" in warning for warning in out.warnings)
    (folder / "lobsterin").write_text("cohpBetween atom 1 atom 2\ncohpBetween atom 1 atom 2 cell 4 0 0\n")
    assert main([]) == 0
    out = read_lobsterout(folder / "lobsterout")
    assert any("2 of 2 interactions are to images" in warning for warning in out.warnings)
    assert json.loads((folder / "getl-cohp.json").read_text())["aliased_interactions"] == [1, 2]


def test_skipped_files_are_not_written(folder):
    (folder / "lobsterin").write_text(LOBSTERIN + "skipCOOP\nskipCOBI\nskipCar\nskipPopulationAnalysis\n")
    assert main(["--output", "."]) == 0
    assert {path.name for path in folder.iterdir()} == {
        "out",
        "lobsterin",
        "lobsterout",
        "ICOHPLIST.lobster",
        "getl-cohp.json",
    }


def test_rank_deficiency_is_a_warning(folder):
    path = folder / "out" / "aiida.save" / "atomic_proj.xml"
    text = path.read_text()
    parts = text.split("<ATOMIC_WFC ")
    for n in range(1, 9):
        head, rest = parts[n].split(">", 1)
        body, tail = rest.split("</ATOMIC_WFC>", 1)
        numbers = body.split()
        numbers[2:4] = numbers[0:2]  # the second band equals the first
        parts[n] = f"{head}>\n{' '.join(numbers)}\n</ATOMIC_WFC>{tail}"
    path.write_text("<ATOMIC_WFC ".join(parts))
    assert main([]) == 0
    out = read_lobsterout(folder / "lobsterout")
    assert out.kpoints_not_orthonormalized == (1, 3)
    assert json.loads((folder / "getl-cohp.json").read_text())["n_rank_deficient"] == 1


@pytest.mark.parametrize(
    ("lobsterin", "message"),
    [
        (None, "lobsterin is missing"),
        ("cohpGeneratr from 1 to 2", "lobsterin: lobsterin keyword 'cohpGeneratr'.*unknown"),
        ("skipDOS", "neither cohpGenerator nor cohpBetween"),
        ("cohpGenerator from 0.1 to 0.2", "no bond in .* fits cohpGenerator from 0.1 to 0.2"),
        ("cohpGenerator from 1 to 3 type C type Zr", "names type Zr, the structure has C, H"),
        ("cohpBetween atom 1 atom 3", "names atom 3, the structure has 2 atoms"),
        ("basisFunctions C 2s 3d\ncohpGenerator from 1 to 3", "3d of C is not in its pseudopotential, which has 2s 2p"),
        ("kSpaceCOHP 1\ncohpGenerator from 1 to 3", "kSpaceCOHP cannot be honoured"),
    ],
)
def test_bad_input_ends_with_status_2(folder, capsys, lobsterin, message):
    (folder / "lobsterin").unlink()
    if lobsterin is not None:
        (folder / "lobsterin").write_text(lobsterin)
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("getl-cohp: ")
    assert len(captured.err.splitlines()) == 1
    assert re.search(message, captured.err)


def test_every_keyword_that_changes_numbers_is_refused_or_honoured():
    assert set(REFUSED) <= KEYWORDS
    assert HONOURED <= KEYWORDS
    assert not HONOURED & set(REFUSED)


def test_help_teaches_and_version_is_told():
    run = [sys.executable, "-m", "aiida_getl.cohp.cli"]
    text = subprocess.run([*run, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("lwrite_overlaps", "cohpGenerator", "nbnd", "exit status", "--layout"):
        assert word in text
    assert __version__ in subprocess.run([*run, "--version"], capture_output=True, text=True, check=True).stdout
