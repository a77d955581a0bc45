"""The pseudopotential family in a profile."""

import pytest
from aiida import orm

from aiida_getl.pseudos.generate import FAMILY_LABEL
from aiida_getl.setup.pseudos import ensure_family

pytestmark = pytest.mark.engines


def test_family_has_datasets_and_cutoffs(paw_family):
    assert set(paw_family.elements) == {"Al", "Cu", "Zr"}
    assert paw_family.get_pseudo("Cu").z_valence == 19
    wavefunction, density = paw_family.get_recommended_cutoffs(elements=("Cu", "Zr"), unit="Ry")
    # PAW densities need more than the four times of norm-conserving ones.
    assert density > 4 * wavefunction > 120


def test_unchanged_family_is_kept(paw_family, engine_path):
    family, is_new = ensure_family(engine_path("ld1.x"))
    assert (family.uuid, is_new) == (paw_family.uuid, False)


def test_family_of_other_inputs_gives_way(paw_family, engine_path):
    paw_family.base.extras.set("getl_inputs_sha256", "of another version")
    family, is_new = ensure_family(engine_path("ld1.x"))
    assert is_new
    assert orm.load_group(FAMILY_LABEL).uuid == family.uuid
    old = orm.load_group(paw_family.uuid)
    assert old.label == f"{FAMILY_LABEL}/until-{old.pk}"
    # The same ld1.x makes the same bytes, so both families hold the same nodes.
    assert old.get_pseudo("Cu").uuid == family.get_pseudo("Cu").uuid
