"""Finding LAMMPS' potential files."""

import pytest

from aiida_getl.setup.potentials import find_potential, potential_directories


def test_cuzr_potential_is_the_one_of_lammps(cuzr_potential_path):
    header = cuzr_potential_path.read_text().splitlines()
    assert header[3].split() == ["2", "Cu", "Zr"]


def test_folder_of_the_user_comes_first(monkeypatch, tmp_path):
    mine = tmp_path / "CuZr_mm.eam.fs"
    mine.write_text("my own")
    monkeypatch.setenv("LAMMPS_POTENTIALS", str(tmp_path))
    assert potential_directories()[0] == tmp_path
    assert find_potential("CuZr_mm.eam.fs") == mine


def test_path_of_a_file_is_taken_as_it_is(tmp_path):
    mine = tmp_path / "mine.eam.alloy"
    mine.write_text("")
    assert find_potential(str(mine)) == mine


def test_missing_potential_names_file_and_remedy():
    with pytest.raises(FileNotFoundError, match=r"no potential PdSi\.eam.*LAMMPS_POTENTIALS"):
        find_potential("PdSi.eam")
