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
orthonormalisation of the bands follows Maintz et al., J. Comput. Chem. 37, 1030 (2016). ICOBI and ICOOP take D and S
in place of H (Müller et al., J. Phys. Chem. C 125, 7959 (2021)).

What makes equivalent bonds alike where bands are degenerate or out of the basis' reach is in
:mod:`aiida_getl.cohp.frame`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.blocks import Blocks, bond_blocks
from aiida_getl.cohp.curves import BandStates, Curves, CurveSettings, add_states, check_size, empty_curves
from aiida_getl.cohp.frame import choose_from_level, inverse_root, level_at_cut, polar_frame
from aiida_getl.cohp.progress import Progress, silent
from aiida_getl.structures.bonds import BondList


class Bands(Protocol):
    """What the engine asks of a calculation; :class:`aiida_getl.cohp.calculation.QeBands` provides it."""

    energies: NDArray[np.float64]  # (nspin, nk, nbnd) eV
    occupations: NDArray[np.float64]  # (nspin, nk, nbnd), 0 to 1
    kpoints: NDArray[np.float64]  # (nk, 3), reciprocal lattice vectors
    weights: NDArray[np.float64]  # (nk,), sum 1
    atom: NDArray[np.int64]  # (n,), atom of every basis function, ascending

    def projections(self, spin: int, kpoint: int, n_bands: int, overlaps: bool) -> tuple[NDArray, NDArray | None]:
        """Return X (n, n_bands) of the lowest bands, and the overlaps S (n, n) of the basis if asked for, or None.

        Both are real where the wavefunctions are.
        """


@dataclass(frozen=True)
class CohpResult:
    """Bond strengths and populations.

    Attributes
    ----------
    bonds
        The bonds, in the order they were asked for.
    blocks
        Which matrix elements belong to them.
    elements : kind -> (nspin, m)
        Contribution of every pair of orbitals to ICOHP (eV), ICOBI and, with overlaps, ICOOP.
    loewdin, mulliken : (nspin, functions)
        Electrons in every basis function; mulliken is None without overlaps.
    charge_spilling, total_spilling : (nspin,)
        Fractions of the occupied states, and of the lowest n states, outside the basis.
    band_energy : eV
        Sum of the occupied energies.
    smallest_singular_value
        Of the projections, over all k-points.
    n_rank_deficient, n_cut_levels, n_kpoints
        How many k-points (of all spins) leave directions of the basis undetermined, and at how many the number of
        functions cuts through a degenerate level.
    curves
        None unless asked for.
    """

    bonds: BondList
    blocks: Blocks
    elements: dict[str, NDArray[np.float64]]
    loewdin: NDArray[np.float64]
    mulliken: NDArray[np.float64] | None
    charge_spilling: NDArray[np.float64]
    total_spilling: NDArray[np.float64]
    band_energy: float
    smallest_singular_value: float
    n_rank_deficient: int
    n_cut_levels: int
    n_kpoints: int
    curves: Curves | None

    def integrated(self, kind: str) -> NDArray[np.float64]:
        """Return the values of a kind (COHP, COOP, COBI) of every bond and spin, (n, nspin)."""
        return self.blocks.sum(self.elements[kind]).T

    @property
    def icohp(self) -> NDArray[np.float64]:
        """ICOHP of every bond and spin, (n, nspin) eV; negative is bonding."""
        return self.integrated("COHP")

    @property
    def icobi(self) -> NDArray[np.float64]:
        """ICOBI of every bond and spin, (n, nspin)."""
        return self.integrated("COBI")

    @property
    def icoop(self) -> NDArray[np.float64] | None:
        """ICOOP of every bond and spin, (n, nspin), or None without overlaps."""
        return self.integrated("COOP") if "COOP" in self.elements else None


