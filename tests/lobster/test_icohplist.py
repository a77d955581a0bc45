"""Lists of integrated values: every layout, spin, orbitals, truncated files, and back."""

import dataclasses

import numpy as np
import pytest

from aiida_getl.lobster.icohplist import format_icohplist, read_icohplist
from aiida_getl.structures.bonds import bond_vectors

V2 = """\
  COHP#  atomMU  atomNU     distance          ICOHP(eF) avg. over # bonds  for spin  1
      1     Ga1     As2      2.49546           -4.36062                 4
"""
V4_SPIN = """\
  COHP#       atomMU       atomNU     distance     translation      ICOHP (at) eF   for spin  1
      1     Fe1     Ni2      2.51376       0   0   0           -0.13830
      2     Fe1     Fe1      3.55500       0   0   1           -0.01000
      3     Fe1     Fe1      3.55500       0   0  -1           -0.01000
  COHP#       atomMU       atomNU     distance     translation      ICOHP (at) eF   for spin  2
      1     Fe1     Ni2      2.51376       0   0   0           -0.33562
      2     Fe1     Fe1      3.55500       0   0   1           -0.02000
      3     Fe1     Fe1      3.55500       0   0  -1           -0.02000
"""
V5_SPIN = """\
  COHP#    atomMU    atomNU   distance   translation   ICOHP (at) eF    ICOHP (at) eF 
                                                          for spin 1       for spin 2 
      1       Ni2       Fe1    2.51376     1   0   0        -0.13830         -0.33562 
      1    Ni2_4s    Fe1_4s    2.51376     1   0   0        -0.10000         -0.20000 
      1 Ni2_3d_x^2-y^2 Fe1_4s    2.51376     1   0   0        -0.03830         -0.13562"""  # noqa: W291


def test_lobster_2_averages_and_has_no_translations():
    values = read_icohplist(V2)
    assert values.translation is None
    assert values.n_averaged.tolist() == [4]
    assert (values.atom_i[0], values.atom_j[0], values.element_i[0], values.element_j[0]) == (0, 1, "Ga", "As")
    assert values.icohp.tolist() == [[-4.36062]]
    with pytest.raises(ValueError, match="translations"):
        values.to_bonds()


def test_bonds_of_lobster_2_are_told_by_the_structure():
    from ase.build import bulk

    atoms = bulk("GaAs", "zincblende", 2.49546 * 4 / 3**0.5)
    bonds, icohp = read_icohplist(V2).to_bonds(atoms)
    assert len(bonds) == 4
    np.testing.assert_allclose(bonds.distance, 2.49546, atol=1e-5)
    np.testing.assert_array_equal(icohp, -4.36062)
    with pytest.raises(ValueError, match=r"4 bonds of 2\.4955 Å in the structure, 12 in the list"):
        read_icohplist(V2.replace("               4\n", "              12\n")).to_bonds(atoms)


def test_bonds_of_lobster_2_belong_to_the_row_of_the_nearer_length():
    from ase import Atoms

    atoms = Atoms("GaAs", positions=[[0, 0, 0], [2.0, 0, 0]], cell=[4.001, 6, 6], pbc=True)
    rows = V2.replace("2.49546", "2.00000").replace("  4\n", "  1\n")
    rows += "      2     Ga1     As2      2.00100           -0.50000                 1\n"
    bonds, icohp = read_icohplist(rows).to_bonds(atoms)
    order = bonds.distance.argsort()
    np.testing.assert_allclose(bonds.distance[order], [2.0, 2.001], atol=1e-9)
    assert icohp[order, 0].tolist() == [-4.36062, -0.5]


