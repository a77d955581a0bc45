"""Comparison of databases: inputs, settings, data, results, labels."""

import doctest

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance import comparison
from aiida_getl.provenance.comparison import compare
from aiida_getl.structures.bonds import find_bonds


@pytest.fixture
def build(cell):
    """Return a function that builds a DBI of structures by seed, with a name of its settings and a version."""

    def make(seeds, r_max=4.2, version="1"):
        structures, bonds = {}, {}
        for seed in seeds:
            structure = orm.StructureData(ase=cell(seed)).store()
            atoms = structure.get_ase()
            listed = find_bonds(atoms.positions, atoms.cell[:], 4.2)
            method = {"engine": "x", "version": version}
            label = BondStrengthsData.from_bonds(
                listed, atoms.get_chemical_symbols(), -np.exp(-listed.distance), method
            ).store()
            structures[f"run_{seed}"], bonds[f"run_{seed}"] = {"x": structure}, {"x": label}
        return build_dbi(orm.Dict({"r_max": r_max}), structures=structures, bonds=bonds), structures, bonds

    return make


def by_name(found):
    return {(each.section, each.name): (each.a, each.b) for each in found.differences}


def test_examples():
    result = doctest.testmod(comparison)
    assert result.attempted == 1
    assert result.failed == 0


def test_the_same_does_not_differ(build):
    dbi, structures, bonds = build([1])
    assert compare(dbi, dbi).differences == []
    again = build_dbi(orm.Dict({"r_max": 4.2}), structures=structures, bonds=bonds)
    found = compare(dbi, again)
    assert found.differences == []
    assert (found.labels_in_both, found.labels_only_in_a, found.labels_only_in_b) == (1, [], [])


def test_settings_method_and_data(build):
    a, structures, bonds = build([1, 2])
    less = build_dbi(
        orm.Dict({"r_max": 3.0}), structures={"run_1": structures["run_1"]}, bonds={"run_1": bonds["run_1"]}
    )
    found = compare(a, less)
    assert by_name(found)["settings", "r_max"] == (4.2, 3.0)
    assert by_name(found)["data", "n_structures"] == (2, 1)
    assert by_name(found)["data", "runs"] == (2, 1)
    assert ("results", "Zr-Cu mean -ICOHP (eV)") in by_name(found)
    assert [entry["label"] for entry in found.labels_only_in_a] == [bonds["run_2"]["x"].uuid]
    assert found.labels_in_both == 1
    other, *_ = build([1], version="2")
    assert by_name(compare(a, other))["settings", "method.version"] == ("1", "2")


def test_predictions_and_labels(build):
    _, _, bonds = build([1, 2])
    labels = [bonds[f"run_{seed}"]["x"] for seed in (1, 2)]
    found = compare(*labels)
    assert {section for section, _ in by_name(found)} == {"data", "results"}


def test_different_kinds_are_refused(build):
    dbi, _, bonds = build([1])
    model = BondModelData()
    model.base.attributes.set("bond_types", ["Cu-Zr"])
    for a, b in ((dbi, bonds["run_1"]["x"]), (dbi, model.store()), (orm.Int(1).store(), orm.Int(2).store())):
        with pytest.raises(ValueError, match="cannot be compared: give two DBIs, two models"):
            compare(a, b)
