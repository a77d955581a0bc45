"""Which matrix elements belong to which bond."""

import numpy as np
import pytest

from aiida_getl.cohp.blocks import bond_blocks
from aiida_getl.structures.bonds import BondList

ATOM = np.array([0, 0, 1, 2, 2, 2])


def test_blocks_name_every_element_once():
    bonds = BondList(np.array([0, 2]), np.array([1, 0]), np.zeros((2, 3), dtype=int), np.ones(2))
    blocks = bond_blocks(bonds, ATOM)
    assert list(zip(blocks.row, blocks.column, strict=True)) == [
        (0, 2),
        (1, 2),
        (3, 0),
        (3, 1),
        (4, 0),
        (4, 1),
        (5, 0),
        (5, 1),
    ]
    assert blocks.sum(np.ones(8)).tolist() == [2, 6]
    assert [(a.start, a.stop, b.start, b.stop, part.start, part.stop) for a, b, part in blocks.slices()] == [
        (0, 2, 2, 3, 0, 2),
        (3, 6, 0, 2, 2, 8),
    ]


def test_atoms_without_functions_have_no_bonds():
    bonds = BondList(np.array([0]), np.array([1]), np.zeros((1, 3), dtype=int), np.ones(1))
    with pytest.raises(ValueError, match="without basis functions"):
        bond_blocks(bonds, np.array([0, 2]))
