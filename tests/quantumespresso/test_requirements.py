"""What a bond analysis requires of a pw.x run, and the default basis of pseudopotentials."""

import pytest
from ase.build import bulk

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.basis import (
    basis_of_elements,
    markdown_table,
    projected_shells,
    slater_projected_shells,
)
from aiida_getl.quantumespresso.requirements import PwRun, find_obstacles, required_bands
from aiida_getl.quantumespresso.upf import Shell, Upf

ALLOY = bulk("CuZr", "cesiumchloride", 3.26)
COPPER = (Shell("3s", 3, 0, 2.0), Shell("4s", 4, 0, 1.0), Shell("4p", 4, 1, 0.0), Shell("3d", 3, 2, 10.0))
ZIRCONIUM = (Shell("5s", 5, 0, 2.0), Shell("4d", 4, 2, 2.0))
LOBSTERIN = Lobsterin.from_text("basisFunctions Cu 3s 4s 3d\nbasisFunctions Zr 5s 4d\ncohpGenerator from 1 to 3\n")


def upfs(kind="PAW", has_partial_waves=True):
    return {
        name: Upf(name, 4.0 if name == "Zr" else 13.0, kind, "PBE", chi, None, None, "", has_partial_waves)
        for name, chi in (("Cu", COPPER), ("Zr", ZIRCONIUM))
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
        ("LOBSTER", {"keeps_wavefunctions": False}, "pw.x kept no wavefunctions"),
        (
            "getl-cohp",
            {"upfs": upfs("US")},
            "getl-cohp projects wavefunctions of PAW datasets, that of Cu is US: use another pseudopotential family, "
            "or have projwfc.x do the projection",
        ),
        ("getl-cohp", {"upfs": upfs(has_partial_waves=False)}, "that of Cu is PAW without its partial waves"),
        ("getl-cohp", {"keeps_wavefunctions": False}, "pw.x kept no wavefunctions"),
        ("getl-cohp", {"n_bands": 12}, "run it again with nbnd = 13"),
        (None, {"is_noncollinear": True}, "non-collinear spin"),
        (None, {"atoms": ALLOY[::-1]}, "the structure is not the one that pw.x computed"),
        (None, {"atoms": bulk("CuZr", "cesiumchloride", 3.27)}, "the structure is not the one that pw.x computed"),
    ],
)
def test_obstacles(engine, known, message):
    found = obstacles(engine, **known)
    assert message in found[0]


def test_getl_cohp_takes_real_wavefunctions():
    assert obstacles("getl-cohp", is_gamma_only=True) == []


def test_with_projections_any_pseudopotential_will_do_and_no_wavefunctions():
    assert obstacles("getl-cohp", True, is_gamma_only=True, upfs=upfs("NC"), keeps_wavefunctions=False) == []


def test_basis_of_elements_that_are_not_named():
    empty = Lobsterin.from_text("cohpGenerator from 1 to 3")
    for engine in ("getl-cohp", "LOBSTER"):
        assert required_bands(ALLOY, empty, upfs(), engine) == 7 + 6
        assert (
            "the basis has 13 functions but pw.x computed 1 bands" in obstacles(engine, lobsterin=empty, n_bands=1)[0]
        )
    # What LOBSTER chooses is not known here, nor is the basis without pseudopotentials.
    recommended = Lobsterin.from_text("useRecommendedBasisFunctions\ncohpGenerator from 1 to 3")
    assert required_bands(ALLOY, recommended, upfs(), "LOBSTER") is None
    assert required_bands(ALLOY, empty, None, "LOBSTER") is None
    assert obstacles(lobsterin=recommended, n_bands=1) == []


@pytest.mark.parametrize(
    ("has_projections", "label", "message"),
    [
        (True, "5p", "basis function 5p of Zr is not in its pseudopotential"),
        (
            False,
            "5p",
            "no Slater orbital 5p of Zr: the neutral atom has electrons only in 1s 2s 3s 4s 5s 2p 3p 4p 3d 4d; name",
        ),
        (False, "4p", "basis function 4p of Zr is in the core of its pseudopotential, whose 4 electrons are in 5s 4d"),
    ],
)
def test_shells_that_cannot_be_projected_on(has_projections, label, message):
    more = Lobsterin.from_text(f"basisFunctions Zr 5s 4d {label}\ncohpGenerator from 1 to 3")
    (found,) = obstacles("getl-cohp", has_projections, more)
    assert message in found


def test_slater_orbitals_beyond_those_of_the_pseudopotential():
    # Without a PP_CHI of 4p, whose electrons are in the valence.
    zirconium = Upf("Zr", 10.0, "PAW", "PBE", ZIRCONIUM, None, None, "")
    assert [shell.label for shell in slater_projected_shells(zirconium, ["5s", "4D", "4p"])] == ["5s", "4d", "4p"]
    basis = Lobsterin.from_text("basisFunctions Cu 3s 4s 3d\nbasisFunctions Zr 4d 4p\ncohpGenerator from 1 to 3\n")
    assert required_bands(ALLOY, basis, {**upfs(), "Zr": zirconium}, "getl-cohp") == 7 + 8


def test_elements_beyond_the_table():
    rutherfordium = Upf("Rf", 4.0, "PAW", "PBE", (Shell("7s", 7, 0, 2.0), Shell("6d", 6, 2, 2.0)), None, None, "")
    with pytest.raises(ValueError, match="no Slater orbitals of Rf: the table has the elements from H to Lr; have"):
        slater_projected_shells(rutherfordium)


def test_shells_that_the_neutral_atom_has_empty():
    """Pd is 4d10, its datasets are made with some electrons in 5s."""
    shells = (Shell("5s", 5, 0, 0.5), Shell("5p", 5, 1, 0.0), Shell("4d", 4, 2, 9.5))
    palladium = Upf("Pd", 10.0, "PAW", "PBE", shells, None, None, "")
    for labels in ((), ("5s", "4d")):
        with pytest.raises(ValueError, match=r"no Slater orbital 5s of Pd: .* name a basis without \(Pd 4d\), or have"):
            slater_projected_shells(palladium, labels)
    assert slater_projected_shells(palladium, ("4d",)) == shells[2:]


def test_kinds_of_one_element():
    iron = (Shell("4s", 4, 0, 2.0), Shell("3d", 3, 2, 6.0))
    up = Upf("Fe", 8.0, "PAW", "PBE", iron, None, None, "")
    semicore = Upf("Fe", 16.0, "PAW", "PBE", (Shell("3s", 3, 0, 2.0), *iron, Shell("3p", 3, 1, 6.0)), None, None, "")

    def basis(upfs, labels):
        return basis_of_elements(upfs, labels, {name: projected_shells(upf) for name, upf in upfs.items()})

    assert basis({"Fe1": up, "Fe2": up}, {}) == {"Fe": iron}
    assert basis({"Fe1": up, "Fe2": semicore}, {"Fe": ["4s", "3d"]}) == {"Fe": iron}
    with pytest.raises(ValueError, match="the pseudopotentials of Fe differ in their orbitals: name a basis of Fe"):
        basis({"Fe1": up, "Fe2": semicore}, {})


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
