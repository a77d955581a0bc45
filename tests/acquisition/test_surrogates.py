"""Cells that stand for glasses to come."""

import numpy as np
import pytest

from aiida_getl.acquisition.surrogates import composition_of, stand_in
from aiida_getl.structures.cutting import closest_pairs
from aiida_getl.structures.packing import atomic_volume, random_packing


@pytest.fixture(scope="module")
def glass():
    return random_packing({"Cu": 24, "Zr": 24}, seed=1)


def test_composition(glass):
    assert composition_of(glass) == "Cu50Zr50"
    assert composition_of(random_packing({"Zr": 2, "Al": 1}, seed=0)) == "Al33.3Zr66.7"


@pytest.mark.parametrize("composition", ["Cu75Zr25", "Al10Cu40Zr50", "Ni50Zr50"])
def test_has_the_composition_its_volume_and_no_overlaps(glass, composition):
    cell = stand_in(composition, 48, [glass], seed=5)
    wanted = {"Cu75Zr25": "Cu75Zr25", "Al10Cu40Zr50": "Al10.4Cu39.6Zr50", "Ni50Zr50": "Ni50Zr50"}[composition]
    assert composition_of(cell) == wanted
    volumes = [sum(atomic_volume(e) for e in atoms.get_chemical_symbols()) for atoms in (cell, glass)]
    assert cell.get_volume() / glass.get_volume() == pytest.approx(volumes[0] / volumes[1])
    for (a, b), found in closest_pairs(cell).items():
        diameters = [np.cbrt(atomic_volume(str(cell.symbols[list(cell.numbers).index(z)]))) for z in (a, b)]
        assert found > 0.8 * np.mean(diameters)


def test_takes_the_nearest_source_and_its_size(glass):
    poor = random_packing({"Cu": 40, "Zr": 8}, seed=2)
    cell = stand_in("Cu85Zr15", 24, [glass, poor], seed=5)
    assert len(cell) == 48
    large = glass.repeat((2, 2, 1))
    assert len(stand_in("Cu50Zr50", 24, [large], seed=5)) == 24
    assert len(stand_in("Al2Cu49Zr49", 60, [glass], seed=5)) == 96


def test_another_seed_another_glass(glass):
    first, again, other = (stand_in("Cu50Zr50", 48, [glass], seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert np.abs(first.positions - other.positions).max() > 0.1


def test_refuses_without_a_source():
    with pytest.raises(ValueError, match="there is none"):
        stand_in("Cu50Zr50", 48, [], seed=0)
