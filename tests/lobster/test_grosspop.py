"""GROSSPOP.lobster of the versions: read, written, cut off."""

import re
from dataclasses import replace

import numpy as np
import pytest

from aiida_getl.lobster.grosspop import GrossPopulations, format_gross_populations, read_gross_populations

POPULATIONS = GrossPopulations(
    elements=("Cs", "H"),
    atom=np.array([0, 0, 1]),
    orbitals=("6s", "5p_y", "1s"),
    mulliken=np.array([[0.25, 0.2], [1.0, 0.99], [0.9, 0.8]]),
    loewdin=np.array([[0.3, 0.25], [1.0, 0.98], [0.8, 0.75]]),
    complete=True,
)


def test_both_spins_and_back():
    again = read_gross_populations(format_gross_populations(POPULATIONS))
    assert (again.elements, again.orbitals, again.n_spins, again.complete) == (
        ("Cs", "H"),
        ("6s", "5p_y", "1s"),
        2,
        True,
    )
    np.testing.assert_array_equal(again.atom, POPULATIONS.atom)
    np.testing.assert_array_equal(again.mulliken, POPULATIONS.mulliken)
    np.testing.assert_array_equal(again.loewdin, POPULATIONS.loewdin)


def test_version_4_sums_the_spins():
    again = read_gross_populations(format_gross_populations(POPULATIONS, 4))
    assert again.n_spins == 1
    np.testing.assert_allclose(again.loewdin[:, 0], POPULATIONS.loewdin.sum(axis=1))


def test_populations_without_mulliken_stay_readable():
    without = replace(POPULATIONS, mulliken=np.full((3, 2), np.nan))
    again = read_gross_populations(format_gross_populations(without))
    assert np.isnan(again.mulliken).all()
    np.testing.assert_array_equal(again.loewdin, POPULATIONS.loewdin)


def test_cut_files_keep_whole_atoms():
    text = format_gross_populations(POPULATIONS)
    cut = read_gross_populations(text[: text.rindex("total")])
    assert not cut.complete
    assert cut.elements == ("Cs",)
    assert cut.orbitals == ("6s", "5p_y")
    with pytest.raises(ValueError, match="no populations of a whole atom"):
        read_gross_populations(text[: text.index("total")])


def test_damaged_files_are_refused():
    text = format_gross_populations(POPULATIONS)
    with pytest.raises(ValueError, match="atom 3 follows on atom 1"):
        read_gross_populations(text.replace("2       H", "3       H"))
    with pytest.raises(ValueError, match="different numbers of columns"):
        read_gross_populations(re.sub(r"(6s.*?) +\d\.\d\d +\d\.\d\d\n", r"\1\n", text))
    with pytest.raises(ValueError, match="belongs to no atom"):
        read_gross_populations(text[text.index("5p_y") :])


@pytest.mark.parametrize(
    ("sample", "layout", "n_spins"),
    [
        ("lobsterout/GROSSPOP.lobster", 4, 1),
        ("lobsterout/GROSSPOP_511_sp.lobster.AlN", 6, 2),
        ("v6.0.0_diamond_qe75/GROSSPOP.lobster", 6, 1),
    ],
)
def test_published_files_are_written_alike(reference_data, sample, layout, n_spins):
    """But for the totals, which are sums of unrounded numbers there."""
    path = reference_data / "lobster_samples" / sample
    populations = read_gross_populations(path)
    assert populations.complete
    assert populations.n_spins == n_spins
    ours, theirs = (
        [line.rstrip() for line in text.splitlines() if "total" not in line]
        for text in (format_gross_populations(populations, layout), path.read_text())
    )
    assert ours == theirs
