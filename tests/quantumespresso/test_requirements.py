"""What a bond analysis requires of a pw.x run, and the default basis of pseudopotentials."""

import pytest
from ase.build import bulk

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.basis import markdown_table
from aiida_getl.quantumespresso.requirements import PwRun, find_obstacles, required_bands
from aiida_getl.quantumespresso.upf import Shell, Upf

ALLOY = bulk("CuZr", "cesiumchloride", 3.26)
COPPER = (Shell("3s", 3, 0, 2.0), Shell("4s", 4, 0, 1.0), Shell("4p", 4, 1, 0.0), Shell("3d", 3, 2, 10.0))
ZIRCONIUM = (Shell("5s", 5, 0, 2.0), Shell("4d", 4, 2, 2.0))
LOBSTERIN = Lobsterin.from_text("basisFunctions Cu 3s 4s 3d\nbasisFunctions Zr 5s 4d\ncohpGenerator from 1 to 3\n")


def upfs(kind="PAW"):
    return {
        name: Upf(name, 11.0, kind, "PBE", chi, None, None, "") for name, chi in (("Cu", COPPER), ("Zr", ZIRCONIUM))
    }


def obstacles(engine="LOBSTER", has_projections=False, lobsterin=LOBSTERIN, atoms=ALLOY, **known):
    run = PwRun(**{"atoms": ALLOY, "upfs": upfs(), "n_bands": 13, "uses_symmetry": False, **known})
    return list(find_obstacles(run, atoms, lobsterin, engine, has_projections))


def test_fit_runs_have_no_obstacle():
    assert obstacles() == []
    assert obstacles("getl-cohp", has_projections=True) == []
    assert obstacles(None) == []


def test_what_is_not_known_is_no_obstacle():
    assert list(find_obstacles(PwRun(), ALLOY, LOBSTERIN, "LOBSTER", False)) == []


@pytest.mark.parametrize(
    ("engine", "known", "message"),
    [
        (
            "LOBSTER",
            {"n_bands": 12},
            "the basis has 13 functions but pw.x computed 12 bands: run it again with nbnd = 13",
        ),
        ("LOBSTER", {"uses_symmetry": True}, "run it again with nosym = .true."),
        ("LOBSTER", {"is_gamma_only": True}, "LOBSTER cannot read the real wavefunctions of K_POINTS gamma"),
        ("LOBSTER", {"upfs": upfs("US")}, "LOBSTER needs PAW datasets, that of Cu is US"),
        ("getl-cohp", {}, "getl-cohp needs the projections of projwfc.x"),
        (None, {"is_noncollinear": True}, "non-collinear spin"),
        (None, {"atoms": ALLOY[::-1]}, "the structure is not the one that pw.x computed"),
        (None, {"atoms": bulk("CuZr", "cesiumchloride", 3.27)}, "the structure is not the one that pw.x computed"),
    ],
)
def test_obstacles(engine, known, message):
    found = obstacles(engine, **known)
    assert message in found[0]


def test_getl_cohp_takes_real_wavefunctions_and_any_pseudopotential():
    assert obstacles("getl-cohp", True, is_gamma_only=True, upfs=upfs("NC")) == []


def test_basis_of_elements_that_are_not_named():
    empty = Lobsterin.from_text("cohpGenerator from 1 to 3")
    # getl-cohp: the occupied shells; LOBSTER: its own recommendation, unknown here.
    assert required_bands(ALLOY, empty, upfs(), "getl-cohp") == 7 + 6
    assert required_bands(ALLOY, empty, upfs(), "LOBSTER") is None
    assert obstacles(lobsterin=empty, n_bands=1) == []


def test_shell_that_the_pseudopotential_lacks():
    more = Lobsterin.from_text("basisFunctions Zr 5s 4d 5p")
    (found,) = obstacles("getl-cohp", True, more)
    assert "basis function 5p of Zr is not in its pseudopotential" in found


def test_table_of_default_bases(tmp_path):
    (tmp_path / "C.UPF").write_text(
        '<UPF version="2.0.1">\n<PP_HEADER element="C" is_paw="T" z_valence="4.0" number_of_wfc="3"/>\n'
        '<PP_CHI.1 label="2S" l="0" occupation="2.0"> 1.0 </PP_CHI.1>\n'
        '<PP_CHI.2 label="2P" l="1" occupation="2.0"> 1.0 </PP_CHI.2>\n'
        '<PP_CHI.3 label="3D" l="2" occupation="0.0"> 1.0 </PP_CHI.3>\n</UPF>\n'
    )
    assert "| C | PAW | 4 | 2s 2p | 4 | 3d | C.UPF |" in markdown_table(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no UPF files"):
        markdown_table(tmp_path / "empty")
