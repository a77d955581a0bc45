"""The command: files, messages, exit status; and that others' readers open what it writes."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from ase.io import read

from aiida_getl import __version__
from aiida_getl.cohp.cli import ProgressReport, main
from aiida_getl.cohp.keywords import HONOURED, REFUSED
from aiida_getl.lobster.charge import read_charges
from aiida_getl.lobster.cohpcar import read_cohpcar
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterin import KEYWORDS
from aiida_getl.lobster.lobsterout import read_lobsterout
from aiida_getl.structures.bonds import bond_vectors

WITHOUT_EFFECT = {
    "BWDF",
    "BWDFCOHP",
    "EwaldSum",
    "LSODOS",
    "RMSp",
    "bandwiseSpilling",
    "createFatband",
    "densityOfEnergy",
    "gridBufferForPrinting",
    "gridDensityForPrinting",
    "kpointwiseSpilling",
    "noFFTforVisualization",
    "noMemoryMappedFiles",
    "onlyReadVasprun.xml",
    "printLCAORealSpaceWavefunction",
    "printLmosOnAtoms",
    "printLmosOnAtomswriteAtomicDensities",
    "printMofeAtomWise",
    "printMofeMoleculeWise",
    "printPAWRealSpaceWavefunction",
    "realspaceHamiltonian",
    "realspaceOverlap",
    "saveProjectionToFile",
    "useDecimalPlaces",
    "useOriginalTetrahedronMethod",
    "writeAtomicDensities",
    "writeAtomicOrbitals",
    "writeBasisFunctions",
    "writeMatricesToFile",
}
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
    assert captured.err == ""  # too fast for reports
    assert captured.out == (folder / "lobsterout").read_text()
    summary = json.loads((folder / "getl-cohp.json").read_text())
    assert summary["engine"] == "getl-cohp"
    assert summary["version"] == __version__
    assert summary["basis"] == {"C": ["2s", "2p"], "H": ["2s"]}
    assert (summary["n_basis"], summary["n_bands"], summary["n_bands_used"]) == (5, 9, 5)
    assert set(summary["pseudopotentials"]) == {"C1", "H"}
    assert sum(summary["loewdin_charges"]) == pytest.approx(5 - summary["electrons_recovered"])  # valences of C and H
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


@pytest.mark.parametrize("layout", ["4", "6"])
@pytest.mark.parametrize("n_spins", [1, 2])
def test_pymatgen_opens_the_files(make_save, tmp_path, monkeypatch, layout, n_spins):
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.io.lobster import Charge, Cohpcar, Grosspop, Icohplist, Lobsterout, NciCobiList

    make_save(tmp_path / "out" / "aiida.save", n_spins=n_spins)
    (tmp_path / "lobsterin").write_text(LOBSTERIN.replace(" orbitalwise", "") + "cobiBetween atom 1 atom 2\n")
    monkeypatch.chdir(tmp_path)
    assert main(["--layout", layout]) == 0
    spins = [Spin.up, Spin.down][:n_spins]
    for kind, flags in (("COHP", {}), ("COOP", {"are_coops": True}), ("COBI", {"are_cobis": True})):
        values = read_icohplist(tmp_path / f"I{kind}LIST.lobster")
        assert (values.kind, values.n_spins) == (kind, n_spins)
        theirs = Icohplist(filename=f"I{kind}LIST.lobster", **flags).icohplist
        assert len(theirs) == len(values) == 6
        for row in range(len(values)):
            assert [theirs[str(row + 1)]["icohp"][spin] for spin in spins] == values.icohp[row].tolist()
        curves, ours = Cohpcar(filename=f"{kind}CAR.lobster", **flags), read_cohpcar(tmp_path / f"{kind}CAR.lobster")
        assert curves.is_spin_polarized == (n_spins == 2)
        for row, label in enumerate(ours.labels, start=1):
            assert curves.cohp_data[str(row)]["sites"] == (label.atom_i, label.atom_j)
            for number, spin in enumerate(spins):
                np.testing.assert_array_equal(curves.cohp_data[str(row)]["COHP"][spin], ours.cohp[row - 1, number])
    values = read_icohplist(tmp_path / "ICOBILIST.lobster")
    pair = NciCobiList(filename="NcICOBILIST.lobster").ncicobi_list["1"]
    nearest = int(np.argmin(values.distance))
    assert [pair["ncicobi"][spin] for spin in spins] == values.icohp[nearest].tolist()
    out = Lobsterout(filename="lobsterout")
    assert out.lobster_version == {"4": "v4.1.0", "6": "v6.0.0"}[layout]
    assert (out.is_restart_from_projection, out.number_of_spins) == (False, n_spins)
    assert out.has_cohpcar
    assert out.has_coopcar
    assert out.has_cobicar
    assert out.has_charge
    assert [f"{spilling:.4f}" for spilling in out.charge_spilling] == [
        f"{spilling:.4f}" for spilling in read_lobsterout(tmp_path / "lobsterout").charge_spilling
    ]
    assert len(out.total_spilling) == (n_spins if layout == "4" else 0)
    assert Charge(filename="CHARGE.lobster").types == ["C", "H"]
    populations = Grosspop(filename="GROSSPOP.lobster").list_dict_grosspop
    assert [list(atom["Loewdin GP"]) for atom in populations] == [
        ["2s", "2p_y", "2p_z", "2p_x", "total"],
        ["2s", "total"],
    ]


@pytest.mark.parametrize("layout", ["4", "6"])
def test_pymatgen_reads_orbitals(folder, layout):
    from pymatgen.io.lobster import Cohpcar

    assert main(["--layout", layout]) == 0
    for kind in ("COHP", "COOP", "COBI"):
        values = read_icohplist(folder / f"I{kind}LIST.lobster")
        sums = np.zeros_like(values.icohp)
        np.add.at(sums, values.orbitals.bond, values.orbitals.icohp)
        np.testing.assert_allclose(sums, values.icohp, atol=1e-4)
        # The bond of C with H: the orbitals of C as LOBSTER orders them; one of H.
        bond = np.flatnonzero((values.atom_i == 0) & (values.atom_j == 1))[0]
        assert values.orbitals.orbital_i[values.orbitals.bond == bond].tolist() == ["2s", "2p_y", "2p_z", "2p_x"]
        # The bonds of C with its image have two sets of orbitals, whose order changed in version 5.1.
        of_carbon = values.orbitals.bond == np.flatnonzero((values.atom_i == 0) & (values.atom_j == 0))[0]
        first = [values.orbitals.orbital_i[of_carbon][:4].tolist(), values.orbitals.orbital_j[of_carbon][:4].tolist()]
        changing, constant = first if layout == "4" else first[::-1]
        assert changing == ["2s", "2p_y", "2p_z", "2p_x"]
        assert constant == ["2s"] * 4
        curves = read_cohpcar(folder / f"{kind}CAR.lobster")
        assert [(label.number, label.orbital_i) for label in curves.labels[:3]] == [
            (1, ""),
            (1, values.orbitals.orbital_i[0]),
            (1, values.orbitals.orbital_i[1]),
        ]
        flags = {"COHP": {}, "COOP": {"are_coops": True}, "COBI": {"are_cobis": True}}[kind]
        theirs = Cohpcar(filename=f"{kind}CAR.lobster", **flags)
        assert len(theirs.orb_res_cohp) == 6
        assert len(theirs.orb_res_cohp["1"]) == 16


def test_the_structure_is_the_one_of_the_lists(folder):
    """Positions outside the cell stay there: translations belong to them."""
    assert main([]) == 0
    atoms = read(folder / "POSCAR.lobster.vasp", format="vasp")
    assert atoms.symbols.get_chemical_formula() == "CH"
    np.testing.assert_allclose(atoms.get_scaled_positions(wrap=False)[1], [-0.25, 0, 0], atol=1e-9)
    bonds, _ = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds(atoms)
    lengths = np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], bonds), axis=1)
    np.testing.assert_allclose(lengths, bonds.distance, atol=1e-5)


def test_pairs_of_cobi_between_and_their_orbitals(folder):
    """cobiBetween alone: no list of bonds, and the bond may be given between any two cells."""
    (folder / "lobsterin").write_text("cobiBetween atom 1 atom 2\ncobiBetween atom 2 cell 1 0 0 atom 2 orbitalwise\n")
    assert main([]) == 0
    lines = (folder / "NcICOBILIST.lobster").read_text().splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "2"]
    assert lines[1].endswith("C1[0 0 0]->H2[0 0 0]")
    assert lines[2].endswith("H2[0 0 0]->H2[-1 0 0]")
    assert lines[3].endswith("H2[2s]->H2[2s]")
    assert lines[2].split()[2] == lines[3].split()[2]
    assert not (folder / "ICOBILIST.lobster").exists()


def test_bonds_at_the_ends_of_a_range_belong_to_it(folder):
    """C and H are 2 bohr apart; the digits of a lobsterin are fewer than those of the positions."""
    (folder / "lobsterin").write_text("cohpGenerator from 1.05835 to 2\ncohpGenerator from 1 to 1.05835\n")
    assert main([]) == 0
    assert len(read_icohplist(folder / "ICOHPLIST.lobster")) == 1


def test_curves_integrate_to_the_icohp_and_have_the_asked_steps(folder):
    (folder / "lobsterin").write_text(LOBSTERIN + "COHPSteps 1400\ngaussianSmearingWidth 0.001\n")
    assert main([]) == 0
    curves, values = read_cohpcar(folder / "COHPCAR.lobster"), read_icohplist(folder / "ICOHPLIST.lobster")
    assert len(curves.energies) == 1401
    assert curves.complete
    at_fermi = np.searchsorted(curves.energies, 0)
    bonds = np.array([not label.orbital_i for label in curves.labels])
    np.testing.assert_allclose(curves.icohp[bonds][:, :, at_fermi], values.icohp, atol=2e-5)
    np.testing.assert_allclose(curves.icohp[~bonds][:, :, at_fermi], values.orbitals.icohp, atol=2e-5)
    np.testing.assert_allclose(np.cumsum(curves.cohp, axis=-1) * 0.1, curves.icohp, atol=5e-3)
    np.testing.assert_allclose(curves.average_icohp, curves.icohp[bonds].mean(axis=0), atol=1e-5)
    assert main(["--layout", "4"]) == 0  # where orbitals count in the average
    curves = read_cohpcar(folder / "COHPCAR.lobster")
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
    # Half a cell along x from its image on the other side, which is not listed.
    path = folder / "out" / "aiida.save" / "data-file-schema.xml"
    path.write_text(path.read_text().replace(">-2.0 0.0 0.0<", ">-4.0 0.0 0.0<"))
    (folder / "lobsterin").write_text("cohpBetween atom 1 atom 2\n")
    for aliased in ([], [1]):
        assert main([]) == 0
        assert json.loads((folder / "getl-cohp.json").read_text())["aliased_interactions"] == aliased
        path.write_text(re.sub(r">(2\.5|5\.0)0+E-01 ", ">0.0 ", path.read_text()))  # all k-points at Γ


def test_a_window_above_occupied_states_is_told(make_save, tmp_path, monkeypatch):
    """The lowest state is at -50 hartree; LOBSTER's curves begin at -10 eV."""
    make_save(tmp_path / "aiida.save", core=(0, 1, 2))
    monkeypatch.chdir(tmp_path)
    lobsterin = "cohpGenerator from 0.5 to 4.5\ngaussianSmearingWidth 0.01\n"
    (tmp_path / "lobsterin").write_text(lobsterin)
    assert main([]) == 0
    log = read_lobsterout(tmp_path / "lobsterout")
    (told,) = (text for text in log.warnings if "the curves begin above occupied states" in text)
    assert not log.too_few_bands
    keyword = re.search(r"COHPstartEnergy -\d+", told)[0]
    assert keyword == "COHPstartEnergy -1362"
    (tmp_path / "lobsterin").write_text(f"{lobsterin}{keyword}\n")
    assert main([]) == 0
    assert not any("the curves begin" in text for text in read_lobsterout(tmp_path / "lobsterout").warnings)
    curves, values = read_cohpcar(tmp_path / "COHPCAR.lobster"), read_icohplist(tmp_path / "ICOHPLIST.lobster")
    np.testing.assert_allclose(
        curves.icohp[..., np.searchsorted(curves.energies, 0)], values.icohp, atol=1e-4 * np.abs(values.icohp).max()
    )
    (tmp_path / "lobsterin").write_text(f"{lobsterin}skipCar\n")
    assert main([]) == 0
    assert not any("the curves begin" in text for text in read_lobsterout(tmp_path / "lobsterout").warnings)


