"""Pseudopotential files: what is read, and what is refused."""

import hashlib

import pytest

from aiida_getl.quantumespresso.basis import (
    default_basis,
    n_basis,
    n_functions,
    projected_shells,
    recommended_nbnd,
    select_shells,
)
from aiida_getl.quantumespresso.upf import Shell, read_upf

ZR = """\
<UPF version="2.0.1">
  <PP_INFO>
    not & well-formed <
  </PP_INFO>
  <PP_HEADER element="Zr" pseudo_type="PAW" is_ultrasoft="T" is_paw="T" has_so="F"
     functional=" SLA  PW   PBX  PBC" z_valence="1.200E+001" wfc_cutoff="46." rho_cutoff="2.67d2" number_of_wfc="6"/>
  <PP_PSWFC>
    <PP_CHI.1 label="4S" l="0" occupation="2.0" n="1"> 1.0 </PP_CHI.1>
    <PP_CHI.2 label="5S" l="0" occupation="2.0" n="2"> 1.0 </PP_CHI.2>
    <PP_CHI.3 label="4P" l="1" occupation="6.0" n="2"> 1.0 </PP_CHI.3>
    <PP_CHI.4 label="5P" l="1" occupation="0.0" n="3"> 1.0 </PP_CHI.4>
    <PP_CHI.5 label="4D" l="2" occupation="2.0" n="3"> 1.0 </PP_CHI.5>
    <PP_CHI.6 label="4F" l="3" occupation="-1.0" n="4"> 1.0 </PP_CHI.6>
  </PP_PSWFC>
</UPF>
"""


def labels(shells):
    return [shell.label for shell in shells]


def test_reads_header_and_orbitals(tmp_path):
    (tmp_path / "Zr.UPF").write_text(ZR)
    upf = read_upf(tmp_path / "Zr.UPF")
    assert upf == read_upf(ZR)
    assert (upf.element, upf.z_valence, upf.kind, upf.functional) == ("Zr", 12.0, "PAW", "SLA PW PBX PBC")
    assert (upf.wfc_cutoff, upf.rho_cutoff) == (46.0, 267.0)
    assert upf.chi[1] == Shell("5s", 5, 0, 2.0)
    assert upf.md5 == hashlib.md5(ZR.encode()).hexdigest()


@pytest.mark.parametrize(("header", "kind"), [('is_paw="F"', "US"), ('is_paw="F" is_ultrasoft="F"', "NC")])
def test_kinds(header, kind):
    text = ZR.replace('is_ultrasoft="T" is_paw="T"', header if "ultra" in header else f'is_ultrasoft="T" {header}')
    assert read_upf(text).kind == kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<PP_HEADER>\n 0 Version Number\n", "version 1.*upfconv"),
        ("hello", "not a UPF"),
        (ZR.replace("<PP_HEADER", "<PP_FOOTER"), "no <PP_HEADER"),
        (ZR[: ZR.index("<PP_CHI.6")], "announces 6 atomic orbitals but has 5"),
        (ZR.replace('has_so="F"', 'has_so="T"'), "fully relativistic"),
        (ZR.replace("z_valence", "zval"), "lacks the attribute 'z_valence'"),
        (ZR.replace("1.200E+001", "abc"), "the UPF text has z_valence='abc', which is no number: it is damaged, copy"),
        (ZR.replace("1.200E+001", "nan"), "z_valence='nan', which is no number"),
        (ZR.replace("2.67d2", "?"), r"rho_cutoff='\?', which is no number"),
        (ZR.replace('number_of_wfc="6"', 'number_of_wfc="six"'), "number_of_wfc='six', which is no number"),
        (ZR.replace('l="3" occupation="-1.0"', 'l="3" occupation="?"'), r"occupation='\?', which is no number"),
        (ZR.replace('l="2"', 'l="7"'), "an atomic orbital of l = 7: only s p d f are known"),
        (ZR.replace('l="2"', 'l="-1"'), "an atomic orbital of l = -1"),
        (ZR.replace('l="2"', 'l="d"'), "l='d', which is no number"),
        (ZR.replace('label="4D" l="2" occupation="2.0" n="3"', 'label="" l="2" occupation="2.0" n="x"'), "has n='x'"),
        (ZR.replace('element="Zr"', 'element="Xx"'), "is of 'Xx', which is no element: correct its <PP_HEADER"),
        (ZR.replace('element="Zr"', 'element="X"'), "is of 'X', which is no element"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(ValueError, match=message):
        read_upf(text)


def test_basis_of_an_element():
    upf = read_upf(ZR)
    assert labels(projected_shells(upf)) == ["4s", "5s", "4p", "5p", "4d"]
    assert labels(default_basis(upf)) == ["4s", "5s", "4p", "4d"]
    assert n_functions(projected_shells(upf)) == 13
    assert n_functions(default_basis(upf)) == 10
    assert labels(select_shells(upf, ["4D", "5s"])) == ["5s", "4d"]
    with pytest.raises(ValueError, match="4f of Zr is not in its pseudopotential, which has 4s 5s 4p 5p 4d"):
        select_shells(upf, ["4f"])
    with pytest.raises(ValueError, match="twice"):
        select_shells(upf, ["4d", "4d"])


def test_empty_orbitals_alone_are_no_basis():
    bare = ZR
    for occupation in ("2.0", "6.0"):
        bare = bare.replace(f'occupation="{occupation}"', 'occupation="0.0"')
    with pytest.raises(ValueError, match="no occupied PP_CHI"):
        default_basis(read_upf(bare))


def test_bands_for_the_published_glass():
    """Basis of the published 100-atom runs: 988 functions; they took 1086 bands."""
    basis = {
        "Zr": default_basis(read_upf(ZR)),
        "Cu": default_basis(read_upf(ZR)),
        "Al": (Shell("3s", 3, 0, 2.0), Shell("3p", 3, 1, 1.0)),
    }
    symbols = ["Zr"] * 49 + ["Cu"] * 49 + ["Al"] * 2
    assert n_basis(symbols, basis) == 988
    assert recommended_nbnd(symbols, basis) == 1087
    assert recommended_nbnd(symbols, basis, margin=0) == 988
    with pytest.raises(ValueError, match="margin"):
        recommended_nbnd(symbols, basis, margin=-0.1)
