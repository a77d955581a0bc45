"""Structures whose bonds would be wrong are refused, others are not."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from aiida_getl.structures.checks import check_open_boundaries, check_separation


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_atoms_on_each_other_are_named(shift):
    atoms = bulk("Cu", cubic=True) + Atoms("Au", positions=[[1.805, 1.805, 0]])
    atoms.positions[4] += [0, 0, shift]
    if shift == 1.0:
        check_separation(atoms, "glass.xyz")
        return
    with pytest.raises(ValueError, match=rf"glass\.xyz: atoms 4 \(Cu\) and 5 \(Au\) are {shift:.2f} Å apart"):
        check_separation(atoms, "glass.xyz")


def test_an_atom_and_its_own_image_across_the_cell():
    atoms = Atoms("Cu2", positions=[[0, 0, 0.01], [0, 0, 4.99]], cell=[5, 5, 5], pbc=True)
    with pytest.raises(ValueError, match=r"atoms 1 \(Cu\) and 2 \(Cu\) are 0\.02 Å"):
        check_separation(atoms, "a")
    with pytest.raises(ValueError, match=r"atoms 1 \(Cu\) and 1 \(Cu\) are 0\.30 Å"):
        check_separation(Atoms("Cu", cell=[0.3, 5, 5], pbc=True), "cell in nm")


@pytest.mark.parametrize("seed", range(5))
def test_in_skewed_cells_with_atoms_outside_them(seed):
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu").repeat((4, 3, 5))
    atoms.rattle(0.1, seed=seed)
    atoms.positions += rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell[:]
    check_separation(atoms, "a")
    direction = rng.normal(size=3)
    atoms.positions[-1] = atoms.positions[7] + 0.39 * direction / np.linalg.norm(direction) + atoms.cell[1]
    with pytest.raises(ValueError, match=r"atoms 8 \(Cu\) and 60 \(Cu\) are 0\.39 Å"):
        check_separation(atoms, "a")


def test_the_shortest_bonds_are_allowed():
    atoms = molecule("H2", vacuum=3)
    atoms.pbc = True
    check_separation(atoms, "H2")


@pytest.mark.parametrize("pbc", [(False, False, False), (True, True, False)])
def test_open_boundaries(pbc):
    glass = bulk("Cu", cubic=True).repeat(2)
    glass.pbc = pbc
    with pytest.raises(ValueError, match=r"glass is not periodic .* over 2\.55 Å"):
        check_open_boundaries(glass, "glass")
    glass.pbc = True
    check_open_boundaries(glass, "glass")


def test_vacuum_around_a_slab_or_a_cluster():
    slab = fcc111("Cu", (2, 2, 3), vacuum=4)
    assert slab.pbc.tolist() == [True, True, False]
    check_open_boundaries(slab, "slab")
    slab.center(vacuum=1.0, axis=2)
    with pytest.raises(ValueError, match=r'pbc="T T F"'):
        check_open_boundaries(slab, "slab")
    cluster = molecule("C60", vacuum=4)
    check_open_boundaries(cluster, "C60")
    assert not np.any(cluster.pbc)
