"""`getl.bonds`: what is stored comes back, and what makes no sense is refused."""

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.structures.bonds import find_bonds

METHOD = {"engine": "getl-cohp", "version": "0.1.0"}


@pytest.fixture
def bonds():
    return find_bonds([[0.0, 0, 0], [2.5, 0, 0]], np.eye(3) * 4.0, 4.0)


def test_round_trip(aiida_profile_clean, bonds):
    icohp = np.linspace(-1.0, 0.1, 2 * len(bonds)).reshape(-1, 2)
    node = BondStrengthsData.from_bonds(bonds, ["Zr", "Cu"], icohp, METHOD, spilling=0.01).store()
    loaded = orm.load_node(node.uuid)
    assert loaded.n_bonds == len(bonds)
    assert loaded.symbols == ["Zr", "Cu"]
    assert loaded.get_bonds().keys() == bonds.keys()
    np.testing.assert_allclose(loaded.get_strength(), -icohp.sum(axis=1))
    assert loaded.get_std() is None
    assert sum(loaded.base.attributes.get("bond_types").values()) == len(bonds)
    assert loaded.method == METHOD


def test_can_be_queried(aiida_profile_clean, bonds):
    BondStrengthsData.from_bonds(bonds, ["Zr", "Cu"], np.zeros(len(bonds)), METHOD).store()
    query = orm.QueryBuilder().append(BondStrengthsData, filters={"attributes.method.engine": "getl-cohp"})
    assert query.count() == 1


def test_missing_arrays_are_refused(aiida_profile_clean):
    with pytest.raises(ValidationError, match="from_bonds"):
        BondStrengthsData().store()


def test_numbers_that_are_none_are_refused(aiida_profile_clean, bonds):
    node = BondStrengthsData.from_bonds(bonds, ["Zr", "Cu"], np.full(len(bonds), np.nan), METHOD)
    with pytest.raises(ValidationError, match="finite"):
        node.store()


def test_rows_describe_a_bond(aiida_profile_clean, bonds):
    strengths = np.arange(len(bonds)) * 0.1
    node = BondStrengthsData.from_bonds(bonds, ["Zr", "Cu"], -strengths, METHOD, std=strengths + 0.01)
    row = node.get_row(1)
    assert row["strength_eV"] == pytest.approx(0.1)
    assert row["std_eV"] == pytest.approx(0.11)
    with pytest.raises(ValueError, match=f"{len(bonds)} bonds"):
        node.get_row(len(bonds))
