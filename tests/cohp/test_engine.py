"""The engine's identities, to machine precision, on random bands."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from aiida_getl.cohp.curves import CurveSettings
from aiida_getl.cohp.engine import compute_cohp
from aiida_getl.structures.bonds import BondList

ATOM = np.array([0, 0, 1, 2, 2, 2])
MESH = (3, 2, 1)


@dataclass(frozen=True)
class Bands:
    """Random bands with time reversal: the projections at -k are the complex conjugates of those at k."""

    energies: np.ndarray
    occupations: np.ndarray
    kpoints: np.ndarray
    weights: np.ndarray
    x: np.ndarray
    atom: np.ndarray
    overlaps: np.ndarray | None = None

    def projections(self, spin, kpoint, n_bands, overlaps):
        return self.x[spin, kpoint, :, :n_bands], None if self.overlaps is None else self.overlaps[kpoint]


def make_bands(n_spins=1, occupied=0.5, seed=0):
    rng = np.random.default_rng(seed)
    n = len(ATOM)
    points = list(itertools.product(*(range(m) for m in MESH)))
    x = np.empty((n_spins, len(points), n, n), dtype=complex)
    energies = np.empty((n_spins, len(points), n))
    for spin, (number, point) in itertools.product(range(n_spins), enumerate(points)):
        reverse = points.index(tuple(-i % m for i, m in zip(point, MESH, strict=True)))
        if reverse < number:
            x[spin, number], energies[spin, number] = x[spin, reverse].conj(), energies[spin, reverse]
            continue
        matrix = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)) * (reverse != number)
        x[spin, number] = 0.2 * matrix + np.linalg.qr(matrix)[0]
        energies[spin, number] = np.sort(rng.normal(size=n) * 5)
    if occupied == 1:
        occupations = np.ones_like(energies)
    else:
        occupations = 1 / (1 + np.exp(energies - np.quantile(energies, occupied)))
    return Bands(
        energies=energies,
        occupations=occupations,
        kpoints=np.array(points) / MESH,
        weights=np.full(len(points), 1 / len(points)),
        x=x,
        atom=ATOM,
    )


def all_pairs():
    """Every ordered pair of atoms in the supercell that the k-points stand for, on-site pairs included."""
    atoms = range(ATOM.max() + 1)
    pairs = np.array(list(itertools.product(atoms, atoms, *(range(m) for m in MESH))))
    return BondList(pairs[:, 0], pairs[:, 1], pairs[:, 2:], np.zeros(len(pairs)))


def on_site(bonds):
    return (bonds.atom_i == bonds.atom_j) & (bonds.translation == 0).all(axis=1)


@pytest.mark.parametrize("n_spins", [1, 2])
def test_all_bands_occupied_give_no_bonds(n_spins):
    bonds = all_pairs()
    result = compute_cohp(make_bands(n_spins, occupied=1), bonds)
    assert np.abs(result.icohp[on_site(bonds)]).min() > 1e-3
    np.testing.assert_allclose(result.icohp[~on_site(bonds)], 0, atol=1e-12)
    np.testing.assert_allclose(result.icobi[~on_site(bonds)], 0, atol=1e-12)


@pytest.mark.parametrize("n_spins", [1, 2])
def test_all_pairs_sum_to_the_band_energy(n_spins):
    bands = make_bands(n_spins)
    result = compute_cohp(bands, all_pairs())
    direct = (2 if n_spins == 1 else 1) * np.einsum("k,skn,skn", bands.weights, bands.energies, bands.occupations)
    assert result.band_energy == pytest.approx(direct, abs=1e-12)
    assert result.icohp.sum() == pytest.approx(direct, abs=1e-11)


def test_spin_channels_sum_to_the_unpolarised_result():
    bands = make_bands(1)
    double = replace(bands, **{f: np.concatenate([getattr(bands, f)] * 2) for f in ("energies", "occupations", "x")})
    one, two = compute_cohp(bands, all_pairs()), compute_cohp(double, all_pairs())
    np.testing.assert_allclose(two.icohp.sum(axis=1), one.icohp[:, 0], atol=1e-12)
    np.testing.assert_allclose(two.icobi.sum(axis=1), one.icobi[:, 0], atol=1e-12)
    np.testing.assert_allclose(two.loewdin.sum(axis=0), one.loewdin[0], atol=1e-12)


def test_energy_zero_does_not_matter():
    bands, bonds = make_bands(), all_pairs()
    shifted = compute_cohp(replace(bands, energies=bands.energies + 100), bonds)
    off = ~on_site(bonds)
    np.testing.assert_allclose(shifted.icohp[off], compute_cohp(bands, bonds).icohp[off], atol=1e-10)


def test_reversed_bonds_are_equal():
    bands, bonds = make_bands(), all_pairs()
    reverse = BondList(bonds.atom_j, bonds.atom_i, -bonds.translation, bonds.distance)
    np.testing.assert_allclose(compute_cohp(bands, reverse).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)


def test_merged_time_reversed_points_give_the_same():
    bands, bonds = make_bands(), all_pairs()
    points = [tuple(np.rint(k * MESH).astype(int)) for k in bands.kpoints]
    reverse = [points.index(tuple(-i % m for i, m in zip(point, MESH, strict=True))) for point in points]
    keep = [n for n, m in enumerate(reverse) if n <= m]
    weights = np.array([bands.weights[n] * (1 if reverse[n] == n else 2) for n in keep])
    merged = replace(
        bands,
        energies=bands.energies[:, keep],
        occupations=bands.occupations[:, keep],
        x=bands.x[:, keep],
        kpoints=bands.kpoints[keep],
        weights=weights,
    )
    assert len(keep) < len(points)
    np.testing.assert_allclose(compute_cohp(merged, bonds).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)


def test_permuted_atoms_give_the_same_bonds():
    bands, bonds = make_bands(), all_pairs()
    order = np.array([2, 0, 1])  # new atom n is old atom order[n]
    functions = np.concatenate([np.flatnonzero(order_n == ATOM) for order_n in order])
    inverse = np.argsort(order)
    permuted = replace(bands, x=bands.x[:, :, functions], atom=inverse[ATOM[functions]])
    renamed = BondList(inverse[bonds.atom_i], inverse[bonds.atom_j], bonds.translation, bonds.distance)
    np.testing.assert_allclose(compute_cohp(permuted, renamed).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)


def test_supercells_give_the_same_bonds():
    """Twice the cell along y has the bands of k and k + b_y / 2 at one k-point, in functions of two cells."""
    bands, bonds = make_bands(), all_pairs()
    n = len(ATOM)
    points = [tuple(np.rint(k * MESH).astype(int)) for k in bands.kpoints]
    folded = [[points.index((i, j, 0)) for j in range(2)] for i in range(3)]
    x = np.zeros((1, 3, 2 * n, 2 * n), dtype=complex)
    for big, pair in enumerate(folded):
        for part, k in enumerate(pair):
            for cell in range(2):
                bloch = np.exp(2j * np.pi * bands.kpoints[k, 1] * cell) / np.sqrt(2)
                x[0, big, cell * n : (cell + 1) * n, part * n : (part + 1) * n] = bands.x[0, k] * bloch
    large = Bands(
        energies=np.concatenate([bands.energies[:, pair].reshape(1, 1, -1) for pair in folded], axis=1),
        occupations=np.concatenate([bands.occupations[:, pair].reshape(1, 1, -1) for pair in folded], axis=1),
        kpoints=np.array([[i / 3, 0, 0] for i in range(3)]),
        weights=np.full(3, 1 / 3),
        x=x,
        atom=np.concatenate([ATOM, ATOM + 3]),
    )
    # B in the cell (a, b) of the small lattice is atom B + 3 b of the large one in its cell (a, 0).
    t = bonds.translation
    renamed = BondList(bonds.atom_i, bonds.atom_j + 3 * t[:, 1], t * [1, 0, 1], bonds.distance)
    np.testing.assert_allclose(compute_cohp(large, renamed).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)
    second = BondList(bonds.atom_i + 3, bonds.atom_j + 3 * (1 - t[:, 1]), t * [1, 0, 1], bonds.distance)
    np.testing.assert_allclose(compute_cohp(large, second).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)


def test_rotated_orbitals_of_an_atom_give_the_same_bonds():
    bands, bonds = make_bands(), all_pairs()
    rotation = np.eye(len(ATOM))
    rotation[3:, 3:] = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    rotated = replace(bands, x=rotation @ bands.x)
    np.testing.assert_allclose(compute_cohp(rotated, bonds).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)


def test_curves_end_at_the_icohp_of_all_bands_and_agree_at_a_sharp_step():
    bands, bonds = make_bands(occupied=1), all_pairs()
    sharp = replace(bands, occupations=(bands.energies < 0.3).astype(float))
    settings = CurveSettings(np.array([-100.0, 0.3, 100.0]), 1e-6, np.zeros(len(bonds), dtype=bool))
    integrated = compute_cohp(sharp, bonds, curves=settings).curves.bonds["COHP"]
    np.testing.assert_allclose(integrated[..., 0], 0, atol=1e-12)
    np.testing.assert_allclose(integrated[0, :, 1], compute_cohp(sharp, bonds).icohp[:, 0], atol=1e-11)
    np.testing.assert_allclose(integrated[0, ~on_site(bonds), 2], 0, atol=1e-11, err_msg="all bands occupied")


def test_noise_does_not_choose_for_rank_deficient_points():
    bands, bonds = make_bands(), all_pairs()
    broken = bands.x.copy()
    broken[..., -1], broken[..., -2] = broken[..., 0], broken[..., 1]
    settings = CurveSettings(np.linspace(-10, 10, 9), 0.2, np.zeros(len(bonds), dtype=bool))
    results = []
    for seed in (1, 2):
        noise = np.random.default_rng(seed).normal(size=broken.shape) * 1e-10
        results.append(compute_cohp(replace(bands, x=broken + noise), bonds, curves=settings))
    np.testing.assert_allclose(results[0].icohp, results[1].icohp, atol=1e-7)
    first, second = (result.curves.bonds["COHP"] for result in results)
    np.testing.assert_allclose(first, second, atol=1e-7)


def test_rank_deficient_points_are_counted():
    bands = make_bands()
    broken = bands.x.copy()
    broken[0, 1, :, -1] = broken[0, 1, :, 0]
    result = compute_cohp(replace(bands, x=broken), all_pairs())
    assert (result.n_rank_deficient, result.n_kpoints) == (1, 6)
    assert result.smallest_singular_value < 1e-7  # a root of rounding errors
    assert compute_cohp(bands, all_pairs()).n_rank_deficient == 0


def test_spillings():
    bands = make_bands()
    outside = replace(bands, x=bands.x * 0 + np.diag([1, 1, 1, 0.5, 0, 0]))
    occupations = np.zeros_like(bands.occupations)
    occupations[..., 2:4] = 1
    result = compute_cohp(replace(outside, occupations=occupations), all_pairs())
    assert result.charge_spilling[0] == pytest.approx(0.75 / 2)
    assert result.total_spilling[0] == pytest.approx(2.75 / 6)


def test_mulliken_populations_hold_all_electrons():
    bands = make_bands()
    rng = np.random.default_rng(8)
    overlaps = []
    for _ in bands.kpoints:
        matrix = rng.normal(size=(6, 6)) * 0.1
        overlaps.append(np.eye(6) + matrix @ matrix.T)
    result = compute_cohp(replace(bands, overlaps=np.array(overlaps)), all_pairs())
    electrons = 2 * np.einsum("k,skn->", bands.weights, bands.occupations)
    assert result.loewdin.sum() == pytest.approx(electrons)
    assert result.mulliken.sum() == pytest.approx(electrons)
    assert np.abs(result.mulliken - result.loewdin).max() > 1e-4


def test_degenerate_bands_at_the_cut_may_come_in_any_mixture():
    """Seven bands, of which the last three are degenerate, for six functions: no mixture of the three is special."""
    bands, bonds = with_level_at_cut(), all_pairs()
    settings = CurveSettings(np.linspace(-20, 20, 5), 0.2, np.ones(len(bonds), dtype=bool), ("COHP", "COBI"))
    result = compute_cohp(bands, bonds, curves=settings)
    assert (result.n_cut_levels, result.n_rank_deficient, result.n_kpoints) == (6, 0, 6)
    rng = np.random.default_rng(7)
    mixed = bands.x.copy()
    for k in range(6):
        mixture = np.linalg.qr(rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))[0]
        mixed[0, k, :, 4:] = bands.x[0, k, :, 4:] @ mixture
    again = compute_cohp(replace(bands, x=mixed), bonds, curves=settings)
    np.testing.assert_allclose(again.icohp, result.icohp, atol=1e-11)
    np.testing.assert_allclose(again.curves.bonds["COHP"], result.curves.bonds["COHP"], atol=1e-11)
    np.testing.assert_allclose(again.curves.elements["COBI"], result.curves.elements["COBI"], atol=1e-11)
    lowest = lowest_six(replace(bands, x=mixed))
    assert np.abs(compute_cohp(lowest, bonds).icohp - result.icohp).max() > 1e-3
    assert result.icohp.sum() == pytest.approx(
        2 * np.einsum("k,skn,skn", bands.weights, lowest.energies, lowest.occupations), abs=1e-11
    )


def test_bands_beyond_the_basis_do_not_count():
    bands, bonds = with_level_at_cut(), all_pairs()
    apart = replace(bands, energies=bands.energies + np.arange(7) * 0.1)
    result = compute_cohp(apart, bonds)
    assert result.n_cut_levels == 0
    np.testing.assert_array_equal(result.icohp, compute_cohp(lowest_six(apart), bonds).icohp)


def lowest_six(bands):
    return replace(bands, x=bands.x[..., :6], energies=bands.energies[..., :6], occupations=bands.occupations[..., :6])


def with_level_at_cut():
    """Bands with one more than there are functions, the last three of them degenerate."""
    bands = make_bands(occupied=0.4)
    rng = np.random.default_rng(11)
    last = rng.normal(size=(1, 6, 6, 1)) + 1j * rng.normal(size=(1, 6, 6, 1))
    points = [tuple(np.rint(k * MESH).astype(int)) for k in bands.kpoints]
    for n, point in enumerate(points):
        reverse = points.index(tuple(-i % m for i, m in zip(point, MESH, strict=True)))
        last[0, n] = last[0, n].real if reverse == n else last[0, reverse].conj() if reverse < n else last[0, n]
    energies = np.concatenate([bands.energies, bands.energies[..., -1:]], axis=-1)
    energies[..., 4:] = energies[..., 5:6] + 10
    occupations = np.concatenate([bands.occupations, np.zeros((1, 6, 1))], axis=-1)
    occupations[..., 4:] = 0
    return replace(bands, energies=energies, occupations=occupations, x=np.concatenate([bands.x, last], axis=-1))


def test_real_projections_give_what_complex_ones_do():
    """As at the centre of the Brillouin zone."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(1, 1, 6, 6)) + 3 * np.eye(6)
    s = np.eye(6) + 0.05 * (x[0] @ x[0].swapaxes(-1, -2))
    real = Bands(
        np.sort(rng.normal(size=(1, 1, 6))),
        np.array([[[1, 1, 1, 0, 0, 0.0]]]),
        np.zeros((1, 3)),
        np.ones(1),
        x,
        ATOM,
        s,
    )
    bonds = BondList(np.array([0, 0, 1]), np.array([1, 2, 2]), np.zeros((3, 3), dtype=int), np.ones(3))
    settings = CurveSettings(np.linspace(-3, 3, 5), 0.2, np.ones(3, dtype=bool), ("COHP", "COOP", "COBI"))
    results = [compute_cohp(b, bonds, curves=settings) for b in (real, replace(real, x=x + 0j, overlaps=s + 0j))]
    for kind in ("COHP", "COOP", "COBI"):
        np.testing.assert_allclose(results[0].elements[kind], results[1].elements[kind], atol=1e-13)
        np.testing.assert_allclose(results[0].curves.elements[kind], results[1].curves.elements[kind], atol=1e-13)


def test_curves_of_all_kinds_end_at_the_integrals():
    """Above all bands but with occupations of a sharp step in between, orbital by orbital."""
    bands, bonds = make_bands(2), all_pairs()
    occupations = (bands.energies < 0.5).astype(float)
    rng = np.random.default_rng(9)
    matrices = rng.normal(size=(len(bands.kpoints), 6, 6)) * 0.1
    overlaps = np.eye(6) + matrices @ matrices.swapaxes(-1, -2)
    bands = replace(bands, occupations=occupations, overlaps=overlaps)
    settings = CurveSettings(np.array([-1000.0, 0.5]), 1e-6, np.arange(len(bonds)) % 2 == 0, ("COHP", "COOP", "COBI"))
    result = compute_cohp(bands, bonds, curves=settings)
    some = settings.orbitalwise[result.blocks.bond]
    for kind in ("COHP", "COOP", "COBI"):
        curve, parts = result.curves.bonds[kind], result.curves.elements[kind]
        np.testing.assert_allclose(curve[..., 0], 0, atol=1e-12)
        np.testing.assert_allclose(curve[..., 1].T, result.integrated(kind), atol=1e-11)
        np.testing.assert_allclose(parts[..., 1], result.elements[kind][:, some], atol=1e-11)
