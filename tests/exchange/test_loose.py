"""Structures and lists of any origin: folders, tables and pairs."""

import gzip
import shutil

import pytest
from ase.io import write

from aiida_getl.exchange.label import read_label
from aiida_getl.exchange.loose import find_pairs, pair, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path, cell, icohplist):
    """Return a function that writes one structure and its list into a folder."""

    def make(name, seed=0, structure="POSCAR", layout=6):
        path = tmp_path / name
        path.mkdir(parents=True)
        atoms = cell(seed)
        write(path / structure, atoms, format="vasp" if "CAR" in structure else None)
        (path / "ICOHPLIST.lobster").write_text(icohplist(atoms, layout=layout)[0])
        return path

    return make


@pytest.mark.parametrize("structure", ["POSCAR", "cell.extxyz", "cell.cif", "CONTCAR"])
@pytest.mark.parametrize("layout", [4, 6])
def test_a_folder_for_each(folder, tmp_path, structure, layout):
    folder("one", 1, structure, layout)
    folder("deep/two", 2, structure, layout)
    (tmp_path / "one" / "lobsterin").write_text("basisFunctions Cu 3d 4s\n")
    sources, problems = find_pairs(tmp_path)
    assert problems == []
    assert [(source.run, source.sub_run) for source in sources] == [
        ("deep_two", "as_quenched"),
        ("one", "as_quenched"),
    ]
    assert [len(read_label(source.files).bonds) > 40 for source in sources] == [True, True]
    assert read_label(sources[1].files).method["basis"] == {"Cu": ["3d", "4s"]}


def test_lists_without_structures_and_the_other_way_round(folder, tmp_path):
    folder("one")
    (folder("two") / "POSCAR").unlink()
    (folder("three") / "ICOHPLIST.lobster").unlink()
    sources, problems = find_pairs(tmp_path)
    assert [source.run for source in sources] == ["one"]
    assert [(problem.path, problem.reason.split(":")[0]) for problem in problems] == [
        (tmp_path / "three" / "POSCAR", "no ICOHPLIST.lobster beside it"),
        (tmp_path / "two" / "ICOHPLIST.lobster", "no structure beside it"),
    ]


def test_lists_named_like_their_structures(folder, tmp_path):
    """One folder for all, names with spaces, packed files."""
    for seed, name in enumerate(("glass a", "b")):
        made = folder(f"made {name}", seed, "cell.extxyz")
        (made / "cell.extxyz").rename(tmp_path / f"{name}.xyz")
        (made / "ICOHPLIST.lobster").rename(tmp_path / f"{name}.ICOHPLIST.lobster")
    (tmp_path / "c_ICOHPLIST.lobster").write_text("")
    (tmp_path / "b.xyz.gz").write_bytes(gzip.compress((tmp_path / "b.xyz").read_bytes()))
    (tmp_path / "b.xyz").unlink()
    sources, (problem,) = find_pairs(tmp_path)
    assert [source.run for source in sources] == ["b", "glass_a"]
    assert [len(read_label(source.files).bonds) > 40 for source in sources] == [True, True]
    assert problem.reason == "no structure beside it: looked for a structure called c"


def test_a_log_belongs_to_the_list_that_it_is_named_like(folder, tmp_path):
    for seed, name in enumerate("ab"):
        made = folder(name, seed)
        (made / "POSCAR").rename(tmp_path / f"{name}.vasp")
        (made / "ICOHPLIST.lobster").rename(tmp_path / f"{name}.ICOHPLIST.lobster")
    (tmp_path / "lobsterout").write_text("LOBSTER v4.0.0\n")
    (tmp_path / "a.lobsterout").write_text("LOBSTER v5.1.0\n")
    (tmp_path / "b.scf.in").write_text("&SYSTEM\n/\n")
    (first, second), _ = find_pairs(tmp_path)
    assert (first.files["lobsterout"].name, "scf_input" in first.files) == ("a.lobsterout", False)
    assert ("lobsterout" in second.files, second.files["scf_input"].name) == (False, "b.scf.in")
    (tmp_path / "b.ICOHPLIST.lobster").unlink()
    (tmp_path / "a.lobsterout").unlink()
    (alone,), _ = find_pairs(tmp_path)
    assert alone.files["lobsterout"].name == "lobsterout"


def test_folders_of_any_name(folder, tmp_path):
    for seed, name in enumerate(("glass α", "glass β", "???")):
        folder(name, seed)
    sources, (problem,) = find_pairs(tmp_path)
    assert len({source.run for source in sources}) == 2
    assert all(source.run.startswith("glass_") for source in sources)
    assert problem.path == tmp_path / "???" / "ICOHPLIST.lobster"
    assert "has no letter or digit to make a name of" in problem.reason


