"""Reports of LOBSTER, finished and not."""

from dataclasses import asdict

import pytest

from aiida_getl.lobster.lobsterout import Timing, format_timing, read_lobsterout

TEXT = """\
LOBSTER v3.0.0 (g++ 5.4.0)
Copyright (C) 2017
starting on host somewhere on 2019-04-22 at 12:28:53 -03 using 24 threads
detecting used PAW program... Quantum Espresso
initializing LCAO system...
setting up local basis functions...
Cu (Bunge) 3s 4s 3p_y 3p_z 3p_x 3d_xy 3d_yz 3d_z^2 3d_xz 3d_x^2-y^2 
 C (Bunge) 2s 2p_y 2p_z 2p_x 
setting up CO interactions... found 738 interactions.
projecting...WARNING: Cannot use the tetrahedron method for k-space integration and must fall
WARNING: back to Gaussian smearing which can take significantly longer. Make
WARNING: sure to use the tetrahedron method whenever applicable.

WARNING: 3 of 147 k-points could not be orthonormalized with an accuracy of 1.0E-5.
WARNING: Generally, this is not a critical error.

abs. total  spilling:   3.73%
abs. charge spilling:   1.60%

number of electrons recovered by projection: 7.9996 of 8

finished in 17 h 10 min 28 s  97 ms of wall time
            14 h  0 min 54 s 890 ms of user time
            3 h  9 min 12 s 640 ms of sys  time
"""  # noqa: W291


def test_reads_everything():
    out = read_lobsterout(TEXT)
    assert (out.engine, out.version, out.program, out.threads) == ("LOBSTER", "3.0.0", "Quantum Espresso", 24)
    assert out.basis_set == "Bunge"
    assert out.basis["C"] == ("2s", "2p_y", "2p_z", "2p_x")
    assert len(out.basis["Cu"]) == 10
    assert out.n_interactions == 738
    assert (out.total_spilling, out.charge_spilling) == ((0.0373,), (0.016,))
    assert (out.electrons_recovered, out.electrons) == (7.9996, 8)
    assert len(out.warnings) == 2
    assert out.warnings[0].startswith("Cannot use the tetrahedron")
    assert out.warnings[0].endswith("whenever applicable.")
    assert out.kpoints_not_orthonormalized == (3, 147)
    assert not out.too_few_bands
    assert out.bands_needed is None
    assert out.timing.wall == pytest.approx(17 * 3600 + 628.097)
    assert out.timing.sys == pytest.approx(3 * 3600 + 9 * 60 + 12.64)
    assert out.finished
    assert out.one_core_run


def test_threads_that_worked_are_no_one_core_run():
    text = TEXT.replace("14 h  0 min 54 s 890 ms of user", "400 h  0 min  0 s   0 ms of user")
    assert not read_lobsterout(text).one_core_run
    assert not read_lobsterout(TEXT.replace("24 threads", "1 thread")).one_core_run


@pytest.mark.parametrize("end", range(0, TEXT.index(" of wall"), 40))
def test_any_beginning_is_read(end):
    out = read_lobsterout(TEXT[:end])
    assert not out.finished
    assert out.timing is None


@pytest.mark.parametrize(
    "warning",
    [
        "WARNING: The PAW calculation has fewer bands than basis functions.\nWARNING: At least 988 bands are needed.",
        "WARNING: Too few bands: please rerun the PAW calculation with\nWARNING: 988 bands or more.",
    ],
)
def test_too_few_bands_is_a_failure_though_it_ends_normally(warning):
    out = read_lobsterout(TEXT.replace("abs. total", warning + "\n\nabs. total"))
    assert out.finished
    assert out.too_few_bands
    assert out.bands_needed == 988


def test_undetected_program():
    out = read_lobsterout(
        "LOBSTER v4.1.0 (g++ 7.5.0)\ndetecting used PAW program... ERROR: could not determine which program was used\n"
    )
    assert out.program_not_detected
    assert out.program is None


def test_own_engine_is_told_apart():
    out = read_lobsterout("getl-cohp v0.1.0 (LOBSTER-format output of aiida_getl)\nLOBSTER v6.0.0 is the layout\n")
    assert (out.engine, out.version) == ("getl-cohp", "0.1.0")
    assert read_lobsterout("hello").engine is None


