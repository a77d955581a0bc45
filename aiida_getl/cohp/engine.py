"""Crystal orbital Hamilton populations from projections on atomic orbitals.

The recipe, per k-point and spin, with X the projections on the Löwdin-orthonormalised basis (n functions) of as many
of the lowest bands:

    C    = X (X^+ X)^-1/2            the polar factor: the unitary matrix nearest to the projections
    H(k) = C diag(e) C^+,   D(k) = C diag(f) C^+
    H(R) = sum_k w_k e^{-ik.R} H(k), D(R) likewise
    ICOHP(A, B, R) = g sum_{a in A, b in B} Re D_ab(R) Re H_ab(R)

with g = 2 without spin polarisation, else 1 per spin channel. Only real parts count: time reversal makes both matrices
real for a complete grid, and taking the real part supplies the -k that a grid with time-reversed points merged leaves
out. The definition is that of Deringer, Tchougréeff and Dronskowski, J. Phys. Chem. A 115, 5461 (2011); the
orthonormalisation of the bands follows Maintz et al., J. Comput. Chem. 37, 1030 (2016).

Where symmetry keeps some of the bands out of the basis altogether, X is singular and directions of the basis are left
without a band. Any unitary completion would do and each gives other bonds (B2 CuZr: equivalent bonds from -0.83 to
-0.92 eV); the average over all of them is taken, which treats equivalent bonds alike (-0.876 eV, within 0.0003).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import erf

from aiida_getl.structures.bonds import BondList

#: A singular value of the projections below this leaves a direction of the basis undetermined.
RANK_TOLERANCE = 1e-3
#: Below this, squaring the condition number (Gram matrix) loses too many digits and the slower SVD is used.
GRAM_TOLERANCE = 1e-2


class Bands(Protocol):
    """What the engine asks of a calculation; :class:`aiida_getl.cohp.calculation.QeBands` provides it."""

    energies: NDArray[np.float64]  # (nspin, nk, nbnd) eV
    occupations: NDArray[np.float64]  # (nspin, nk, nbnd), 0 to 1
    kpoints: NDArray[np.float64]  # (nk, 3), reciprocal lattice vectors
    weights: NDArray[np.float64]  # (nk,), sum 1
    atom: NDArray[np.int64]  # (n,), atom of every basis function, ascending

    def projections(
        self, spin: int, kpoint: int, overlaps: bool
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128] | None]:
        """Return X (n, n) for the lowest n bands, and the overlaps S (n, n) of the basis if asked for, or None."""


@dataclass(frozen=True)
class Blocks:
    """The matrix elements of every bond, one after the other.

    Attributes
    ----------
    row, column : (m,)
        Basis functions of every element.
    start : (n,)
        Where the elements of each bond begin.
    bond : (m,)
        To which bond every element belongs.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    start: NDArray[np.int64]
    bond: NDArray[np.int64]

    def sum(self, elements: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over the elements of each bond; ``elements`` has shape (..., m)."""
        return np.add.reduceat(elements, self.start, axis=-1) if len(self.start) else elements[..., :0]


def bond_blocks(bonds: BondList, atom: NDArray[np.int64]) -> Blocks:
    """Return the matrix elements between the functions of A and B for every bond."""
    n_atoms = int(atom.max()) + 1
    count = np.bincount(atom, minlength=n_atoms)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    n_a, n_b = count[bonds.atom_i], count[bonds.atom_j]
    size = n_a * n_b
    if (size == 0).any():
        raise ValueError("a bond has an atom without basis functions")
    start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    bond = np.repeat(np.arange(len(bonds)), size)
    within = np.arange(len(bond)) - start[bond] if len(bond) else np.zeros(0, dtype=np.int64)
    return Blocks(
        row=first[bonds.atom_i][bond] + within // n_b[bond],
        column=first[bonds.atom_j][bond] + within % n_b[bond],
        start=start[: len(bonds)],
        bond=bond,
    )


@dataclass(frozen=True)
class Curves:
    """COHP(E) of every bond; COOP and COBI where they were asked for.

    Attributes
    ----------
    energies : (ne,) eV
        Absolute, as in pw.x.
    integrated : (nspin, n, ne) eV
        ICOHP up to each energy.
    """

    energies: NDArray[np.float64]
    integrated: NDArray[np.float64]


@dataclass(frozen=True)
class CohpResult:
    """Bond strengths and populations.

    Attributes
    ----------
    bonds
        The bonds, in the order they were asked for.
    blocks
        Which matrix elements belong to them.
    icohp_elements : (nspin, m) eV
        Contribution of every pair of orbitals.
    icohp, icobi : (n, nspin)
        eV, and dimensionless.
    icoop : (n, nspin) or None
        None without overlaps.
    loewdin, mulliken : (nspin, functions)
        Electrons in every basis function; mulliken is None without overlaps.
    charge_spilling, total_spilling : (nspin,)
        Fractions of the occupied states, and of all states used, outside the basis.
    band_energy : eV
        Sum of the occupied energies.
    smallest_singular_value
        Of the projections, over all k-points.
    n_rank_deficient, n_kpoints
        How many k-points (of all spins) have a singular value below the tolerance.
    curves
        None unless energies were given.
    """

    bonds: BondList
    blocks: Blocks
    icohp_elements: NDArray[np.float64]
    icobi: NDArray[np.float64]
    icoop: NDArray[np.float64] | None
    loewdin: NDArray[np.float64]
    mulliken: NDArray[np.float64] | None
    charge_spilling: NDArray[np.float64]
    total_spilling: NDArray[np.float64]
    band_energy: float
    smallest_singular_value: float
    n_rank_deficient: int
    n_kpoints: int
    curves: Curves | None

    @property
    def icohp(self) -> NDArray[np.float64]:
        """ICOHP of every bond and spin, (n, nspin) eV; negative is bonding."""
        return self.blocks.sum(self.icohp_elements).T


@dataclass(frozen=True)
class Frame:
    """The bands of one k-point in the basis.

    Attributes
    ----------
    c : (n, n)
        The polar factor of the projections: unitary, or a partial isometry if they are rank-deficient.
    directions : (n, r)
        Orthonormal directions of the basis that no band reaches.
    bands : (r, n)
        As many orthonormal combinations of bands that reach no function.
    smallest
        Singular value of the projections.
    """

    c: NDArray[np.complex128]
    directions: NDArray[np.complex128]
    bands: NDArray[np.complex128]
    smallest: float

    @property
    def share(self) -> NDArray[np.float64]:
        """How much of every undetermined direction each band has, on average; (n,), sum 1."""
        return (np.abs(self.bands) ** 2).mean(axis=0)

    def operator(self, diagonal: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the matrix of an operator that is diagonal in the bands.

        For unitary W the completion U W V^+ of rank r contributes, averaged over all W,
        U U^+ tr(V^+ diag V) / r, and nothing mixed with the determined part.
        """
        matrix = (self.c * diagonal) @ self.c.conj().T
        if len(self.bands):
            matrix += (self.share @ diagonal) * (self.directions @ self.directions.conj().T)
        return matrix


def polar_frame(x: NDArray[np.complex128]) -> Frame:
    """Return the unitary factor of a square matrix, and what rank deficiency leaves undetermined.

    One Hermitian eigenproblem instead of a singular value decomposition is several times faster and, where the matrix
    is well-conditioned, as good after one Newton-Schulz step C (3 - C^+ C) / 2.
    """
    gram = x.conj().T @ x
    eigenvalues, vectors = np.linalg.eigh(gram)
    smallest = float(np.sqrt(max(eigenvalues[0], 0.0)))
    n = len(x)
    if smallest > GRAM_TOLERANCE:
        c = x @ ((vectors / np.sqrt(eigenvalues)) @ vectors.conj().T)
        c = 1.5 * c - 0.5 * (c @ (c.conj().T @ c))
        return Frame(c, np.empty((n, 0), dtype=complex), np.empty((0, n), dtype=complex), smallest)
    u, singular, vh = scipy.linalg.svd(x, lapack_driver="gesvd", check_finite=False)
    rank = int((singular > RANK_TOLERANCE).sum())
    return Frame(u[:, :rank] @ vh[:rank], u[:, rank:], vh[rank:], float(singular[-1]))


def inverse_root(s: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return S^-1/2 of a positive definite matrix."""
    eigenvalues, vectors = np.linalg.eigh(s)
    if eigenvalues[0] <= 0:
        raise ValueError(
            f"the overlaps of the basis are not positive definite (lowest eigenvalue {eigenvalues[0]:.1e}): "
            "the basis is linearly dependent, leave functions out"
        )
    return (vectors / np.sqrt(eigenvalues)) @ vectors.conj().T


def restrict_basis(
    x: NDArray[np.complex128], overlap: NDArray[np.complex128], rows: NDArray[np.int64]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Return projections on the orthonormalised functions ``rows`` alone, and the overlaps of those functions.

    X = S^-1/2 T holds for all functions together; the raw projections T of the functions that stay are
    orthonormalised among themselves.
    """
    eigenvalues, vectors = np.linalg.eigh(overlap)
    raw = (vectors[rows] * np.sqrt(np.clip(eigenvalues, 0.0, None))) @ (vectors.conj().T @ x)
    sub = overlap[np.ix_(rows, rows)]
    return inverse_root(sub) @ raw, sub


def compute_cohp(
    bands: Bands,
    bonds: BondList,
    energies: NDArray[np.float64] | None = None,
    smearing: float = 0.2,
    overlaps: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> CohpResult:
    """Return bond strengths of the given bonds, and their curves if ``energies`` are given.

    Parameters
    ----------
    bands
        Energies, occupations and projections.
    bonds
        (A, B, T) with T the lattice translation of B for positions that were not wrapped.
    energies : (ne,) eV
        Where the curves are evaluated, absolute.
    smearing : eV
        s of the Gaussian exp(-x^2/s^2) of the curves; occupations are those of pw.x and are not touched.
    overlaps
        Compute what needs the overlaps of the basis: Mulliken populations and COOPs.
    progress
        Called with (done, total) after every k-point.
    """
    n_spins, n_kpoints, _ = bands.energies.shape
    n = len(bands.atom)
    g = 2.0 if n_spins == 1 else 1.0
    blocks = bond_blocks(bonds, bands.atom)
    h, d, p, s_bonds = (np.zeros((n_spins, len(blocks.row))) for _ in range(4))
    loewdin, mulliken = np.zeros((n_spins, n)), np.zeros((n_spins, n))
    electrons, spilled, spilled_all = np.zeros(n_spins), np.zeros(n_spins), np.zeros(n_spins)
    smallest, deficient, have_overlaps = np.inf, 0, overlaps
    frames: dict[tuple[int, int], Frame] = {}

    for done, (spin, k) in enumerate(_all_points(n_spins, n_kpoints), start=1):
        weight = bands.weights[k]
        e, f = bands.energies[spin, k, :n], bands.occupations[spin, k, :n]
        x, overlap = bands.projections(spin, k, overlaps)
        inside = np.einsum("an,an->n", x.conj(), x).real
        electrons[spin] += weight * f.sum()
        spilled[spin] += weight * (f * (1 - inside)).sum()
        spilled_all[spin] += weight * (1 - inside).mean()
        frame = polar_frame(x)
        smallest, deficient = min(smallest, frame.smallest), deficient + (len(frame.bands) > 0)
        phase = np.exp(-2j * np.pi * (bonds.translation @ bands.kpoints[k]))[blocks.bond] * weight
        density = frame.operator(f)
        h[spin] += (frame.operator(e)[blocks.row, blocks.column] * phase).real
        d[spin] += (density[blocks.row, blocks.column] * phase).real
        loewdin[spin] += g * weight * density.diagonal().real
        if overlap is None:
            have_overlaps = False
        elif overlaps:
            root = inverse_root(overlap)
            density = root @ density @ root  # in the functions before orthonormalisation
            p[spin] += (density[blocks.row, blocks.column] * phase).real
            s_bonds[spin] += (overlap[blocks.row, blocks.column] * phase).real
            mulliken[spin] += g * weight * np.einsum("ab,ba->a", density, overlap).real
        if energies is not None:
            frames[spin, k] = frame
        if progress is not None:
            progress(done, n_spins * n_kpoints)

    curves = None
    if energies is not None:
        curves = Curves(energies, _integrated_curves(bands, bonds, blocks, frames, h * g, energies, smearing))
    return CohpResult(
        bonds=bonds,
        blocks=blocks,
        icohp_elements=g * d * h,
        icobi=blocks.sum(g**2 * d**2 * (n_spins if n_spins == 2 else 1)).T,
        icoop=blocks.sum(g * p * s_bonds).T if have_overlaps else None,
        loewdin=loewdin,
        mulliken=mulliken if have_overlaps else None,
        charge_spilling=spilled / electrons,
        total_spilling=spilled_all,
        band_energy=g * float(np.einsum("k,skn,skn->", bands.weights, bands.energies, bands.occupations)),
        smallest_singular_value=smallest,
        n_rank_deficient=int(deficient),
        n_kpoints=n_spins * n_kpoints,
        curves=curves,
    )


def _all_points(n_spins: int, n_kpoints: int) -> Iterator[tuple[int, int]]:
    return ((spin, k) for spin in range(n_spins) for k in range(n_kpoints))


def _integrated_curves(
    bands: Bands,
    bonds: BondList,
    blocks: Blocks,
    frames: dict[tuple[int, int], Frame],
    h: NDArray[np.float64],
    energies: NDArray[np.float64],
    smearing: float,
) -> NDArray[np.float64]:
    """Return the sum over states of their contribution to each bond times the smeared step function, (nspin, n, ne)."""
    integrated = np.zeros((bands.energies.shape[0], len(bonds), len(energies)))
    for (spin, k), frame in frames.items():
        c = frame.c
        e = bands.energies[spin, k, : len(c)]
        step = 0.5 * (1 + erf((energies[None, :] - e[:, None]) / smearing))
        phase = np.exp(2j * np.pi * (bonds.translation @ bands.kpoints[k]))
        contribution = np.empty((len(bonds), len(c)))
        # A few bonds at a time: all matrix elements times all bands would not fit into memory.
        for first, last in _chunks(blocks, limit=4_000_000 // len(c)):
            part = slice(blocks.start[first], blocks.start[last] if last < len(bonds) else len(blocks.row))
            rows, columns = blocks.row[part], blocks.column[part]
            products = (c[rows].conj() * c[columns] * (phase[blocks.bond[part]] * h[spin, part])[:, None]).real
            contribution[first:last] = np.add.reduceat(products, blocks.start[first:last] - blocks.start[first], axis=0)
        if len(frame.bands):
            rest = (frame.directions @ frame.directions.conj().T)[blocks.row, blocks.column].conj()
            contribution += np.outer(blocks.sum((rest * phase[blocks.bond] * h[spin]).real), frame.share)
        integrated[spin] += bands.weights[k] * (contribution @ step)
    return integrated


def _chunks(blocks: Blocks, limit: int) -> Iterator[tuple[int, int]]:
    ends = np.append(blocks.start[1:], len(blocks.row))
    first = 0
    while first < len(blocks.start):
        last = max(first + 1, int(np.searchsorted(ends, blocks.start[first] + limit, side="right")))
        yield first, last
        first = last
