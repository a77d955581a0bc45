"""Descriptors of the bonds of a structure as a node, and what is refused."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.featurize import featurize
from aiida_getl.learning.descriptors import from_settings
from aiida_getl.structures.bonds import find_bonds


def test_all_bonds_are_described_by_the_default_descriptors(label):
    structure, _ = label(1)
    node = featurize(structure, orm.Dict({"r_max": 3.5}))
    atoms = structure.get_ase()
    bonds = find_bonds(atoms.positions, atoms.cell[:], 3.5)
    np.testing.assert_array_equal(node.get_array("translation"), bonds.translation)
    np.testing.assert_array_equal(node.get_array("distance"), bonds.distance)
    settings = node.base.attributes.get("descriptors")
    assert [each["kind"] for each in settings] == ["bond_environment", "end_atom_soap"]
    for each in settings:
        rows = node.get_array(f"descriptor_{each['kind']}")
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, from_settings(each).describe(atoms, bonds))
    assert node.base.attributes.get("n_bonds") == len(bonds)


def test_bonds_of_a_label_and_a_chosen_descriptor(label):
    structure, bonds = label(2)
    screening = {"kind": "bond_screening", "species": ["Al", "Cu", "Zr"]}
    node = featurize(structure, orm.Dict({"descriptors": [screening]}), bonds)
    assert node.get_array("descriptor_bond_screening").shape == (bonds.n_bonds, from_settings(screening).n_features)
    assert "descriptor_end_atom_soap" not in node.get_arraynames()


def test_a_frame_of_a_trajectory(label):
    cells = [label(seed)[0].get_ase() for seed in (1, 1)]
    cells[1].rattle(0.05, seed=3)
    trajectory = orm.TrajectoryData()
    trajectory.set_trajectory(
        cells[0].get_chemical_symbols(),
        np.array([c.positions for c in cells]),
        cells=np.array([c.cell[:] for c in cells]),
    )
    settings = {"descriptors": [{"kind": "bond_screening", "species": ["Cu", "Zr"]}], "r_max": 3.5}
    node = featurize(trajectory.store(), orm.Dict({**settings, "frame": 1}))
    alone = featurize(orm.StructureData(ase=cells[1]).store(), orm.Dict(settings))
    for name in alone.get_arraynames():
        # AiiDA keeps 14 digits of the positions of a structure.
        np.testing.assert_allclose(node.get_array(name), alone.get_array(name), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rmax": 4.0}, r"unknown settings ['rmax']"),
        ({"r_max": -1.0}, "r_max is -1.0: it must be a length"),
        ({"r_max": "far"}, "r_max is 'far'"),
        ({"frame": 1}, "there is no frame 1"),
        ({"frame": 0.5}, "frame is 0.5"),
        ({"descriptors": {"kind": "bond_screening"}}, "give a list"),
        ({"descriptors": [{"kind": "hand"}]}, "unknown descriptor 'hand'"),
        ({"descriptors": [{"kind": "bond_screening"}]}, "needs the chemical symbols"),
        ({"descriptors": [{"kind": "bond_screening", "species": ["Cu", "Zr"]}] * 2}, "each kind can be there once"),
        ({"descriptors": [{"kind": "bond_screening", "species": ["Cu"]}]}, "Zr"),
    ],
)
def test_bad_settings_are_refused(label, settings, message):
    _, node = featurize.run_get_node(label(1)[0], orm.Dict(settings))
    assert node.exit_status == 401
    assert message in node.exit_message


def test_bonds_of_another_structure_are_refused(label):
    structure, _ = label(1)
    for bonds, message in ((label(2)[1], "Å from their lengths"), (label(1, composition={"Cu": 6})[1], "of 6 atoms")):
        _, node = featurize.run_get_node(structure, orm.Dict({}), bonds)
        assert node.exit_status == 401
        assert message in node.exit_message
