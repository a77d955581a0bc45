"""Real calculations: against LOBSTER, and the same solid described in different ways."""

import json
import shutil

import numpy as np
import pytest

from aiida_getl.cohp.calculation import QeBands
from aiida_getl.cohp.cli import main
from aiida_getl.cohp.engine import compute_cohp
from aiida_getl.lobster.grosspop import read_gross_populations
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterout import read_lobsterout
from aiida_getl.structures.bonds import BondList, find_bonds

pytestmark = pytest.mark.engines

A = 6.746 * np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]])  # bohr
PAIR = 6.746 * np.array([[0, 0, 0], [0.25, 0.25, 0.25]])


def distorted_pair():
    return PAIR + np.random.default_rng(1).normal(size=(2, 3)) * 0.1


def pw_input(prefix, positions, cell, kpoints, system="", n_bands=None):
    """A small calculation of carbon atoms."""
    rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in cell)
    atoms = "\n".join("C " + " ".join(f"{x:.10f}" for x in position) for position in positions)
    n_bands = 4 * len(positions) if n_bands is None else n_bands
    return f"""&control
 prefix='{prefix}', outdir='./tmp', pseudo_dir='.'
/
&system
 ibrav=0, nat={len(positions)}, ntyp=1, ecutwfc=30, ecutrho=240, nbnd={n_bands}, nosym=.true. {system}
/
&electrons
 conv_thr=1e-10
/
ATOMIC_SPECIES
C 12.011 C.UPF
CELL_PARAMETERS bohr
{rows}
ATOMIC_POSITIONS bohr
{atoms}
K_POINTS {kpoints}
"""


def icohps(save, r_max=2.7, source="auto"):
    """Strengths of all bonds by their key."""
    bands = QeBands(save, source=source)
    bonds = find_bonds(bands.save.positions, bands.save.cell, r_max)
    result = compute_cohp(bands, bonds)
    return dict(zip(bonds.keys(), result.icohp, strict=True)), result, bands


@pytest.fixture
def diamond(run_qe, reference_data, monkeypatch):
    """The published input of LOBSTER 6.0.0 with QE 7.5, and a folder with the same calculation.

    The cut-off is 37/300 Ry instead of 60/640: measured -9.6112 against -9.6107 eV with the pseudopotential's orbitals,
    in a quarter of the time.
    """
    sample = reference_data / "lobster_samples" / "v6.0.0_diamond_qe75"
    text = (sample / "diamond.scf.in").read_text()
    for old, new in (
        ("'../pseudo'", "'.'"),
        ("C.pbe-n-kjpaw_psl.0.1.UPF", "C.UPF"),
        ("ecutwfc = 60", "ecutwfc = 37"),
        ("ecutrho = 640", "ecutrho = 300"),
        ("diagonalization = 'cg'", "diagonalization = 'david'"),
    ):
        assert old in text
        text = text.replace(old, new)
    folder = run_qe(text, "diamond").parents[1]
    (folder / "lobsterin").write_text((sample / "lobsterin").read_text() + "skipCar\n")
    monkeypatch.chdir(folder)
    return folder, sample


def test_diamond_agrees_with_lobster(diamond):
    """ICOHP -9.60866 eV; with either kind of orbitals, populations and spillings with Slater's only.

    LOBSTER's numbers are of another PAW dataset of carbon, which is what the tolerances are for.
    """
    folder, sample = diamond
    theirs = read_icohplist(sample / "ICOHPLIST.lobster")
    their_bonds, their_icohp = theirs.to_bonds()
    their_populations, log = (
        read_gross_populations(sample / "GROSSPOP.lobster"),
        read_lobsterout(sample / "lobsterout"),
    )
    for source, icobi_error, loewdin_error, mulliken_error in (
        ("projwfc", 5e-3, 0.03, 0.07),
        ("slater", 1e-3, 0.006, 0.006),
    ):
        assert main(["--projections", source]) == 0
        bonds, icohp = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds()
        assert bonds.keys() == their_bonds.keys()
        np.testing.assert_allclose(bonds.distance, their_bonds.distance, atol=2e-5)
        np.testing.assert_allclose(icohp, their_icohp, rtol=3e-3)
        icobi, their_icobi = (read_icohplist(path / "ICOBILIST.lobster").icohp for path in (folder, sample))
        np.testing.assert_allclose(icobi, their_icobi, rtol=icobi_error)
        populations = read_gross_populations(folder / "GROSSPOP.lobster")
        assert populations.orbitals == their_populations.orbitals
        np.testing.assert_allclose(populations.loewdin, their_populations.loewdin, atol=loewdin_error)
        np.testing.assert_allclose(populations.mulliken, their_populations.mulliken, atol=mulliken_error)
        summary = json.loads((folder / "getl-cohp.json").read_text())
        np.testing.assert_allclose(summary["loewdin_charges"], 0, atol=1e-3)
        assert summary["aliased_interactions"] == []
    assert summary["charge_spilling"] == pytest.approx(log.charge_spilling, abs=2e-4)
    assert summary["total_spilling"] == pytest.approx(log.total_spilling, abs=1.5e-3)


