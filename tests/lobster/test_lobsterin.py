"""The input of LOBSTER: what is read, written and refused."""

import pytest

from aiida_getl.lobster.lobsterin import Between, Generator, Lobsterin

TEXT = """\
! a comment
cohpstartenergy -10   # another
COHPENDENERGY 5 // and another
UseBasisSet Bunge
basisfunctions Cu 3s 4s 3p 3d
BasisFunctions Zr 4s 5s 4p 4d
cohpGenerator from 1.8 to 4.2 type Cu type Zr orbitalwise
COHPGENERATOR from 1.8 to 3
cohpbetween atom 1 and atom 2
cohpBetween atom 3 atom 3 cell 0 0 -1 orbitalwise
SKIPDOS
"""


def test_reads_every_form():
    lobsterin = Lobsterin.from_text(TEXT)
    assert lobsterin.settings == {
        "COHPstartEnergy": -10.0,
        "COHPendEnergy": 5.0,
        "basisSet": "Bunge",
        "skipDOS": True,
    }
    assert lobsterin.basis_functions == {"Cu": ("3s", "4s", "3p", "3d"), "Zr": ("4s", "5s", "4p", "4d")}
    assert lobsterin.generators == (Generator(1.8, 4.2, ("Cu", "Zr"), True), Generator(1.8, 3.0))
    assert lobsterin.between == (Between(0, 1), Between(2, 2, (0, 0, -1), True))


def test_text_and_back():
    lobsterin = Lobsterin.from_text(TEXT)
    assert Lobsterin.from_text(lobsterin.to_text()) == lobsterin


def test_dictionary_says_the_same():
    parameters = {
        "cohpStartEnergy": -10,
        "COHPendEnergy": 5,
        "basisSet": "Bunge",
        "skipDOS": True,
        "skipCOOP": False,
        "basisFunctions": {"Cu": "3s 4s 3p 3d", "Zr": ["4s", "5s", "4p", "4d"]},
        "cohpGenerator": ["from 1.8 to 4.2 type Cu type Zr orbitalwise", "from 1.8 to 3"],
        "cohpBetween": ["atom 1 and atom 2", "atom 3 atom 3 cell 0 0 -1 orbitalwise"],
    }
    assert Lobsterin.from_dict(parameters) == Lobsterin.from_text(TEXT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cohpGeneratr from 1 to 2", "'cohpGeneratr'.*line 1.*unknown"),
        ("skipDOS yes", "skipDOS.*stands alone"),
        ("COHPSteps many", "COHPSteps.*number"),
        ("COHPSteps", "COHPSteps.*needs a value"),
        ("COHPSteps 10\nCOHPSteps 20", "COHPSteps is given twice .line 2."),
        ("basisSet Bunge\nuseBasisSet Koga", "basisSet is given twice"),
        ("COHPstartEnergy 5\nCOHPendEnergy -5", "not below"),
        ("gaussianSmearingWidth 0", "gaussianSmearingWidth"),
        ("cohpGenerator from 3 to 2", "no bond has a length"),
        ("cohpGenerator 1 2", "cohpGenerator.*reads"),
        ("cohpBetween atom 0 and atom 2", "counted from 1"),
        ("cohpBetween atom 2 and atom 2", "no bond with itself"),
        ("basisFunctions Cu 3x", "'3x' is no shell"),
        ("basisFunctions Cu 3d\nbasisFunctions Cu 4s", "Cu twice"),
        ("useRecommendedBasisFunctions\nbasisFunctions Cu 3d", "contradict"),
        ("saveProjectionToFile\nloadProjectionFromFile", "contradict"),
    ],
)
def test_refuses_by_name(text, message):
    with pytest.raises(ValueError, match=message):
        Lobsterin.from_text(text)


def test_flags_of_a_dictionary_are_booleans():
    with pytest.raises(ValueError, match="skipDOS stands alone: give True or False"):
        Lobsterin.from_dict({"skipDOS": "yes"})


@pytest.mark.parametrize("sample", ["v4.1_CsH", "v5.1.1_FeNi3_spin", "v6.0.0_diamond_qe75"])
def test_published_inputs_are_understood(reference_data, sample):
    lobsterin = Lobsterin.from_text((reference_data / "lobster_samples" / sample / "lobsterin").read_text())
    assert lobsterin.basis_functions
    assert lobsterin.generators or lobsterin.between


def test_published_glass_input_is_understood(reference_data):
    folder = reference_data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/0"
    assert Lobsterin.from_text((folder / "lobsterin").read_text()).generators == (Generator(1.8, 4.2),)
    assert len(Lobsterin.from_text((folder / "lobsterin-quippy").read_text()).between) > 700
