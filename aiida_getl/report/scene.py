"""The three-dimensional view as data: arrays in base64, which a browser turns into its own without parsing numbers."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from aiida_getl.learning.analytics import AtomBonding
from aiida_getl.report.content import Bonding
from aiida_getl.structures.bonds import BondList

#: More is neither fluid nor passed on by mail: 17 bytes of each bond, 18 of each atom, and a third for base64.
MOST_ATOMS, MOST_BONDS, MOST_ELEMENTS, MOST_TYPES = 100_000, 300_000, 20, 255

#: Bonds shown before a person asks for more.
MOST_AT_FIRST = 20_000

#: Colours that people with any colour vision tell apart on light and dark ground (Okabe and Ito).
ELEMENT_COLOURS = ((86, 180, 233), (213, 94, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (0, 114, 178))

#: of covalent radii, so that the bonds are seen between the spheres
SHRINK = 0.32


def why_not(bonding: Bonding) -> str | None:
    """Return why there is no view of a structure, None if there is one."""
    if bonding.positions is None or bonding.cell is None:
        return "the structure is not in this profile"
    if len(bonding.symbols) > MOST_ATOMS:
        return f"{len(bonding.symbols)} atoms are more than the {MOST_ATOMS} that a browser shows fluently"
    if abs(np.linalg.det(bonding.cell)) < 1e-6:
        return "the structure has no periodic cell"
    if len(set(bonding.symbols)) > MOST_ELEMENTS:
        return f"it has more than {MOST_ELEMENTS} elements"
    return None


def wrap(positions: NDArray, cell: NDArray, bonds: BondList) -> tuple[NDArray, BondList]:
    """Return (positions, bonds) with all atoms inside the cell, and the translations that belong to these positions."""
    fractional = positions @ np.linalg.inv(cell)
    moved = np.floor(fractional).astype(np.int64)
    translation = bonds.translation + moved[bonds.atom_j] - moved[bonds.atom_i]
    return positions - moved @ cell, replace(bonds, translation=translation)


def pack(bonding: Bonding, atoms: AtomBonding, stops: list[list[int]]) -> dict[str, Any]:
    """Return what the page's script shows; only where :func:`why_not` says nothing against it.

    Parameters
    ----------
    bonding : with positions and cell
    atoms : sums and numbers of the bonds of each atom
    stops : red, green and blue, 0 to 255, of 16 equal steps of the colour scale
    """
    assert bonding.positions is not None
    assert bonding.cell is not None
    positions, wrapped = wrap(bonding.positions, bonding.cell, bonding.bonds)
    # From strong to weak: those above a strength are then the first.
    chosen = np.argsort(-bonding.strength, kind="stable")[:MOST_BONDS]
    bonds, strength = wrapped.select(chosen), bonding.strength[chosen]
    elements = sorted(set(bonding.symbols))
    types = sorted({str(name) for name in bonding.types})
    scales = {"strength": _scale(bonding.strength), "sum": _scale(atoms.strength_sum)}
    result: dict[str, Any] = {
        "cell": bonding.cell.tolist(),
        "elements": [
            {"symbol": name, "colour": element_colour(k), "radius": SHRINK * float(covalent_radii[_number(name)])}
            for k, name in enumerate(elements)
        ],
        "types": types,
        "n_bonds": len(bonding.strength),
        "stops": [[value / 255 for value in stop] for stop in stops],
        "position": _base64(positions, "<f4"),
        "element": _base64(np.searchsorted(elements, bonding.symbols), "u1"),
        "sum": _base64(atoms.strength_sum, "<f4"),
        "coordination": _base64(np.minimum(atoms.coordination, 65535), "<u2"),
        "first": _base64(bonds.atom_i, "<u4"),
        "second": _base64(bonds.atom_j, "<u4"),
        "shift": _base64(np.clip(bonds.translation, -127, 127), "i1"),
        "type": _base64(np.searchsorted(types, bonding.types[chosen]), "u1"),
        "strength": _base64(strength, "<f4"),
    }
    if bonding.std is not None:
        result["std"] = _base64(bonding.std[chosen], "<f4")
        scales["std"] = _scale(bonding.std)
    if bonding.flags:
        result["flagged"] = _base64(np.any(list(bonding.flags.values()), axis=0)[chosen], "u1")
    result["scales"] = scales
    # At first only the stronger ones: second neighbours would hide everything.
    at_first = min(len(strength) // 2, MOST_AT_FIRST)
    result["least"] = float(strength[at_first]) if len(strength) else 0.0
    return result


def element_colour(k: int) -> tuple[int, int, int]:
    """Return red, green and blue of the k-th element of a structure."""
    return ELEMENT_COLOURS[k % len(ELEMENT_COLOURS)]


def _scale(values: NDArray) -> dict[str, float]:
    """Return the ends of a colour scale that a few odd values do not stretch."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {"low": 0.0, "high": 1.0}
    low, high = (float(value) for value in np.quantile(known, [0.01, 0.99]))
    return {"low": low, "high": high if high > low else low + 1e-3}


def _number(symbol: str) -> int:
    # A kind that is no element, such as a vacancy, has the size of ASE's unknown atom.
    return atomic_numbers.get(symbol, 0)


def _base64(values: NDArray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")
