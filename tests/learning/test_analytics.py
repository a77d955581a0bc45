"""Statistics per type and sums per atom."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_getl.learning.analytics import atom_bonding, element_statistics, type_statistics
from aiida_getl.structures.bonds import find_bonds


def test_statistics_leave_out_what_is_missing():
    strength = [1.0, 2.0, 3.0, np.nan, np.nan]
    result = type_statistics(["Cu-Cu"] * 4 + ["Al-Al"], strength)
    assert result["Cu-Cu"]["n"] == 4
    assert result["Cu-Cu"]["n_missing"] == 1
    assert result["Cu-Cu"]["mean"] == pytest.approx(2.0)
    assert result["Cu-Cu"]["std"] == pytest.approx(np.sqrt(2 / 3))
    assert result["Cu-Cu"]["q50"] == 2.0
    assert result["Cu-Cu"]["q05"] == pytest.approx(1.1)
    assert result["Al-Al"] == {
        "n": 1,
        "n_missing": 1,
        **dict.fromkeys(("mean", "std", "q05", "q25", "q50", "q75", "q95")),
    }


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_fcc_has_twelve_neighbours_in_any_cell(repeat):
    atoms = bulk("Cu", a=3.6).repeat(repeat)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.7)  # first and second shell
    strength = np.where(bonds.distance < 3.0, 0.5, 0.1)
    everything = atom_bonding(bonds, strength, len(atoms))
    np.testing.assert_array_equal(everything.coordination, 18)
    np.testing.assert_allclose(everything.strength_sum, 12 * 0.5 + 6 * 0.1)
    first = atom_bonding(bonds, strength, len(atoms), cutoff=3.0)
    np.testing.assert_array_equal(first.coordination, 12)
    np.testing.assert_allclose(first.strength_sum, 6.0)


def test_missing_predictions_are_counted():
    atoms = bulk("Cu", a=3.6).repeat(3)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    strength = np.full(len(bonds), 0.5)
    strength[0] = np.nan
    result = atom_bonding(bonds, strength, len(atoms))
    assert result.n_missing[bonds.atom_i[0]] == result.n_missing[bonds.atom_j[0]] == 1
    assert result.n_missing.sum() == 2
    assert result.strength_sum[bonds.atom_i[0]] == pytest.approx(5.5)


def test_errors_of_sums_add_up_in_squares():
    atoms = bulk("Cu", a=3.6)
    for repeat, expected in ((1, np.sqrt(6 * (2 * 0.1) ** 2)), (3, np.sqrt(12) * 0.1)):
        cell = atoms.repeat(repeat)
        bonds = find_bonds(cell.positions, np.asarray(cell.cell), 3.0)
        result = atom_bonding(bonds, np.ones(len(bonds)), len(cell), std=np.full(len(bonds), 0.1))
        np.testing.assert_allclose(result.strength_std, expected)


def test_statistics_of_elements():
    atoms = bulk("CuZr", "cesiumchloride", a=3.26)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.0)
    strength = np.ones(len(bonds))
    strength[0] = np.nan
    result = element_statistics(atoms.get_chemical_symbols(), atom_bonding(bonds, strength, 2))
    assert sorted(result) == ["Cu", "Zr"]
    assert result["Zr"] == {
        "n": 1,
        "strength_sum_mean": 7.0,
        "strength_sum_std": 0.0,
        "coordination_mean": 8.0,
        "coordination_std": 0.0,
        "n_missing": 1,
    }