def test_timing_and_back():
    timing = Timing(wall=61828.097, user=59.999, sys=0.0)
    assert read_lobsterout(format_timing(timing)).timing == timing


@pytest.mark.parametrize(
    ("file", "version", "n_interactions", "charge_spilling"),
    [
        ("lobsterout/lobsterout.GaAs", "3.1.0", 1, (0.0089,)),
        ("lobsterout/lobsterout.normal", "3.1.0", 1, (0.0268,)),
        ("lobsterout/lobsterout.onethread", None, 276, (0.0155, 0.0155)),
        ("lobsterout/lobsterout.twospins", "3.1.0", 1, (0.3662, 0.3662)),
        ("lobsterout/lobsterout_v511", "5.1.1", 128, (0.0111, 0.0111)),
        ("v4.1_CsH/lobsterout", "4.1.0", 88, (0.0301, 0.0301)),
        ("v6.0.0_diamond_qe75/lobsterout", "6.0.0", 4, (0.0112,)),
    ],
)
def test_published_reports(reference_data, file, version, n_interactions, charge_spilling):
    out = read_lobsterout(reference_data / "lobster_samples" / file)
    assert (out.engine, out.version, out.n_interactions) == ("LOBSTER", version, n_interactions)
    assert out.charge_spilling == charge_spilling
    assert out.finished
    assert out.basis
    assert not out.too_few_bands
    assert not out.one_core_run


REPORTS = [
    "lobsterout/lobsterout.GaAs",
    "lobsterout/lobsterout.normal",
    "lobsterout/lobsterout.onethread",
    "lobsterout/lobsterout.twospins",
    "lobsterout/lobsterout_v511",
    "v4.1_CsH/lobsterout",
    "v6.0.0_diamond_qe75/lobsterout",
]


@pytest.mark.parametrize("file", REPORTS)
def test_cut_anywhere_says_nothing_false(reference_data, file):
    text = (reference_data / "lobster_samples" / file).read_text()
    whole = asdict(read_lobsterout(text))
    for end in range(len(text)):
        for key, value in asdict(read_lobsterout(text[:end])).items():
            if key == "n_spins":  # two spins are told apart by the second
                assert value in (None, 1, whole[key])
            elif isinstance(value, tuple) and key in ("warnings", "charge_spilling", "total_spilling"):
                assert len(value) <= len(whole[key])
                assert all(whole[key][n].startswith(item) if key == "warnings" else whole[key][n] == item
                           for n, item in enumerate(value))  # fmt: skip
            elif isinstance(value, dict):
                assert value.items() <= whole[key].items()
            else:
                assert value in (None, False, whole[key])


def test_bands_of_a_cut_line_are_not_believed():
    out = read_lobsterout("LOBSTER v5\nWARNING: Too few bands: please rerun with\nWARNING: 98")
    assert out.too_few_bands
    assert out.bands_needed is None


def test_more_bands_than_needed_are_no_trouble():
    out = read_lobsterout("LOBSTER v5\nWARNING: There are more PAW bands than local basis functions available.\n")
    assert not out.too_few_bands


@pytest.mark.parametrize(
    "junk",
    [
        "9",
        "9 h ",
        " ",
        "WARNING: ",
        "abs. charge spilling: ",
        "\ufffd",
        "a\n",
        "WARNING: bands at least 1\n",
        "1 of 2 ",
    ],
    ids=repr,
)
def test_rubbish_is_read_in_no_time(junk):
    out = read_lobsterout("LOBSTER v4.1.0 (g++)\n" + junk * (2_000_000 // len(junk)))
    assert not out.finished
    assert out.timing is None


def test_published_glass_ran_on_one_core(reference_data):
    runs = reference_data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000"
    reports = [read_lobsterout(runs / str(n) / "lobsterout") for n in range(15) if n != 13]
    assert all(report.one_core_run for report in reports)
    assert {report.threads for report in reports} == {24}
    assert set(reports[0].basis) == {"Al", "Cu", "Zr"}
