"""Databases of interactions joined into one, and what is refused."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.merge_dbi import merge_dbi
from aiida_getl.data.dbi import DbiData
from aiida_getl.learning.transfer import describe_again


@pytest.fixture
def dbi(label):
    """Return a function that makes the database of labels, each of them a run."""

    def make(*labels, failure=None):
        runs = {f"run_{k}": {"as_quenched": node} for k, (node, _) in enumerate(labels)}
        bonds = {f"run_{k}": {"as_quenched": node} for k, (_, node) in enumerate(labels)}
        failures = (
            {} if failure is None else {"failures": {"run_9": {"shear_xy": orm.Dict({"reason": failure}).store()}}}
        )
        return build_dbi(orm.Dict({"r_max": 4.0}), structures=runs, bonds=bonds, **failures)

    return make


def test_a_label_of_both_is_taken_once(label, dbi):
    first, second, third = (label(seed) for seed in (1, 2, 3))
    left, right = dbi(first, second, failure="walltime"), dbi(second, third, failure="walltime")
    merged = merge_dbi(orm.Dict({}), a=left, b=right)
    assert [entry["label_id"] for entry in merged.structures] == [first[1].uuid, second[1].uuid, third[1].uuid]
    assert sum(merged.bond_types.values()) == sum(bonds.n_bonds for _, bonds in (first, second, third))
    assert merged.descriptors == left.descriptors
    assert [entry["reason"] for entry in merged.left_out] == ["walltime"]
    # Every row still names its own label, and has its own descriptor.
    table, strengths = merged.get_table(), {bonds.uuid: bonds for _, bonds in (first, second, third)}
    for number, entry in enumerate(merged.structures):
        mine = table.select(table.structure == number)
        assert sorted(mine.strength) == pytest.approx(sorted(strengths[entry["label_id"]].get_strength()))
    structures = [structure.get_ase() for structure, _ in (first, second, third)]
    for kind, settings in merged.descriptors.items():
        np.testing.assert_allclose(table.descriptors[kind], describe_again(table, structures, settings), rtol=1e-5)


def test_other_elements_are_described_again(label, dbi):
    binary, ternary = label(1), label(2, composition={"Cu": 4, "Zr": 3, "Al": 1})
    merged = merge_dbi(orm.Dict({}), a=dbi(binary), b=dbi(ternary))
    assert all(each["species"] == ["Al", "Cu", "Zr"] for each in merged.descriptors.values())
    table = merged.get_table()
    structures = [binary[0].get_ase(), ternary[0].get_ase()]
    for kind, settings in merged.descriptors.items():
        np.testing.assert_allclose(
            table.descriptors[kind], describe_again(table, structures, settings), rtol=1e-5, atol=1e-6
        )


def test_labels_of_different_methods(label, dbi):
    one, other = dbi(label(1)), dbi(label(2, basis={"Cu": ["4s", "3d"]}))
    _, node = merge_dbi.run_get_node(orm.Dict({}), a=one, b=other)
    assert node.exit_status == 401
    message = f"<{one.pk}> and <{other.pk}> were made by different methods (basis not known and {{'Cu'"
    assert message in node.exit_message
    merged = merge_dbi(orm.Dict({"mixed_methods": True}), a=one, b=other)
    assert [method["basis"] for method in merged.base.attributes.get("method")["mixed"]] == [{}, {"Cu": ["4s", "3d"]}]


def copy_of(node, descriptors=None, structure_id="same", **attributes):
    """Return a database with other descriptors or structures than those of a node."""
    table = node.get_table()
    for entry in table.structures:
        entry["label_id"] = "another"
        if structure_id != "same":
            entry["structure_id"] = structure_id
    if descriptors is not None:
        rows = next(iter(table.descriptors.values()))
        table.descriptors.clear()
        table.descriptors.update({each["kind"]: rows for each in descriptors})
    method = node.base.attributes.get("method")
    result = DbiData.from_table(table, descriptors or list(node.descriptors.values()), method, [])
    result.base.attributes.set_many(attributes)
    return result.store()


def test_what_cannot_be_joined(label, dbi):
    node = dbi(label(1))
    ternary = dbi(label(2, composition={"Cu": 4, "Zr": 3, "Al": 1}))
    environment, ends = node.descriptors.values()
    pictures = {"kind": "bond_pictures", "species": ["Cu", "Zr"]}
    gone = "00000000-0000-4000-8000-000000000000"
    for one, other, status, message in (
        (node, copy_of(node, [pictures]), 402, "no kind of descriptor in common"),
        (node, copy_of(node, [environment, {**ends, "r_cut": 9.0}]), 403, "'end_atom_soap' differ"),
        (ternary, copy_of(node, structure_id=gone), 404, "cannot be described again"),
        (ternary, copy_of(node, structure_id=None), 404, "made of files without structures"),
        (node, orm.ArrayData({"x": np.zeros(1)}).store(), 405, "ArrayData"),
    ):
        _, process = merge_dbi.run_get_node(orm.Dict({}), a=one, b=other)
        assert process.exit_status == status
        assert message in process.exit_message
    # Structures are not needed where the elements are the same.
    assert merge_dbi(orm.Dict({}), a=node, b=copy_of(node, structure_id=gone)).base.attributes.get("n_structures") == 2
    _, process = merge_dbi.run_get_node(orm.Dict({}), a=node)
    assert process.exit_status == 405


def test_what_lacks_translations_keeps_saying_so(label, dbi):
    node = dbi(label(1))
    merged = merge_dbi(orm.Dict({}), a=node, b=copy_of(node, translations_known=False))
    assert merged.base.attributes.get("translations_known") is False
