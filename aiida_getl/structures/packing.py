"""Random start cells for a melt: atoms thrown into a periodic cube and pushed apart until none overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, covalent_radii, reference_states
from ase.neighborlist import primitive_neighbor_list
from ase.units import _amu
from numpy.typing import NDArray
from scipy.spatial import cKDTree

# A melt is less dense than its crystals.
EXPANSION = 1.1
# Two atoms overlap below this fraction of the mean cube root of their volumes: 2.0 Å for Cu-Cu, 2.6 Å for Zr-Zr.
CLOSEST = 0.9
# Denser random packings of spheres than this cannot be reached by pushing.
_MAX_PACKING = 0.55
_MAX_SWEEPS = 2000


def atomic_volume(symbol: str) -> float:
    """Return the volume of an atom of an element in a metal, in Å³.

    From the lattice constant of ASE's reference state for fcc, bcc and hcp elements; for others, whose own crystals are
    open, from close-packed spheres of the covalent radius.
    """
    number = atomic_numbers[symbol]
    state: dict[str, Any] = reference_states[number] or {}
    if state.get("symmetry") == "fcc":
        return state["a"] ** 3 / 4
    if state.get("symmetry") == "bcc":
        return state["a"] ** 3 / 2
    if state.get("symmetry") == "hcp":
        return np.sqrt(3) / 4 * state["c/a"] * state["a"] ** 3
    return 4 * np.sqrt(2) * covalent_radii[number] ** 3


def random_packing(
    counts: Mapping[str, int],
    seed: int,
    density: float | None = None,
    volume_per_atom: float | None = None,
) -> Atoms:
    """Put atoms at random, without overlaps, into a periodic cube.

    The cell is the start of a melt, not a liquid: minimise its energy before the first time step. Elements keep the
    order of ``counts``.

    Parameters
    ----------
    counts : mapping
        Atoms of each element.
    seed : int
        The same seed gives the same cell.
    density : g/cm³, optional
    volume_per_atom : Å³, optional
        The cell's volume, one way or the other; by default the volumes of the elements, expanded by a tenth.

    Raises
    ------
    ValueError
        For counts that are not positive, for density and volume together, or for a cell too dense to pack.
    """
    if not counts or any(count < 1 for count in counts.values()):
        raise ValueError(f"a cell needs at least one atom of each element, not {dict(counts)}")
    if density is not None and volume_per_atom is not None:
        raise ValueError("give the density or the volume per atom, not both")
    symbols = [symbol for symbol, count in counts.items() for _ in range(count)]
    volumes = np.array([atomic_volume(symbol) for symbol in symbols])
    if density is not None:
        mass = sum(atomic_masses[atomic_numbers[symbol]] for symbol in symbols)
        volume = mass * _amu * 1e27 / density if density > 0 else 0.0
    elif volume_per_atom is not None:
        volume = volume_per_atom * len(symbols)
    else:
        volume = EXPANSION * volumes.sum()

    diameters = CLOSEST * np.cbrt(volumes)
    packing = np.pi / 6 * (diameters**3).sum() / volume if volume > 0 else np.inf
    if packing > _MAX_PACKING:
        raise ValueError(
            f"{len(symbols)} atoms do not fit at random into {volume:.1f} Å³: give a lower density or a larger volume "
            f"per atom, {EXPANSION * volumes.mean():.1f} Å³ is usual for this composition"
        )
    edge = np.cbrt(volume)
    positions = np.random.default_rng(seed).uniform(0.0, edge, (len(symbols), 3))
    return Atoms(symbols, positions=_push_apart(positions, edge, diameters), cell=[edge] * 3, pbc=True)


def _push_apart(positions: NDArray, edge: float, diameters: NDArray) -> NDArray:
    """Move atoms closer than the mean of their diameters apart, each by half of the missing distance."""
    for _ in range(_MAX_SWEEPS):
        i, j, vectors = _close_pairs(positions, edge, diameters.max())
        distances = np.maximum(np.linalg.norm(vectors, axis=1), 1e-6)
        missing = (diameters[i] + diameters[j]) / 2 - distances
        overlap = missing > 0
        if not overlap.any():
            return positions
        # A little more than what is missing, or the last overlaps would only vanish in the limit.
        push = (0.5 * missing[overlap] + 0.01)[:, None] * (vectors[overlap] / distances[overlap, None])
        moved = positions.copy()
        np.subtract.at(moved, i[overlap], push)
        np.add.at(moved, j[overlap], push)
        positions = moved % edge
    raise ValueError(
        f"{len(diameters)} atoms still overlap in a cube of {edge:.2f} Å after {_MAX_SWEEPS} sweeps: "
        "give a lower density or a larger volume per atom"
    )


def _close_pairs(positions: NDArray, edge: float, reach: float) -> tuple[NDArray, NDArray, NDArray]:
    """Return (i, j, vector from i to j) of all pairs of different atoms within reach, each once."""
    if 2 * reach < edge:
        i, j = cKDTree(positions, boxsize=edge).query_pairs(reach, output_type="ndarray").T
        vectors = positions[j] - positions[i]
        return i, j, vectors - edge * np.round(vectors / edge)
    # The tree sees one image of each pair, which is not enough in so small a cell.
    i, j, vectors = primitive_neighbor_list("ijD", (True,) * 3, np.eye(3) * edge, positions, reach)
    once = i < j
    return i[once], j[once], vectors[once]
