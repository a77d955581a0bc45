"""Structures and lists of any origin: folders, tables and pairs."""

import pytest
from ase.io import write

from aiida_getl.exchange.label import read_label
from aiida_getl.exchange.loose import find_pairs, pair, read_manifest


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


def test_lists_without_structures(folder, tmp_path):
    folder("one")
    (folder("two") / "POSCAR").unlink()
    sources, (problem,) = find_pairs(tmp_path)
    assert [source.run for source in sources] == ["one"]
    assert problem.path == tmp_path / "two" / "ICOHPLIST.lobster"
    assert "no structure beside it" in problem.reason


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("structure,icohplist\n", "has no rows"),
        ("structure\na/POSCAR\n", r"missing columns \['icohplist'\], unknown \[\]"),
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
