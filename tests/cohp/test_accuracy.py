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
    told = []
    QeBands(real, source="slater", progress=lambda *what: told.append(what)).projections(0, 0, 8, False)
    assert told[-1][0] == "k-point 1 of 1, plane waves"
    assert told[-1][1] == told[-1][2] > 50


def test_equivalent_bonds_of_a_metal_are_equal(run_program, paw_directory, tmp_path):
    """fcc Al, where the fourth band is one of several degenerate ones: chance, unless all of them are known."""
    spread = {}
    for n_bands in (4, 8):  # with both kinds of orbitals, on the same bands
        folder = tmp_path / str(n_bands)
        folder.mkdir()
        shutil.copy(paw_directory / "Al.pbe-n-kjpaw_getl.1.0.UPF", folder / "C.UPF")
        smearing = ", occupations='smearing', smearing='fd', degauss=0.01"
        cell = 7.653 * np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]])
        text = pw_input("al", np.zeros((1, 3)), cell, "automatic\n2 2 2 0 0 0", smearing, n_bands)
        run_program("pw.x", text.replace("ecutwfc=30, ecutrho=240", "ecutwfc=20, ecutrho=80"), folder)
        run_program("projwfc.x", "&projwfc\n prefix='al', outdir='./tmp', lsym=.false.\n/\n", folder)
        for source in ("slater", "projwfc"):
            found, result, _ = icohps(folder / "tmp" / "al.save", 2.9, source)
            assert len(found) == 6
            assert (result.n_cut_levels > 0) == (n_bands == 8)
            spread[source, n_bands] = np.ptp(list(found.values()))
    for source in ("slater", "projwfc"):
        assert spread[source, 8] < 1e-4 < 1e-2 < spread[source, 4]


@pytest.fixture(scope="module")
def solids(run_qe):
    """One solid in several descriptions: time reversal merged or not, a supercell, rotated with its atoms exchanged."""
    pair = distorted_pair()
    rotation = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    supercell = np.concatenate([pair + n * A[0] for n in range(3)])
    grid = "automatic\n3 1 1 0 0 0"
    inputs = {
        "merged": pw_input("merged", pair, A, grid),
        "full": pw_input("full", pair, A, grid, ", noinv=.true."),
        "large": pw_input("large", supercell, A * np.array([[3], [1], [1]]), "gamma"),
        "turned": pw_input("turned", pair[::-1] @ rotation, A @ rotation, grid),
    }
    return {name: run_qe(text, name) for name, text in inputs.items()}


@pytest.mark.parametrize("source", ["slater", "projwfc"])
def test_identities_of_a_real_calculation(solids, source):
    """The descriptions are of the same solid; the sum rules hold."""
    merged, result, bands = icohps(solids["merged"], source=source)
    assert len(bands.weights) == 2
    full, _, full_bands = icohps(solids["full"], source=source)
    assert len(full_bands.weights) == 3
    np.testing.assert_allclose(list(merged.values()), list(full.values()), atol=1e-4)

    large, large_result, _ = icohps(solids["large"], source=source)
    large_bonds = large_result.bonds
    cell = np.repeat(np.arange(3), 2)
    translation = large_bonds.translation * np.array([3, 1, 1])
    translation[:, 0] += cell[large_bonds.atom_j] - cell[large_bonds.atom_i]
    small = BondList(large_bonds.atom_i % 2, large_bonds.atom_j % 2, translation, large_bonds.distance)
    # The grids of the density differ a little.
    np.testing.assert_allclose([full[key] for key in small.keys()], list(large.values()), atol=2e-3)  # noqa: SIM118

    turned, turned_result, _ = icohps(solids["turned"], source=source)
    bonds = turned_result.bonds
    exchanged = BondList(1 - bonds.atom_i, 1 - bonds.atom_j, bonds.translation, bonds.distance).keys()
    assert set(exchanged) == set(merged)
    np.testing.assert_allclose(list(turned.values()), [merged[key] for key in exchanged], atol=5e-3)

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


def test_wavefunctions_of_two_spins(run_qe):
    """Two spins that are alike are those of a calculation without; a triplet has two kinds."""
    pair = distorted_pair()
    inputs = {
        name: pw_input(name, pair, A, "gamma", system)
        for name, system in (
            ("closed", ""),
            ("alike", ", nspin=2, tot_magnetization=0"),
            ("triplet", ", nspin=2, tot_magnetization=2"),
        )
    }
    values = {name: icohps(run_qe(text, name, projwfc=False), 1.9, "slater")[1] for name, text in inputs.items()}
    np.testing.assert_allclose(values["alike"].icohp * [2, 2], values["closed"].icohp * [1, 1], atol=2e-4)
    np.testing.assert_allclose(values["triplet"].loewdin.sum(axis=1), [5, 3], atol=1e-6)
    assert np.abs(values["triplet"].icohp[:, 0] - values["triplet"].icohp[:, 1]).min() > 0.1


def test_semicore_that_the_basis_leaves_out(run_program, paw_directory, tmp_path):
    """fcc Cu: the 3s and 3p bands go with their orbitals, and bonds come out weaker, by the same factor for both."""
    shutil.copy(paw_directory / "Cu.pbe-spn-kjpaw_getl.1.0.UPF", tmp_path / "C.UPF")
    smearing = ", occupations='smearing', smearing='fd', degauss=0.02"
    cell = 6.822 * np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]])
    text = pw_input("cu", np.zeros((1, 3)), cell, "automatic\n2 2 2 1 1 1", smearing, 14)
    run_program("pw.x", text, tmp_path)
    settings = "prefix='cu', outdir='./tmp', lsym=.false., lwrite_overlaps=.true."
    run_program("projwfc.x", f"&projwfc\n {settings}\n/\n", tmp_path)
    for source in ("slater", "projwfc"):
        strength = {}
        for basis in (["3s", "4s", "3p", "3d"], ["4s", "3d"]):
            bands = QeBands(tmp_path / "tmp" / "cu.save", {"Cu": basis}, source)
            assert (bands.n_left_out, bands.core_electrons.tolist()) == ((0, [0]) if len(basis) == 4 else (4, [8]))
            bonds = find_bonds(bands.save.positions, bands.save.cell, 2.6)
            strength[len(basis)] = compute_cohp(bands, bonds).icohp.mean()
        assert 0.3 < strength[2] / strength[4] < 0.8
