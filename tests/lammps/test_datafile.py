"""Data files and the orientation of cells."""

import numpy as np
import pytest
from ase import Atoms
from ase.io.lammpsdata import read_lammps_data

from aiida_getl.lammps.datafile import render_data_file, standard_cell


def test_standard_cell_keeps_lengths_and_angles():
    cell = np.array([[3.0, 1.0, 0.2], [-0.5, 4.0, 0.3], [0.1, -0.7, 5.0]])
    lower = standard_cell(cell)
    assert np.all(lower[np.triu_indices(3, 1)] == 0.0)
    np.testing.assert_allclose(lower @ lower.T, cell @ cell.T)
    assert np.linalg.det(lower) == pytest.approx(np.linalg.det(cell))


@pytest.mark.parametrize("cell", [np.diag([1.0, 1.0, -1.0]), np.zeros((3, 3))], ids=["left-handed", "flat"])
def test_cells_lammps_does_not_know_are_refused(cell):
    with pytest.raises(ValueError, match="right-handed"):
        standard_cell(cell)


@pytest.mark.parametrize("shear", [0.0, 0.6])
def test_distances_survive(tmp_path, shear):
    cell = np.diag([6.0, 7.0, 8.0])
    cell[0, 1] = shear * 6.0
    atoms = Atoms("ZrCuZrCu", positions=np.random.default_rng(0).uniform(-3, 9, (4, 3)), cell=cell, pbc=True)
    path = tmp_path / "structure.data"
    path.write_text(render_data_file(atoms, ["Zr", "Cu"]))
    assert ("xy xz yz" in path.read_text()) == bool(shear)
    read = read_lammps_data(path, style="atomic", Z_of_type={1: 40, 2: 29})
    assert list(read.symbols) == list(atoms.symbols)
    np.testing.assert_allclose(read.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=1e-8)


def test_elements_without_a_type_are_named():
    with pytest.raises(ValueError, match="no atom type for Al"):
        render_data_file(Atoms("CuAl", cell=[5, 5, 5], pbc=True), ["Cu"])
