"""What the bond strengths of a structure say: distributions per bond type, sums and coordination per atom."""

from __future__ import annotations

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
    """

    strength_sum: NDArray[np.float64]
    coordination: NDArray[np.int64]
    n_missing: NDArray[np.int64]


def atom_bonding(bonds: BondList, strength: ArrayLike, n_atoms: int, cutoff: float | None = None) -> AtomBonding:
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
    """
    strength = np.asarray(strength, dtype=float)
    near = np.ones(len(bonds), dtype=bool) if cutoff is None else bonds.distance <= cutoff
    ends = np.concatenate([bonds.atom_i[near], bonds.atom_j[near]])
    values = np.tile(strength[near], 2)
    missing = ~np.isfinite(values)
    return AtomBonding(
        strength_sum=np.bincount(ends, weights=np.where(missing, 0.0, values), minlength=n_atoms).astype(float),
        coordination=np.bincount(ends, minlength=n_atoms),
        n_missing=np.bincount(ends[missing], minlength=n_atoms),
    )
