"""The engine's identities, to machine precision, on random bands."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from aiida_getl.cohp.engine import bond_blocks, compute_cohp, polar_frame, restrict_basis
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

    def projections(self, spin, kpoint, overlaps):
        return self.x[spin, kpoint], None if self.overlaps is None else self.overlaps[kpoint]


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


def test_rotated_orbitals_of_an_atom_give_the_same_bonds():
    bands, bonds = make_bands(), all_pairs()
    rotation = np.eye(len(ATOM))
    rotation[3:, 3:] = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    rotated = replace(bands, x=rotation @ bands.x)
    np.testing.assert_allclose(compute_cohp(rotated, bonds).icohp, compute_cohp(bands, bonds).icohp, atol=1e-12)


def test_curves_end_at_the_icohp_of_all_bands_and_agree_at_a_sharp_step():
    bands, bonds = make_bands(occupied=1), all_pairs()
    sharp = replace(bands, occupations=(bands.energies < 0.3).astype(float))
    result = compute_cohp(sharp, bonds, energies=np.array([-100.0, 0.3, 100.0]), smearing=1e-6)
    np.testing.assert_allclose(result.curves.integrated[..., 0], 0, atol=1e-12)
    np.testing.assert_allclose(result.curves.integrated[0, :, 1], result.icohp[:, 0], atol=1e-11)
    np.testing.assert_allclose(
        result.curves.integrated[0, ~on_site(bonds), 2], 0, atol=1e-11, err_msg="all bands occupied"
    )


def test_polar_factor_is_unitary_and_nearest():
    rng = np.random.default_rng(2)
    for smallest in (0.5, 1e-2, 2e-3):
        u, v = (np.linalg.qr(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))[0] for _ in range(2))
        singular = np.append(rng.uniform(0.6, 1, 7), smallest)
        frame = polar_frame((u * singular) @ v)
        np.testing.assert_allclose(frame.c.conj().T @ frame.c, np.eye(8), atol=1e-13)
        np.testing.assert_allclose(frame.c, u @ v, atol=1e-9)
        assert frame.smallest == pytest.approx(smallest, rel=1e-6)
        assert len(frame.bands) == 0


def test_undetermined_directions_are_averaged_over():
    """The mean over random completions of the missing part, which is what no choice among them would change."""
    rng = np.random.default_rng(4)
    u, v = (np.linalg.qr(rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6)))[0] for _ in range(2))
    frame = polar_frame((u * np.array([0.9, 0.8, 0.7, 0.6, 1e-9, 0])) @ v)
    energies = rng.normal(size=6)
    found = frame.operator(energies)
    np.testing.assert_allclose(frame.operator(np.ones(6)), np.eye(6), atol=1e-12)
    total, n = np.zeros((6, 6), dtype=complex), 20_000
    for _ in range(n):
        w = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
        w = w * np.exp(2j * np.pi * rng.uniform(size=2))  # uniformly distributed unitary matrices
        c = frame.c + frame.directions @ w @ frame.bands
        total += (c * energies) @ c.conj().T
    np.testing.assert_allclose(found, total / n, atol=0.02)


def test_noise_does_not_choose_for_rank_deficient_points():
    bands, bonds = make_bands(), all_pairs()
    broken = bands.x.copy()
    broken[..., -1], broken[..., -2] = broken[..., 0], broken[..., 1]
    energies = np.linspace(-10, 10, 9)
    results = []
    for seed in (1, 2):
        noise = np.random.default_rng(seed).normal(size=broken.shape) * 1e-10
        results.append(compute_cohp(replace(bands, x=broken + noise), bonds, energies=energies))
    np.testing.assert_allclose(results[0].icohp, results[1].icohp, atol=1e-7)
    np.testing.assert_allclose(results[0].curves.integrated, results[1].curves.integrated, atol=1e-7)


def test_subset_of_the_basis_is_what_projecting_on_it_alone_gives():
    """With plane waves spelled out: atomic functions A, states psi; X = S^-1/2 A^+ psi."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(40, 7)) + 1j * rng.normal(size=(40, 7))
    psi = np.linalg.qr(rng.normal(size=(40, 9)) + 1j * rng.normal(size=(40, 9)))[0]

    def project(functions):
        overlap = functions.conj().T @ functions
        e, v = np.linalg.eigh(overlap)
        return (v / np.sqrt(e)) @ v.conj().T @ functions.conj().T @ psi, overlap

    rows = np.array([0, 2, 3, 6])
    x, overlap = project(a)
    expected_x, expected_overlap = project(a[:, rows])
    found_x, found_overlap = restrict_basis(x, overlap, rows)
    np.testing.assert_allclose(found_x, expected_x, atol=1e-12)
    np.testing.assert_allclose(found_overlap, expected_overlap, atol=1e-12)


def test_rank_deficient_points_are_counted():
    bands = make_bands()
    broken = bands.x.copy()
    broken[0, 1, :, -1] = broken[0, 1, :, 0]
    result = compute_cohp(replace(bands, x=broken), all_pairs())
    assert (result.n_rank_deficient, result.n_kpoints) == (1, 6)
    assert result.smallest_singular_value < 1e-12
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


def test_blocks_name_every_element_once():
    bonds = BondList(np.array([0, 2]), np.array([1, 0]), np.zeros((2, 3), dtype=int), np.ones(2))
    blocks = bond_blocks(bonds, ATOM)
    assert list(zip(blocks.row, blocks.column, strict=True)) == [
        (0, 2),
        (1, 2),
        (3, 0),
        (3, 1),
        (4, 0),
        (4, 1),
        (5, 0),
        (5, 1),
    ]
    assert blocks.sum(np.ones(8)).tolist() == [2, 6]
