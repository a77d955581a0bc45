"""`getl.model`: a model that was stored predicts the same numbers, bit for bit."""

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from ase import Atoms

from aiida_getl.data.model import BondModelData
from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.settings import complete_settings, default_descriptors
from aiida_getl.learning.training import train
from aiida_getl.structures.bonds import find_bonds

LABELLED_BY = {"engine": "getl-cohp", "version": "0.1.0"}
VALIDATION = {"metrics": {"Zr-Cu": {"model": {"rmse": 0.1}}}}


def cell(seed):
    """Return a distorted B2 supercell."""
    atoms = Atoms(["Cu", "Zr"], scaled_positions=[[0, 0, 0], [0.5] * 3], cell=[3.26] * 3, pbc=True).repeat(2)
    atoms.rattle(0.15, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def model():
    descriptors = default_descriptors(["Cu", "Zr"])
    tables = []
    for run in range(2):
        atoms = cell(run)
        bonds = find_bonds(atoms.positions, atoms.cell[:], 3.6)
        tables.append(table_of_structure(atoms, bonds, np.exp(2.5 - bonds.distance), {"run": run}, descriptors))
    settings = complete_settings(
        {"max_bonds": 60, "max_bonds_hyperparameters": 30}, {entry["kind"]: entry for entry in descriptors}
    )
    return train(concatenate(tables), settings, 0)


@pytest.fixture
def node(aiida_profile_clean, model):
    return BondModelData.from_model(model, VALIDATION, "uuid-of-the-dbi", LABELLED_BY)


def test_predicts_the_same_bit_for_bit(node, model):
    loaded = orm.load_node(node.store().uuid).get_model()
    unseen = cell(7)
    before, after = model.predict(unseen), loaded.predict(unseen)
    assert len(before.mean) > 50
    assert np.isfinite(before.mean).any()
    for name in ("type", "mean", "std", "unknown_type", "outside_range"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)
    assert after.bonds.keys() == before.bonds.keys()


def test_carries_its_history(node, model):
    assert node.bond_types == sorted(model.regressors) == ["Cu-Cu", "Zr-Cu", "Zr-Zr"]
    assert node.validation == VALIDATION
    assert node.labelled_by == LABELLED_BY
    node.store()
    for filters, count in (
        ({"attributes.bond_types": {"contains": ["Zr-Cu"]}}, 1),
        ({"attributes.dbi": "uuid-of-the-dbi"}, 1),
        ({"attributes.labelled_by.engine": "LOBSTER"}, 0),
    ):
        assert orm.QueryBuilder().append(BondModelData, filters=filters).count() == count, filters


def test_nothing_is_pickled(node):
    names = node.base.repository.list_object_names()
    names.remove("parameters.json")
    for name in names:
        with node.base.repository.open(name, "rb") as handle:
            np.load(handle, allow_pickle=False)


def test_an_empty_one_is_refused(aiida_profile_clean):
    with pytest.raises(ValidationError, match="from_model"):
        BondModelData().store()
