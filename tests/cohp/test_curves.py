"""Curves of orbitals: those of the lists, in both layouts, for one spin and two."""

import numpy as np
import pytest

from aiida_getl.cohp.cli import main
from aiida_getl.lobster.cohpcar import read_cohpcar
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.matching import match_curves


@pytest.mark.parametrize("n_spins", [1, 2])
@pytest.mark.parametrize("layout", ["4", "6"])
@pytest.mark.parametrize("kind", ["COHP", "COOP", "COBI"])
def test_curves_of_orbitals_are_those_of_their_bonds(make_save, tmp_path, monkeypatch, kind, layout, n_spins):
    make_save(tmp_path / "out" / "aiida.save", n_spins)
    monkeypatch.chdir(tmp_path)
    lines = ["cohpBetween atom 1 atom 1 cell 1 0 0", "cohpBetween atom 1 atom 2 orbitalwise", "COHPstartEnergy -100"]
    (tmp_path / "lobsterin").write_text("\n".join(lines) + "\n")
    assert main(["--layout", layout]) == 0
    listed = read_icohplist(tmp_path / f"I{kind}LIST.lobster")
    of_bonds, of_orbitals = match_curves(listed, np.array([0, 1]), read_cohpcar(tmp_path / f"{kind}CAR.lobster"))
    assert of_bonds.bond.tolist() == [0, 1]
    assert of_bonds.curve.shape == (2, n_spins, len(of_bonds.energies))
    assert not of_bonds.orbital_i.any()
    # Four functions of C with the one of H, by the names and in the order of the list.
    assert of_orbitals.bond.tolist() == [1] * 4
    assert of_orbitals.orbital_i.tolist() == listed.orbitals.orbital_i.tolist()
    assert of_orbitals.orbital_j.tolist() == listed.orbitals.orbital_j.tolist()
    assert set(of_orbitals.orbital_i) == {"2s", "2p_y", "2p_z", "2p_x"}
    np.testing.assert_allclose(of_orbitals.curve.sum(axis=0), of_bonds.curve[1], atol=2e-4)
    np.testing.assert_allclose(of_orbitals.integral.sum(axis=0), of_bonds.integral[1], atol=2e-4)
    assert np.abs(of_orbitals.integral).max() > 0.01
