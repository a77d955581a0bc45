"""CHARGE.lobster and COHPCAR.lobster: read, written, cut off."""

import numpy as np
import pytest

from aiida_getl.lobster.charge import Charges, format_charges, read_charges
from aiida_getl.lobster.cohpcar import Cohpcar, CurveLabel, format_cohpcar, read_cohpcar
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.matching import match_curves

CHARGES = Charges(np.array(["Cs", "H"]), np.array([0.75, -0.75]), np.array([0.72, -0.72]), complete=True)


def test_charges_and_back():
    again = read_charges(format_charges(CHARGES))
    assert again.elements.tolist() == ["Cs", "H"]
    assert again.mulliken.tolist() == [0.75, -0.75]
    assert again.loewdin.tolist() == [0.72, -0.72]
    assert again.complete


def test_charges_without_mulliken_stay_readable():
    text = format_charges(Charges(CHARGES.elements, np.full(2, np.nan), CHARGES.loewdin, complete=True))
    assert np.isnan(read_charges(text).mulliken).all()
    assert read_charges(text).loewdin.tolist() == [0.72, -0.72]


def test_cut_charges():
    text = format_charges(CHARGES)
    cut = read_charges(text[: text.index("total")])
    assert not cut.complete
    assert len(cut) == 2
    with pytest.raises(ValueError, match="no charges"):
        read_charges(text[:60])


@pytest.mark.parametrize("sample", ["v4.1_CsH", "v6.0.0_diamond_qe75"])
def test_published_charges(reference_data, sample):
    charges = read_charges(reference_data / "lobster_samples" / sample / "CHARGE.lobster")
    assert charges.complete
    assert len(charges) == 2
    assert charges.loewdin.sum() == 0


def make_curves(n_spins):
    rng = np.random.default_rng(0)
    labels = (
        CurveLabel(1, "C", 0, "", "C", 1, "", 1.54578),
        CurveLabel(1, "C", 0, "2s", "C", 1, "2p_y", 1.54578),
        CurveLabel(2, "Zr", 99, "", "Cu", 2, "4d_x^2-y^2", 2.9),
    )
    curve, integral = np.round(rng.normal(size=(2, 3, n_spins, 5)), 5)
    average = np.round(rng.normal(size=(2, n_spins, 5)), 5)
    return Cohpcar(labels, np.linspace(-10, 5, 5), curve, integral, *average, fermi_energy=13.3251, complete=True)


@pytest.mark.parametrize("n_spins", [1, 2])
def test_curves_and_back(n_spins):
    curves = make_curves(n_spins)
    again = read_cohpcar(format_cohpcar(curves, "a title"))
    assert again.labels == curves.labels
    assert again.fermi_energy == curves.fermi_energy
    assert again.complete
    for name in ("energies", "cohp", "icohp", "average_cohp", "average_icohp"):
        np.testing.assert_array_equal(getattr(again, name), getattr(curves, name))


def test_columns_are_where_lobster_has_them():
    """Energy, then (COHP, ICOHP) of the average and of each label, spin 2 after spin 1."""
    curves = make_curves(2)
    row = format_cohpcar(curves, "title").splitlines()[3 + 3].split()
    expected = [curves.energies[0]]
    for spin in range(2):
        expected += [curves.average_cohp[spin, 0], curves.average_icohp[spin, 0]]
        for label in range(3):
            expected += [curves.cohp[label, spin, 0], curves.icohp[label, spin, 0]]
    assert [float(value) for value in row] == pytest.approx(expected)


def test_cut_curves_keep_whole_rows():
    text = format_cohpcar(make_curves(1), "title")
    cut = read_cohpcar(text[:-30])
    assert not cut.complete
    assert cut.cohp.shape == (3, 1, 4)


@pytest.mark.parametrize(
    ("most", "left", "told"),
    [
        (3 * 160, 3, ""),
        (3 * 160 - 1, 1, "with the curves of 2 pairs of orbitals it takes"),
        (159, 0, "its 3 curves take"),
    ],
)
def test_what_does_not_fit_into_the_memory_given_is_left_out(tmp_path, most, left, told):
    """A curve and its integral at five energies, two spins: 160 bytes."""
    path = tmp_path / "COHPCAR.lobster"
    curves = make_curves(2)
    path.write_text(format_cohpcar(curves, "title"))
    found = read_cohpcar(path, most)
    assert found.labels == curves.labels[:left]
    assert found.left_out.startswith(told)
    assert bool(found.left_out) == bool(told)
    assert found.complete
    np.testing.assert_array_equal(found.cohp, curves.cohp[:left, :, : len(found.energies)])
    np.testing.assert_array_equal(found.icohp, curves.icohp[:left, :, : len(found.energies)])


