"""What is read of a QE calculation, and what is refused."""

import re

import numpy as np
import pytest

from aiida_getl.cohp.calculation import QeBands
from aiida_getl.cohp.frame import restrict_basis
from aiida_getl.cohp.projections import ProjectionFile
from aiida_getl.cohp.save import BOHR, HARTREE, find_save, read_save


@pytest.mark.parametrize("n_spins", [1, 2])
def test_reads_structure_and_bands(make_save, tmp_path, n_spins):
    made = make_save(tmp_path / "x.save", n_spins=n_spins)
    save = read_save(tmp_path / "x.save")
    assert save.version == "7.5"
    assert save.species == ("C1", "H")
    assert save.symbols == ("C", "H")
    np.testing.assert_allclose(save.cell, np.diag([8, 12, 12]) * BOHR)
    np.testing.assert_allclose(save.positions[1], [-2 * BOHR, 0, 0])  # not wrapped
    np.testing.assert_allclose(save.kpoints[:, 0], [0, 0.25, 0.5])
    np.testing.assert_allclose(save.weights, [0.25, 0.5, 0.25])
    np.testing.assert_allclose(save.energies, made["energies"] * HARTREE)
    np.testing.assert_allclose(save.occupations, made["occupations"])
    assert (save.n_spins, save.n_bands, save.n_electrons, save.fermi_energy) == (n_spins, 9, made["electrons"], 0.0)


@pytest.mark.parametrize("spin_major", [False, True], ids=["spins within k", "k within spin"])
@pytest.mark.parametrize("style", ["plain", "list-directed (6.7)", "1p3es24.15 (7.x)"])
@pytest.mark.parametrize("n_spins", [1, 2])
def test_reads_projections_of_all_versions(make_save, tmp_path, n_spins, spin_major, style):
    """Written by FoX up to 6.6, spins within k; then by QE itself, k within spin, in two formats of numbers."""
    made = make_save(tmp_path / "x.save", n_spins=n_spins, spin_major=spin_major, style=style)
    file = ProjectionFile(tmp_path / "x.save" / "atomic_proj.xml")
    assert (file.n_spins, file.n_kpoints, file.n_bands, file.n_functions, file.has_overlaps) == (n_spins, 3, 9, 8, True)
    for spin in range(n_spins):
        for k in range(3):
            np.testing.assert_allclose(file.projections(spin, k, 8), made["x"][spin, k, :, :8], atol=2e-15)
            np.testing.assert_allclose(file.overlap(spin, k), made["overlap"][spin, k], atol=2e-15)
            np.testing.assert_allclose(file.energies(spin, k), made["energies"][spin, k] * HARTREE)


def test_reads_numbers_whose_exponent_pushed_the_letter_out(make_save, tmp_path):
    made = make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "atomic_proj.xml"
    text = path.read_text()
    first = f"{made['x'][0, 0, 0, 0].real:.16E}"
    assert text.count(first) == 1
    path.write_text(text.replace(first, "-1.2345678901234567-101"))
    assert ProjectionFile(path).projections(0, 0, 8)[0, 0] == pytest.approx(1j * made["x"][0, 0, 0, 0].imag)


def test_numbers_that_are_none_are_refused(make_save, tmp_path):
    made = make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "atomic_proj.xml"
    rewrite(path, f"{made['x'][0, 1, 2, 0].real:.16E}", "NaN")
    with pytest.raises(ValueError, match=r"function 3 of k-point 2 .* not finite: run projwfc.x again"):
        ProjectionFile(path).projections(0, 1, 8)
    rewrite(path, "NaN", "*****")
    with pytest.raises(ValueError, match=r"function 3 of k-point 2 .*are no numbers"):
        ProjectionFile(path).projections(0, 1, 8)


def test_order_of_functions_and_default_basis(make_save, tmp_path):
    make_save(tmp_path / "x.save")
    bands = QeBands(tmp_path / "x.save")
    assert bands.orbitals.names == ("2s", "2p_z", "2p_x", "2p_y", "2s")
    assert bands.atom.tolist() == [0, 0, 0, 0, 1]
    assert bands.orbitals.is_subset
    full = QeBands(tmp_path / "x.save", {"H": ["2s", "2p"]})
    assert not full.orbitals.is_subset
    assert full.atom.tolist() == [0] * 4 + [1] * 4


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("data-file-schema.xml", "<noncolin>false", "<noncolin>true", "non-collinear"),
        ("data-file-schema.xml", "</output>", "", "damaged"),
        ("data-file-schema.xml", "fermi_energy>", "chemical_potential>", "neither a Fermi energy"),
        ("atomic_proj.xml", 'COMPONENTS="1"', 'COMPONENTS="4"', "non-collinear"),
        ("atomic_proj.xml", "<PROJECTIONS>\n<HEADER", "<ATOMIC_PROJECTIONS>\n<HEADER", "older iotk format.*newer QE"),
        ("atomic_proj.xml", 'WFC="8"', 'WFC="9"', "projects on 9 functions.*have 8"),
        ("atomic_proj.xml", 'BANDS="9"', 'BANDS="10"', "different runs"),
        ("atomic_proj.xml", "</PROJECTIONS>", "", "cut off"),
        (
            "data-file-schema.xml",
            "<pseudo_file>H.UPF",
            "<pseudo_file>He.UPF",
            "He.UPF is missing: the basis is read from it",
        ),
    ],
)
def test_refuses_with_file_and_remedy(make_save, tmp_path, file, old, new, message):
    make_save(tmp_path / "x.save")
    rewrite(tmp_path / "x.save" / file, old, new)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        QeBands(tmp_path / "x.save")


