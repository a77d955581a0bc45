"""Marks: who inherits a fault and who does not, the cache, and databases built without what is faulty."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import calcfunction, run_get_node

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.merge_dbi import merge_dbi
from aiida_getl.calculations.leave_out import faulty_labels, leave_out_faulty
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.faults import COPIED_FROM, faults_of, history, mark, marks, unmark
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.etl_model import EtlModelWorkChain

JOB = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 2}}


@calcfunction
def stretch(structure):
    atoms = structure.get_ase()
    atoms.set_cell(atoms.cell[:] * 1.02, scale_atoms=True)
    return orm.StructureData(ase=atoms)


@calcfunction
def learn(dbi, structure):
    """Stands for `train`, of which only the place in the graph matters here."""
    model = BondModelData()
    model.base.attributes.set_many({"bond_types": ["Cu-Zr"], "dbi": dbi.uuid, "template": structure.uuid})
    return model


@calcfunction
def propose_cell(model):
    """A structure that a model asked for."""
    return orm.StructureData(ase=orm.load_node(model.base.attributes.get("template")).get_ase())


@pytest.fixture(autouse=True)
def no_marks():
    yield
    for each in marks():
        unmark(orm.load_node(each.pk))


@pytest.fixture
def upf():
    return orm.Dict({"stands for": "a pseudopotential"}).store()


@pytest.fixture
def label(run_job, upf):
    """Return a function that labels a structure: (job, label)."""

    def make(structure, pseudo=None):
        atoms = structure.get_ase()
        listed = find_bonds(atoms.positions, atoms.cell[:], 4.2)
        method = {"engine": "x", "version": "1"}
        bonds = BondStrengthsData.from_bonds(listed, atoms.get_chemical_symbols(), -np.exp(-listed.distance), method)
        job = run_job("lobster", {"structure": structure, "pseudos__Cu": pseudo or upf}, {"bonds": bonds}, **JOB)
        return job, bonds

    return make


@pytest.fixture
def glass(cell):
    return orm.StructureData(ase=cell(3)).store()


def test_the_mark_tells_who_when_and_why(glass):
    found = mark(glass, " melted twice ")
    assert marks() == [found]
    assert (found.pk, found.reason) == (glass.pk, "melted twice")
    assert orm.User.collection.get_default().email in found.who
    assert found.when.startswith("20")
    unmark(glass, "it was not")
    assert marks() == []
    assert [(entry["event"], entry["reason"]) for entry in history(glass)] == [
        ("marked", "melted twice"),
        ("unmarked", "it was not"),
    ]


def test_what_cannot_be_marked(glass):
    with pytest.raises(ValueError, match="say why"):
        mark(glass, "  ")
    with pytest.raises(ValueError, match="is not stored"):
        mark(orm.Int(1), "x")
    with pytest.raises(ValueError, match="is not marked as faulty"):
        unmark(glass)


def test_a_fault_is_inherited_by_what_was_computed_from_it(glass, label, upf):
    deformed = stretch(glass)
    job, own = label(glass)
    _, other = label(deformed)
    _, elsewhere = label(glass, orm.Dict({"another": "pseudopotential"}).store())
    pks = [own.pk, other.pk, elsewhere.pk]
    assert faults_of(pks) == {}
    mark(upf, "wrong cut-off radius")
    assert set(faults_of(pks)) == {own.pk, other.pk}
    assert faults_of([other.pk])[other.pk].endswith(f"<{upf.pk}>, marked as faulty: wrong cut-off radius")
    unmark(upf)
    mark(glass, "crystallised")
    assert set(faults_of(pks)) == set(pks)
    unmark(glass)
    mark(deformed, "too far")
    assert set(faults_of(pks)) == {other.pk}
    unmark(deformed)
    mark(job, "node failure")
    assert set(faults_of(pks)) == {own.pk}
    mark(own, "odd")
    assert faults_of(pks) == {own.pk: "marked as faulty: odd"}


def test_a_work_chain_stands_for_all_that_it_called(glass, label, run_job, work_chain):
    outer = work_chain()
    inner = work_chain(outer)
    made = orm.StructureData(ase=glass.get_ase())
    run_job("lammps", {"before": glass}, {"structure": made}, inner, **JOB)
    _, bonds = label(made)
    mark(outer, "wrong rate")
    assert set(faults_of([bonds.pk, made.pk, glass.pk])) == {bonds.pk, made.pk}


def test_not_through_a_model(glass, label, cell):
    """What a model asked for is a structure as good as any."""
    _, first = label(glass)
    dbi = build_dbi(orm.Dict({}), structures={"r": {"x": glass}}, bonds={"r": {"x": first}})
    _, second = label(propose_cell(learn(dbi, orm.StructureData(ase=cell(4)))))
    mark(first, "odd")
    assert set(faults_of([first.pk, second.pk])) == {first.pk}


def test_the_cache_forgets_what_is_marked_and_its_copies_inherit(glass, label):
    number = stretch(glass)
    maker = number.creator
    job, bonds = label(glass)
    copy, copied = label(glass)
    copy.base.extras.set(COPIED_FROM, job.uuid)
    assert maker.base.caching.is_valid_cache
    mark(number, "odd")
    assert not maker.base.caching.is_valid_cache
    mark(number, "very odd")
    unmark(number)
    assert maker.base.caching.is_valid_cache
    mark(bonds, "odd")
    assert set(faults_of([bonds.pk, copied.pk])) == {bonds.pk, copied.pk}
    unmark(bonds)
    mark(job, "odd")
    assert set(faults_of([bonds.pk, copied.pk])) == {bonds.pk, copied.pk}


def test_new_databases_leave_out_what_is_faulty(glass, label):
    deformed = stretch(glass)
    structures = {"run_0": {"as_quenched": glass, "tension_x": deformed}}
    bonds = {"run_0": {"as_quenched": label(glass)[1], "tension_x": label(deformed)[1]}}
    assert leave_out_faulty(structures, bonds) == (structures, bonds, {})
    mark(bonds["run_0"]["tension_x"], "spilling of 40 %")
    kept, labels, failures = leave_out_faulty(structures, bonds)
    assert {run: list(cells) for run, cells in kept.items()} == {"run_0": ["as_quenched"]}
    assert {run: list(cells) for run, cells in labels.items()} == {"run_0": ["as_quenched"]}
    assert failures["run_0"]["tension_x"]["reason"] == "marked as faulty: spilling of 40 %"
    # Asked again, the record is the same node, so that the database can be found again.
    assert leave_out_faulty(structures, bonds)[2]["run_0"]["tension_x"].uuid == failures["run_0"]["tension_x"].uuid
    dbi = build_dbi(orm.Dict({}), structures=kept, bonds=labels, failures=failures)
    assert [entry["sub_run"] for entry in dbi.structures] == ["as_quenched"]
    assert {"run": "run_0", "sub_run": "tension_x", "reason": "marked as faulty: spilling of 40 %"} in dbi.left_out
    mark(glass, "crystallised")
    assert leave_out_faulty(structures, bonds)[0] == {}


def test_merging_leaves_out_what_is_faulty(glass, label, cell):
    other = orm.StructureData(ase=cell(4)).store()
    labels = [label(glass)[1], label(other)[1]]
    dbis = [
        build_dbi(orm.Dict({}), structures={f"r{k}": {"x": structure}}, bonds={f"r{k}": {"x": bonds}})
        for k, (structure, bonds) in enumerate(zip((glass, other), labels, strict=True))
    ]
    assert faulty_labels(dbis) == {}
    mark(labels[0], "odd")
    faulty = faulty_labels(dbis)
    assert faulty == {labels[0].uuid: "marked as faulty: odd"}
    merged = merge_dbi(orm.Dict({}), leave_out=orm.Dict(faulty), a=dbis[0], b=dbis[1])
    assert [entry["label_id"] for entry in merged.structures] == [labels[1].uuid]
    assert {"run": "r0", "sub_run": "x", "reason": "marked as faulty: odd"} in merged.left_out
    both = merge_dbi(orm.Dict({}), a=dbis[0], b=dbis[1])
    cleaned = merge_dbi(orm.Dict({}), leave_out=orm.Dict(faulty), a=both)
    assert cleaned.bond_types == dbis[1].bond_types
    _, process = merge_dbi.run_get_node(orm.Dict({}), leave_out=orm.Dict(faulty), a=dbis[0])
    assert process.exit_status == 406


def test_the_work_chain_refuses_to_learn_from_nothing_but_faults(glass, label):
    bonds = label(glass)[1]
    mark(glass, "crystallised")
    inputs = {"structures": {"r": {"x": glass}}, "bonds": {"r": {"x": bonds}}, "settings": orm.Dict({}), "seed": 1}
    _, node = run_get_node(EtlModelWorkChain, **inputs)
    assert node.exit_status == 401
    assert "every label is marked as faulty" in node.exit_message
    # A model takes more labels than one; the database is there, and holds it.
    _, node = run_get_node(EtlModelWorkChain, **inputs, keep_faulty=True)
    assert node.outputs.dbi.structures[0]["label_id"] == bonds.uuid
