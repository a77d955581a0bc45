"""Deformed structures as nodes."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.augment import augment
from aiida_getl.structures.deformation import PUBLISHED_SUBRUNS
from aiida_getl.structures.packing import random_packing

AMPLITUDES = {"shear": 0.5, "uniaxial": [0.02, -0.2], "isotropic": [0.01, -0.1]}


def test_fourteen_structures_with_provenance():
    structure = orm.StructureData(ase=random_packing({"Cu": 4, "Zr": 4}, 0))
    deformed = augment(structure, orm.Dict(AMPLITUDES))
    assert set(deformed) == set(PUBLISHED_SUBRUNS)
    for name, node in deformed.items():
        assert node.creator.inputs.structure == structure
        assert node.base.links.get_incoming().one().link_label == name
        np.testing.assert_allclose(
            node.get_ase().get_scaled_positions(wrap=False), structure.get_ase().get_scaled_positions(wrap=False)
        )
    assert deformed["isotropic_compression"].get_cell_volume() == pytest.approx(structure.get_cell_volume() * 0.9**3)


@pytest.mark.parametrize(
    ("amplitudes", "message"),
    [({"shear": 0.5}, "isotropic"), ({**AMPLITUDES, "uniaxial": [0.02, 0.2]}, "compression between -1 and 0")],
)
def test_bad_amplitudes(amplitudes, message):
    with pytest.raises(ValueError, match=message):
        augment(orm.StructureData(ase=random_packing({"Cu": 1, "Zr": 1}, 0)), orm.Dict(amplitudes))
