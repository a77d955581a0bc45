"""Samples of bonds."""

import numpy as np
import pytest

from aiida_getl.acquisition.sampling import sample_bonds
from aiida_getl.structures.bonds import bond_types, find_bonds


def test_counts_all_and_describes_a_sample(model, cells):
    found = sample_bonds(cells[:2], model, 20, seed=0)
    lists = [find_bonds(atoms.positions, atoms.cell[:], model.r_max) for atoms in cells[:2]]
    types = [bond_types(a.get_chemical_symbols(), b) for a, b in zip(cells, lists, strict=False)]
    for name, own in found.items():
        assert own.n == sum(int(np.sum(each == name)) for each in types)
        assert len(own) == 20
        assert set(own.structure.tolist()) == {0, 1}
        for k, i, j, d in zip(own.structure, own.atom_i, own.atom_j, own.distance, strict=True):
            bonds = lists[k]
            between = (bonds.atom_i == i) & (bonds.atom_j == j)
            assert np.abs(bonds.distance[between] - d).min() < 1e-5
    again = sample_bonds(cells[:2], model, 20, seed=0)
    np.testing.assert_array_equal(found["Zr-Cu"].X, again["Zr-Cu"].X)


def test_large_structures_block_by_block(model, cells, monkeypatch):
    large = cells[0].repeat((2, 2, 2))
    whole = sample_bonds([large], model, 10**6, seed=0)
    monkeypatch.setattr("aiida_getl.learning.blocks.BLOCK_ATOMS", 40)
    parts = sample_bonds([large], model, 10**6, seed=0)
    for name, own in whole.items():
        assert own.n == parts[name].n == len(parts[name])
        one, two = (rows[np.lexsort(rows[:, :4].T.round(4))] for rows in (own.X, parts[name].X))
        np.testing.assert_allclose(one[:, 0], two[:, 0], atol=1e-5)
        np.testing.assert_allclose(one.sum(axis=0), two.sum(axis=0), rtol=1e-3, atol=1e-2)


def test_predictions_of_the_sample_are_those_of_the_structure(model, cells):
    own = sample_bonds([cells[1]], model, 10**6, seed=0)["Cu-Cu"]
    prediction = model.predict(cells[1])
    expected = prediction.std[prediction.type == "Cu-Cu"]
    found = model.regressors["Cu-Cu"].predict_bonds(own.X).std
    assert np.sort(found) == pytest.approx(np.sort(expected), rel=1e-4)


def test_an_unknown_element_is_counted(model, cells):
    symbols = cells[0].get_chemical_symbols()
    symbols[0] = "Al"
    atoms = cells[0].copy()
    atoms.set_chemical_symbols(symbols)
    found = sample_bonds([atoms], model, 50, seed=0)
    assert found["Zr-Al"].n > 0
    assert len(found["Zr-Al"]) == 0
    assert len(found["Zr-Zr"]) > 0
    assert len(found["Zr-Zr"].subset(3, np.random.default_rng(0))) == 3
