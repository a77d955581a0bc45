"""One labelled structure: what is read, and what is said of files that are damaged or do not belong together."""

import gzip

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from aiida_getl.exchange.label import Unlabelled, read_frames, read_label, read_structure
from aiida_getl.exchange.original import find_sources
from aiida_getl.structures.bonds import find_bonds


@pytest.fixture
def files(tmp_path, write_sub_run):
    write_sub_run(tmp_path)
    (source,), _ = find_sources(tmp_path)
    return source.files


def test_a_complete_label(files, cell):
    label = read_label(files)
    atoms = cell(1)
    expected = find_bonds(atoms.positions, atoms.cell[:], 4.2)
    assert label.bonds.keys() == expected.keys()
    np.testing.assert_allclose(label.bonds.distance, expected.distance, atol=1e-6)
    np.testing.assert_allclose(label.icohp[:, 0], -np.exp(2.5 - expected.distance), atol=6e-6)
    assert label.spilling == 0.016
    assert label.notes == ()
    assert label.method == {
        "engine": "LOBSTER",
        "version": "3.0.0",
        "basis_set": "Bunge",
        "basis": {"Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]},
        "pseudos": {"Cu": "Cu.UPF", "Zr": "Zr.UPF"},
    }
    assert label.calculation["kpoints"] == {"type": "automatic", "points": [2, 2, 2], "offset": [0.5, 0.5, 0.5]}
    assert (label.calculation["ecutwfc"], label.calculation["pw_version"]) == (70, "6.2")


@pytest.mark.parametrize("seed", range(3))
def test_atoms_that_were_put_elsewhere(files, cell, seed):
    expected = read_label(files)
    atoms = cell(1)
    moves = np.random.default_rng(seed).integers(-2, 3, (len(atoms), 3))
    atoms.positions += moves @ atoms.cell[:]
    write(files["structure"], atoms)
    label = read_label(files)
    np.testing.assert_allclose(label.bonds.distance, expected.bonds.distance, atol=1e-6)
    np.testing.assert_array_equal(label.icohp, expected.icohp)
    assert label.bonds.keys() == expected.bonds.keys()


def test_only_structure_and_list_are_needed(files):
    label = read_label({role: files[role] for role in ("structure", "icohplist")})
    assert label.method["engine"] is None
    assert label.spilling is None
    assert len(label.bonds) > 40


def test_the_scf_input_is_a_structure_too(files):
    label = read_label({**files, "structure": files["scf_input"]})
    assert len(label.bonds) == len(read_label(files).bonds)


@pytest.mark.parametrize(
    ("output", "status", "message"),
    [
        ("iteration # 80 x", None, r"stopped after 80 iterations, not converged \(.*\); its ICOHPLIST.lobster is not"),
        (
            "iteration # 100\nconvergence NOT achieved",
            2,
            "did not converge after 100 iterations .*; status 2",
        ),
        ("", 5, r"there are no ICOHPs \(status 5 in ND.info\)"),
    ],
)
def test_an_scf_that_cannot_be_trusted(files, output, status, message):
    files["scf_output"].write_text(output)
    with pytest.raises(Unlabelled, match=message):
        read_label(files, status)


@pytest.mark.parametrize("status", [None, 3, 4])
def test_a_lobster_that_did_not_finish_but_listed_everything(files, status):
    files["lobsterout"].write_text(files["lobsterout"].read_text().replace("finished", "stopped"))
    assert read_label(files, status).notes == ("LOBSTER did not finish, but listed all bonds",)


def test_a_converged_scf_outweighs_a_status_file(files):
    assert len(read_label(files, 2).bonds) > 40


def test_no_list(files):
    del files["icohplist"]
    with pytest.raises(Unlabelled, match=r"there is no ICOHPLIST.lobster"):
        read_label(files)
    with pytest.raises(Unlabelled, match="neither a converged SCF nor an ICOHP"):
        read_label({role: path for role, path in files.items() if role != "scf_output"}, 6)


def test_a_list_that_was_cut_off(files):
    text = files["icohplist"].read_text()
    files["icohplist"].write_text(text[: len(text) // 2])
    with pytest.raises(Unlabelled, match="ends in the middle"):
        read_label(files)
    lines = text.splitlines(keepends=True)
    files["icohplist"].write_text("".join(lines[:-3]))
    files["lobsterout"].write_text(files["lobsterout"].read_text().replace("finished", "stopped"))
    with pytest.raises(Unlabelled, match=r"LOBSTER found \d+ bonds and listed \d+"):
        read_label(files)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_list_that_was_cut_off_beside_the_log_of_a_finished_run(files, kept):
    lines = files["icohplist"].read_text().splitlines(keepends=True)
    n_found = len(lines) - 1
    n_kept = n_found // 2 if kept == 0.5 else int(kept * n_found)
    files["icohplist"].write_text("".join(lines[: 1 + n_kept]))
    log = files["lobsterout"].read_text()
    # Half a list must not be taken for one whose log counts each bond twice.
    files["lobsterout"].write_text(log.replace(f"found {n_found} ", f"found {2 * n_kept if kept == 0.5 else n_found} "))
    with pytest.raises(Unlabelled, match=rf"LOBSTER found \d+ bonds and listed {n_kept} .*was cut off"):
        read_label(files)


def test_a_log_that_counts_each_bond_twice(files):
    n = len(files["icohplist"].read_text().splitlines()) - 1
    files["lobsterout"].write_text(files["lobsterout"].read_text().replace(f"found {n} ", f"found {2 * n} "))
    assert len(read_label(files).bonds) == n


def test_a_list_without_the_second_spin_of_its_log(files):
    log = files["lobsterout"].read_text()
    spins = "spillings for spin channel 1\nabs. charge spilling: 1.60%\nspillings for spin channel 2\n"
    files["lobsterout"].write_text(log.replace("abs. charge", spins + "abs. charge"))
    with pytest.raises(Unlabelled, match="lacks the second spin"):
        read_label(files)


def test_values_that_are_no_numbers(files):
    text = files["icohplist"].read_text()
    value = text.splitlines()[1].split()[-1]
    files["icohplist"].write_text(text.replace(value, "nan", 1))
    with pytest.raises(Unlabelled, match="1 ICOHPs that are no numbers"):
        read_label(files)


def test_files_that_do_not_belong_together(files, cell):
    write(files["structure"], cell(7))
    with pytest.raises(ValueError, match=r"ICOHPLIST.lobster and Cu50Zr50.xyz: .* do not belong together"):
        read_label(files)
    swapped = cell(1)
    swapped.symbols = swapped.get_chemical_symbols()[::-1]
    write(files["structure"], swapped)
    with pytest.raises(ValueError, match="says that atom 1 is Cu, the structure that it is Zr"):
        read_label(files)
    write(files["structure"], cell(1)[:4])
    with pytest.raises(ValueError, match=r"names atom \d, but the structure has 4 atoms"):
        read_label(files)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not understood as a structure"),
        (b"\x00\xff\xfe", "is not understood as a structure"),
        (b"2\n\nCu 0 0 0\nCu 1 1 1\n", "has no cell"),
        (b'1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nCu 0 0 nan\n', "no numbers"),
        (b'2\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nCu 0 0 0\n', "is not understood"),
    ],
)
def test_structures_that_are_none(tmp_path, content, message):
    path = tmp_path / "cell.extxyz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"cell\.extxyz .*{message}|cell\.extxyz {message}"):
        read_structure(path)


def test_a_damaged_archive(files):
    path = files["icohplist"].with_name("ICOHPLIST.lobster.gz")
    path.write_bytes(gzip.compress(files["icohplist"].read_bytes())[:-50])
    with pytest.raises(ValueError, match=r"ICOHPLIST\.lobster\.gz cannot be unpacked"):
        read_label({**files, "icohplist": path})


def test_a_list_of_overlap_populations_is_refused(files):
    files["icohplist"].write_text(files["icohplist"].read_text().replace("COHP", "COOP"))
    with pytest.raises(ValueError, match="holds COOPs, not COHPs"):
        read_label(files)


def test_bad_files_beside_the_label_are_noted(files):
    files["lobsterin"].write_text("basisfunction Cu 3d\n")
    files["scf_input"].write_text("nothing")
    label = read_label(files)
    assert [note.split(" ")[0] for note in label.notes] == ["lobsterin", "Cu50Zr50.scf.in"]
    assert label.method["pseudos"] == {}


def test_lobster_2_where_the_structure_tells_the_images(tmp_path):
    from ase.build import bulk

    atoms = bulk("GaAs", "zincblende", a=2.49546 * 4 / np.sqrt(3))
    write(tmp_path / "POSCAR", atoms, format="vasp")
    text = (
        "  COHP#  atomMU  atomNU     distance          ICOHP(eF) avg. over # bonds  for spin  1\n"
        "      1     Ga1     As2      2.49546           -4.36062                 {n}\n"
    )
    (tmp_path / "ICOHPLIST.lobster").write_text(text.format(n=4))
    files = {"structure": tmp_path / "POSCAR", "icohplist": tmp_path / "ICOHPLIST.lobster"}
    label = read_label(files)
    assert len(label.bonds) == 4
    np.testing.assert_array_equal(label.icohp, -4.36062)
    files["icohplist"].write_text(text.format(n=3))
    with pytest.raises(ValueError, match="averages 3 bonds of atoms 1 and 2"):
        read_label(files)


def test_lobster_2_where_two_bonds_are_nearly_as_long(tmp_path):
    """They are nearer to each other than structure and list have to agree."""
    half = 2.0005
    atoms = Atoms("CuZr", positions=[[0, 0, 0], [2.0, 0, 0]], cell=[2.0 + half, 6, 6], pbc=True)
    write(tmp_path / "POSCAR", atoms, format="vasp")
    (tmp_path / "ICOHPLIST.lobster").write_text(
        "  COHP#  atomMU  atomNU     distance     ICOHP (at) eF   for spin 1    # bonds\n"
        "      1     Cu1     Zr2      2.00000        -1.00000        1\n"
        f"      2     Cu1     Zr2      {half:.5f}        -0.50000        1\n"
    )
    label = read_label({"structure": tmp_path / "POSCAR", "icohplist": tmp_path / "ICOHPLIST.lobster"})
    order = label.bonds.distance.argsort()
    np.testing.assert_allclose(label.bonds.distance[order], [2.0, half], atol=1e-9)
    assert label.icohp[order, 0].tolist() == [-1.0, -0.5]


@pytest.mark.parametrize(
    ("sample", "structure", "engine"),
    [
        ("v4.1_CsH", "CONTCAR", ("LOBSTER", "4.1.0")),
        ("v4.1_NaCl_spin", "CONTCAR", (None, None)),
        ("v5.1.1_FeNi3_spin", "POSCAR", (None, None)),
        ("v6.0.0_diamond_qe75", "POSCAR.lobster.vasp", ("LOBSTER", "6.0.0")),
    ],
)
def test_samples_of_other_versions(reference_data, sample, structure, engine):
    folder = reference_data / "lobster_samples" / sample
    files = {"structure": folder / structure, "icohplist": folder / "ICOHPLIST.lobster"}
    beside = {role: folder / role for role in ("lobsterout", "lobsterin") if (folder / role).exists()}
    label = read_label({**files, **beside})
    assert len(label.bonds)
    assert (label.method["engine"], label.method["version"]) == engine
    assert len(label.atoms) == len(read(folder / structure, format="vasp"))


def test_atoms_on_each_other(tmp_path):
    path = tmp_path / "cell.extxyz"
    path.write_text('2\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nCu 0 0 0\nZr 3 0 0\n')
    with pytest.raises(ValueError, match=r"cell\.extxyz: atoms 1 \(Cu\) and 2 \(Zr\) are 0\.00 Å apart"):
        read_structure(path)


def test_a_file_that_says_it_is_not_periodic(files, cell):
    atoms = cell(1)
    atoms.pbc = False
    write(files["structure"], atoms)
    # The label is of a periodic calculation; of a prediction nothing else would tell.
    assert read_label(files).notes == ("Cu50Zr50.xyz says that it is not periodic: it was taken as periodic",)
    with pytest.raises(ValueError, match=r"Cu50Zr50\.xyz is not periodic"):
        read_frames(files["structure"])