def test_structures_of_three_decimals_fit_their_lists():
    from ase import Atoms

    from aiida_getl.structures.bonds import find_bonds

    rng = np.random.default_rng(0)
    atoms = Atoms("Ga4As4", scaled_positions=rng.random((8, 3)), cell=np.eye(3) * 6.0 + rng.random((3, 3)), pbc=True)
    atoms.positions = atoms.positions.round(3) + rng.choice([-0.00049, 0.00049], (8, 3))
    bonds = find_bonds(atoms.positions, atoms.cell[:], 4.0)
    lines = [
        f"{row + 1:7d}{symbols[i] + str(i + 1):>15s}{symbols[j] + str(j + 1):>15s}{d:11.5f}"
        f"{t[0]:6d}{t[1]:4d}{t[2]:4d}{-1.0:17.5f}\n"
        for symbols in [atoms.get_chemical_symbols()]
        for row, (i, j, t, d) in enumerate(
            zip(bonds.atom_i, bonds.atom_j, bonds.translation, bonds.distance, strict=True)
        )
    ]
    listed = read_icohplist(V4_SPIN.splitlines(keepends=True)[0] + "".join(lines))
    atoms.positions = atoms.positions.round(3)
    found, _ = listed.to_bonds(atoms)
    assert found.keys() == bonds.keys()


def test_second_spin_in_a_second_block():
    values = read_icohplist(V4_SPIN)
    assert values.complete
    assert values.icohp.tolist() == [[-0.1383, -0.33562], [-0.01, -0.02], [-0.01, -0.02]]


def test_second_spin_in_a_column_and_orbitals_apart():
    values = read_icohplist(V5_SPIN)
    assert values.complete  # no newline at the end is normal
    assert values.icohp.tolist() == [[-0.1383, -0.33562]]
    assert values.orbitals.orbital_i.tolist() == ["4s", "3d_x^2-y^2"]
    assert values.orbitals.bond.tolist() == [0, 0]
    np.testing.assert_allclose(values.orbitals.icohp.sum(axis=0), values.icohp[0])


def test_bonds_come_once_in_canonical_direction():
    bonds, icohp = read_icohplist(V4_SPIN).to_bonds()
    assert bonds.keys() == [(0, 0, 0, 0, 1), (0, 1, 0, 0, 0)]
    assert icohp.tolist() == [[-0.01, -0.02], [-0.1383, -0.33562]]
    bonds, _ = read_icohplist(V5_SPIN).to_bonds()
    assert (bonds.atom_i[0], bonds.atom_j[0], bonds.translation[0].tolist()) == (0, 1, [-1, 0, 0])


@pytest.mark.parametrize("cut", [1, 3, 12, 25])
def test_cut_within_a_line_keeps_the_complete_ones(cut):
    text = V4_SPIN.split("\n  COHP#")[0]
    values = read_icohplist(text[:-cut])
    assert not values.complete
    assert values.label.tolist() == [1, 2]


def test_cut_second_spin_keeps_bonds_of_both():
    values = read_icohplist(V4_SPIN[: V4_SPIN.rindex("      3     Fe1")])
    assert not values.complete
    assert values.icohp.tolist() == [[-0.1383, -0.33562], [-0.01, -0.02]]


def test_cut_second_column_is_not_a_bond():
    values = read_icohplist(V5_SPIN[:-12])
    assert not values.complete
    assert len(values.orbitals) == 1
    assert len(values) == 1


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="does not start with COHP#"):
        read_icohplist("hello\n")
    with pytest.raises(ValueError, match="line 2 is not understood"):
        read_icohplist(V4_SPIN.replace("     Ni2      2.51376", "      Ni      2.51376", 1))
    with pytest.raises(ValueError, match="no complete line"):
        read_icohplist(V4_SPIN.splitlines()[0] + "\n")


@pytest.mark.parametrize("layout", [4, 6])
@pytest.mark.parametrize("text", [V4_SPIN, V5_SPIN], ids=["4", "5"])
def test_written_lists_read_the_same(text, layout):
    before = read_icohplist(text)
    after = read_icohplist(format_icohplist(before, layout))
    for field in dataclasses.fields(before):
        if field.name != "orbitals":
            np.testing.assert_array_equal(getattr(after, field.name), getattr(before, field.name))
    for field in dataclasses.fields(before.orbitals):
        np.testing.assert_array_equal(getattr(after.orbitals, field.name), getattr(before.orbitals, field.name))


