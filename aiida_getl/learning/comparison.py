"""Bond strengths of two structures: two glasses, or one glass in two states of strain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ks_2samp, wasserstein_distance

from aiida_getl.structures.bonds import BondList, bond_types

#: Resamplings behind the error of a shift: its own error is then 5 %.
N_BOOTSTRAP = 200


def compare_distributions(
    types_a: ArrayLike,
    strength_a: ArrayLike,
    types_b: ArrayLike,
    strength_b: ArrayLike,
    seed: int,
    blocks_a: ArrayLike | None = None,
    blocks_b: ArrayLike | None = None,
) -> dict[str, dict[str, Any]]:
    """Compare the bond strengths of two glasses, or of two sets of them, bond type by bond type.

    Bonds that share an atom, or a glass, are not independent. The error of a shift is found by resampling blocks of
    bonds: the first atom of each bond within one glass, the glass for sets of glasses.

    Parameters
    ----------
    types_a, types_b : (n,) bond types
    strength_a, strength_b : (n,) eV; NaN for bonds without a prediction, which are left out
    seed : of the resampling
    blocks_a, blocks_b : (n,) label of the block of each bond; every bond a block of its own by default

    Returns
    -------
    By bond type: ``n_a``, ``n_b`` bonds; ``mean_a``, ``mean_b``; ``shift`` of the mean (b - a) and its standard error
    ``shift_error``, None where one of them is a single block; ``median_shift``; ``wasserstein``, the mean distance that
    strength has to be moved from one distribution to the other, all in eV; ``ks``, the largest difference of the
    cumulated distributions. Of a type that only one of them has, only ``n_a``, ``n_b`` and the mean there; the other
    values are None.

    Raises
    ------
    ValueError
        For arrays of different lengths.
    """
    sides = [_known(*side) for side in ((types_a, strength_a, blocks_a), (types_b, strength_b, blocks_b))]
    rng = np.random.default_rng(seed)
    result = {}
    for name in sorted({str(name) for types, _, _ in sides for name in np.unique(types)}):
        own = [(strength[types == name], blocks[types == name]) for types, strength, blocks in sides]
        (a, _), (b, _) = own
        entry: dict[str, Any] = {
            "n_a": len(a),
            "n_b": len(b),
            "mean_a": float(a.mean()) if len(a) else None,
            "mean_b": float(b.mean()) if len(b) else None,
        }
        entry |= dict.fromkeys(("shift", "shift_error", "median_shift", "wasserstein", "ks"))
        if len(a) and len(b):
            entry["shift"] = float(b.mean() - a.mean())
            errors = [_error_of_mean(values, blocks, rng) for values, blocks in own]
            entry["shift_error"] = None if None in errors else float(np.linalg.norm(np.array(errors, dtype=float)))
            entry["median_shift"] = float(np.median(b) - np.median(a))
            entry["wasserstein"] = float(wasserstein_distance(a, b))
            entry["ks"] = float(ks_2samp(a, b, method="asymp").statistic)
        result[name] = entry
    return result


def _known(types: ArrayLike, strength: ArrayLike, blocks: ArrayLike | None) -> tuple[NDArray, NDArray, NDArray]:
    types, strength = np.asarray(types), np.asarray(strength, dtype=float)
    blocks = np.arange(len(strength)) if blocks is None else np.asarray(blocks)
    if not len(types) == len(strength) == len(blocks):
        raise ValueError(f"{len(types)} bond types, {len(strength)} strengths and {len(blocks)} blocks: one each")
    known = np.isfinite(strength)
    return types[known], strength[known], blocks[known]


def _error_of_mean(values: NDArray, blocks: NDArray, rng: np.random.Generator) -> float | None:
    """Return the standard error of the mean by resampling blocks; None for one block."""
    _, index = np.unique(blocks, return_inverse=True)
    counts = np.bincount(index)
    # One block says nothing about the next.
    if len(counts) < 2:
        return None
    sums = np.bincount(index, weights=values)
    means = np.empty(N_BOOTSTRAP)
    for k in range(N_BOOTSTRAP):
        times = np.bincount(rng.integers(len(counts), size=len(counts)), minlength=len(counts))
        means[k] = (times @ sums) / (times @ counts)
    return float(means.std(ddof=1))


@dataclass(frozen=True)
class BondChanges:
    """What became of the bonds of a structure after a deformation or some time.

    Attributes
    ----------
    kept_a, kept_b : (kept,) int
        Rows of the bonds that are in both lists.
    broken : (broken,) int
        Rows of the first list that the second lacks: longer than its cut-off now.
    formed : (formed,) int
        Rows of the second list that the first lacks.
    by_type : dict
        By bond type: ``n_kept``, ``n_broken``, ``n_formed``; of the bonds kept the mean changes ``distance_change`` in
        Å and ``strength_change`` in eV and the standard deviation ``strength_change_std`` (None if none was kept); the
        sums ``strength_broken`` and ``strength_formed`` in eV. NaN strengths are left out of means and sums.
    """

    kept_a: NDArray[np.int64]
    kept_b: NDArray[np.int64]
    broken: NDArray[np.int64]
    formed: NDArray[np.int64]
    by_type: dict[str, dict[str, Any]]


def bond_changes(
    atoms_a: Atoms,
    bonds_a: BondList,
    strength_a: ArrayLike,
    atoms_b: Atoms,
    bonds_b: BondList,
    strength_b: ArrayLike,
) -> BondChanges:
    """Follow every bond from one state of a structure to another: the same atoms, in the same order.

    Atoms may have been wrapped across the boundary; they must not have moved by half a cell, relative to the cell.

    Parameters
    ----------
    atoms_a, atoms_b : the structure before and after
    bonds_a, bonds_b : their bonds, each listed once in the canonical direction
    strength_a, strength_b : (n,) eV

    Raises
    ------
    ValueError
        If the atoms are not the same.
    """
    if atoms_a.get_chemical_symbols() != atoms_b.get_chemical_symbols():
        raise ValueError(
            f"{atoms_a.get_chemical_formula()} and {atoms_b.get_chemical_formula()} are not the same atoms in the same "
            "order: their bonds cannot be followed"
        )
    strength_a, strength_b = np.asarray(strength_a, dtype=float), np.asarray(strength_b, dtype=float)
    moved = atoms_b.get_scaled_positions(wrap=False) - atoms_a.get_scaled_positions(wrap=False)
    # A drift of the whole structure is no crossing of the boundary.
    crossings = np.rint(moved - np.median(moved, axis=0)).astype(np.int64)
    translation = bonds_b.translation + crossings[bonds_b.atom_j] - crossings[bonds_b.atom_i]
    followed = BondList(bonds_b.atom_i, bonds_b.atom_j, translation, bonds_b.distance)
    rows_b = {key: row for row, key in enumerate(followed.keys())}
    matches = [rows_b.get(key, -1) for key in bonds_a.keys()]  # noqa: SIM118 (not a dict)
    match = np.array(matches, dtype=np.int64)
    kept_a = np.flatnonzero(match >= 0)
    kept_b = match[kept_a]
    broken = np.flatnonzero(match < 0)
    formed = np.setdiff1d(np.arange(len(bonds_b)), kept_b)
    symbols = atoms_a.get_chemical_symbols()
    types_a, types_b = bond_types(symbols, bonds_a), bond_types(symbols, bonds_b)
    by_type = {}
    for name in sorted({*types_a.tolist(), *types_b.tolist()}):
        kept = types_a[kept_a] == name
        lost, new = broken[types_a[broken] == name], formed[types_b[formed] == name]
        change = strength_b[kept_b[kept]] - strength_a[kept_a[kept]]
        stretch = bonds_b.distance[kept_b[kept]] - bonds_a.distance[kept_a[kept]]
        known = change[np.isfinite(change)]
        by_type[name] = {
            "n_kept": int(kept.sum()),
            "n_broken": len(lost),
            "n_formed": len(new),
            "distance_change": float(stretch.mean()) if len(stretch) else None,
            "strength_change": float(known.mean()) if len(known) else None,
            "strength_change_std": float(known.std()) if len(known) else None,
            "strength_broken": float(np.nansum(strength_a[lost])),
            "strength_formed": float(np.nansum(strength_b[new])),
        }
    return BondChanges(kept_a, kept_b, broken, formed, by_type)
