"""The density about a bond's midpoint: by hand for one atom, images, symmetries, bonds between like atoms."""

import numpy as np
import pytest
from ase import Atoms
from scipy.special import sph_harm_y

from aiida_getl.learning.density import BondDensity
from aiida_getl.structures.bonds import BondList, find_bonds

OPTIONS = {"rtol": 1e-4, "atol": 2e-5}


def named(descriptor, row):
    return dict(zip(descriptor.get_feature_names_out(), row.astype(float), strict=True))


def one_bond(symbols, positions, distance):
    atoms = Atoms(symbols, positions=np.array(positions) + 20.0, cell=np.eye(3) * 40, pbc=True)
    return atoms, BondList(np.array([0]), np.array([1]), np.zeros((1, 3), int), np.array([distance]))


def test_one_third_atom_by_hand():
    """Against the spherical harmonic of its angle to the direction from Zr to Cu."""
    descriptor = BondDensity(["Cu", "Zr"], r_cut=5.0, n_max=3, l_max=3, sigma=0.4)
    row = named(descriptor, descriptor.describe(*one_bond("ZrCuCu", [[0, 0, 0], [3, 0, 0], [2.0, 1.8, -0.4]], 3.0))[0])
    r = np.sqrt(0.5**2 + 1.8**2 + 0.4**2)
    centres = [1.0, 2.75, 4.5]
    for n, angular in np.ndindex(3, 4):
        expected = (
            np.exp(-0.5 * ((r - centres[n]) / 1.75) ** 2)
            * 0.5
            * (1 + np.cos(np.pi * r / 5.0))
            * sph_harm_y(angular, 0, np.arccos(0.5 / r), 0.0).real
            * np.exp(-angular * (angular + 1) * 0.4**2 / (2 * r**2))
        )
        assert row[f"density-Cu-n{n}-l{angular}"] == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert row[f"density-Zr-n{n}-l{angular}"] == 0.0


def test_the_ends_are_no_third_atoms_but_their_images_are():
    lonely = one_bond("ZrCu", [[0, 0, 0], [2.6, 0, 0]], 2.6)
    descriptor = BondDensity(["Cu", "Zr"])
    assert not descriptor.describe(*lonely).any()
    atoms, bond = lonely
    atoms.set_cell(np.diag([40.0, 3.0, 40.0]))
    assert descriptor.describe(atoms, bond).any()


def test_an_atom_at_the_midpoint_has_no_direction():
    descriptor = BondDensity(["Cu", "Zr"])
    row = named(descriptor, descriptor.describe(*one_bond("ZrZrCu", [[0, 0, 0], [4, 0, 0], [2, 0, 0]], 4.0))[0])
    assert row["density-Cu-n0-l0"] > 0.05
    assert all(value == 0.0 for name, value in row.items() if not name.endswith("l0"))


def test_only_bonds_between_unlike_atoms_have_a_direction():
    descriptor = BondDensity(["Cu", "Zr"])
    odd = np.array([name[-1] in "13" for name in descriptor.get_feature_names_out()])
    third = [0.4, 2.0, 0.3]
    for symbols, directed in ((["Zr", "Cu", "Cu"], True), (["Cu", "Cu", "Cu"], False)):
        row = descriptor.describe(*one_bond(symbols, [[0, 0, 0], [3, 0, 0], third], 3.0))[0]
        assert row[odd].any() == directed
        turned = [symbols[1], symbols[0], symbols[2]]
        other = descriptor.describe(*one_bond(turned, [[3, 0, 0], [0, 0, 0], third], 3.0))[0]
        np.testing.assert_allclose(other, row, **OPTIONS)


@pytest.mark.parametrize("sheared", [False, True])
def test_images_of_a_small_cell(make_cell, doubled, sheared):
    atoms = make_cell(7, ("Cu", "Cu", "Zr"), 4.1)
    if sheared:
        cell = np.asarray(atoms.cell).copy()
        cell[0] += 0.7 * cell[1]
        atoms.set_cell(cell, scale_atoms=True)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 4.2)
    descriptor = BondDensity(["Cu", "Zr"])
    rows = descriptor.transform([(atoms, bonds)])
    np.testing.assert_allclose(descriptor.describe(*doubled(atoms, bonds)), rows, **OPTIONS)


def test_rows_do_not_depend_on_direction_rotation_mirror_wrapping_order_or_other_bonds(make_cell):
    atoms = make_cell(3)
    cell = np.asarray(atoms.cell)
    bonds = find_bonds(atoms.positions, cell, 3.5)
    descriptor = BondDensity(["Cu", "Zr"])
    rows = descriptor.describe(atoms, bonds)
    backward = BondList(bonds.atom_j, bonds.atom_i, -bonds.translation, bonds.distance)
    np.testing.assert_allclose(descriptor.describe(atoms, backward), rows, **OPTIONS)
    rotated = atoms.copy()
    rotated.rotate(37.0, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(descriptor.describe(rotated, bonds), rows, **OPTIONS)
    mirrored = atoms.copy()
    mirrored.set_cell(-cell, scale_atoms=False)
    mirrored.positions *= -1.0
    np.testing.assert_allclose(descriptor.describe(mirrored, bonds), rows, **OPTIONS)
    moved = atoms.copy()
    rng = np.random.default_rng(0)
    jump = rng.integers(-2, 3, (len(atoms), 3))
    moved.positions += jump @ cell + [0.3, -0.7, 0.2]
    translation = bonds.translation - jump[bonds.atom_j] + jump[bonds.atom_i]
    same = BondList(bonds.atom_i, bonds.atom_j, translation, bonds.distance)
    np.testing.assert_allclose(descriptor.describe(moved, same), rows, **OPTIONS)
    order = rng.permutation(len(atoms))
    place = np.argsort(order)
    renamed = BondList(place[bonds.atom_i], place[bonds.atom_j], bonds.translation, bonds.distance)
    np.testing.assert_allclose(descriptor.describe(atoms[order], renamed), rows, **OPTIONS)
    some = np.flatnonzero(bonds.distance < 3.0)
    np.testing.assert_allclose(descriptor.describe(atoms, bonds.select(some)), rows[some], **OPTIONS)


def test_what_is_beyond_the_cutoff_does_not_count_and_nothing_jumps_there():
    descriptor = BondDensity(["Cu", "Zr"], r_cut=5.0)
    near, beyond = (
        descriptor.describe(*one_bond("ZrCuCu", [[-1.5, 0, 0], [1.5, 0, 0], [0, r, 0]], 3.0))[0] for r in (4.999, 5.001)
    )
    assert not beyond.any()
    assert np.abs(near).max() < 1e-5


def test_names_and_bad_input(make_cell):
    descriptor = BondDensity(["Zr", "Cu"], n_max=2, l_max=1)
    assert descriptor.get_feature_names_out().tolist() == [
        f"density-{symbol}-n{n}-l{angular}" for symbol in ("Cu", "Zr") for angular in (0, 1) for n in (0, 1)
    ]
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    with pytest.raises(ValueError, match=r"not \['Zr'\]"):
        BondDensity(["Cu"]).describe(atoms, bonds)
    assert descriptor.describe(atoms, bonds.select(np.arange(0))).shape == (0, descriptor.n_features)
