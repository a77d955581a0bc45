"""Which projections are used, what is said about it, and what each of them asks for."""

import json
import re

import pytest

from aiida_getl.cohp.cli import main

LOBSTERIN = "cohpGenerator from 0.5 to 4.5\nskipCar\nbasisSet Bunge\n"


@pytest.fixture
def folder(make_save, tmp_path, monkeypatch):
    """A folder to run in, with results of projwfc.x, and files where wavefunctions would be."""
    save = tmp_path / "out" / "aiida.save"
    make_save(save)
    for number in (1, 2, 3):
        (save / f"wfc{number}.dat").touch()
    (tmp_path / "lobsterin").write_text(LOBSTERIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spoil(save, what):
    """Take away one of the things that Slater orbitals need."""
    changes = {
        "NC": ("C.UPF", 'is_paw="T"', 'is_paw="F"'),
        "US": ("C.UPF", 'is_paw="T"', 'is_paw="F" is_ultrasoft="T"'),
        "Pd": ("C.UPF", 'element="C"', 'element="Pd"'),
        "Rf": ("C.UPF", 'element="C"', 'element="Rf"'),
        "partial waves": ("H.UPF", "2S", "1S"),
    }
    if what == "wavefunctions":
        for file in save.glob("wfc*.dat"):
            file.unlink()
    else:
        file, old, new = changes[what]
        text = (save / file).read_text()
        assert old in text
        (save / file).write_text(text.replace(old, new).replace("2S", "5S" if what == "Pd" else "2S"))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("wavefunctions", r"wfc1\.dat is missing: run pw\.x again"),
        ("NC", r"C\.UPF of C is norm-conserving, and projections on Slater orbitals need PAW datasets"),
        ("US", r"C\.UPF of C is ultrasoft"),
        ("Pd", r"no Slater orbital 5s of Pd: the neutral atom has electrons only in 1s 2s 3s 4s 2p 3p 4p 3d 4d; name"),
        ("Rf", r"no Slater orbitals of Rf: the table has the elements from H to Lr"),
        ("partial waves", r"C\.UPF has no <PP_R>, and projections on Slater orbitals need PAW datasets"),
    ],
)
def test_what_slater_orbitals_lack_is_told(folder, capsys, what, reason):
    save = folder / "out" / "aiida.save"
    spoil(save, what)
    assert main([]) == 0
    summary = json.loads((folder / "getl-cohp.json").read_text())
    assert summary["projections"] == "orbitals of the pseudopotentials, from projwfc.x"
    assert re.search(reason, summary["no_slater_orbitals"])
    log = (folder / "lobsterout").read_text()
    assert f"not on Slater orbitals: {summary['no_slater_orbitals']}" in log
    assert "basisSet Bunge is read as a name only: the functions are orbitals of the pseudopotentials" in log
    assert "(UPF)" in log

    capsys.readouterr()
    assert main(["--projections", "slater"]) == 2
    assert re.search(reason, capsys.readouterr().err)

    (save / "atomic_proj.xml").unlink()
    assert main([]) == 2
    # projwfc.x is no way out where it has nothing to read, either.
    way_out = "" if what == "wavefunctions" else r".*have projwfc\.x do .*lwrite_overlaps=\.true\.; there is no .*xml\)"
    assert re.search(reason + way_out, capsys.readouterr().err)


def test_what_was_asked_for_needs_no_reason(folder):
    spoil(folder / "out" / "aiida.save", "wavefunctions")
    assert main(["--projections", "projwfc"]) == 0
    assert json.loads((folder / "getl-cohp.json").read_text())["no_slater_orbitals"] is None
    assert "not on Slater orbitals" not in (folder / "lobsterout").read_text()


@pytest.mark.engines
@pytest.mark.parametrize("what", ["a wavefunction", "a projector"])
def test_what_was_lost_is_no_reason_for_another_scale(folder, capsys, carbon_upf, what):
    save = folder / "out" / "aiida.save"
    reason = r"wfc3\.dat is missing: run pw\.x again.* \(2 of 3 such files are there\)"
    if what == "a wavefunction":
        (save / "wfc3.dat").unlink()
    else:
        spoil(save, "partial waves")
        (save / "C.UPF").write_text(carbon_upf.read_text().replace("PP_BETA.1", "PP_BETA_1"))
        reason = r"C\.UPF announces 4 projectors but has 3: it is damaged"
    for source in ("auto", "slater"):
        assert main(["--projections", source]) == 2
        assert re.search(reason, capsys.readouterr().err)
    assert main(["--projections", "projwfc"]) == 0


def test_functions_that_neither_source_has(folder, capsys):
    spoil(folder / "out" / "aiida.save", "wavefunctions")
    (folder / "lobsterin").write_text(LOBSTERIN + "basisFunctions C 2s 2p 3d\n")
    assert main([]) == 2
    said = capsys.readouterr().err
    assert "3d of C is not in its pseudopotential, which has 2s 2p" in said
    assert re.search(r"On Slater orbitals instead: .*wfc1\.dat is missing", said)
    assert main(["--projections", "projwfc"]) == 2
    assert "Slater" not in capsys.readouterr().err


def test_shells_of_the_core_are_refused(folder, capsys):
    """The wavefunctions have nothing of them."""
    save = folder / "out" / "aiida.save"
    spoil(save, "partial waves")
    (folder / "lobsterin").write_text(LOBSTERIN + "basisFunctions C 1s 2s 2p\n")
    assert main(["--projections", "slater"]) == 2
    assert "basis function 1s of C is in the core of its pseudopotential" in capsys.readouterr().err
