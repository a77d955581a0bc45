"""Descriptors: periodic images, symmetry, the exact SOAP kernel, the published kernel."""

import itertools
import json

import numpy as np
import pytest
from ase import Atoms
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from aiida_getl.learning.descriptors import (
    DESCRIPTORS,
    BondCentreSoap,
    BondDensity,
    BondEnvironment,
    BondScreening,
    EndAtomSoap,
    from_settings,
)
from aiida_getl.structures.bonds import BondList, find_bonds

BOTH = pytest.mark.parametrize("cls", [BondCentreSoap, EndAtomSoap])
CELLS = {
    "smaller than the cut-off": np.diag([3.6, 3.8, 4.1]),
    "sheared": np.array([[4.0, 0, 0], [3.5, 4.2, 0], [0.5, -1.0, 3.6]]),
    "left-handed": np.array([[0, 4.0, 0.3], [4.4, 0, 0], [0, 0, 9.0]]),
}


def cluster_around(atoms, radius):
    """The periodic structure as an open cluster that holds all images within ``radius`` of the home cell's atoms."""
    shifts = np.array(list(itertools.product(range(-8, 9), repeat=3))) @ np.asarray(atoms.cell)
    positions = (atoms.positions + shifts[:, None]).reshape(-1, 3)
    near = np.linalg.norm(positions[:, None] - atoms.positions, axis=2).min(axis=1) < radius
    return Atoms(np.tile(atoms.numbers, len(shifts))[near], positions=positions[near])


