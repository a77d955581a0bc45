"""Two glasses, and one glass before and after."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_getl.learning.comparison import bond_changes, compare_distributions
from aiida_getl.structures.bonds import bond_types, find_bonds


def test_a_shift_is_found_with_its_error():
    rng = np.random.default_rng(0)
    types = np.repeat(["Cu-Cu", "Zr-Zr"], 2000)
    a, b = rng.normal(1.0, 0.2, 4000), rng.normal(1.0, 0.2, 4000) + 0.03 * (types == "Zr-Zr")
    b[0] = np.nan
    result = compare_distributions(types, a, types, b, seed=0)
    for name, shift in (("Cu-Cu", 0.0), ("Zr-Zr", 0.03)):
        entry = result[name]
        assert entry["shift_error"] == pytest.approx(0.2 * np.sqrt(2 / 2000), rel=0.25)
        assert abs(entry["shift"] - shift) < 3 * entry["shift_error"]
        assert abs(entry["median_shift"] - shift) < 5 * entry["shift_error"]
        assert entry["wasserstein"] >= abs(entry["shift"])
        assert entry["ks"] < 0.1
    assert result["Cu-Cu"]["n_b"] == 1999
    assert compare_distributions(types, a, types, b, seed=0) == result


def test_errors_count_blocks():
    """Bonds that move together tell as much as one of them."""
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(100), 20)
    values = np.repeat(rng.normal(1.0, 0.2, 100), 20)
    types = np.full(2000, "Cu-Cu")
    alone = compare_distributions(types, values, types, values, 0)["Cu-Cu"]["shift_error"]
    together = compare_distributions(types, values, types, values, 0, blocks, blocks)["Cu-Cu"]["shift_error"]
    assert together == pytest.approx(0.2 * np.sqrt(2 / 100), rel=0.25)
    assert together > 3.5 * alone
    one = compare_distributions(types, values, types, values, 0, np.zeros(2000), blocks)["Cu-Cu"]
    assert one["shift_error"] is None
    assert one["shift"] == 0.0


def test_types_of_one_glass_only():
    result = compare_distributions(["Cu-Cu"] * 2, [1.0, 2.0], ["Al-Al"], [0.5], 0)
    assert result["Cu-Cu"]["n_b"] == 0
    assert result["Cu-Cu"]["mean_a"] == 1.5
    assert result["Cu-Cu"]["shift"] is None
    with pytest.raises(ValueError, match="1 bond types, 2 strengths"):
        compare_distributions(["Cu-Cu"], [1.0, 2.0], ["Al-Al"], [0.5], 0)


def strengths(bonds):
    return np.exp(-bonds.distance)


def test_bonds_are_followed_through_strain_and_wrapping():
    before = bulk("CuZr", "cesiumchloride", a=3.26).repeat(3)
    before.rattle(0.1, seed=1)
    after = before.copy()
    after.set_cell(np.asarray(before.cell) @ np.diag([1.03, 1.0, 0.98]), scale_atoms=True)
    after.positions += 0.4 * after.cell[0] / 3  # a drift, and then wrapping
    after.wrap()
    bonds_a, bonds_b = (find_bonds(x.positions, np.asarray(x.cell), 3.3) for x in (before, after))
    changes = bond_changes(before, bonds_a, strengths(bonds_a), after, bonds_b, strengths(bonds_b))
    assert len(changes.kept_a) + len(changes.broken) == len(bonds_a)
    assert len(changes.kept_b) + len(changes.formed) == len(bonds_b)
    # no bond changes by more than the strain allows: each was followed to itself
    np.testing.assert_allclose(bonds_b.distance[changes.kept_b], bonds_a.distance[changes.kept_a], rtol=0.031)
    # only bonds near the cut-off can come and go
    assert (bonds_a.distance[changes.broken] > 3.3 / 1.03 - 1e-6).all()
    assert (bonds_b.distance[changes.formed] > 3.3 * 0.98 - 1e-6).all()
    assert len(changes.broken) > 0
    entry = changes.by_type["Zr-Cu"]
    assert entry["n_kept"] + entry["n_broken"] == np.sum(bond_types(before.get_chemical_symbols(), bonds_a) == "Zr-Cu")
    assert entry["strength_change_std"] > 0
    lost = changes.by_type["Cu-Cu"]["strength_broken"] + changes.by_type["Zr-Zr"]["strength_broken"]
    assert lost + entry["strength_broken"] == pytest.approx(strengths(bonds_a)[changes.broken].sum())


def test_nothing_changed_and_other_atoms():
    atoms = bulk("Cu", a=3.6).repeat(2)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 2.6)
    values = strengths(bonds)
    values[0] = np.nan
    changes = bond_changes(atoms, bonds, values, atoms, bonds, values)
    np.testing.assert_array_equal(changes.kept_a, changes.kept_b)
    assert changes.by_type["Cu-Cu"]["strength_change"] == 0.0
    with pytest.raises(ValueError, match="not the same atoms"):
        bond_changes(atoms, bonds, values, bulk("Cu", a=3.6), bonds, values)
