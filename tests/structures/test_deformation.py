"""The fourteen deformations, against the published cells."""

import numpy as np
import pytest
from ase.io import read

from aiida_getl.structures.deformation import PUBLISHED_SUBRUNS, deform, deformations

SUBRUNS = "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000"


@pytest.mark.parametrize(("name", "subrun"), PUBLISHED_SUBRUNS.items())
def test_reproduces_published_cells(reference_data, name, subrun):
    quenched = read(reference_data / SUBRUNS / "0" / "Zr49Cu49Al2.xyz")
    published = read(reference_data / SUBRUNS / str(subrun) / "Zr49Cu49Al2.xyz")
    ours = deform(quenched, deformations()[name])
    assert list(ours.symbols) == list(published.symbols)
    np.testing.assert_allclose(ours.cell[:], published.cell[:], atol=2e-6)
    np.testing.assert_allclose(ours.positions, published.positions, atol=2e-6)


def test_names_and_order():
    assert list(deformations()) == list(PUBLISHED_SUBRUNS)
    assert list(PUBLISHED_SUBRUNS.values()) == list(range(1, 15))


def test_amplitudes():
    matrices = deformations(shear=-0.1, uniaxial=(0.03, -0.04), isotropic=(0.05, -0.06))
    np.testing.assert_allclose(np.array([1.0, 2.0, 3.0]) @ matrices["shear_xz"], [1.0, 2.0, 2.9])
    np.testing.assert_allclose(matrices["tension_y"], np.diag([1, 1.03, 1]))
    np.testing.assert_allclose(matrices["compression_z"], np.diag([1, 1, 0.96]))
    np.testing.assert_allclose(matrices["isotropic_tension"], np.eye(3) * 1.05)
    np.testing.assert_allclose(matrices["isotropic_compression"], np.eye(3) * 0.94)
    volumes = {name: np.linalg.det(matrix) for name, matrix in matrices.items()}
    assert all(volume == pytest.approx(1.0) for name, volume in volumes.items() if name.startswith("shear"))


@pytest.mark.parametrize(
    "amplitudes",
    [{"shear": 0.0}, {"uniaxial": (-0.02, 0.2)}, {"isotropic": (0.01, -1.0)}, {"isotropic": (float("nan"), -0.1)}],
)
def test_refuses_bad_amplitudes(amplitudes):
    with pytest.raises(ValueError, match="must be"):
        deformations(**amplitudes)
