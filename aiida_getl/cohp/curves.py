"""COHP, COOP and COBI as functions of the energy.

Every state n contributes g w_k Re[C*_an C_bn e^{ik.R}] M_ab(R) to the bond between a and b, with M the Hamiltonian
(COHP), the overlaps (COOP, where C belongs to the functions before orthonormalisation) or the density matrix (COBI).
A state at e counts at E as the smeared step (1 + erf((E - e) / s)) / 2, so that the derivative of the integral is the
Gaussian exp(-x^2/s^2)/(s sqrt(pi)) of LOBSTER.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from aiida_getl.cohp.blocks import Blocks
from aiida_getl.lobster.icohplist import Kind

KINDS: tuple[Kind, ...] = ("COHP", "COOP", "COBI")
#: Bytes of all curves; a glass of 100 atoms with 1000 energies takes 20 MB, with all orbitals 2 GB.
MOST_BYTES = 8e9


@dataclass(frozen=True)
class CurveSettings:
    """Which curves are wanted.

    Attributes
    ----------
    energies : (ne,) eV
        Where they are evaluated, absolute as in pw.x.
    smearing : eV
        s of the Gaussian; occupations are those of pw.x and are not touched.
    orbitalwise : (n,)
        Of which bonds the contributions of pairs of orbitals are wanted too.
    kinds
        Some of COHP, COOP, COBI; COOP needs overlaps and is left out without.
    """

    energies: NDArray[np.float64]
    smearing: float
    orbitalwise: NDArray[np.bool_]
    kinds: Sequence[str] = ("COHP",)


@dataclass
class Curves:
    """Integrated curves up to each energy, by kind.

    Attributes
    ----------
    energies : (ne,) eV
        Absolute, as in pw.x.
    bonds : kind -> (nspin, n, ne)
        eV for COHP, else dimensionless.
    elements : kind -> (nspin, m, ne)
        The matrix elements of the bonds with orbitals, in the order of the blocks.
    """

    energies: NDArray[np.float64]
    bonds: dict[str, NDArray[np.float64]]
    elements: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class BandStates:
    """The states of one k-point and spin.

    Attributes
    ----------
    weight
        Of the k-point.
    phase : (bonds,)
        e^{ik.R}.
    energies : (m,) eV
    c : (n, m)
        In the orthonormalised functions.
    raw : (n, m) or None
        In the functions before orthonormalisation.
    rest, raw_rest : (n, n) or None
        Projector on the directions without a band, in either basis.
    share : (m,)
        How much of those every band has.
    """

    weight: float
    phase: NDArray[np.complex128]
    energies: NDArray[np.float64]
    c: NDArray
    raw: NDArray | None
    rest: NDArray | None
    raw_rest: NDArray | None
    share: NDArray[np.float64]


def check_size(settings: CurveSettings, blocks: Blocks, n_spins: int) -> None:
    """Refuse curves that take too much memory.

    Raises
    ------
    ValueError
    """
    n_curves = len(blocks.start) + int(settings.orbitalwise[blocks.bond].sum())
    size = 8.0 * n_spins * len(settings.kinds) * n_curves * len(settings.energies)
    if size > MOST_BYTES:
        raise ValueError(
            f"{n_curves} curves of {' '.join(settings.kinds)} at {len(settings.energies)} energies take "
            f"{size / 1e9:.0f} GB: ask for fewer COHPSteps or bonds, without 'orbitalwise', or for none (skipCar)"
        )


def empty_curves(settings: CurveSettings, blocks: Blocks, n_spins: int, kinds: Sequence[str]) -> Curves:
    """Return curves of zeros."""
    n_elements = int(settings.orbitalwise[blocks.bond].sum())
    shape = (n_spins, len(blocks.start), len(settings.energies))
    return Curves(
        settings.energies,
        {kind: np.zeros(shape) for kind in kinds},
        {kind: np.zeros((n_spins, n_elements, len(settings.energies))) for kind in kinds},
    )


def add_states(
    curves: Curves,
    spin: int,
    states: BandStates,
    blocks: Blocks,
    matrices: Mapping[str, NDArray[np.float64]],
    settings: CurveSettings,
) -> None:
    """Add the states of one k-point.

    Parameters
    ----------
    matrices : kind -> (m,)
        M of every matrix element of the bonds, times g.
    """
    step = 0.5 * (1 + erf((settings.energies[None, :] - states.energies[:, None]) / settings.smearing))
    for kind, integrated in curves.bonds.items():
        c, rest = (states.raw, states.raw_rest) if kind == "COOP" else (states.c, states.rest)
        assert c is not None
        matrix = matrices[kind]
        contribution = np.empty((len(blocks.start), c.shape[1]))
        at = 0
        conjugate = c.conj()
        for bond, (a, b, part) in enumerate(blocks.slices()):
            m = matrix[part].reshape(a.stop - a.start, b.stop - b.start)
            left = conjugate[a] * states.phase[bond]
            contribution[bond] = (left * (m @ c[b])).real.sum(axis=0)
            elements = None
            if settings.orbitalwise[bond]:
                elements = (left[:, None, :] * c[None, b, :]).real * m[:, :, None]
                elements = elements.reshape(m.size, -1)
            if rest is not None:
                missing = (rest[a, b].conj() * states.phase[bond]).real * m
                contribution[bond] += missing.sum() * states.share
                if elements is not None:
                    elements += missing.reshape(-1, 1) * states.share
            if elements is not None:
                curves.elements[kind][spin, at : at + m.size] += states.weight * (elements @ step)
                at += m.size
        integrated[spin] += states.weight * (contribution @ step)
