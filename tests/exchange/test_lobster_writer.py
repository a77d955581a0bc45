"""Folders as LOBSTER leaves them: read by pymatgen, and read back."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_getl.exchange.dataset import LabelledStructure
from aiida_getl.exchange.lobster_writer import write_lobster_folders
from aiida_getl.exchange.loose import read_manifest
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.bonds import find_bonds


@pytest.fixture
def structures():
    """B2 CuZr in two states: strong bonds between unlike atoms, and atoms of both elements in turn."""
    result = []
    for sub_run, strain in (("as_quenched", 1.0), ("isotropic_compression", 0.97)):
        atoms = bulk("CuZr", "cesiumchloride", 3.26 * strain) * (2, 2, 2)
        atoms.rattle(0.02, seed=3)
        bonds = find_bonds(atoms.positions, atoms.cell[:], 4.0)
        info = {"run": "run_0", "sub_run": sub_run}
        result.append(LabelledStructure(atoms, bonds, np.exp(3.0 - bonds.distance), info))
    return result


def test_pymatgen_reads_structure_and_icohps(structures, tmp_path):
    from pymatgen.core import Structure
    from pymatgen.io.lobster import Icohplist

    files = write_lobster_folders(tmp_path / "labels", structures)
    assert all(path.is_file() for path in files)
    for item in structures:
        folder = tmp_path / "labels" / f"run_0_{item.info['sub_run']}"
        structure = Structure.from_file(folder / "POSCAR")
        assert [site.species_string for site in structure] == item.atoms.get_chemical_symbols()
        np.testing.assert_allclose(structure.lattice.matrix, item.atoms.cell[:], atol=1e-12)
        listed = Icohplist(filename=folder / "ICOHPLIST.lobster").icohpcollection
        for row in (0, 5, len(item.bonds) - 1):
            assert listed.get_icohp_by_label(str(row + 1)) == pytest.approx(-item.strength[row], abs=1e-5)
        # In pymatgen's structure every bond, in its image, has the length that the list gives it.
        distances = [
            structure.get_distance(int(i), int(j), jimage=t)
            for i, j, t in zip(item.bonds.atom_i, item.bonds.atom_j, item.bonds.translation, strict=True)
        ]
        np.testing.assert_allclose(distances, item.bonds.distance, atol=1e-8)


def test_read_back(structures, tmp_path):
    write_lobster_folders(tmp_path / "labels", structures)
    sources = read_manifest(tmp_path / "labels" / "pairs.csv")
    assert [(source.run, source.sub_run) for source in sources] == [
        ("run_0", "as_quenched"),
        ("run_0", "isotropic_compression"),
    ]
    for source, item in zip(sources, structures, strict=True):
        bonds, icohp = read_icohplist(source.files["icohplist"]).to_bonds(item.atoms)
        assert bonds.keys() == item.bonds.keys()
        np.testing.assert_allclose(-icohp[:, 0], item.strength, atol=1e-5)


def test_what_cannot_be_written_leaves_nothing(structures, tmp_path):
    with pytest.raises(ValueError, match="two structures are of run and sub-run run_0 as_quenched"):
        write_lobster_folders(tmp_path / "labels", [structures[0], structures[0]])
    nothing = structures[1].bonds.select(np.array([], dtype=int))
    without = LabelledStructure(structures[1].atoms, nothing, np.empty(0), structures[1].info)
    with pytest.raises(ValueError, match="run_0 isotropic_compression has no bonds"):
        write_lobster_folders(tmp_path / "labels", [structures[0], without])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "labels").mkdir()
    with pytest.raises(FileExistsError):
        write_lobster_folders(tmp_path / "labels", structures)
