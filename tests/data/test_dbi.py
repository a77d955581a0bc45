"""`getl.dbi`: the table comes back as it was, every row names its sources, and what makes no sense is refused."""

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from ase import Atoms

from aiida_getl.data.dbi import COLUMNS, DbiData
from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.structures.bonds import find_bonds

METHOD = {"engine": "getl-cohp", "version": "0.1.0"}
LEFT_OUT = [{"run": "run_1", "sub_run": "tension_x", "reason": "the label failed"}]
DESCRIPTORS = default_descriptors(["Cu", "Zr"])


@pytest.fixture(scope="module")
def table():
    """Two structures whose rows are sorted by type, as those of a node are."""
    tables = []
    for run, length in enumerate((5.0, 5.4)):
        positions = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.48]]) * length
        atoms = Atoms(["Cu", "Zr", "Cu", "Zr"], positions, cell=[length] * 3, pbc=True)
        bonds = find_bonds(atoms.positions, atoms.cell[:], 4.0)
        metadata = {
            "run": f"run_{run}",
            "sub_run": "as_quenched",
            "composition": "Cu2Zr2",
            "structure_id": f"structure-{run}",
            "label_id": f"label-{run}",
        }
        tables.append(table_of_structure(atoms, bonds, np.exp(-bonds.distance), metadata, DESCRIPTORS))
    joined = concatenate(tables)
    return joined.select(np.argsort(joined.type, kind="stable"))


@pytest.fixture
def node(aiida_profile_clean, table):
    return DbiData.from_table(table, DESCRIPTORS, METHOD, LEFT_OUT)


def test_round_trip(node, table):
    loaded = orm.load_node(node.store().uuid)
    back = loaded.get_table()
    assert table.types() == ["Cu-Cu", "Zr-Cu", "Zr-Zr"]
    for column in ("type", *COLUMNS):
        np.testing.assert_array_equal(getattr(back, column), getattr(table, column), err_msg=column)
    assert set(back.descriptors) == set(table.descriptors) == set(loaded.descriptors)
    for kind, rows in table.descriptors.items():
        assert back.descriptors[kind].dtype == np.float32
        np.testing.assert_array_equal(back.descriptors[kind], rows)
    assert back.structures == table.structures
    assert loaded.left_out == LEFT_OUT
    assert loaded.descriptors == {settings["kind"]: settings for settings in DESCRIPTORS}
    assert loaded.get_table(descriptors=False).descriptors == {}


def test_every_row_names_its_sources(node, table):
    for row in range(len(table)):
        found = node.get_row(row)
        source = table.structures[table.structure[row]]
        assert found["bond"] == table.type[row]
        assert found["atoms"] == f"{table.atom_i[row] + 1} - {table.atom_j[row] + 1}"
        assert found["translation"] == table.translation[row].tolist()
        assert found["distance_Å"] == table.distance[row]
        assert found["strength_eV"] == table.strength[row]
        assert (found["structure"], found["label"]) == (source["structure_id"], source["label_id"])
        assert (found["run"], found["sub_run"]) == (source["run"], source["sub_run"])


@pytest.mark.parametrize("beyond", [-1, 0])
def test_rows_that_do_not_exist_are_refused(node, table, beyond):
    row = beyond if beyond else len(table)
    with pytest.raises(ValueError, match=rf"no row {row}: .* holds {len(table)} bonds"):
        node.get_row(row)


def test_can_be_queried(node, table):
    node.store()
    for filters, count in (
        ({"attributes.n_bonds": {">": 10}}, 1),
        ({"attributes.n_structures": 2, "attributes.method.engine": "getl-cohp"}, 1),
        ({"attributes.bond_types": {"has_key": "Zr-Cu"}}, 1),
        ({"attributes.compositions": {"contains": ["Cu2Zr2"]}}, 1),
        ({"attributes.bond_types": {"has_key": "Zr-Al"}}, 0),
    ):
        assert orm.QueryBuilder().append(DbiData, filters=filters).count() == count, filters
    assert sum(node.bond_types.values()) == len(table)


def test_an_empty_one_is_refused(aiida_profile_clean):
    with pytest.raises(ValidationError, match="from_table"):
        DbiData().store()


def test_columns_of_different_lengths_are_refused(node):
    node.set_array("Zr_Cu__distance", np.ones(3))
    with pytest.raises(ValidationError, match=r"Zr-Cu has \d+ bonds, but another number of distance"):
        node.store()
