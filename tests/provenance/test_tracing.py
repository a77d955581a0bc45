"""Questions to the graph: every link is followed once, whatever the number of paths."""

import hashlib
import io

import numpy as np
import pytest
from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.calculations.functions.merge_dbi import merge_dbi
from aiida_getl.data.dbi import DbiData
from aiida_getl.learning.dataset import BondTable
from aiida_getl.provenance import describe, trace


@calcfunction
def add(x, y):
    return orm.Int(x.value + y.value)


@calcfunction
def label_of(structure):
    return orm.Dict({"of": structure.uuid})


def dbi_of(labels):
    """Return a stored DBI of labels: (structure, label) each, a bond of each."""
    n = len(labels)
    structures = [
        {"run": f"r{k}", "sub_run": "x", "composition": "Cu", "structure_id": cell.uuid, "label_id": label.uuid}
        for k, (cell, label) in enumerate(labels)
    ]
    zero = [0] * n
    table = BondTable(
        type=np.full(n, "Cu-Cu"),
        **{name: np.full(n, 2.5) for name in ("distance", "strength")},
        **{name: np.array(zero) for name in ("atom_i", "atom_j")},
        translation=np.zeros((n, 3), dtype=int),
        structure=np.arange(n),
        structures=structures,
        descriptors={"end_atom_soap": np.ones((n, 2), dtype=np.float32)},
    )
    return DbiData.from_table(table, [{"kind": "end_atom_soap", "species": ["Cu"]}], {"engine": "x"}, [])


@calcfunction
def collect(**nodes):
    """Stands for build_dbi, which computes descriptors."""
    names = sorted({name.split("_")[1] for name in nodes})
    return dbi_of([(nodes[f"structure_{name}"], nodes[f"label_{name}"]) for name in names])


@pytest.fixture
def labels():
    cells = []
    for k in range(4):
        cell = orm.StructureData(cell=[[3.0 + k, 0, 0], [0, 3, 0], [0, 0, 3]], pbc=True)
        cell.append_atom(symbols="Cu", position=(0, 0, 0))
        cells.append((cell.store(), label_of(cell)))
    return cells


def collected(labels):
    return collect(
        **{f"structure_{k}": cell for k, (cell, _) in enumerate(labels)},
        **{f"label_{k}": label for k, (_, label) in enumerate(labels)},
    )


def test_many_paths_are_no_many_steps():
    """Sixteen doublings have 2^16 paths."""
    number = orm.Int(1).store()
    first = number
    for _ in range(16):
        number = add(number, number)
    found = trace(number)
    assert len(found.steps) == 16
    assert [step.pk for step in found.steps] == sorted(step.pk for step in found.steps)
    assert found.steps[0].inputs == {"x": f"1 <{first.pk}>", "y": f"1 <{first.pk}>"}
    assert {name: [item.uuid for item in items] for name, items in found.origins.items()} == {
        "x": [first.uuid],
        "y": [first.uuid],
    }
    assert found.subject == describe(number)
    assert found.subject.what == str(2**16)


def test_a_row_leads_to_its_own_label_also_through_a_merge(labels):
    dbi = merge_dbi(settings=orm.Dict({}), a=collected(labels[:2]), b=collected(labels[2:]))
    for row, (cell, label) in enumerate(labels):
        found = trace(dbi, bond=row)
        assert (found.bond["structure"], found.bond["label"]) == (cell.uuid, label.uuid)
        assert [step.uuid for step in found.steps] == [label.creator.uuid]
        assert [item.uuid for item in found.origins["structure"]] == [cell.uuid]
    assert [step.what for step in trace(dbi).steps].count("collect") == 2


def test_a_row_that_the_graph_does_not_confirm(labels):
    dbi = dbi_of(labels).store()
    with pytest.raises(ValueError, match="which no link of the graph leads to"):
        trace(dbi, bond=0)


@calcfunction
def decide(proposal):
    return orm.Dict({"action": "approve", "by": {"user": "Ada"}, "when": "2026-01-01", "reason": "near the crack"})


@calcfunction
def make_cell(decision, number):
    return {"sheared": orm.Int(number.value)}


def test_decisions_of_people(aiida_profile):
    decision = decide(orm.Dict({"items": []}))
    cell = add(make_cell(decision, orm.Int(3))["sheared"], orm.Int(1))
    found = trace(cell)
    assert [(each.uuid, each.content["by"]["user"]) for each in found.decisions] == [(decision.uuid, "Ada")]
    assert [step.used for step in found.steps] == [["result"], ["sheared"], ["result"]]
    assert trace(decision).decisions == []


def test_files_come_with_their_checksum(aiida_profile):
    content = b"a potential\n" * 9
    potential = orm.SinglefileData(io.BytesIO(content), filename="CuZr.eam").store()

    @calcfunction
    def read(potential):
        return orm.Int(len(potential.get_content()))

    (origin,) = trace(read(potential)).origins["potential"]
    assert origin.what == "file CuZr.eam"
    assert origin.sha256 == hashlib.sha256(content).hexdigest()


def test_how_the_numbers_were_made(labels):
    found = trace(collected(labels))
    assert found.label == {"method": {"engine": "x"}}
    assert trace(labels[0][1]).label == {}
