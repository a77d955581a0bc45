"""The original layout, written and read again."""

import csv

import numpy as np
import pytest
from ase.build import bulk

from aiida_getl.exchange.bnd import to_table
from aiida_getl.exchange.bnd_writer import write_databases
from aiida_getl.exchange.dataset import LabelledStructure
from aiida_getl.structures.bonds import bond_types, find_bonds


@pytest.fixture
def structures():
    rng = np.random.default_rng(1)
    result = []
    for composition, run, sub_run in (
        ("CuZr", "first", "as_quenched"),
        ("CuZr", "first", "shear_xz"),
        ("CuZr", "second", "frame_12"),
        ("CuZr7", "first", "as_quenched"),
    ):
        atoms = bulk("CuZr", "cesiumchloride", 3.2) * (2, 1, 1)
        atoms.rattle(0.05, seed=len(result))
        bonds = find_bonds(atoms.positions, atoms.cell[:], 3.5)
        info = {"run": run, "sub_run": sub_run, "composition": composition, "label_id": f"uuid {len(result)}"}
        result.append(LabelledStructure(atoms, bonds, 1e-5 * rng.normal(size=len(bonds)), info))
    return result


def test_all_digits_come_back(structures, tmp_path):
    write_databases(tmp_path / "DB", structures)
    table, _, _ = to_table(tmp_path / "DB")
    types = np.concatenate([bond_types(item.atoms.get_chemical_symbols(), item.bonds) for item in structures])
    order = np.argsort(types, kind="stable")
    for name, expected in (
        ("type", types),
        ("strength", np.concatenate([item.strength for item in structures])),
        ("distance", np.concatenate([item.bonds.distance for item in structures])),
        ("atom_i", np.concatenate([item.bonds.atom_i for item in structures])),
        ("atom_j", np.concatenate([item.bonds.atom_j for item in structures])),
    ):
        np.testing.assert_array_equal(getattr(table, name), expected[order])
    assert [(entry["composition"], entry["run"], entry["sub_run"]) for entry in table.structures] == [
        ("CuZr", "CuZr_run_1", "as_quenched"),
        ("CuZr", "CuZr_run_1", "shear_xz"),
        ("CuZr", "CuZr_run_2", "sub_run_100"),
        ("CuZr7", "CuZr7_run_1", "as_quenched"),
    ]


def test_what_the_numbers_stand_for_is_kept(structures, tmp_path):
    files = write_databases(tmp_path / "DB", structures)
    assert {path.name for path in files} == {
        *(f"{name}{end}" for name in ("Cu-Cu", "Zr-Cu", "Zr-Zr") for end in (".bnd", ".info")),
        "numbers.csv",
    }
    rows = list(csv.DictReader((tmp_path / "DB" / "numbers.csv").open()))
    assert rows[2] == {
        "composition": "0",
        "run": "2",
        "sub_run": "100",
        "name_of_composition": "CuZr",
        "name_of_run": "second",
        "name_of_sub_run": "frame_12",
        "label_id": "uuid 2",
    }
    with pytest.raises(FileExistsError):
        write_databases(tmp_path / "DB", structures)
