"""Small periodic cells cut from a large structure, to label an environment that only the large one has."""

from __future__ import annotations

import itertools

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.soft_spheres import push_apart

#: Orientations of the cell that are tried; the one whose opposite faces fit best is taken.
N_ORIENTATIONS = 24
#: Atoms this near (Å) to the centre, and this far from the faces at least, are not moved.
CORE_RADIUS, FACE_DEPTH = 3.5, 1.2
#: Pairs may be closer than the closest of their elements in the large structure by this factor, where faces meet.
TOLERANCE = 0.9


def cut_cell(atoms: Atoms, centre: int, n_atoms: int) -> Atoms:
    """Cut a periodic cube of so many atoms around one atom.

    The cube is turned about its centre so that its opposite faces fit best. Atoms near the faces that came too close
    are pushed apart; those around the centre stay as they are. The same input gives the same cell. The centre is the
    first atom, in the middle of the cell; the others are sorted by distance from it.

    Parameters
    ----------
    atoms : large structure, periodic in all directions, any cell
    centre : index of the atom
    n_atoms : of the cell, at most as many as ``atoms`` has

    Raises
    ------
    ValueError
        For an atom or a number of atoms that the structure does not have, or faces that cannot be made to fit.
    """
    if not 0 <= centre < len(atoms):
        raise ValueError(f"there is no atom {centre} in a structure of {len(atoms)} atoms to cut a cell around")
    if not 2 <= n_atoms <= len(atoms):
        raise ValueError(f"a cell of {n_atoms} atoms cannot be cut from {len(atoms)}: give 2 to {len(atoms)}")
    cell = np.asarray(atoms.cell, dtype=float)
    length = (abs(np.linalg.det(cell)) * n_atoms / len(atoms)) ** (1.0 / 3.0)
    # Half a diagonal of the cube, and as much again, since the structure may be less dense there.
    vectors, numbers = _around(atoms, centre, np.sqrt(3.0) * length)
    closest = closest_pairs(atoms)
    rotations = Rotation.random(N_ORIENTATIONS, random_state=np.random.default_rng((centre, n_atoms)))
    trials = [_box(vectors @ turn.as_matrix().T, numbers, n_atoms) for turn in rotations]
    best = min(trials, key=lambda trial: _overlap(trial, closest))

    contact = _contact(best, closest)
    from_centre = np.linalg.norm(best.positions - best.positions[0], axis=1)
    half = 0.5 * best.cell[0, 0]
    inside = np.abs(best.positions - best.positions[0]).max(axis=1) < half - FACE_DEPTH
    core = (from_centre < 1e-6) | (inside & (from_centre < CORE_RADIUS))
    mended = push_apart(best, contact, ~core)
    worst = 1.0 - float(np.sqrt(_overlap(mended, closest, largest=True)))
    if worst < TOLERANCE:
        raise ValueError(
            f"the faces of a cell of {n_atoms} atoms around atom {centre} do not fit: two atoms are at {worst:.2f} of "
            "the closest distance of their elements; cut a larger cell"
        )
    return mended


def closest_pairs(atoms: Atoms) -> dict[tuple[int, int], float]:
    """Return the shortest distance (Å) of each pair of elements, by atomic numbers in both orders.

    A pair that never meets gets the mean of the two elements' own distances; an element that is never its own neighbour
    the shortest distance of all.
    """
    cell = np.asarray(atoms.cell, dtype=float)
    bonds = find_bonds(atoms.positions, cell, 2.0 * (abs(np.linalg.det(cell)) / len(atoms)) ** (1.0 / 3.0))
    d = bonds.distance
    pairs = np.sort(np.stack([atoms.numbers[bonds.atom_i], atoms.numbers[bonds.atom_j]]), axis=0)
    result = {}
    elements = [int(number) for number in np.unique(atoms.numbers)]
    for a in elements:
        own = d[(pairs == a).all(axis=0)]
        result[a, a] = float(own.min() if len(own) else d.min())
    for a in elements:
        for b in elements:
            own = d[(pairs[0] == min(a, b)) & (pairs[1] == max(a, b))]
            result[a, b] = float(own.min()) if len(own) else 0.5 * (result[a, a] + result[b, b])
    return result


def _around(atoms: Atoms, centre: int, reach: float) -> tuple[NDArray, NDArray]:
    """Return vectors (m, 3) in Å from an atom to all atoms and images within reach, itself first, and their numbers."""
    cell = np.asarray(atoms.cell, dtype=float)
    inverse = np.linalg.inv(cell)
    fractional = (atoms.positions - atoms.positions[centre]) @ inverse
    nearest = (fractional - np.round(fractional)) @ cell
    width = np.ceil(reach * np.linalg.norm(inverse, axis=0) + 0.5 - 1e-9).astype(int)
    shifts = sorted(itertools.product(*(range(-w, w + 1) for w in width)), key=lambda shift: any(shift))
    vectors = (np.array(shifts) @ cell)[:, None] + nearest
    found, atom = np.nonzero(np.linalg.norm(vectors, axis=2) <= reach)
    order = np.argsort((found > 0) | (atom != centre), kind="stable")
    return vectors[found, atom][order], atoms.numbers[atom][order]


def _box(vectors: NDArray, numbers: NDArray, n_atoms: int) -> Atoms:
    """Return the cube about the origin with the n atoms nearest to its centre, measured towards the faces."""
    depth = np.abs(vectors).max(axis=1)
    order = np.argsort(depth, kind="stable")[: n_atoms + 1]
    # The face is half way between the last atom inside and the first one outside.
    length = float(depth[order[-2:]].sum())
    chosen = order[:n_atoms]
    chosen = chosen[np.argsort(np.linalg.norm(vectors[chosen], axis=1), kind="stable")]
    return Atoms(numbers[chosen], positions=vectors[chosen] + 0.5 * length, cell=[length] * 3, pbc=True)


def _contact(atoms: Atoms, closest: dict[tuple[int, int], float]) -> NDArray[np.float64]:
    numbers = atoms.numbers.tolist()
    return np.array([[closest[a, b] for b in numbers] for a in numbers])


def _overlap(atoms: Atoms, closest: dict[tuple[int, int], float], largest: bool = False) -> float:
    """Return the sum, or the largest, of (1 - r/D)² of pairs closer than D."""
    bonds = find_bonds(atoms.positions, atoms.cell[:], max(closest.values()))
    contact = _contact(atoms, closest)[bonds.atom_i, bonds.atom_j]
    squares = np.square(np.maximum(1.0 - bonds.distance / contact, 0.0))
    return float(squares.max(initial=0.0) if largest else squares.sum())