def test_too_few_bands_names_both_numbers(make_save, tmp_path):
    make_save(tmp_path / "x.save", n_bands=7)
    with pytest.raises(ValueError, match=r"has 7 bands but the basis has 8 functions.*nbnd = 8"):
        QeBands(tmp_path / "x.save", {"H": ["2s", "2p"]})
    assert len(QeBands(tmp_path / "x.save").orbitals) == 5  # enough for the default basis


def test_projections_of_another_run_are_refused(make_save, tmp_path):
    make_save(tmp_path / "x.save", seed=0)
    make_save(tmp_path / "y.save", seed=1)
    (tmp_path / "x.save" / "atomic_proj.xml").write_bytes((tmp_path / "y.save" / "atomic_proj.xml").read_bytes())
    with pytest.raises(ValueError, match=r"differ by .* pw.x ran again"):
        QeBands(tmp_path / "x.save")


def test_bands_of_shells_out_of_the_basis_are_left_out_too(make_save, tmp_path):
    made = make_save(tmp_path / "x.save", n_spins=2, core=range(3))
    bands = QeBands(tmp_path / "x.save", {"C": ["2p"]})
    assert bands.n_left_out == 1
    assert bands.core_electrons.tolist() == [2, 0]
    np.testing.assert_array_equal(bands.energies, bands.save.energies[..., 1:])
    np.testing.assert_array_equal(bands.occupations, bands.save.occupations[..., 1:])
    rows = np.array([1, 2, 3, 4])
    expected, _ = restrict_basis(made["x"][1, 2][:, 1:5], made["overlap"][1, 2], rows)
    for _ in range(2):  # kept from the choice of bands, and read again
        np.testing.assert_allclose(bands.projections(1, 2, 4, False)[0], expected, atol=1e-13)


def test_shells_whose_bands_mix_are_kept(make_save, tmp_path):
    make_save(tmp_path / "x.save", core=(0, 2))
    with pytest.raises(
        ValueError, match=r"leaves out C 2s, whose bands mix with others \(0 to 1 bands.*keep these shells"
    ):
        QeBands(tmp_path / "x.save", {"C": ["2p"]})


def test_too_few_bands_beside_those_left_out(make_save, tmp_path):
    make_save(tmp_path / "x.save", n_bands=7, core=range(3))
    with pytest.raises(ValueError, match=r"has 7 functions and leaves out 1 occupied bands: .*nbnd = 8"):
        QeBands(tmp_path / "x.save", {"C": ["2p"], "H": ["2s", "2p"]})


def test_subset_needs_overlaps(make_save, tmp_path):
    make_save(tmp_path / "x.save", overlaps=False)
    with pytest.raises(ValueError, match=r"5 of 8 projected functions.*lwrite_overlaps"):
        QeBands(tmp_path / "x.save")
    assert QeBands(tmp_path / "x.save", {"H": ["2s", "2p"]}).projections(0, 0, 8, True)[1] is None


def test_basis_of_absent_elements_is_refused(make_save, tmp_path):
    make_save(tmp_path / "x.save")
    with pytest.raises(ValueError, match="name Zr, but the structure has C, H"):
        QeBands(tmp_path / "x.save", {"Zr": ["4d"]})


def test_cut_off_projections_are_refused(make_save, tmp_path):
    make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "atomic_proj.xml"
    text = path.read_text()
    path.write_text(text[: text.index("</OVPS>")])
    with pytest.raises(ValueError, match=r"</PROJECTIONS>: it is cut off"):
        ProjectionFile(path)
    block = text[text.index("<OVPS") : text.index("</OVPS>")]
    path.write_text(text.replace(block + "</OVPS>", "", 1))
    with pytest.raises(ValueError, match="overlaps for 2 of 3"):
        ProjectionFile(path)
    path.write_text("")
    with pytest.raises(ValueError, match="is empty"):
        ProjectionFile(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"run projwfc\.x"):
        ProjectionFile(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('NUMBER_OF_BANDS="9"', "", "has no NUMBER_OF_BANDS in its <HEADER>, but '': it is damaged"),
        (
            'NUMBER_OF_ATOMIC_WFC="8"',
            'NUMBER_OF_ATOMIC_WFC="abc"',
            "has no NUMBER_OF_ATOMIC_WFC in its <HEADER>, but 'abc'",
        ),
        ('spin="1"', 'spin="2"', "has a spin 2 of 1: it is damaged"),
        ('spin="1"', 'spin="0"', "has a spin 0 of 1: it is damaged"),
    ],
)
def test_headers_without_sense_are_refused(make_save, tmp_path, old, new, message):
    make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "atomic_proj.xml"
    rewrite(path, old, new)
    with pytest.raises(ValueError, match=rf"atomic_proj\.xml {message}"):
        ProjectionFile(path)


