"""The input of LOBSTER: what is read, written and refused."""

from pathlib import Path

import pytest

from aiida_getl.lobster.keywords import CONTRADICTIONS, TABLE, markdown_table
from aiida_getl.lobster.lobsterin import KEYWORDS, Between, Generator, Lobsterin

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


#: A value for every kind of keyword.
VALUES = {"flag": "", "number": "0.3", "integer": "7", "text": "x", "texts": "a 1", "option": ""}
FORMS = {
    "basisFunctions": "C 2s 2p",
    "cohpGenerator": "from 1 to 2.123456789",
    "cohpBetween": "atom 1 and atom 2 cell -1 0 12",
    "cobiBetween": "atom 1 cell 0 0 1 atom 2 atom 3 orbitalwise",
}


@pytest.mark.parametrize("keyword", TABLE, ids=lambda keyword: keyword.name)
def test_every_keyword_is_read_in_any_case_and_written_in_lobsters(keyword):
    value = FORMS.get(keyword.name, VALUES[keyword.kind])
    lobsterin = Lobsterin.from_text(f"{keyword.name.upper()} {value}\n")
    assert lobsterin.to_text().split("\n")[0].strip() == f"{keyword.name} {value}".strip()
    assert lobsterin.has(keyword.name)
    assert Lobsterin.from_dict(lobsterin.to_dict()) == lobsterin
    assert list(lobsterin.to_dict()) == [keyword.name]


def test_documentation_has_every_keyword():
    text = markdown_table()
    assert all(f"| `{keyword}` |" in text for keyword in KEYWORDS)
    page = (Path(__file__).parents[2] / "docs" / "lobster.md").read_text()
    assert text in page, "print it with `python -m aiida_getl.lobster.keywords`"


def test_repeated_texts_are_kept():
    lobsterin = Lobsterin.from_text("createFatband C 2s\ncreateFatband  O 2s   2p_x\n")
    assert lobsterin.settings["createFatband"] == ("C 2s", "O 2s 2p_x")
    assert Lobsterin.from_text(lobsterin.to_text()) == lobsterin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("atom 3 and atom 4", Between(2, 3)),
        ("ATOM 3 ATOM 4 OFFSET 0 -1 0", Between(2, 3, (0, -1, 0))),
        ("atom 3 cell 1 0 0 and atom 4 cell 1 2 0 orbitalWise", Between(2, 3, (0, 2, 0), True)),
        ("atom1 3 atom2 4", Between(2, 3)),
        ("atom3 atom4", Between(2, 3)),
    ],
)
def test_forms_of_one_bond(text, expected):
    assert Lobsterin.from_text(f"cohpBetween {text}").between == (expected,)


def test_order_in_a_generator_is_free():
    expected = Generator(1.0, 2.5, ("Cu", "Zr"), True)
    for text in (
        "from 1 to 2.5 type cu type ZR orbitalwise",
        "from 1 to 2.5 orbitalWise type Cu type Zr",
        "type Cu type Zr from 1 to 2.5 orbitalwise",
    ):
        assert Lobsterin.from_text(f"cohpGenerator {text}").generators == (expected,)


@pytest.mark.parametrize(("one", "other"), CONTRADICTIONS)
def test_contradictions_are_refused(one, other):
    kinds = {keyword.name: keyword.kind for keyword in TABLE}
    lines = [f"{name} {FORMS.get(name, VALUES[kinds[name]])}" for name in (one, other)]
    with pytest.raises(ValueError, match=f"{one} and {other} contradict each other"):
        Lobsterin.from_text("\n".join(lines))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"basisSet": "Bunge\nskipCOHP"}, "several lines"),
        ({"basisSet": "Bunge ! skipCOHP"}, "a comment"),
        ({"cohpGenerator": ["from 1 to 2", "from 1 to 2\nskipCOHP"]}, "several lines"),
        ({"COHPSteps": None}, "COHPSteps is no NoneType"),
        ({"COHPSteps": True}, "COHPSteps needs a value"),
        ({"COHPSteps": float("nan")}, "needs a number"),
        ({"COHPSteps": 1.5}, "a whole number"),
        ({"basisFunctions": {"Cu": 3}}, "the shells of Cu are 3"),
        ({"basisFunctions": {"Cu": [3]}}, r"the shells of Cu are \[3\]"),
        ({"basisFunctions": {"Qq": "3s"}}, "reads 'El 3s 3p ...'"),
        ({"basisFunctions": {"Cu": "2d"}}, "'2d' is no shell"),
        ({"basisFunctions": {"Cu": "3d 3D"}}, "names 3d of Cu twice"),
        ({"skipdos": True, "skipDOS": True}, "given twice"),
        ({7: True}, "'7' is unknown"),
        ({"cohpGenerator": {"from": 1}}, "cohpGenerator is no dict"),
    ],
    ids=str,
)
def test_dictionaries_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        Lobsterin.from_dict(parameters)


def test_pymatgen_writes_what_is_read_here(tmp_path):
    from pymatgen.io.lobster import Lobsterin as TheirLobsterin

    theirs = TheirLobsterin(
        dict.fromkeys(TheirLobsterin.BOOLEAN_KEYWORDS, True)
        | dict.fromkeys(TheirLobsterin.FLOAT_KEYWORDS, 1.0)
        | dict.fromkeys(TheirLobsterin.STRING_KEYWORDS, "1")
        | {name: ["C 1"] for name in TheirLobsterin.LIST_KEYWORDS}
        | {
            "cohpgenerator": "from 0.1 to 6.0 orbitalwise",
            "basisfunctions": ["C 2s 2p ", "O 2s 2p"],
            "cohpbetween": ["atom 1 atom 2", "atom 1 and atom 3 orbitalwise"],
            "cobibetween": ["atom 1 atom 2 atom 3"],
            "cohpendenergy": 5.0,
        }
    )
    for name in CONTRADICTORY:
        del theirs[name]
    theirs.write_lobsterin(tmp_path / "lobsterin")
    ours = Lobsterin.from_text((tmp_path / "lobsterin").read_text())
    assert {name.lower() for name in ours.to_dict()} == set(theirs)
    # and back
    (tmp_path / "ours").write_text(ours.to_text())
    assert set(TheirLobsterin.from_file(tmp_path / "ours")) == set(theirs)


#: One of each pair that cannot both be meant.
CONTRADICTORY = ["saveprojectiontofile", "userecommendedbasisfunctions", "autorotate", "lsodos", "skipcobi", "skipmofe"]


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
        ("cohpGeneratr from 1 to 2", "'cohpGeneratr'.*line 1.*unknown: did you mean cohpGenerator"),
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
