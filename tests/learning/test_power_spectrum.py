"""Power spectra: DScribe's numbers, at any point."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from dscribe.descriptors import SOAP
from scipy.spatial import cKDTree

from aiida_getl.learning.power_spectrum import gaussian_reach, power_spectra


def of_cluster(atoms, centres, species, r_cut, n_max, l_max, sigma):
    numbers = Atoms(species).numbers
    kind = np.array([numbers.tolist().index(number) for number in atoms.numbers])
    return power_spectra(centres, cKDTree(atoms.positions), kind, len(species), r_cut, n_max, l_max, sigma)


@pytest.mark.parametrize(
    ("species", "n_max", "l_max", "sigma"),
    [(["Zr"], 1, 0, 0.5), (["Al", "Zr"], 3, 4, 0.4), (["Al", "Cu", "Zr"], 7, 7, 0.35), (["Al", "Zr"], 2, 9, 0.2)],
)
def test_agrees_with_dscribe(species, n_max, l_max, sigma):
    rng = np.random.default_rng(4)
    atoms = Atoms(rng.choice(species, 40), positions=rng.uniform(0.0, 9.0, (40, 3)))
    # One centre is an atom, where harmonics have no direction, and one has few neighbours.
    centres = np.vstack([rng.uniform(2.0, 7.0, (20, 3)), atoms.positions[7], atoms.positions[3] + [[0.0, 0.0, 3.0]]])
    rows = of_cluster(atoms, centres, species, 4.0, n_max, l_max, sigma)
    soap = SOAP(species=species, r_cut=4.0, n_max=n_max, l_max=l_max, sigma=sigma, rbf="gto", periodic=False)
    expected = soap.create(atoms, centers=centres)
    assert rows.shape == expected.shape
    for a, symbol in enumerate(species):
        for b in range(a, len(species)):
            place = soap.get_location((symbol, species[b]))
            first, second = np.divmod(np.arange(n_max**2), n_max)
            kept = np.ones(n_max**2, dtype=bool) if a != b else second >= first
            # DScribe stores the two equal entries of unlike factors once.
            unlike = (first != second) | (a != b)
            expected[:, place] *= np.tile(np.where(unlike, np.sqrt(2.0), 1.0)[kept], l_max + 1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, expected, atol=2e-6)


def test_rows_do_not_depend_on_each_other():
    rng = np.random.default_rng(1)
    atoms = bulk("Cu", cubic=True).repeat(3)
    atoms.rattle(0.1, seed=1)
    centres = rng.uniform(3.0, 8.0, (30, 3))
    rows = of_cluster(atoms, centres, ["Cu"], 4.0, 4, 4, 0.4)
    np.testing.assert_allclose(of_cluster(atoms, centres[3:5], ["Cu"], 4.0, 4, 4, 0.4), rows[3:5], atol=1e-7)


def test_reach_is_where_a_gaussian_is_negligible():
    assert gaussian_reach(5.0, 0.4) == pytest.approx(6.487, abs=1e-3)


def test_no_atom_near_is_refused():
    with pytest.raises(ValueError, match=r"no atom within 4.0 Å of the point \[50.0, 0.0, 0.0\]"):
        of_cluster(Atoms("Cu"), np.array([[0.0, 0.0, 1.0], [50.0, 0.0, 0.0]]), ["Cu"], 4.0, 4, 4, 0.4)