def test_several_structures_beside_a_list(folder, tmp_path, cell):
    path = folder("one", 1)
    write(path / "other.xyz", [cell(3), cell(1)], format="extxyz")
    (source,), _ = find_pairs(tmp_path)
    assert source.notes == ("POSCAR was taken for the structure, not other.xyz",)
    (path / "POSCAR").unlink()
    (source,), _ = find_pairs(tmp_path)
    assert source.notes == ()
    assert read_label(source.files).notes == ("other.xyz holds 2 structures: the last one was taken",)


def test_the_structure_that_the_list_fits_is_taken(folder, tmp_path, cell):
    """Of a relaxation, the last structure; whatever else lies there."""
    path = folder("one", 1, "CONTCAR")
    write(path / "POSCAR", cell(2), format="vasp")
    (path / "cluster.xyz").write_text("no structure")
    (source,), _ = find_pairs(tmp_path)
    assert source.notes == ("CONTCAR was taken for the structure, not POSCAR, cluster.xyz",)
    assert len(read_label(source.files).bonds) > 40


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("A.CIF", "cif"),
        ("POSCAR_static", "vasp"),
        ("glass.data", "lammps-data"),
        ("glass.lmp", "lammps-data"),
        ("pw.in", "espresso-in"),
        ("glass.pwi", "espresso-in"),
    ],
)
def test_names_of_structures(folder, tmp_path, cell, name, form):
    path = folder("one", 1)
    (path / "POSCAR").unlink()
    extra = {
        "lammps-data": {"masses": True},
        "espresso-in": {"pseudopotentials": {symbol: f"{symbol}.upf" for symbol in set(cell(1).symbols)}},
    }
    write(path / name, cell(1), format=form, **extra.get(form, {}))
    (path / "ICOHPLIST.lobster").rename(path / "icohplist.lobster")
    (source,), _ = find_pairs(tmp_path)
    assert source.files["structure"].name == name
    assert read_label(source.files).atoms.get_chemical_symbols() == cell(1).get_chemical_symbols()


def test_lammps_data_that_name_no_elements(folder, cell):
    path = folder("one", 1)
    write(path / "glass.data", cell(1), format="lammps-data")
    with pytest.raises(ValueError, match=r"glass\.data: LAMMPS data without Masses do not say of which elements"):
        read_label(pair(path / "glass.data", path / "ICOHPLIST.lobster").files)


def test_links_are_followed_and_hidden_files_are_not_looked_at(folder, tmp_path):
    kept = folder("kept/one", 1)
    (kept / "._POSCAR").write_bytes(b"\0\5\7")
    (kept / "._ICOHPLIST.lobster").write_bytes(b"\0\5\7")
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "linked").symlink_to(kept)
    (shown / "again").symlink_to(kept)
    (shown / "circle").symlink_to(shown)
    sources, problems = find_pairs(shown)
    assert ([source.run for source in sources], problems) == (["again"], [])
    assert sources[0].files["structure"] == shown / "again" / "POSCAR"
    assert [source.run for source in find_pairs(tmp_path)[0]] == ["kept_one"]


def test_deformations_belong_to_the_glass_named_before(folder, tmp_path):
    """Or else near copies would test each other."""
    for seed, name in enumerate(("a/as_quenched", "a/shear_xy", "b", "c-isotropic_tension", "my_shear_xyz")):
        folder(name, seed)
    sources, _ = find_pairs(tmp_path)
    assert [(source.run, source.sub_run) for source in sources] == [
        ("a", "as_quenched"),
        ("a", "shear_xy"),
        ("b", "as_quenched"),
        ("c", "isotropic_tension"),
        ("my_shear_xyz", "as_quenched"),
    ]
    assert [(source.run, source.sub_run) for source in find_pairs(tmp_path / "a")[0]] == [
        ("a", "as_quenched"),
        ("a", "shear_xy"),
    ]


def test_names_that_would_be_the_same(folder, tmp_path):
    """They stop nothing, nor does a list that is there packed, too."""
    for seed, name in enumerate(("T-300", "T_300", "b")):
        path = folder(name, seed)
    (path / "ICOHPLIST.lobster.gz").write_bytes(gzip.compress((path / "ICOHPLIST.lobster").read_bytes()))
    sources, problems = find_pairs(tmp_path)
    assert problems == []
    runs = [source.run for source in sources]
    assert len(set(runs)) == 3
    assert (runs[0][:6], runs[1][:6], runs[2]) == ("T_300_", "T_300_", "b")
    shutil.rmtree(tmp_path / "b")
    assert [source.run for source in find_pairs(tmp_path)[0]] == runs[:2]


