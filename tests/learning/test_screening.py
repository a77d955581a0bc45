"""Screening features: by hand for three atoms, images, symmetries."""

import numpy as np
import pytest
from ase import Atoms

from aiida_getl.learning.screening import REFERENCE_LENGTH, BondScreening
from aiida_getl.structures.bonds import BondList, find_bonds


def named(descriptor, row):
    return dict(zip(descriptor.get_feature_names_out(), row.astype(float), strict=True))


def test_one_third_atom_by_hand():
    positions = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [1.0, 2.0, 0.0]]) + 10.0
    atoms = Atoms("ZrCuCu", positions=positions, cell=np.eye(3) * 40, pbc=True)
    bond = BondList(np.array([0]), np.array([1]), np.zeros((1, 3), int), np.array([3.0]))
    descriptor = BondScreening(["Cu", "Zr"], lengths=[0.5], decays=[0.8])
    row = named(descriptor, descriptor.describe(atoms, bond)[0])
    r1, r2 = np.sqrt(5.0), np.sqrt(8.0)
    u, v = r1 + r2 - 3.0, (r1 - r2) / 3.0
    expected = np.exp(-u / 0.5) * 0.5 * (1 + np.cos(np.pi * u / 5.0))
    for power in range(3):
        assert row[f"screening-0.5-v{power}-Cu"] == pytest.approx(expected * v**power, rel=1e-5)
        assert row[f"screening-0.5-v{power}-Zr"] == 0.0

    def weight(r):
        return np.exp((REFERENCE_LENGTH - r) / 0.8) * 0.5 * (1 + np.cos(np.pi * r / 6.5))

    # Zr sees two Cu; the Cu of the bond sees one Cu and the Zr
    assert row["coordination-0.8-sum-Cu"] == pytest.approx(weight(3.0) + weight(r1) + weight(r2), rel=1e-5)
    assert row["coordination-0.8-difference-Zr"] == pytest.approx(-weight(3.0), rel=1e-5)


@pytest.mark.parametrize("sheared", [False, True])
def test_images_of_a_small_cell(make_cell, doubled, sheared):
    atoms = make_cell(7, ("Cu", "Cu", "Zr"), 4.1)
    if sheared:
        cell = np.asarray(atoms.cell).copy()
        cell[0] += 0.7 * cell[1]
        atoms.set_cell(cell, scale_atoms=True)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
    descriptor = BondScreening(["Cu", "Zr"])
    rows = descriptor.transform([(atoms, bonds)])
    np.testing.assert_allclose(descriptor.describe(*doubled(atoms, bonds)), rows, rtol=1e-4, atol=1e-5)


def test_rows_do_not_depend_on_direction_rotation_wrapping_or_other_bonds(make_cell):
    atoms = make_cell(3)
    cell = np.asarray(atoms.cell)
    bonds = find_bonds(atoms.positions, cell, 3.5)
    descriptor = BondScreening(["Cu", "Zr"])
    rows = descriptor.describe(atoms, bonds)
    options = {"rtol": 1e-4, "atol": 1e-5}
    backward = BondList(bonds.atom_j, bonds.atom_i, -bonds.translation, bonds.distance)
    np.testing.assert_allclose(descriptor.describe(atoms, backward), rows, **options)
    rotated = atoms.copy()
    rotated.rotate(37.0, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(descriptor.describe(rotated, bonds), rows, **options)
    moved = atoms.copy()
    jump = np.random.default_rng(0).integers(-2, 3, (len(atoms), 3))
    moved.positions += jump @ cell
    translation = bonds.translation - jump[bonds.atom_j] + jump[bonds.atom_i]
    same = BondList(bonds.atom_i, bonds.atom_j, translation, bonds.distance)
    np.testing.assert_allclose(descriptor.describe(moved, same), rows, **options)
    # the longest bond of a list decides how far neighbours are searched, and nothing else
    some = np.flatnonzero(bonds.distance < 3.0)
    np.testing.assert_allclose(descriptor.describe(atoms, bonds.select(some)), rows[some], **options)


def test_bad_input_is_refused(make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    with pytest.raises(ValueError, match=r"not \['Zr'\]"):
        BondScreening(["Cu"]).describe(atoms, bonds)
    assert BondScreening(["Cu", "Zr"]).describe(atoms, bonds.select(np.arange(0))).shape == (0, 32)