def test_gamma_only_agrees_with_a_mesh_of_gamma(run_qe):
    """``K_POINTS gamma`` stores real wavefunctions and half of the plane waves."""
    real = run_qe(pw_input("real", distorted_pair(), A, "gamma"), "real")
    full = run_qe(pw_input("mesh", distorted_pair(), A, "automatic\n1 1 1 0 0 0", ", noinv=.true."), "mesh")
    for source in ("slater", "projwfc"):
        found = [np.array(list(icohps(save, 1.9, source)[0].values())) for save in (real, full)]
        assert found[0].min() < -1
        np.testing.assert_allclose(*found, atol=1e-4)


def test_equivalent_bonds_of_a_metal_are_equal(run_program, paw_directory, tmp_path):
    """fcc Al, where the fourth band is one of several degenerate ones: chance, unless all of them are known."""
    spread = {}
    for n_bands in (4, 8):
        folder = tmp_path / str(n_bands)
        folder.mkdir()
        shutil.copy(paw_directory / "Al.pbe-n-kjpaw_getl.1.0.UPF", folder / "C.UPF")
        smearing = ", occupations='smearing', smearing='fd', degauss=0.01"
        cell = 7.653 * np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]])
        text = pw_input("al", np.zeros((1, 3)), cell, "automatic\n2 2 2 0 0 0", smearing, n_bands)
        run_program("pw.x", text.replace("ecutwfc=30, ecutrho=240", "ecutwfc=20, ecutrho=80"), folder)
        run_program("projwfc.x", "&projwfc\n prefix='al', outdir='./tmp', lsym=.false.\n/\n", folder)
        found, result, _ = icohps(folder / "tmp" / "al.save", 2.9)
        assert len(found) == 6
        assert (result.n_cut_levels > 0) == (n_bands == 8)
        spread[n_bands] = np.ptp(list(found.values()))
    assert spread[8] < 1e-4 < 1e-2 < spread[4]


def test_identities_of_a_real_calculation(run_qe):
    """Merged time reversal, a supercell and a rotated cell are the same solid; the sum rules hold."""
    pair = distorted_pair()
    merged_save = run_qe(pw_input("merged", pair, A, "automatic\n3 1 1 0 0 0"), "merged")
    merged, result, bands = icohps(merged_save)
    assert len(bands.weights) == 2

    full, _, full_bands = icohps(run_qe(pw_input("full", pair, A, "automatic\n3 1 1 0 0 0", ", noinv=.true."), "full"))
    assert len(full_bands.weights) == 3
    np.testing.assert_allclose(list(merged.values()), list(full.values()), atol=1e-4)

    positions = np.concatenate([pair + n * A[0] for n in range(3)])
    large_save = run_qe(pw_input("large", positions, A * np.array([[3], [1], [1]]), "gamma"), "large")
    large, large_result, _ = icohps(large_save)
    large_bonds = large_result.bonds
    cell = np.repeat(np.arange(3), 2)
    translation = large_bonds.translation * np.array([3, 1, 1])
    translation[:, 0] += cell[large_bonds.atom_j] - cell[large_bonds.atom_i]
    small = BondList(large_bonds.atom_i % 2, large_bonds.atom_j % 2, translation, large_bonds.distance)
    # The grids of the density differ a little.
    np.testing.assert_allclose([full[key] for key in small.keys()], list(large.values()), atol=2e-3)  # noqa: SIM118

    rotation = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    rotated, _, _ = icohps(
        run_qe(pw_input("turned", pair @ rotation, A @ rotation, "automatic\n3 1 1 0 0 0"), "turned")
    )
    assert list(rotated) == list(merged)
    np.testing.assert_allclose(list(rotated.values()), list(merged.values()), atol=5e-3)

    # Every ordered pair of the three cells that the k-points stand for.
    pairs = np.array([(i, j, t, 0, 0) for i in range(2) for j in range(2) for t in range(3)])
    everything = BondList(pairs[:, 0], pairs[:, 1], pairs[:, 2:], np.zeros(len(pairs)))
    total = compute_cohp(full_bands, everything)
    assert total.icohp.sum() == pytest.approx(total.band_energy, abs=1e-9)
    assert result.mulliken.sum() == pytest.approx(8, abs=1e-9)
    full_bands.occupations = np.ones_like(full_bands.occupations)
    filled = compute_cohp(full_bands, everything)
    off_site = (everything.atom_i != everything.atom_j) | everything.translation.any(axis=1)
    np.testing.assert_allclose(filled.icohp[off_site], 0, atol=1e-10)
