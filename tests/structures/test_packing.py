"""Random start cells: no overlaps, right volume, reproducible, quick."""

import time

import numpy as np
import pytest
from ase.units import _amu

from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.packing import CLOSEST, atomic_volume, random_packing


@pytest.mark.parametrize("counts", [{"Cu": 1, "Zr": 1}, {"Cu": 8, "Zr": 8}, {"Zr": 49, "Cu": 49, "Al": 2}])
@pytest.mark.parametrize("seed", range(3))
def test_no_atoms_overlap(counts, seed):
    atoms = random_packing(counts, seed)
    assert {symbol: atoms.symbols.count(symbol) for symbol in counts} == counts
    assert atoms.pbc.all()
    bonds = find_bonds(atoms.positions, atoms.cell[:], 3.0)
    diameters = CLOSEST * np.cbrt([atomic_volume(symbol) for symbol in atoms.symbols])
    closest = (diameters[bonds.atom_i] + diameters[bonds.atom_j]) / 2
    assert np.all(bonds.distance >= closest - 1e-9)


def test_the_seed_decides():
    first, same, other = (random_packing({"Cu": 10, "Zr": 6}, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.positions, same.positions)
    assert np.abs(first.positions - other.positions).max() > 0.1


def test_volumes():
    counts = {"Cu": 10, "Zr": 10}
    assert random_packing(counts, 0, volume_per_atom=20.0).get_volume() == pytest.approx(400.0)
    atoms = random_packing(counts, 0, density=6.0)
    assert atoms.get_masses().sum() * _amu * 1e27 / atoms.get_volume() == pytest.approx(6.0)
    # Close to the mean volume of fcc Cu (11.8) and hcp Zr (23.2 Å³), expanded.
    assert random_packing(counts, 0).get_volume() / 20 == pytest.approx(1.1 * 17.5, rel=0.01)


def test_volume_of_covalent_elements_is_that_in_a_metal():
    # Half of the volume in diamond silicon, 20 Å³, would still be more than in silicides.
    assert 5 < atomic_volume("Si") < 12


def test_ten_thousand_atoms_take_seconds():
    start = time.process_time()
    atoms = random_packing({"Zr": 4900, "Cu": 4900, "Al": 200}, 0)
    assert time.process_time() - start < 20
    assert len(atoms) == 10000


def test_refuses_what_cannot_be_packed():
    with pytest.raises(ValueError, match="do not fit"):
        random_packing({"Cu": 10}, 0, density=20.0)
    with pytest.raises(ValueError, match="do not fit"):
        random_packing({"Cu": 10}, 0, volume_per_atom=-1.0)
    with pytest.raises(ValueError, match="at least one atom"):
        random_packing({"Cu": 0}, 0)
    with pytest.raises(ValueError, match="not both"):
        random_packing({"Cu": 2}, 0, density=5.0, volume_per_atom=10.0)
