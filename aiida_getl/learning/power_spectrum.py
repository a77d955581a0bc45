"""Power spectra of the density of atoms about points: SOAP, with Python's lock free while they are made.

SOAP: Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115 (2013). Radial functions are those of DScribe (Himanen et al.,
Comput. Phys. Commun. 247, 106949 (2020)), r^l exp(-α_nl r²) made orthonormal, and so are the order of the entries and
their values; but DScribe holds the lock, so that threads wait for each other, and these functions do not. Each atom is
a Gaussian of width σ. About a centre, the density of the atoms of species Z has the coefficients

    c_Znlm = Σ_j R_nl(r_j) Y_lm(r_j)
    R_nl(r) = Σ_k β_nk (π / (α_kl + η))^3/2 (η / (α_kl + η))^l r^l exp(-α_kl η r² / (α_kl + η))

with η = 1 / 2σ² and β = S^-1/2 of the overlaps S, and the power spectrum is p = Σ_m c_Znlm c_Z'n'lm / sqrt(2 l + 1).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import gamma
from sphericart import SphericalHarmonics

from aiida_getl.learning.neighbours import neighbour_pairs

#: Where a Gaussian of a neighbour beyond the cut-off has fallen to: it counts up to there. And where a radial function
#: has fallen to at the radius that it is made for (Å), the first at this one and the last at the cut-off.
NEGLIGIBLE, FIRST_RADIUS = 1e-3, 1.0
#: Points at which the radial functions are tabulated; between them they are lines, to six digits.
N_GRID = 8192


def gaussian_reach(r_cut: float, sigma: float) -> float:
    """Return how far from a centre (Å) an atom counts."""
    return float(r_cut) + float(sigma) * float(np.sqrt(-2.0 * np.log(NEGLIGIBLE)))


@functools.lru_cache(maxsize=8)
def _radial_table(r_cut: float, n_max: int, l_max: int, sigma: float) -> tuple[NDArray[np.float32], float]:
    """Return R_nl on a grid from zero to the reach, shape (grid, (l_max + 1) · n_max), and the spacing in Å."""
    r, spacing = np.linspace(0.0, gaussian_reach(r_cut, sigma), N_GRID + 1, retstep=True)
    radii = np.linspace(FIRST_RADIUS, r_cut, n_max)
    eta = 0.5 / sigma**2
    table = np.empty((N_GRID + 1, l_max + 1, n_max))
    for momentum in range(l_max + 1):
        alpha = -np.log(NEGLIGIBLE / radii**momentum) / radii**2
        overlap = 0.5 * gamma(momentum + 1.5) * np.add.outer(alpha, alpha) ** (-momentum - 1.5)
        eigenvalues, vectors = np.linalg.eigh(overlap)
        beta = (vectors / np.sqrt(eigenvalues)) @ vectors.T
        smeared = (np.pi / (alpha + eta)) ** 1.5 * (eta / (alpha + eta)) ** momentum
        gaussians = smeared * r[:, None] ** momentum * np.exp(-alpha * eta / (alpha + eta) * r[:, None] ** 2)
        # The root of 1 / sqrt(2 l + 1), since two coefficients are multiplied.
        table[:, momentum] = gaussians @ beta / (2 * momentum + 1) ** 0.25
    return (table / np.abs(table).max()).reshape(N_GRID + 1, -1).astype(np.float32), float(spacing)


def _radial_functions(r: NDArray, table: NDArray[np.float32], spacing: float) -> NDArray[np.float32]:
    """Return the radial functions at distances (n,), shape (n, (l_max + 1) · n_max)."""
    place = r / spacing
    below = np.minimum(place.astype(np.int64), N_GRID - 1)
    share = (place - below).astype(np.float32)[:, None]
    values = table[below + 1]
    values -= table[below]
    values *= share
    values += table[below]
    return values


def power_spectra(
    centres: NDArray,
    points: cKDTree,
    kind: NDArray,
    n_species: int,
    r_cut: float,
    n_max: int,
    l_max: int,
    sigma: float,
) -> NDArray[np.float32]:
    """Return the power spectra about centres, normalised to one.

    Parameters
    ----------
    centres : (n, 3) Å
    points : tree of (m, 3) Å, the atoms and all their images that are within :func:`gaussian_reach` of a centre
    kind : (m,) int, the species of each, from 0 to ``n_species`` - 1
    r_cut, n_max, l_max, sigma : cut-off radius in Å, number of radial functions, largest angular momentum, σ in Å

    Returns
    -------
    (n, features), in the order of :func:`entries` and times their :func:`weights`: a dot product of two rows is the
    SOAP kernel.

    Raises
    ------
    ValueError
        For a centre with no atom near.
    """
    n, n_groups = len(centres), len(centres) * n_species
    centre, point, r = neighbour_pairs(centres, points, gaussian_reach(r_cut, sigma))
    group = centre * n_species + kind[point]
    # Groups with equally many atoms lie together: their sums are products of matrices of one shape, without padding.
    count = np.bincount(group, minlength=n_groups)
    by_count = np.argsort(count, kind="stable")
    rank = np.empty(n_groups, dtype=np.int64)
    rank[by_count] = np.arange(n_groups)
    order = np.argsort(rank[group], kind="stable")
    centre, point, r = centre[order], point[order], r[order]
    offset = (points.data[point] - centres[centre]).astype(np.float32)
    # An atom at the centre has no direction, and needs none: all its radial functions but those of l = 0 are zero.
    offset[r == 0.0] = (0.0, 0.0, 1.0)
    harmonics = SphericalHarmonics(l_max).compute(offset)
    radial = _radial_functions(r, *_radial_table(float(r_cut), int(n_max), int(l_max), float(sigma)))
    coefficients = np.zeros((n_groups, n_max * (l_max + 1) ** 2), dtype=np.float32)
    first_group, first_pair = 0, 0
    for size, times in zip(*np.unique(count, return_counts=True), strict=True):
        groups = slice(first_group, first_group + times)
        pairs = slice(first_pair, first_pair + size * times)
        first_group, first_pair = groups.stop, pairs.stop
        if not size:
            continue
        own_radial = radial[pairs].reshape(times, size, -1)
        own_harmonics = harmonics[pairs].reshape(times, size, -1)
        for momentum in range(l_max + 1):
            sums = np.matmul(
                own_radial[:, :, momentum * n_max : (momentum + 1) * n_max].transpose(0, 2, 1),
                own_harmonics[:, :, momentum**2 : (momentum + 1) ** 2],
            )
            block = slice(n_max * momentum**2, n_max * (momentum + 1) ** 2)
            coefficients[groups, block] = sums.reshape(times, -1)
    spectra = _products(coefficients[rank].reshape(n, n_species, -1), n_max, l_max)
    return normalised(spectra, centres, r_cut)


def normalised(spectra: NDArray, centres: NDArray, r_cut: float) -> NDArray:
    """Return power spectra (n, features) about centres (n, 3), each divided by its norm.

    Raises
    ------
    ValueError
        For a norm of zero.
    """
    norm = np.sqrt(np.einsum("ij,ij->i", spectra, spectra))
    if not norm.all():
        raise ValueError(
            f"no atom within {r_cut} Å of the point {centres[norm.argmin()].round(2).tolist()}: "
            "the cell is too dilute for this descriptor"
        )
    return spectra / norm[:, None]


@functools.lru_cache(maxsize=8)
def entries(n_species: int, n_max: int, l_max: int) -> NDArray[np.int64]:
    """Return (Z, n, Z', n', l) of every entry of a power spectrum in DScribe's order, shape (features, 5).

    Of (Z n, Z' n') and (Z' n', Z n), which are equal, there is one.
    """
    return np.array(
        [
            (a, n, b, m, angular)
            for a in range(n_species)
            for b in range(a, n_species)
            for angular in range(l_max + 1)
            for n in range(n_max)
            for m in range(n if a == b else 0, n_max)
        ]
    )


def weights(entry: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the square root of how often the power spectrum has each of :func:`entries`, once or twice."""
    square = (entry[:, 0] == entry[:, 2]) & (entry[:, 1] == entry[:, 3])
    return np.where(square, 1.0, np.sqrt(2.0)).astype(np.float32)


def _products(coefficients: NDArray[np.float32], n_max: int, l_max: int) -> NDArray[np.float32]:
    """Return the power spectra of coefficients (centres, species, n_max · (l_max + 1)²), blocks by l, then n, m."""
    n, n_species, _ = coefficients.shape
    entry = entries(n_species, n_max, l_max)
    weight = weights(entry)
    flat = (entry[:, 0] * n_max + entry[:, 1]) * n_species * n_max + entry[:, 2] * n_max + entry[:, 3]
    spectra = np.empty((n, len(entry)), dtype=np.float32)
    for momentum in range(l_max + 1):
        block = coefficients[:, :, n_max * momentum**2 : n_max * (momentum + 1) ** 2]
        block = block.reshape(n, n_species * n_max, 2 * momentum + 1)
        products = np.matmul(block, block.transpose(0, 2, 1)).reshape(n, -1)
        own = np.flatnonzero(entry[:, 4] == momentum)
        spectra[:, own] = products[:, flat[own]] * weight[own]
    return spectra
