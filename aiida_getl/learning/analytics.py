"""What the bond strengths of a structure say: distributions per bond type, sums and coordination per atom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_getl.structures.bonds import BondList

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)


def type_statistics(types: ArrayLike, strength: ArrayLike) -> dict[str, dict[str, Any]]:
    """Describe the distribution of bond strengths of each bond type.

    Parameters
    ----------
    types : (n,) bond types
    strength : (n,) eV; NaN for bonds without a prediction

    Returns
    -------
    By type: ``n``, ``n_missing`` (NaN), and over the others ``mean``, ``std`` and the quantiles ``q05`` to ``q95``
    in eV (None if there is no other).
    """
    types, strength = np.asarray(types), np.asarray(strength, dtype=float)
    result = {}
    for name in np.unique(types):
        values = strength[types == name]
        known = values[np.isfinite(values)]
        entry: dict[str, Any] = {"n": len(values), "n_missing": len(values) - len(known)}
        entry["mean"] = float(known.mean()) if len(known) else None
        entry["std"] = float(known.std()) if len(known) else None
        for q in QUANTILES:
            entry[f"q{100 * q:02.0f}"] = float(np.quantile(known, q)) if len(known) else None
        result[str(name)] = entry
    return result


@dataclass(frozen=True)
class AtomBonding:
    """Bonding of each atom.

    Attributes
    ----------
    strength_sum : (atoms,) eV
        Sum of the strengths of the atom's bonds. Each bond counts fully at both ends.
    coordination : (atoms,) int
        Number of those bonds, including bonds without a prediction.
    n_missing : (atoms,) int
        Number of those without a prediction, which ``strength_sum`` leaves out.
    strength_std : (atoms,) eV
        Standard deviation of the sum if the errors of different bonds are independent; zero without standard
        deviations.
    """

    strength_sum: NDArray[np.float64]
    coordination: NDArray[np.int64]
    n_missing: NDArray[np.int64]
    strength_std: NDArray[np.float64]


def atom_bonding(
    bonds: BondList,
    strength: ArrayLike,
    n_atoms: int,
    cutoff: float | None = None,
    std: ArrayLike | None = None,
) -> AtomBonding:
    """Sum the bond strengths of each atom and count its bonds.

    A bond between an atom and its own image has that atom at both ends and counts twice, like the two bonds that it is
    in a supercell.

    Parameters
    ----------
    bonds : bonds of one structure, each listed once
    strength : (n,) eV; NaN for bonds without a prediction
    n_atoms : number of atoms of the structure
    cutoff : only bonds up to this length in Å, e.g. the first minimum of the pair distribution, for a coordination of
        the first shell; without it all bonds listed, which reaches as far as the list was made
    std : (n,) eV, standard deviations of the strengths; NaN for bonds without a prediction
    """
    strength = np.asarray(strength, dtype=float)
    near = np.ones(len(bonds), dtype=bool) if cutoff is None else bonds.distance <= cutoff
    ends = np.concatenate([bonds.atom_i[near], bonds.atom_j[near]])
    values = np.tile(strength[near], 2)
    missing = ~np.isfinite(values)
    variance = (
        np.zeros(len(values)) if std is None else np.nan_to_num(np.tile(np.asarray(std, dtype=float)[near], 2)) ** 2
    )
    # The two ends of a bond to an own image have the same error: (2s)² and not 2s².
    variance *= np.where(np.tile(bonds.atom_i[near] == bonds.atom_j[near], 2), 2.0, 1.0)
    return AtomBonding(
        strength_sum=np.bincount(ends, weights=np.where(missing, 0.0, values), minlength=n_atoms).astype(float),
        coordination=np.bincount(ends, minlength=n_atoms),
        n_missing=np.bincount(ends[missing], minlength=n_atoms),
        strength_std=np.sqrt(np.bincount(ends, weights=variance, minlength=n_atoms)),
    )


def element_statistics(symbols: Sequence[str], bonding: AtomBonding) -> dict[str, dict[str, Any]]:
    """Summarise the bonding of the atoms of each element.

    Parameters
    ----------
    symbols : of the atoms
    bonding : of the atoms, see :func:`atom_bonding`

    Returns
    -------
    By element: ``n`` atoms; ``strength_sum_mean``, ``strength_sum_std`` in eV; ``coordination_mean``,
    ``coordination_std``; ``n_missing``, the bonds without a prediction.
    """
    elements = np.asarray(symbols)
    result = {}
    for element in np.unique(elements):
        mine = elements == element
        result[str(element)] = {
            "n": int(mine.sum()),
            "strength_sum_mean": float(bonding.strength_sum[mine].mean()),
            "strength_sum_std": float(bonding.strength_sum[mine].std()),
            "coordination_mean": float(bonding.coordination[mine].mean()),
            "coordination_std": float(bonding.coordination[mine].std()),
            "n_missing": int(bonding.n_missing[mine].sum()),
        }
    return result
