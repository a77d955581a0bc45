"""Labels that stand in two databases are found by their bonds."""

import numpy as np
import pytest

from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.repeated import repeated_bonds, repeated_structures, shares_of_types
from aiida_getl.structures.bonds import find_bonds


@pytest.fixture(scope="module")
def label(make_cell, law):
    def make(seed, digits=None):
        atoms = make_cell(seed)
        bonds = find_bonds(atoms.positions, atoms.cell[:], 4.2)
        strength = law(atoms, bonds)
        if digits is not None:
            bonds = type(bonds)(bonds.atom_i, bonds.atom_j, bonds.translation, np.round(bonds.distance, digits))
            strength = np.round(strength, digits)
        return table_of_structure(atoms, bonds, strength, {"run": str(seed), "sub_run": "as_quenched"}, [])

    return make


def test_a_label_is_known_by_its_bonds_whatever_its_digits(label):
    table, training = concatenate([label(1), label(2)]), concatenate([label(3), label(2, digits=5)])
    repeated = repeated_bonds(table, training)
    assert repeated[table.structure == 1].all()
    assert repeated[table.structure == 0].mean() < 0.02
    assert repeated_structures(table, repeated).tolist() == [False, True]
    shares = shares_of_types(table, repeated)
    assert set(shares) == {"Cu-Cu", "Zr-Cu", "Zr-Zr"}
    assert all(0.3 < share < 0.7 for share in shares.values())


def test_equal_numbers_of_another_type_or_strength_are_no_repetition(label):
    table = label(1)
    of_one = table.of_type("Cu-Cu")
    assert repeated_bonds(of_one, table).all()
    assert not repeated_bonds(of_one, table.of_type("Zr-Zr")).any()
    stronger = label(1)
    stronger.strength[:] += 2e-4
    assert repeated_bonds(table, stronger).mean() < 0.02


def test_a_part_of_the_bonds(label):
    table = label(1)
    for share, same in ((0.3, False), (0.7, True)):
        training = table.select(np.arange(int(share * len(table))))
        assert repeated_structures(table, repeated_bonds(table, training)).tolist() == [same]
