"""Databases as files without AiiDA: what is read is what was written, and what is not is refused."""

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.db import connect
from ase.io import read

from aiida_getl.exchange.dataset import (
    LabelledStructure,
    is_exported,
    labels_of,
    left_out_of,
    read_database,
    read_folder,
    write_database,
    write_folder,
)
from aiida_getl.structures.bonds import find_bonds


@pytest.fixture
def structures():
    """Two sheared and shaken cells with strengths of many digits, one bond of them of an atom and its own image."""
    rng = np.random.default_rng(0)
    result = []
    for number, symbols in enumerate(("CuZr", "ZrCu")):
        atoms = bulk(symbols, "cesiumchloride", 3.2) * (1, 2, 1)
        atoms.set_cell(atoms.cell[:] + 0.2 * rng.normal(size=(3, 3)), scale_atoms=True)
        atoms.rattle(0.1, seed=number)
        bonds = find_bonds(atoms.positions, atoms.cell[:], 4.0)
        info = {"run": "glass", "sub_run": f"part_{number}", "composition": "Cu2Zr2", "label_id": 'a "b" = ü'}
        result.append(LabelledStructure(atoms, bonds, rng.normal(size=len(bonds)) / 3, info))
    return result


def check(found, structures):
    """All digits are the same."""
    assert len(found) == len(structures)
    for one, other in zip(found, structures, strict=True):
        assert one.info == other.info
        assert (one.atoms.numbers == other.atoms.numbers).all()
        for name in ("positions", "pbc"):
            np.testing.assert_array_equal(getattr(one.atoms, name), getattr(other.atoms, name))
        np.testing.assert_array_equal(one.atoms.cell[:], other.atoms.cell[:])
        np.testing.assert_array_equal(one.strength, other.strength)
        for name in ("atom_i", "atom_j", "translation", "distance"):
            np.testing.assert_array_equal(getattr(one.bonds, name), getattr(other.bonds, name))


def test_folder_has_all_digits(structures, tmp_path):
    folder = tmp_path / "new" / "dataset"
    files = write_folder(folder, structures, {"licence": "CC-BY-4.0", "method": {"engine": "getl-cohp"}})
    assert {path.name for path in files} == {"structures.extxyz", "bonds.csv", "bonds.parquet", "metadata.json"}
    assert is_exported(folder)
    found, metadata = read_folder(folder)
    check(found, structures)
    assert metadata["licence"] == "CC-BY-4.0"
    assert metadata["method"] == {"engine": "getl-cohp"}
    assert metadata["columns"]["strength_eV"] == {"unit": "eV"}
    assert metadata["n_bonds"] == sum(len(item.bonds) for item in structures)
    with pytest.raises(FileExistsError):
        write_folder(folder, structures, {})


def test_what_the_metadata_say_of_labels():
    method = {"engine": "getl-cohp"}
    metadata = {"method": method, "labels": [{"spilling": 0.01}, {"method": {"engine": "x"}, "n_bonds": 3}]}
    assert labels_of(metadata, 2) == [{"method": method, "spilling": 0.01}, {"method": {"engine": "x"}}]
    assert labels_of({}, 2) == [{"method": {}}, {"method": {}}]
    for labels in ({}, [{}], [{}, []], [{}, {"spilling": "1 %"}], [{"method": "LOBSTER"}, {}]):
        with pytest.raises(ValueError, match="the metadata"):
            labels_of({"labels": labels}, 2)
    gone = {"run": "a", "sub_run": "b", "reason": "it did not converge"}
    assert left_out_of({"left_out": [gone, {**gone, "n_bonds": 4}]}) == [gone]
    for entry in ("a b", {"run": "a"}):
        with pytest.raises(ValueError, match="left_out"):
            left_out_of({"left_out": [entry]})


def test_other_programs_read_the_folder(structures, tmp_path):
    from pyarrow import parquet

    write_folder(tmp_path / "d", structures, {})
    frames = read(tmp_path / "d" / "structures.extxyz", index=":")
    np.testing.assert_array_equal(frames[1].positions, structures[1].atoms.positions)
    table = parquet.read_table(tmp_path / "d" / "bonds.parquet")
    assert table.schema.field("strength_eV").metadata == {b"unit": b"eV"}
    np.testing.assert_array_equal(table["strength_eV"], np.concatenate([item.strength for item in structures]))


def test_ase_database_has_all_digits(structures, tmp_path):
    path = tmp_path / "labels.db"
    write_database(path, structures, {"licence": "CC-BY-4.0"})
    found, metadata = read_database(path)
    check(found, structures)
    assert metadata["licence"] == "CC-BY-4.0"
    with connect(path) as database:
        assert database.count() == 2
        np.testing.assert_array_equal(database.get_atoms(1).positions, structures[0].atoms.positions)
    with pytest.raises(FileExistsError, match="exists already"):
        write_database(path, structures, {})


@pytest.mark.parametrize("name", ["bonds.csv", "structures.extxyz"])
def test_changed_files_are_refused(structures, tmp_path, name):
    write_folder(tmp_path / "d", structures, {})
    path = tmp_path / "d" / name
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ValueError, match=f"{name} is not the file that metadata.json has the checksum of"):
        read_folder(tmp_path / "d")


def test_other_metadata_are_refused(structures, tmp_path):
    write_folder(tmp_path / "d", structures, {})
    path = tmp_path / "d" / "metadata.json"
    good = json.loads(path.read_text())
    for change, message in (
        ({"format": "other"}, "was not written by `aiida-getl dbi export`"),
        ({"format_version": 9}, "is of version 9 of the format"),
    ):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(ValueError, match=message):
            read_folder(tmp_path / "d")
    path.write_text("{")
    with pytest.raises(ValueError, match=r"metadata\.json is no JSON"):
        read_folder(tmp_path / "d")


def rewrite(folder, old, new):
    """Change the table of bonds, with its checksum."""
    import hashlib

    path = folder / "bonds.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["sha256"]["bonds.csv"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "metadata.json").write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("strength_eV", "strength", "has no such column"),
        ("\n0,Zr-Cu,0", "\n0,Zr-Cu,x", "what is no number in it"),
        ("\n0,Zr-Cu,0", "\n7,Zr-Cu,0", "names structure 7, structures.extxyz holds 2"),
        ("\n0,Zr-Cu,0", "\n0,Zr-Cu,77", "glass part_0: a bond of atom 77, of 4 atoms"),
    ],
)
def test_wrong_tables_are_refused(structures, tmp_path, old, new, message):
    write_folder(tmp_path / "d", structures, {})
    rewrite(tmp_path / "d", old, new)
    with pytest.raises(ValueError, match=message):
        read_folder(tmp_path / "d")


def test_other_databases_are_refused(tmp_path):
    with connect(tmp_path / "other.db") as database:
        database.write(bulk("Cu"))
    with pytest.raises(ValueError, match="was not written by"):
        read_database(tmp_path / "other.db")


@pytest.mark.parametrize(
    ("content", "message"), [(b"garbage " * 99, "is no ASE database"), (b"", "does not say 'format")]
)
def test_files_that_are_no_database_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "bad.db"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^bad\.db {message}"):
        read_database(path)


@pytest.mark.parametrize("run", ["../up", "", "a b", "a__b"])
def test_names_that_links_cannot_carry_are_refused(structures, run):
    item = structures[0]
    with pytest.raises(ValueError, match="letter"):
        LabelledStructure(item.atoms, item.bonds, item.strength, {**item.info, "run": run})