def test_atoms_in_another_order(folder, cell):
    path = folder("one", 1)
    atoms = cell(1)
    write(path / "POSCAR", atoms[atoms.numbers.argsort()[::-1]], format="vasp")
    with pytest.raises(ValueError, match="the same elements in another order"):
        read_label(pair(path / "POSCAR", path / "ICOHPLIST.lobster").files)
    atoms.symbols[0] = "Al"
    write(path / "POSCAR", atoms, format="vasp")
    with pytest.raises(ValueError, match="do not belong together"):
        read_label(pair(path / "POSCAR", path / "ICOHPLIST.lobster").files)


def test_a_table_of_what_was_found(folder, tmp_path):
    folder("one", 1)
    (folder("deep/two", 2) / "lobsterin").write_text("basisFunctions Cu 3d 4s\n")
    sources, _ = find_pairs(tmp_path)
    write_manifest(sources, tmp_path / "deep" / "pairs.csv")
    again = read_manifest(tmp_path / "deep" / "pairs.csv")
    assert [(source.run, source.sub_run) for source in again] == [(source.run, source.sub_run) for source in sources]
    for one, other in zip(sources, again, strict=True):
        assert {role: path.resolve() for role, path in other.files.items()} == {
            role: path.resolve() for role, path in one.files.items()
        }


def test_nothing_to_import(tmp_path):
    with pytest.raises(FileNotFoundError, match="nor an ICOHPLIST"):
        find_pairs(tmp_path)


def test_a_pair_takes_its_name_from_the_structure(folder):
    path = folder("Glass 7 (hot)")
    assert pair(path / "POSCAR", path / "ICOHPLIST.lobster").run == "Glass_7_hot"
    (path / "42.vasp").write_text((path / "POSCAR").read_text())
    assert pair(path / "42.vasp", path / "ICOHPLIST.lobster").run == "n42"
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing \(structure\)"):
        pair(path / "nothing", path / "ICOHPLIST.lobster")


def test_a_table(folder, tmp_path):
    folder("a", 1)
    folder("b", 2)
    (tmp_path / "a" / "log").write_text("LOBSTER v5.1.0\nabs. charge spilling: 2.00%\nfinished in 0 h of wall time\n")
    table = tmp_path / "pairs.csv"
    table.write_text(
        "structure, icohplist, run, sub_run, lobsterout\n"
        "a/POSCAR, a/ICOHPLIST.lobster, glass 1, tension_x, a/log\n"
        f"{tmp_path}/b/POSCAR, b/ICOHPLIST.lobster,,,\n"
    )
    first, second = read_manifest(table)
    assert (first.run, first.sub_run, second.run, second.sub_run) == ("glass_1", "tension_x", "b", "as_quenched")
    label = read_label(first.files)
    assert (label.method["version"], label.spilling) == ("5.1.0", 0.02)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_as_spreadsheets_write_it(folder, tmp_path, separator):
    folder("a")
    rows = [["structure", "icohplist", "run"], ["a/POSCAR", "a/ICOHPLIST.lobster", "one, two"], ["", "", ""]]
    table = tmp_path / "pairs.csv"
    table.write_text("\r\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    assert [source.run for source in read_manifest(table)] == ["one_two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("structure,icohplist\n", "has no rows"),
        ("structure\na/POSCAR\n", r"missing columns \['icohplist'\], unknown \[\]"),
        ("Cu4Zr4\n1.0\n", r"missing columns .* A structure by itself is given by --structure and --icohplist"),
        ("structure,icohplist,glass\na/POSCAR,a/ICOHPLIST.lobster,1\n", r"unknown \['glass'\]"),
        ("structure,icohplist\na/POSCAR,\n", "line 2: structure and icohplist each need a path"),
        ("structure,icohplist,run\na/POSCAR,a/ICOHPLIST.lobster,???\n", "line 2: '???' has no letter or digit"),
        ("structure,icohplist\n" + 2 * "a/POSCAR,a/ICOHPLIST.lobster\n", "are both called a, as_quenched"),
        ("structure,icohplist\na/POSCAR,a/ICOHPLIST.lobster,b\n", "unknown"),
    ],
)
def test_tables_that_are_wrong(folder, tmp_path, text, message):
    folder("a")
    table = tmp_path / "pairs.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=message.replace("???", r"\?\?\?")):
        read_manifest(table)


def test_a_table_of_files_that_are_not_there(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("structure,icohplist\nno,no\n")
    with pytest.raises(FileNotFoundError, match=r"pairs.csv, line 2: there is no file"):
        read_manifest(table)
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no table"):
        read_manifest(table)
