"""Databases of interactions: what they hold, what they leave out, and what they refuse."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.structures.bonds import find_bonds


def test_rows_name_their_sources(label):
    (first, bonds_first), (second, bonds_second) = label(1), label(2)
    dbi = build_dbi(
        orm.Dict({"r_max": 4.0}),
        structures={"run_0": {"as_quenched": first}, "run_1": {"shear_xy": second}},
        bonds={"run_0": {"as_quenched": bonds_first}, "run_1": {"shear_xy": bonds_second}},
    )
    assert sum(dbi.bond_types.values()) == bonds_first.n_bonds + bonds_second.n_bonds
    assert dbi.left_out == []
    assert [entry["label_id"] for entry in dbi.structures] == [bonds_first.uuid, bonds_second.uuid]
    row = dbi.get_row(0)
    assert row["strength_eV"] == pytest.approx(np.exp(-row["distance_Å"]))
    assert {row["structure"], row["label"]} in ({first.uuid, bonds_first.uuid}, {second.uuid, bonds_second.uuid})


def test_what_is_missing_is_recorded(label):
    structure, bonds = label(1, r_max=3.5)
    failure = orm.Dict({"reason": "the SCF did not converge"}).store()
    dbi = build_dbi(
        orm.Dict({"r_max": 4.0}),
        structures={"run_0": {"as_quenched": structure}},
        bonds={"run_0": {"as_quenched": bonds}},
        failures={"run_0": {"shear_xy": failure}},
    )
    unlabelled, failed = dbi.left_out
    atoms = structure.get_ase()
    assert unlabelled["n_bonds"] == len(find_bonds(atoms.positions, atoms.cell[:], 4.0)) - bonds.n_bonds > 0
    assert failed == {"run": "run_0", "sub_run": "shear_xy", "reason": "the SCF did not converge"}


def test_labels_on_different_scales_are_not_mixed(label):
    structure, bonds = label(1)
    other_structure, other = label(2, basis={"Cu": ["4s", "3d"]})
    _, node = build_dbi.run_get_node(
        orm.Dict({"r_max": 4.0}),
        structures={"run_0": {"as_quenched": structure}, "run_1": {"as_quenched": other_structure}},
        bonds={"run_0": {"as_quenched": bonds}, "run_1": {"as_quenched": other}},
    )
    assert node.exit_status == 401
    assert "run_1 as_quenched were made by different methods (basis not known and {'Cu'" in node.exit_message