def test_finds_the_only_save_folder(make_save, tmp_path):
    with pytest.raises(FileNotFoundError, match="--save"):
        find_save(tmp_path)
    make_save(tmp_path / "out" / "aiida.save")
    assert find_save(tmp_path) == tmp_path / "out" / "aiida.save"
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "out").symlink_to(tmp_path / "out")
    assert find_save(tmp_path / "job") == tmp_path / "job" / "out" / "aiida.save"
    (tmp_path / "job" / "out").unlink()
    make_save(tmp_path / "old" / "aiida.save")
    with pytest.raises(FileNotFoundError, match="more than one"):
        find_save(tmp_path)


def test_bands_along_a_path_are_refused(make_save, tmp_path):
    make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "data-file-schema.xml"
    calculation = "<input><control_variables><calculation>{}</calculation></control_variables></input>\n<output>"
    rewrite(path, "<output>", calculation.format("nscf"))
    read_save(tmp_path / "x.save")
    rewrite(path, "nscf", "bands")
    with pytest.raises(ValueError, match=r"along a path.*on a grid"):
        read_save(tmp_path / "x.save")


def test_occupations_that_miss_electrons_are_refused(make_save, tmp_path):
    make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "data-file-schema.xml"
    path.write_text(re.sub(r"<nelec>.*</nelec>", "<nelec>25.0</nelec>", path.read_text()))
    with pytest.raises(ValueError, match=r"add up to .* of 25 electrons.*enough bands"):
        read_save(tmp_path / "x.save")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<a1>8.0 0.0 0.0", "<a1>8.0 0.0 x", "has no finite numbers in <a1>: it is damaged"),
        ("<a1>8.0 0.0 0.0", "<a1>8.0 0.0", "too few or too many numbers in <a1>"),
        ("<eigenvalues>", "<eigenvalues>0.0 ", "too few or too many numbers in <eigenvalues>"),
        ("<fermi_energy>0.0", "<fermi_energy>nan", "has no finite numbers in <fermi_energy>"),
        ("<pseudo_file>C.UPF", "<pseudo_file>", "has an empty <pseudo_file>: it is damaged, run pw.x again"),
        ("<nelec>", "<nelec>much", "has no finite numbers in <nelec>"),
        (' alat="8.0"', "", "lacks the alat of a <atomic_structure>"),
        ("<atom name", "<other name", "has no <atom>: pw.x did not finish"),
        (
            "<input>",
            "<input><bands><tot_charge>99</tot_charge></bands>",
            "the pseudopotentials beside it .*: they are not those of the run",
        ),
    ],
)
def test_damage_is_named(make_save, tmp_path, old, new, message):
    make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "data-file-schema.xml"
    text = path.read_text()
    assert old in text
    count = -1 if "atom name" in old else 1
    path.write_text(text.replace(old, new, count).replace("</atom>", "</other>" if count < 0 else "</atom>"))
    with pytest.raises(ValueError, match=rf"data-file-schema\.xml.*{message}"):
        read_save(tmp_path / "x.save")


SYMMETRY = """<symmetry><info name="some">crystal_symmetry</info>
<rotation rank="2" dims="3 3" order="F">{}</rotation></symmetry>"""


def test_kpoints_reduced_by_symmetry_are_refused(make_save, tmp_path):
    """The k-points are 0, 1/4 and 1/2 along x: a mirror keeps them, an exchange of x and y does not."""
    make_save(tmp_path / "x.save")
    path = tmp_path / "x.save" / "data-file-schema.xml"
    identity, mirror = (SYMMETRY.format(rotation) for rotation in ("1 0 0 0 1 0 0 0 1", "-1 0 0 0 1 0 0 0 1"))
    rewrite(path, "<output>", f"<output><symmetries>{identity}{mirror}</symmetries>")
    assert read_save(tmp_path / "x.save").n_bands == 9
    exchange = SYMMETRY.format("0 1 0 1 0 0 0 0 1")
    rewrite(path, "</symmetries>", f"{exchange}</symmetries>")
    with pytest.raises(ValueError, match=r"reduced by 3 symmetry operations.*nosym = \.true\."):
        read_save(tmp_path / "x.save")
