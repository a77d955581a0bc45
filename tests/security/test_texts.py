"""Texts of users in the inputs of LAMMPS, pw.x and LOBSTER: what could be more than a value is refused."""

import pytest
from aiida import orm
from ase import Atoms

from aiida_getl.calculations.lobster import validate_settings
from aiida_getl.exchange.sources import identifier
from aiida_getl.lammps.datafile import render_data_file
from aiida_getl.lammps.melt_quench import MeltQuench
from aiida_getl.lammps.potential import PotentialError, parse_potential
from aiida_getl.lammps.stage import stage_from_dict
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.scf import check_settings
from aiida_getl.structures.composition import parse_composition

HOSTILE = [
    "Cu\nshell touch /tmp/x",
    "Cu;touch /tmp/x",
    "Cu && id",
    "$(id)",
    "`id`",
    "Cu'",
    'Cu"',
    "Cu'\n/\n&CONTROL outdir='/",
    "../../etc/passwd",
    "Cu\0",
    "Cu\x1b[2J",
    "Cu\u2028id",
    "Cu\u202e",
    "C\u0443",  # a Cyrillic letter
    "\uff23\uff55",  # full-width letters
    "Cu\u0665\u0660",  # Arabic digits
    "-in",
    "",
    " ",
]
hostile = pytest.mark.parametrize("text", HOSTILE, ids=ascii)

SETTINGS = {
    "ecutwfc": 50.0,
    "ecutrho": 300.0,
    "smearing": "fermi-dirac",
    "degauss": 0.008,
    "mixing_mode": "local-TF",
    "mixing_beta": 0.3,
    "electron_maxstep": 100,
    "conv_thr_per_atom": 1e-5,
    "band_margin": 0.1,
    "r_min": 1.0,
    "r_max": 4.2,
    "spilling_max": 0.05,
    "kpoints": {"mesh": [2, 2, 2], "offset": [0.5, 0.5, 0.5]},
    "real_wavefunctions": True,
    "basis": {"Cu": ["3d", "4s"]},
}


@hostile
def test_compositions(text):
    for composition in (text, {text: 1.0}, {"Cu": text}):
        with pytest.raises(ValueError, match=r"is no composition|is no chemical element|must be positive"):
            parse_composition(composition)


@hostile
@pytest.mark.parametrize("key", [key for key in SETTINGS if key != "basis"])
def test_settings_of_labels(text, key):
    check_settings(SETTINGS)
    with pytest.raises(ValueError, match=key):
        check_settings(SETTINGS | {key: text})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ecutwfc", float("nan")),
        ("ecutwfc", -1.0),
        ("ecutwfc", True),
        ("degauss", float("inf")),
        ("electron_maxstep", 10.5),
        ("smearing", ["cold"]),
        ("kpoints", {"mesh": [10**9] * 3}),
        ("kpoints", {"mesh": [2, 2]}),
        ("kpoints", {"mesh": "2 2 2"}),
        ("kpoints", {"mesh": ["2", "2", "2\n/"]}),
        ("kpoints", {"mesh": [2, 2, 2], "offset": [0.5, 0.5, "`id`"]}),
        ("kpoints", {"mesh": [2, 2, 2], "ofset": [0.5] * 3}),
        ("basis", {"Cu": "3d"}),
        ("basis", {"Cu": [3]}),
        ("basis", ["3d"]),
    ],
    ids=repr,
)
def test_values_of_settings(key, value):
    with pytest.raises(ValueError, match=key):
        check_settings(SETTINGS | {key: value})


@hostile
def test_lobsterin_keywords(text):
    for parameters in ({text: True}, {text: 1}, {f"basisSet {text}": "Bunge"}):
        with pytest.raises(ValueError, match="lobsterin"):
            Lobsterin.from_dict(parameters)


@hostile
@pytest.mark.parametrize("key", ["basisSet", "EwaldSum", "writeAtomicDensities", "COHPstartEnergy", "cohpGenerator"])
def test_lobsterin_values(text, key):
    """One line a keyword, and no more keywords than were given."""
    try:
        written = Lobsterin.from_dict({key: text}).to_text()
    except ValueError:
        return
    assert key in ("basisSet", "EwaldSum", "writeAtomicDensities")  # numbers and bonds are never texts
    assert written.splitlines() == [line for line in written.split("\n") if line]
    assert len(written.splitlines()) == 1
    assert written.replace("\n", "").isprintable()


@hostile
def test_lobsterin_elements_and_shells(text):
    for basis in (
        {text: ["3d"]},
        {"Cu": [text]},
        {"Cu": f"3d {text}".rstrip()},
        [f"Cu 3d {text}".rstrip()],
    ):
        try:
            written = Lobsterin.from_dict({"basisFunctions": basis}).to_text()
        except ValueError:
            continue
        assert written == "basisFunctions Cu 3d\n"


@hostile
def test_stages_of_lammps(text):
    settings = {
        "kind": "npt",
        "steps": 10,
        "timestep_ps": 0.002,
        "temperature_start_K": 300.0,
        "temperature_end_K": 300.0,
        "temperature_damping_ps": 0.2,
        "pressure_damping_ps": 2.0,
        "thermo_every": 10,
        "frame_every": 10,
    }
    stage_from_dict(settings)
    for key in settings:
        with pytest.raises(ValueError, match=key):
            stage_from_dict(settings | {key: text})
    with pytest.raises(ValueError, match="unknown"):
        stage_from_dict(settings | {text: 1})
    with pytest.raises(ValueError, match=r"unknown|missing"):
        MeltQuench.from_dict({text: 1})


@hostile
def test_elements_of_a_potential(text):
    """The names in its header go into the script, if the structure has them."""
    names = text.split() or ["1"]
    header = ["comment"] * 3 + [f"{len(names)} {text}", "1 0.1 1 0.1 5.0"]
    with pytest.raises(PotentialError):
        parse_potential("\n".join([*header, "29 63.5 3.6 fcc", "0.0", "0.0", "0.0"]))


def test_a_structure_is_named_by_its_formula_alone():
    atoms = Atoms("Cu", cell=[4.0] * 3, pbc=True, info={"name": "x\nshell id"})
    assert "shell" not in render_data_file(atoms, ["Cu"])


@hostile
def test_names_of_imported_runs(text):
    """They become links of the graph."""
    try:
        name = identifier(text)
    except ValueError:
        return
    assert name.isascii()
    assert name.replace("_", "").isalnum()
    assert "__" not in name


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "", "a\nb", "a\0", 1])
def test_files_to_keep_lie_in_the_working_directory(name):
    assert validate_settings(orm.Dict({"additional_retrieve_list": ["a/b.lobster", "*.lobster"]}), None) is None
    message = validate_settings(orm.Dict({"additional_retrieve_list": ["a", name]}), None)
    assert "by paths within the working directory" in message
