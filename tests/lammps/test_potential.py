"""Headers of potentials: LAMMPS's own, one per format, and what is none."""

import pytest

from aiida_getl.lammps.potential import PotentialError, parse_potential, read_potential


@pytest.fixture
def setfl():
    """Return a function that writes a small setfl file, of either kind."""

    def write(elements, n_densities, n_rho=6, n_r=5, header_end=""):
        lines = ["a comment", "", "", f" {len(elements)} {' '.join(elements)} # trailing words"]
        lines.append(f"{n_rho} 0.1 {n_r} 0.2 4.5{header_end}")
        for number, _ in enumerate(elements, start=1):
            lines += [f"{number} {number}.5 0 dummy", " ".join(["0.0"] * n_rho)]
            lines += [" ".join(["1.0"] * n_r)] * n_densities
        lines += [" ".join(["2.0"] * n_r)] * (len(elements) * (len(elements) + 1) // 2)
        return "\n".join(lines) + "\n"

    return write


@pytest.mark.parametrize(
    ("name", "pair_style", "elements", "cutoff"),
    [
        ("CuZr_mm.eam.fs", "eam/fs", ("Cu", "Zr"), 7.6),
        ("AlCu.eam.alloy", "eam/alloy", ("Al", "Cu"), 6.6825),
        ("NiAlH_jea.eam.alloy", "eam/alloy", ("Ni", "Al", "H"), 5.65),
        ("NiAlH_jea.eam.fs", "eam/fs", ("Ni", "Al", "H"), 5.65),
        ("Cu_u3.eam", "eam", ("Cu",), 4.95),
    ],
)
def test_recognises_lammps_own(cuzr_potential_path, name, pair_style, elements, cutoff):
    potential = read_potential(cuzr_potential_path.parent / name)
    assert potential.pair_style == pair_style
    assert potential.elements == elements
    assert potential.cutoff == pytest.approx(cutoff)
    assert len(potential.masses) == len(elements)


def test_reads_the_published_potential(reference_data):
    potential = read_potential(reference_data / "potentials" / "ZrCuAl-2011.lammps.eam")
    assert potential.pair_style == "eam/alloy"
    assert dict(zip(potential.elements, potential.masses, strict=True)) == {"Zr": 91.22, "Cu": 63.55, "Al": 26.98}
    assert potential.cutoff == 6.5


def test_any_number_of_elements(setfl):
    elements = ("Zr", "Cu", "Al", "Ni", "Ti")
    assert parse_potential(setfl(elements, 1)).pair_style == "eam/alloy"
    potential = parse_potential(setfl(elements, 5))
    assert potential.pair_style == "eam/fs"
    assert potential.elements == elements
    assert potential.masses == (1.5, 2.5, 3.5, 4.5, 5.5)


def test_names_the_elements_it_has(setfl):
    potential = parse_potential(setfl(("Cu", "Zr"), 1))
    potential.check_elements(["Zr", "Zr"])
    with pytest.raises(PotentialError, match="has no Al, Ni, only Cu, Zr"):
        potential.check_elements(["Ni", "Cu", "Al"])


@pytest.mark.parametrize(
    "text", ["", "no potential\n", "units metal\n" * 20, "1\n2\n3\n4 A B C D\n5 1 5 1 3\n6\n7\n"], ids=range(4)
)
def test_other_text_is_refused(text):
    with pytest.raises(PotentialError, match="no EAM potential"):
        parse_potential(text)


def test_other_formats_are_refused(cuzr_potential_path):
    for name in ("AlCu.adp", "Si.sw", "Cu.meam", "PdHHe.eam.he"):
        with pytest.raises(PotentialError, match=name):
            read_potential(cuzr_potential_path.parent / name)


def test_cut_files_are_refused(setfl, cuzr_potential_path):
    with pytest.raises(PotentialError, match=r"Cu, Zr, but the tables.*cut off"):
        parse_potential("\n".join(setfl(("Cu", "Zr"), 2).splitlines()[:-1]))
    funcfl = (cuzr_potential_path.parent / "Cu_u3.eam").read_text().splitlines()
    with pytest.raises(PotentialError, match=r"cut off: \d+ of 1500"):
        parse_potential("\n".join(funcfl[:-50]))


def test_eam_he_is_not_mistaken_for_eam_fs(setfl):
    with pytest.raises(PotentialError, match="eam/he"):
        parse_potential(setfl(("Pd", "H"), 2, header_end=" 20.0"))
