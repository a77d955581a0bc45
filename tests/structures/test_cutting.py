"""Cells cut from a glass."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.cutting import CORE_RADIUS, FACE_DEPTH, TOLERANCE, closest_pairs, cut_cell
from aiida_getl.structures.packing import random_packing


@pytest.fixture(scope="module")
def glass():
    """A random packing in a sheared cell, with atoms outside it."""
    atoms = random_packing({"Cu": 120, "Zr": 120}, seed=3)
    cell = np.asarray(atoms.cell) + np.array([[0, 0, 0], [3.0, 0, 0], [0, 2.0, 0]])
    atoms = Atoms(atoms.numbers, scaled_positions=atoms.get_scaled_positions(), cell=cell, pbc=True)
    atoms.positions[::7] += 2.0 * np.asarray(atoms.cell)[0]
    return atoms


@pytest.mark.parametrize("n_atoms", [24, 60])
def test_density_and_distances(glass, n_atoms):
    closest = closest_pairs(glass)
    for centre in (0, 7, 239):
        cell = cut_cell(glass, centre, n_atoms)
        assert len(cell) == n_atoms
        assert cell.numbers[0] == glass.numbers[centre]
        per_atom = glass.get_volume() / len(glass)
        assert cell.get_volume() / n_atoms == pytest.approx(per_atom, rel=0.25)
        found = closest_pairs(cell)
        assert all(found[pair] >= TOLERANCE * closest[pair] - 1e-9 for pair in found)


def test_surroundings_of_the_centre_are_those_of_the_glass(glass):
    for centre in (3, 150):
        cell = cut_cell(glass, centre, 80)
        depth = 0.5 * cell.cell[0, 0] - FACE_DEPTH
        reach = min(CORE_RADIUS, depth)

        def around(atoms, atom, reach=reach):
            bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), reach)
            mine = (bonds.atom_i == atom) | (bonds.atom_j == atom)
            other = np.where(bonds.atom_i == atom, bonds.atom_j, bonds.atom_i)[mine]
            return sorted(zip(np.round(bonds.distance[mine], 6), atoms.numbers[other], strict=True))

        assert len(around(glass, centre)) > 2
        assert around(cell, 0) == around(glass, centre)


def test_is_the_same_every_time(glass):
    first, again = cut_cell(glass, 11, 30), cut_cell(glass, 11, 30)
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.allclose(first.cell, cut_cell(glass, 12, 30).cell)


def test_does_not_depend_on_how_the_cell_is_chosen(glass):
    wrapped = glass.copy()
    wrapped.wrap()
    np.testing.assert_allclose(cut_cell(wrapped, 5, 30).positions, cut_cell(glass, 5, 30).positions, atol=1e-8)


def test_a_crystal_too(glass):
    crystal = bulk("Cu", cubic=True).repeat(4)
    cell = cut_cell(crystal, 17, 32)
    assert closest_pairs(cell)[29, 29] > TOLERANCE * closest_pairs(crystal)[29, 29] - 1e-9


def test_refuses_what_is_not_there(glass):
    with pytest.raises(ValueError, match="no atom 240"):
        cut_cell(glass, 240, 30)
    with pytest.raises(ValueError, match="give 2 to 240"):
        cut_cell(glass, 0, 241)


def test_closest_pairs_of_elements_that_do_not_meet():
    atoms = Atoms("CuZr", positions=[[0, 0, 0], [0, 0, 20.0]], cell=[3.0, 3.0, 40.0], pbc=True)
    found = closest_pairs(atoms)
    assert found[29, 29] == found[40, 40] == found[29, 40] == pytest.approx(3.0)