@pytest.mark.parametrize("layout", [4, 6])
@pytest.mark.parametrize("text", [V4_SPIN, V5_SPIN], ids=["4", "5"])
def test_pymatgen_opens_written_lists(text, layout, tmp_path):
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.io.lobster import Icohplist

    values = read_icohplist(text)
    (tmp_path / "ICOHPLIST.lobster").write_text(format_icohplist(values, layout))
    collection = Icohplist(filename=tmp_path / "ICOHPLIST.lobster").icohpcollection
    first = collection.get_icohp_dict_by_bondlengths(2.5137, 2.5138)["1"]
    assert first.num_bonds == 1
    assert first.icohp == {Spin.up: -0.1383, Spin.down: -0.33562}


@pytest.mark.parametrize(
    ("file", "n", "n_orbital", "n_spins"),
    [
        ("v2_GaAs", 1, 0, 1),
        ("v4.1_CsH", 88, None, 2),
        ("v4.1_NaCl_spin", 50, None, 2),
        ("v5.1.1_FeNi3_spin", 1, 0, 2),
        ("v6.0.0_diamond_qe75", 4, 0, 1),
    ],
)
def test_published_lists(reference_data, file, n, n_orbital, n_spins):
    values = read_icohplist(reference_data / "lobster_samples" / file / "ICOHPLIST.lobster")
    assert values.complete
    assert (len(values), values.n_spins) == (n, n_spins) or file == "v4.1_CsH"
    sums = np.zeros_like(values.icohp)
    np.add.at(sums, values.orbitals.bond, values.orbitals.icohp)
    if n_orbital == 0:
        assert len(values.orbitals) == 0
    else:
        np.testing.assert_allclose(sums, values.icohp, atol=3e-4)


def test_published_glass(reference_data):
    run = "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/0/ICOHPLIST.lobster"
    values = read_icohplist(reference_data / run)
    bonds, icohp = values.to_bonds()
    assert len(values) == len(bonds) == 738
    assert icohp[bonds.keys().index((0, 1, 0, 0, 0)), 0] == -0.41728


@pytest.mark.parametrize(
    ("folder", "structure"),
    [
        ("prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/3", "Zr49Cu49Al2.xyz"),
        ("lobster_samples/v4.1_CsH", "CONTCAR"),
        ("lobster_samples/v4.1_NaCl_spin", "CONTCAR"),
        ("lobster_samples/v6.0.0_diamond_qe75", "POSCAR.lobster.vasp"),
    ],
    ids=["3.0.0", "4.1 CsH", "4.1 NaCl", "6.0.0"],
)
def test_translations_fit_the_structure(reference_data, folder, structure):
    from ase.io import read

    format = "extxyz" if structure.endswith("xyz") else "vasp"
    atoms = read(reference_data / folder / structure, format=format)
    bonds, _ = read_icohplist(reference_data / folder / "ICOHPLIST.lobster").to_bonds(atoms)
    lengths = np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], bonds), axis=1)
    np.testing.assert_allclose(lengths, bonds.distance, atol=2e-5)


def test_bonds_of_another_structure_are_refused(reference_data):
    from ase.io import read

    folder = reference_data / "lobster_samples/v4.1_CsH"
    atoms = read(folder / "CONTCAR", format="vasp")
    atoms.set_cell(atoms.cell * 1.01, scale_atoms=True)
    with pytest.raises(ValueError, match="do not belong together"):
        read_icohplist(folder / "ICOHPLIST.lobster").to_bonds(atoms)