def test_levels_at_the_cut_are_told(make_save, tmp_path, monkeypatch):
    """The basis has five functions."""
    (tmp_path / "lobsterin").write_text(LOBSTERIN)
    monkeypatch.chdir(tmp_path)
    for name, n_bands, level, told in (
        ("apart", 9, False, None),
        ("level", 9, True, "INFO: at 3 of 3 k-points the last band used is one of several degenerate ones"),
        ("unknown", 5, False, "INFO: There are no more bands than local basis functions"),
    ):
        make_save(tmp_path / f"{name}.save", n_bands=n_bands, level=level)
        assert main(["--save", f"{name}.save"]) == 0
        log = (tmp_path / "lobsterout").read_text()
        assert ("degenerate" in log) == (told is not None)
        assert told is None or told in log
        assert json.loads((tmp_path / "getl-cohp.json").read_text())["n_cut_levels"] == (3 if level else 0)


def test_skipped_files_are_not_written(folder):
    (folder / "lobsterin").write_text(LOBSTERIN + "skipCOOP\nskipCOBI\nskipCar\nskipPopulationAnalysis\n")
    assert main(["--output", "."]) == 0
    assert {path.name for path in folder.iterdir()} == {
        "out",
        "lobsterin",
        "lobsterout",
        "ICOHPLIST.lobster",
        "POSCAR.lobster.vasp",
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
        ("cohpGenerator from 1 to 1000", r"cohpGenerator from 1 to 1000 asks for some 5e\+07 bonds: narrow its range"),
        ("cohpGenerator from 1 to 3\nCOHPSteps 1e9", "COHPSteps: 1000000000 energies are too many"),
        ("cohpGenerator from 1 to 50\nCOHPSteps 100000", "curves of COHP COOP COBI .* GB: .*or for none .skipCar."),
        ("cohpGenerator from 0.1 to 0.2", "no bond in .* fits cohpGenerator from 0.1 to 0.2"),
        ("cohpGenerator from 1 to 3 type C type Zr", "names type Zr, the structure has C, H"),
        ("cohpBetween atom 1 atom 3", "names atom 3, the structure has 2 atoms"),
        ("basisFunctions C 2s 3d\ncohpGenerator from 1 to 3", "3d of C is not in its pseudopotential, which has 2s 2p"),
        ("kSpaceCOHP 1\ncohpGenerator from 1 to 3", "kSpaceCOHP cannot be honoured"),
        ("cobiBetween atom 1 atom 2 atom 1", "cobiBetween: only bonds of two atoms .*use LOBSTER"),
        ("cobiBetween atom 1 atom 7", "cobiBetween names atom 7, the structure has 2"),
        ("cobiBetween atom 1 atom 1", "atom 1 has no bond with itself"),
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


def test_files_of_other_systems_are_read(folder):
    """A byte order mark, and lines that end with a carriage return."""
    expected = [main([]), (folder / "ICOHPLIST.lobster").read_text()]
    (folder / "lobsterin").write_bytes(b"\xef\xbb\xbf" + LOBSTERIN.replace("\n", "\r\n").encode())
    assert [main([]), (folder / "ICOHPLIST.lobster").read_text()] == expected


def test_every_keyword_that_changes_numbers_is_refused_or_honoured():
    assert set(REFUSED) <= KEYWORDS
    # The others ask for files that are not written, or tune LOBSTER.
    assert KEYWORDS - HONOURED - set(REFUSED) == WITHOUT_EFFECT
    assert HONOURED <= KEYWORDS
    assert not HONOURED & set(REFUSED)


def test_what_is_otherwise_than_in_lobster_is_told(folder):
    lines = (
        "INFO: getl-cohp has no DOSCAR.lobster, MadelungEnergies.lobster, SitePotentials.lobster, "
        "bandOverlaps.lobster, which LOBSTER may write.",
        "INFO: useRecommendedBasisFunctions is read as: the shells that are occupied in the pseudopotentials.",
        "INFO: getl-cohp has no bandOverlaps.lobster, which LOBSTER may write.",
    )
    for more, told in (
        ("", lines[:1]),
        ("useRecommendedBasisFunctions\nskipDOS\nskipMadelungEnergy\n", lines[1:]),
        ("basisFunctions C 2s 2p\nskipDOS\nskipMadelungEnergy\n", lines[2:]),
    ):
        (folder / "lobsterin").write_text(LOBSTERIN + more)
        assert main([]) == 0
        log = (folder / "lobsterout").read_text().splitlines()
        assert [line for line in lines if line in log] == list(told)


def test_help_teaches_and_version_is_told():
    run = [sys.executable, "-m", "aiida_getl.cohp.cli"]
    text = subprocess.run([*run, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("lwrite_overlaps", "cohpGenerator", "nbnd", "exit status", "--layout"):
        assert word in text
    assert __version__ in subprocess.run([*run, "--version"], capture_output=True, text=True, check=True).stdout


def test_progress_is_reported_only_after_a_while(monkeypatch, capsys):
    now = iter([0.0, 1.0, 6.0, 7.0, 20.0])
    monkeypatch.setattr("aiida_getl.cohp.cli.time.monotonic", lambda: next(now))
    report = ProgressReport()
    for done in range(1, 5):
        report("k-point", done, 4)
    assert capsys.readouterr().err == "getl-cohp: k-point 2 of 4\ngetl-cohp: k-point 4 of 4\n"


@pytest.mark.parametrize(("given", "threads"), [("3", 3), ("4,2", 4), ("", os.cpu_count()), ("many", os.cpu_count())])
def test_threads_are_told(folder, monkeypatch, given, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert main([]) == 0
    assert read_lobsterout(folder / "lobsterout").threads == threads