def normalised(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@BOTH
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_images_agree_with_a_cluster_and_a_supercell(cls, cell):
    # Atoms outside the cell on purpose: translations belong to unwrapped positions.
    atoms = Atoms("CuZrCu", scaled_positions=[[0.1, -0.9, 0.2], [1.6, 0.4, 0.7], [0.5, 2.4, -0.6]], cell=cell, pbc=True)
    bonds = find_bonds(atoms.positions, cell, 4.0)
    descriptor = cls(["Cu", "Zr"], r_cut=4.0, n_max=4, l_max=3)
    rows = descriptor.transform([(atoms, bonds)])

    # In the 2 x 2 x 2 supercell ASE puts the home cell first: atom j of the cell at t is at index j or another image.
    big = atoms.repeat(2)
    n = len(atoms)
    image = np.mod(bonds.translation, 2)
    atom_j = bonds.atom_j + n * (image @ [4, 2, 1])
    supercell = BondList(bonds.atom_i, atom_j, (bonds.translation - image) // 2, bonds.distance)
    np.testing.assert_allclose(descriptor.describe(big, supercell), rows, atol=2e-6)

    # The cluster knows nothing of cells: plain DScribe on it, in a box too large to matter.
    reach = 4.0 + 0.5 * 3.72 + 4.0 + 0.5
    cluster = cluster_around(atoms, reach)
    cluster.set_cell(np.eye(3) * 200.0)
    vectors = atoms.positions[bonds.atom_j] + bonds.translation @ cell - atoms.positions[bonds.atom_i]
    index_i = [np.linalg.norm(cluster.positions - r, axis=1).argmin() for r in atoms.positions[bonds.atom_i]]
    index_j = [np.linalg.norm(cluster.positions - r, axis=1).argmin() for r in atoms.positions[bonds.atom_i] + vectors]
    zero = np.zeros((len(bonds), 3), dtype=int)
    open_bonds = BondList(np.array(index_i), np.array(index_j), zero, bonds.distance)
    shift = np.array([100.0, 100.0, 100.0])
    cluster.translate(shift)
    if cls is BondCentreSoap:  # end atoms at the rim of the cluster lack neighbours; midpoints do not
        np.testing.assert_allclose(descriptor.describe(cluster, open_bonds), rows, atol=2e-6)


@BOTH
def test_rows_do_not_depend_on_direction_rotation_or_wrapping(cls, make_cell):
    atoms = make_cell(3)
    cell = np.asarray(atoms.cell)
    bonds = find_bonds(atoms.positions, cell, 3.5)
    rows = cls(["Cu", "Zr"]).describe(atoms, bonds)
    backward = BondList(bonds.atom_j, bonds.atom_i, -bonds.translation, bonds.distance)
    np.testing.assert_allclose(cls(["Cu", "Zr"]).describe(atoms, backward), rows, atol=2e-6)
    rotated = atoms.copy()
    rotated.rotate(37.0, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(cls(["Cu", "Zr"]).describe(rotated, bonds), rows, atol=1e-5)
    moved = atoms.copy()
    jump = np.random.default_rng(0).integers(-2, 3, (len(atoms), 3))
    moved.positions += jump @ cell
    translation = bonds.translation - jump[bonds.atom_j] + jump[bonds.atom_i]
    same = BondList(bonds.atom_i, bonds.atom_j, translation, bonds.distance)
    np.testing.assert_allclose(cls(["Cu", "Zr"]).describe(moved, same), rows, atol=2e-6)


def test_end_atom_means_give_the_published_kernel(make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    descriptor = EndAtomSoap(["Cu", "Zr"])
    means = descriptor.describe(atoms, bonds)
    # An atom with itself as both ends gives that atom's own vector.
    everyone = np.arange(len(atoms))
    selves = BondList(everyone, everyone, np.zeros((len(atoms), 3), dtype=int), np.zeros(len(atoms)))
    single = descriptor.describe(atoms, selves).astype(float)
    np.testing.assert_allclose(np.linalg.norm(single, axis=1), 1.0, atol=1e-6)
    a, b = single[bonds.atom_i], single[bonds.atom_j]
    np.testing.assert_allclose(means @ means.T, (a @ a.T + b @ b.T + a @ b.T + b @ a.T) / 4, atol=1e-5)


def test_dot_product_is_that_of_the_whole_power_spectrum(make_cell):
    """Every entry (Z n, Z' n') counts, also those that are stored once for two."""
    from dscribe.descriptors import SOAP

    atoms = make_cell(2)
    atoms.wrap()
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 2.8)
    descriptor = BondCentreSoap(["Zr", "Cu"], r_cut=4.0, n_max=3, l_max=2, sigma=0.5)
    rows = descriptor.describe(atoms, bonds).astype(float)

    middle = atoms.positions[bonds.atom_i] + 0.5 * (
        atoms.positions[bonds.atom_j] + bonds.translation @ np.asarray(atoms.cell) - atoms.positions[bonds.atom_i]
    )
    middle = np.mod(middle @ np.linalg.inv(atoms.cell), 1.0) @ np.asarray(atoms.cell)
    soap = SOAP(species=["Zr", "Cu"], r_cut=4.0, n_max=3, l_max=2, sigma=0.5, rbf="gto", periodic=True)
    stored = soap.create(atoms, centers=middle)
    whole = []
    for first, second in itertools.product(["Cu", "Zr"], repeat=2):
        block = stored[:, soap.get_location((first, second))]
        if first == second:  # only n' >= n: unfold
            square = np.zeros((len(block), 3, 3, 3))  # l, n, n'
            upper = [(n, m) for n in range(3) for m in range(n, 3)]
            for k, (n, m) in enumerate(upper):
                square[:, :, n, m] = square[:, :, m, n] = block.reshape(len(block), 3, -1)[:, :, k]
            block = square.reshape(len(block), -1)
        whole.append(block)
    reference = normalised(np.concatenate(whole, axis=1))
    np.testing.assert_allclose(rows @ rows.T, reference @ reference.T, atol=1e-6)


def test_feature_names_tell_the_factors():
    """With one neighbour the spectrum is of rank one: p(n, n')² = p(n, n) p(n', n') for each l."""
    atoms = Atoms("CuZr", positions=[[10, 10, 10], [12.2, 10.4, 10.3]], cell=np.eye(3) * 30, pbc=True)
    selves = BondList(np.array([0]), np.array([0]), np.array([[0, 0, 0]]), np.array([0.0]))
    descriptor = EndAtomSoap(["Zr", "Cu"], r_cut=4.0, n_max=3, l_max=2)
    row = dict(
        zip(descriptor.get_feature_names_out(), descriptor.describe(atoms, selves)[0].astype(float), strict=True)
    )
    assert len(row) == descriptor.n_features == 63
    assert len(set(row)) == 63
    for n, m, angular in itertools.product(range(3), range(3), (1, 2)):
        if n < m:
            product = row[f"Zr{n}-Zr{n}-l{angular}"] * row[f"Zr{m}-Zr{m}-l{angular}"]
            assert row[f"Zr{n}-Zr{m}-l{angular}"] ** 2 == pytest.approx(2 * product, rel=1e-4, abs=1e-10)
        # the atom at the centre is a sphere: no part of it has an angular momentum
        assert row[f"Cu{n}-Zr{m}-l{angular}"] == pytest.approx(0.0, abs=1e-6)


@BOTH
def test_settings_make_the_same_descriptor(cls, make_cell):
    descriptor = cls(["Zr", "Cu"], r_cut=4.5, n_max=3, l_max=2, sigma=0.7)
    again = from_settings(json.loads(json.dumps(descriptor.settings())))
    assert type(again) is cls
    assert again.get_params() == descriptor.get_params()
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    rows = descriptor.describe(atoms, bonds)
    np.testing.assert_array_equal(again.fit_transform([(atoms, bonds)]), rows)
    assert rows.dtype == np.float32
    assert rows.shape == (len(bonds), descriptor.n_features)


def test_an_environment_is_its_parts(make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    species = ["Cu", "Zr"]
    small = {"n_max": 3, "l_max": 2}
    whole = BondEnvironment(species, soap=small)
    parts = [BondScreening(species), BondDensity(species), BondCentreSoap(species, **small)]
    rows = np.hstack([part.describe(atoms, bonds) for part in parts])
    np.testing.assert_allclose(whole.describe(atoms, bonds), rows, rtol=1e-3, atol=1e-6)
    images = whole.images(atoms, 4.0)
    np.testing.assert_allclose(whole.describe(atoms, bonds, images), rows, rtol=1e-3, atol=1e-6)
    assert (whole.n_screening, whole.n_density, whole.n_features) == (32, 60, rows.shape[1])
    assert whole.get_feature_names_out().tolist() == [
        name for part in parts for name in part.get_feature_names_out().tolist()
    ]
    assert from_settings(json.loads(json.dumps(whole.settings()))).settings() == whole.settings()


def test_environments_stored_before_there_was_a_density_have_none(make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    stored = {key: value for key, value in BondEnvironment(["Cu", "Zr"]).settings().items() if key != "density"}
    old = from_settings(stored)
    assert old.n_density == 0
    assert old.settings() == stored
    rows = [part(["Cu", "Zr"]).describe(atoms, bonds) for part in (BondScreening, BondCentreSoap)]
    np.testing.assert_allclose(old.describe(atoms, bonds), np.hstack(rows), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("cls", DESCRIPTORS.values(), ids=DESCRIPTORS)
def test_species_are_found_where_none_are_given(cls, make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    descriptor = clone(cls())
    with pytest.raises(NotFittedError):
        descriptor.describe(atoms, bonds)
    rows = descriptor.fit_transform([(atoms, bonds)])
    np.testing.assert_array_equal(rows, cls(["Cu", "Zr"]).transform([(atoms, bonds)]))
    assert descriptor.settings() == cls(["Cu", "Zr"]).settings()
    assert descriptor.get_params()["species"] is None


def test_bad_input_is_refused(make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    with pytest.raises(ValueError, match=r"not \['Zr'\]"):
        BondCentreSoap(["Cu"]).describe(atoms, bonds)
    with pytest.raises(ValueError, match="unknown descriptor 'soup'"):
        from_settings({"kind": "soup"})
    with pytest.raises(ValueError, match=r"\['cutoff'\]"):
        from_settings({"kind": "end_atom_soap", "species": ["Cu"], "cutoff": 3})
    with pytest.raises(ValueError, match="species"):
        from_settings({"kind": "end_atom_soap"})