SAMPLES = ["v2_GaAs", "v4.1_CsH", "v4.1_NaCl_spin", "v5.1.1_FeNi3_spin", "v6.0.0_diamond_qe75"]


def assert_part_of(part, whole):
    """Check that every row of a cut list is a row of the whole one, with both spins or with the first alone."""
    n = part.n_spins
    np.testing.assert_array_equal(part.label, whole.label[: len(part)])
    np.testing.assert_array_equal(part.distance, whole.distance[: len(part)])
    np.testing.assert_array_equal(part.icohp, whole.icohp[: len(part), :n])
    if whole.n_averaged is not None:
        np.testing.assert_array_equal(part.n_averaged, whole.n_averaged[: len(part)])
    np.testing.assert_array_equal(part.orbitals.orbital_j, whole.orbitals.orbital_j[: len(part.orbitals)])
    np.testing.assert_array_equal(part.orbitals.icohp, whole.orbitals.icohp[: len(part.orbitals), :n])


def read_if_any(text):
    """Return the list, or None if it has no complete line (of a spin)."""
    try:
        return read_icohplist(text)
    except ValueError as error:
        if "no complete line" in str(error) or "not a list of LOBSTER" in str(error):
            return None
        raise


@pytest.mark.parametrize("sample", SAMPLES)
def test_cut_anywhere_complete_rows_survive(reference_data, sample):
    text = (reference_data / "lobster_samples" / sample / "ICOHPLIST.lobster").read_text()
    whole = read_icohplist(text)
    n_header = 1 + ("spin" in text.split("\n")[1])
    second = text.find("COHP#", 10) - 2  # where the second spin starts
    ends = set(range(len(text))) if len(text) < 1000 else set(np.linspace(0, len(text) - 1, 60).astype(int))
    if second > 0:
        ends |= set(range(second - 3, second + 250))
    for end in ends:
        cut = text[:end]
        n_lines = [block.count("\n") - n_header for block in cut.split("COHP#")[1:]]
        n_rows = max(0, n_lines[-1]) if n_lines else 0
        part = read_if_any(cut)
        if part is None:
            assert n_rows == 0
            continue
        assert_part_of(part, whole)
        assert len(part) + len(part.orbitals) - n_rows in (0, 1) or end < second + 120


def test_number_of_decimals_is_told_by_the_first_row():
    text = V4_SPIN.split("\n  COHP#")[0].replace("-0.13830", "-0.13830123").replace("-0.01000", "-0.01000456")
    values = read_icohplist(text)
    assert values.complete
    assert values.icohp[:, 0].tolist() == [-0.13830123, -0.01000456, -0.01000456]
    values = read_icohplist(text[:-1])
    assert not values.complete
    assert len(values) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Fe1 ", "Fe0 ", "line 2 is not understood"),
        ("2.51376", "2.5.376", "line 2 is not understood"),
        ("0   0   0 ", "0   x   0 ", "line 2 is not understood"),
        ("0   0   0 ", "0   9999999999   0 ", "line 2 is not understood"),
        ("-0.13830\n", "-0.13830  -0.2\n", "lines of one and of two spins"),
        ("      2     Fe1", "      1     Fe1", "numbers two bonds alike"),
        ("      2     Fe1     Fe1 ", "      9     Fe1_4s     Fe1_4s ", "orbitals of bond 9, but not that bond"),
        ("  COHP#       atomMU", "  COHP#\n  COHP#       atomMU", "4 headers"),
    ],
)
def test_damage_is_told(old, new, message):
    with pytest.raises(ValueError, match=message):
        read_icohplist(V4_SPIN.replace(old, new))


@pytest.mark.parametrize("text", ["", "\n", "COHP#", "COHP#\n\x00\ufffd\n1", "\x7fELF", "COHP#\n" + "9" * 5000])
def test_rubbish_is_refused(text):
    with pytest.raises(ValueError, match=r"not a list of LOBSTER|no complete line|not understood"):
        read_icohplist(text)
