"""Blocks of a large structure: every bond once, described as in the whole."""

import itertools

import numpy as np
import pytest

from aiida_getl.learning.blocks import blocks
from aiida_getl.learning.descriptors import BondEnvironment, EndAtomSoap
from aiida_getl.learning.neighbours import Images, neighbour_pairs
from aiida_getl.structures.bonds import BondList, find_bonds

SYMBOLS = ("Cu",) * 60 + ("Zr",) * 60


@pytest.fixture(scope="module")
def large(make_cell):
    """A sheared cell whose atoms are not all inside it."""
    atoms = make_cell(5, SYMBOLS, 14.5)
    cell = np.asarray(atoms.cell).copy()
    cell[0] += 0.6 * cell[1]
    atoms.set_cell(cell, scale_atoms=True)
    atoms.positions += np.random.default_rng(0).integers(-2, 3, (len(atoms), 3)) @ cell
    return atoms


@pytest.mark.parametrize("descriptor", [BondEnvironment(["Cu", "Zr"]), EndAtomSoap(["Cu", "Zr"], n_max=3, l_max=2)])
def test_blocks_hold_every_bond_as_it_is_in_the_whole(large, descriptor):
    bonds = find_bonds(large.positions, np.asarray(large.cell), 3.6)
    rows = dict(zip(bonds.keys(), descriptor.describe(large, bonds), strict=True))
    parts = list(blocks(large, 3.6, descriptor.reach(3.6), block_atoms=40))
    assert len(parts) > 2
    assert sum(part.n_core for part in parts) == len(large)
    assert sorted(itertools.chain.from_iterable(part.bonds.keys() for part in parts)) == bonds.keys()
    for part in parts[:2]:
        keys = part.bonds.keys()
        expected = np.array([rows[key] for key in keys])
        np.testing.assert_allclose(descriptor.describe(part.atoms, part.local), expected, rtol=1e-4, atol=1e-5)
        symbols = np.array(part.atoms.get_chemical_symbols())
        assert (symbols[part.local.atom_i] == np.array(large.get_chemical_symbols())[part.bonds.atom_i]).all()


def test_a_small_structure_is_one_block(make_cell):
    atoms = make_cell(6, ("Cu", "Zr"), 3.9)
    (block,) = blocks(atoms, 4.2, 10.0)
    expected = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
    assert block.bonds.keys() == expected.keys()
    np.testing.assert_allclose(block.bonds.distance, expected.distance)
    assert block.atoms is atoms


def test_pairs_are_those_of_brute_force(large):
    images = Images.of(large.positions, np.asarray(large.cell), 5.0)
    np.testing.assert_allclose(
        images.points - images.points[images.atom],
        (images.translation - images.translation[images.atom]) @ np.asarray(large.cell),
        atol=1e-9,
    )
    centre, point, distance = neighbour_pairs(images.points[:10], images.tree, 5.0)
    table = np.linalg.norm(images.points[:10, None] - images.points, axis=2)
    assert sorted(zip(centre, point, strict=True)) == list(zip(*np.nonzero(table <= 5.0), strict=True))
    np.testing.assert_allclose(distance, table[centre, point])


def test_bad_input_is_refused(large):
    flat = large.copy()
    flat.set_cell(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="volume"):
        list(blocks(flat, 3.0, 5.0))
    with pytest.raises(ValueError, match="r_max > 0"):
        list(blocks(large, 0.0, 5.0))


def test_bonds_between_images_of_one_atom():
    from ase.build import bulk

    atoms = bulk("Cu")
    (block,) = blocks(atoms, 3.0, 8.0)
    assert isinstance(block.bonds, BondList)
    assert len(block.bonds) == 6