def compute_cohp(
    bands: Bands,
    bonds: BondList,
    overlaps: bool = True,
    curves: CurveSettings | None = None,
    progress: Progress = silent,
) -> CohpResult:
    """Return bond strengths of the given bonds, and their curves if asked for.

    Parameters
    ----------
    bands
        Energies, occupations and projections.
    bonds
        (A, B, T) with T the lattice translation of B for positions that were not wrapped.
    overlaps
        Compute what needs the overlaps of the basis: Mulliken populations and COOPs.
    curves
        Which curves are wanted, if any; COOPs also need ``overlaps``.
    progress
        Told of every k-point, and of the steps within it.

    Raises
    ------
    ValueError
        If a bonded atom has no basis function, the basis is linearly dependent, or the curves are too many.
    """
    n_spins, n_kpoints, _ = bands.energies.shape
    n = len(bands.atom)
    g = 2.0 if n_spins == 1 else 1.0
    blocks = bond_blocks(bonds, bands.atom)
    if curves is not None:
        check_size(curves, blocks, n_spins)
    h, d, p, s_bonds = (np.zeros((n_spins, len(blocks.row))) for _ in range(4))
    loewdin, mulliken = np.zeros((n_spins, n)), np.zeros((n_spins, n))
    electrons, spilled, spilled_all = np.zeros(n_spins), np.zeros(n_spins), np.zeros(n_spins)
    smallest, deficient, cut_levels, have_overlaps = np.inf, 0, 0, overlaps
    wants_coop = curves is not None and "COOP" in curves.kinds
    states: dict[tuple[int, int], BandStates] = {}

    for done, (spin, k) in enumerate(_all_points(n_spins, n_kpoints), start=1):
        here = f"k-point {done} of {n_spins * n_kpoints}, step"
        weight = bands.weights[k]
        e, f = bands.energies[spin, k], bands.occupations[spin, k]
        start, stop = level_at_cut(e, n)
        x, overlap = bands.projections(spin, k, stop, overlaps)
        progress(here, 1, 3)
        # Absolute values of every band, as LOBSTER's "abs." spillings are: projections on Slater orbitals can exceed 1.
        outside = np.abs(1 - np.einsum("an,an->n", x[:, :n].conj(), x[:, :n]).real)
        electrons[spin] += weight * f[:n].sum()
        spilled[spin] += weight * (f[:n] * outside).sum()
        spilled_all[spin] += weight * outside.mean()
        if stop > n:
            cut_levels += 1
            x = choose_from_level(x, start)
            in_level = np.full(x.shape[1] - start, 1.0)
            e = np.append(e[:start], e[start:stop].mean() * in_level)
            f = np.append(f[:start], f[start:stop].mean() * in_level)
        else:
            e, f = e[:n], f[:n]
        frame = polar_frame(x)
        progress(here, 2, 3)
        smallest, deficient = min(smallest, frame.smallest), deficient + frame.is_deficient
        phase = np.exp(2j * np.pi * (bonds.translation @ bands.kpoints[k]))
        conjugate_phase = phase.conj()[blocks.bond] * weight
        density = frame.operator(f)
        h[spin] += (frame.operator(e)[blocks.row, blocks.column] * conjugate_phase).real
        d[spin] += (density[blocks.row, blocks.column] * conjugate_phase).real
        loewdin[spin] += g * weight * density.diagonal().real
        progress(here, 3, 3)
        root = None
        if overlap is None:
            have_overlaps = False
        elif overlaps:
            root = inverse_root(overlap)
            density = root @ density @ root  # in the functions before orthonormalisation
            p[spin] += (density[blocks.row, blocks.column] * conjugate_phase).real
            s_bonds[spin] += (overlap[blocks.row, blocks.column] * conjugate_phase).real
            mulliken[spin] += g * weight * np.einsum("ab,ba->a", density, overlap).real
        if curves is not None:
            rest = frame.directions @ frame.directions.conj().T if frame.is_deficient else None
            states[spin, k] = BandStates(
                weight=weight,
                phase=phase,
                energies=e,
                c=frame.c,
                raw=root @ frame.c if wants_coop and root is not None else None,
                rest=rest,
                raw_rest=root @ rest @ root if wants_coop and root is not None and rest is not None else None,
                share=frame.share if frame.is_deficient else np.zeros(len(e)),
            )
        progress("k-point", done, n_spins * n_kpoints)

    elements = {"COHP": g * d * h, "COBI": g**2 * d**2 * n_spins}
    matrices = {"COHP": g * h, "COBI": g**2 * d * n_spins}
    if have_overlaps:
        elements["COOP"], matrices["COOP"] = g * p * s_bonds, g * s_bonds
    found = None
    if curves is not None:
        found = empty_curves(curves, blocks, n_spins, [kind for kind in curves.kinds if kind in matrices])
        for done, (spin, k) in enumerate(_all_points(n_spins, n_kpoints), start=1):
            of_spin = {kind: matrix[spin] for kind, matrix in matrices.items()}
            add_states(found, spin, states.pop((spin, k)), blocks, of_spin, curves)
            progress("curves of k-point", done, n_spins * n_kpoints)
    return CohpResult(
        bonds=bonds,
        blocks=blocks,
        elements=elements,
        loewdin=loewdin,
        mulliken=mulliken if have_overlaps else None,
        charge_spilling=spilled / np.where(electrons > 0, electrons, 1.0),
        total_spilling=spilled_all,
        band_energy=g * float(np.einsum("k,skn,skn->", bands.weights, bands.energies, bands.occupations)),
        smallest_singular_value=smallest,
        n_rank_deficient=int(deficient),
        n_cut_levels=cut_levels,
        n_kpoints=n_spins * n_kpoints,
        curves=found,
    )


def _all_points(n_spins: int, n_kpoints: int) -> Iterator[tuple[int, int]]:
    # Spins within k-points: the overlaps of the basis are the same for both.
    return ((spin, k) for k in range(n_kpoints) for spin in range(n_spins))
