"""CHARGE.lobster and COHPCAR.lobster: read, written, cut off."""

import numpy as np
import pytest

from aiida_getl.lobster.charge import Charges, format_charges, read_charges
from aiida_getl.lobster.cohpcar import Cohpcar, CurveLabel, format_cohpcar, read_cohpcar

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
    with pytest.raises(ValueError, match="several centres"):
        read_cohpcar(text.replace("Average\n", "", 1))
    with pytest.raises(ValueError, match="label that is not understood"):
        read_cohpcar(text.replace("C1->C2", "C1=C2", 1))
    with pytest.raises(ValueError, match="no complete row"):
        read_cohpcar("\n".join(text.splitlines()[:6]))