def test_curves_of_orbitals_alone():
    """As LOBSTER wrote them in early versions: without the bond, distances with all digits."""
    text = """a title
         3          1          2  -1.00000e+00   1.00000e+00   0.00000e+00
Average
No.1:Ga1[4s]->As2[4p_y](2.495455942239027)
No.1:Ga1[4p_x]->As2[4s](2.495455942239027)
 -1.00000  -0.10000  -0.01000  -0.20000  -0.02000  -0.30000  -0.03000
  1.00000   0.10000   0.01000   0.20000   0.02000   0.30000   0.03000
"""
    curves = read_cohpcar(text)
    assert [label.orbital_j for label in curves.labels] == ["4p_y", "4s"]
    assert curves.labels[0].distance == pytest.approx(2.495456)
    assert curves.icohp[:, 0, 0].tolist() == [-0.02, -0.03]
    of_bonds, of_orbitals = match_curves(make_list(("Ga", "As"), 2.49546), np.array([0]), curves)
    assert (len(of_bonds), of_bonds.curve.shape) == (0, (0, 1, 2))
    assert of_orbitals.orbital_i.tolist() == ["4s", "4p_x"]
    with pytest.raises(ValueError, match="curve 1 is not of the same atoms as bond 1"):
        match_curves(make_list(("Ga", "As"), 2.49546, second=3), np.array([0]), curves)


def test_bonds_that_share_a_row_share_its_curves():
    """Those of LOBSTER 2, whose rows are averages."""
    row = "1 Bi1 Se2 2.88231 -2.18042 3\n1 Bi1_6p_x Se2_4s 2.88231 -0.10000 3\n"
    listed = read_icohplist(f"COHP# atomMU atomNU distance ICOHP(eF) avg. over # bonds for spin 1\n{row}")
    text = format_cohpcar(make_curves(1), "title").replace("C1->C2", "Bi1->Se2").replace("C1[2s]->C2", "Bi1[2s]->Se2")
    of_bonds, of_orbitals = match_curves(listed, np.array([0, 0, 0]), read_cohpcar(text))
    assert of_bonds.bond.tolist() == of_orbitals.bond.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(of_bonds.curve[2], of_bonds.curve[0])
    kept, bond = listed.orbital_rows(np.array([0, 0, 0]))
    assert (kept.tolist(), bond.tolist()) == ([0, 0, 0], [0, 1, 2])


def make_list(elements, distance, second=2):
    row = f"1 {elements[0]}1 {elements[1]}{second} {distance} 0 0 0 -1.00000"
    return read_icohplist(f"COHP# atomMU atomNU distance translation ICOHP (at) eF for spin 1\n{row}\n")


def test_curves_of_several_centres_are_left_out():
    """They have no average, and their atoms come with their cells."""
    text = """a title
         2          1          1  -1.00000e+00   1.00000e+00   0.00000e+00
No.1:Ge1[0 0 0]->Te5[ 0 -1  0]
No.2:Ge1[0 0 0]->Te5[0 0 0]->Ge2[0 0 1]

 -1.00000   0.10000   0.01000   0.20000   0.02000
"""
    curves = read_cohpcar(text)
    assert curves.labels == ()
    assert "several centres" in curves.left_out
    assert curves.complete


def test_headers_with_exponents():
    text = format_cohpcar(make_curves(1), "title")
    header = text.splitlines()[1]
    text = text.replace(header, "         4          1          5  3.32510e+00   1.83251e+01   1.33251e+01 ")
    assert read_cohpcar(text).fermi_energy == pytest.approx(13.3251)


def test_charges_with_damaged_rows_are_not_charges():
    text = format_charges(CHARGES)
    with pytest.raises(ValueError, match="does not number its atoms"):
        read_charges(text.replace("0.75 ", "0.7x ", 1))


def test_other_files_are_no_curves():
    with pytest.raises(ValueError, match="not a COHPCAR"):
        read_cohpcar("hello\nworld\n")
    text = format_cohpcar(make_curves(1), "title")
    for spoiled in (text.replace("    4  1", "    4  3", 1), text.replace("    4  1", "   -4  1", 1)):
        with pytest.raises(ValueError, match="not three counts and three energies"):
            read_cohpcar(spoiled)
    with pytest.raises(ValueError, match=r"rows that are not of numbers.*damaged"):
        read_cohpcar(text.replace("-10.00000", "*********", 1))
    with pytest.raises(ValueError, match="label that is not understood"):
        read_cohpcar(text.replace("C1->C2", "C1=C2", 1))
    with pytest.raises(ValueError, match="no complete row"):
        read_cohpcar("\n".join(text.splitlines()[:6]))
