"""The fewest k-points that tell every bond from its periodic images.

Quantities that depend on the translation T of a bond, such as H_ab(T), come from a Fourier sum over the k-points. On a
coarse grid two translations of the same pair of atoms are one and the same: at Γ alone, the interactions of A with all
images of B are lumped together, and each of them would get the sum. That does no harm where only one image of B is
within reach of A. Whether it does is a question of the bonds, not of the electronic structure, and one oblique point
often answers it: (¼, ¼, ¼), whose mirror image comes for free, separates all translations that differ by an odd sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_getl.structures.bonds import BondList

#: Grids beyond this are for cells of a few atoms, where the Brillouin zone itself asks for a grid of the user's choice.
LARGEST_GRID = 6
#: How much farther than a bond itself images of its second atom may be and still be taken for it.
REACH = 1.2
#: How much of an image's interaction may get into a bond's: rounding of k-points and weights.
SAME_IMAGE = 1e-6
#: Phases (translations times k-points) at a time, which bounds the memory.
PHASES = 2_000_000


@dataclass(frozen=True)
class KPoints:
    """A set of k-points.

    Attributes
    ----------
    points : (n, 3)
        In reciprocal lattice vectors.
    weights : (n,)
        Sum 1.
    """

    points: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def is_gamma(self) -> bool:
        """Whether it is Γ alone, where wavefunctions are real and half the work."""
        return len(self.points) == 1 and not self.points.any()


def regular_grid(n: ArrayLike, offset: ArrayLike = (0.0, 0.0, 0.0)) -> KPoints:
    """Return a Monkhorst-Pack grid without its time-reversed duplicates.

    Parameters
    ----------
    n : (3,)
        Divisions.
    offset : (3,)
        0 or 0.5: shift in units of the spacing, as QE and AiiDA count it.
    """
    n = np.asarray(n, dtype=int)
    indices = np.array(list(product(*(range(i) for i in n))), dtype=float)
    points = (indices + np.asarray(offset, dtype=float)) / n
    # k and -k are one point; rounding makes points that differ in the last digit equal.
    mirrored = np.round(np.stack([points % 1.0, -points % 1.0]) % 1.0, 9) % 1.0
    first = np.array([min(map(tuple, pair)) for pair in mirrored.transpose(1, 0, 2).tolist()])
    unique, counts = np.unique(first, axis=0, return_counts=True)
    return KPoints(unique, counts / counts.sum())


def lumped_pairs(bonds: BondList, kpoints: KPoints) -> NDArray[np.int64]:
    """Return the bonds, (m, 2), that the k-points cannot tell apart.

    A bond that comes twice in a row is one of an atom with its own image, which is not told from the atom itself or
    from the opposite bond: H(T) + H(-T) at Γ and 1/2, H(T) - H(-T) at 1/4.

    Parameters
    ----------
    bonds
        All bonds whose strengths are wanted, each once.
    kpoints
        Time-reversed points may be left out.
    """
    order = np.lexsort((bonds.atom_j, bonds.atom_i))
    pair = np.stack([bonds.atom_i, bonds.atom_j])[:, order]
    starts = np.flatnonzero(np.r_[True, (pair[:, 1:] != pair[:, :-1]).any(axis=0), True])
    found = []
    for begin, end in pairwise(starts):
        members = order[begin:end]
        t = bonds.translation[members]
        a, b = np.triu_indices(len(members), k=1)
        differences, left, right = t[a] - t[b], members[a], members[b]
        if pair[0, begin] == pair[1, begin]:  # the reversed bonds are to other images, and the atom itself is near
            differences = np.concatenate([differences, t[a] + t[b], t, 2 * t])
            left, right = (np.concatenate([side, side, members, members]) for side in (left, right))
        overlap = kpoints.weights @ np.cos(2.0 * np.pi * kpoints.points @ differences.T)
        lumped = np.abs(overlap) > SAME_IMAGE
        found.append(np.stack([left[lumped], right[lumped]], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def lumped_with_images(
    vectors: NDArray[np.float64], cell: NDArray[np.float64], kpoints: KPoints, farther: float = REACH
) -> NDArray[np.bool_]:
    """Return which bonds, (n,), the k-points cannot tell from another image of the same two atoms, listed or not.

    Images count as far away as the longest of the bonds, or ``farther`` times as far as the bond itself. For a bond
    of an atom with its own image these are also the bond in the opposite direction, and the atom itself.

    Parameters
    ----------
    vectors : (n, 3) Å
        From the first to the second atom of every bond.
    cell : (3, 3) Å
        Lattice vectors as rows.
    kpoints
        Time-reversed points may be left out.
    farther
        1 for lists that have all bonds up to some length, which k-points were chosen for.
    """
    found = np.zeros(len(vectors), dtype=bool)
    if not len(vectors):
        return found
    length = np.linalg.norm(vectors, axis=1)
    reach = np.maximum(farther * length, length.max())
    shifts = _translations(cell, float((length + reach).max()))
    if not len(shifts):
        return found
    per_step = max(1, PHASES // len(kpoints.points))
    overlap = np.concatenate(
        [
            kpoints.weights @ np.cos(2.0 * np.pi * kpoints.points @ shifts[start : start + per_step].T)
            for start in range(0, len(shifts), per_step)
        ]
    )
    left = np.arange(len(vectors))
    for shift in shifts[np.abs(overlap) > SAME_IMAGE] @ cell:
        near = np.linalg.norm(vectors[left] + shift, axis=1) < reach[left] + 1e-6
        found[left[near]] = True
        left = left[~near]
        if not len(left):
            break
    return found


def _translations(cell: NDArray[np.float64], longest: float) -> NDArray[np.int64]:
    """Return the lattice translations (n, 3) of some length (Å), the shortest first and without that of zero."""
    most = np.floor(longest * np.linalg.norm(np.linalg.inv(cell), axis=0) + 1e-6).astype(int)
    table = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in most), indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.linalg.norm(table @ cell, axis=1)
    order = np.argsort(length, kind="stable")
    return table[order[(length[order] < longest + 1e-6) & table[order].any(axis=1)]]


def candidates() -> Iterator[KPoints]:
    """Yield sets of k-points, the cheapest first: Γ, single points, then shifted grids."""
    for point in sorted(product((0.0, 0.25), repeat=3), key=sum):
        yield KPoints(np.array([point]), np.ones(1))
    for n in range(2, LARGEST_GRID + 1):
        yield regular_grid((n, n, n), (0.5, 0.5, 0.5))


def fewest_kpoints(bonds: BondList, mean_value: bool = False) -> KPoints:
    """Return the cheapest k-points that tell all bonds from their images.

    Parameters
    ----------
    bonds
        All bonds whose strengths are wanted.
    mean_value
        Start at (1/4, 1/4, 1/4), the mean-value point of a cube (Baldereschi, Phys. Rev. B 7, 5212 (1973)): the one
        point that samples the Brillouin zone best.

    Raises
    ------
    ValueError
        If the cell is too small for all grids tried.
    """
    for kpoints in candidates():
        if mean_value and not kpoints.points.all():
            continue
        if not len(lumped_pairs(bonds, kpoints)):
            return kpoints
    raise ValueError(
        f"the cell is too small for bonds of {bonds.distance.max():.2f} Å: not even {LARGEST_GRID}x{LARGEST_GRID}x"
        f"{LARGEST_GRID} k-points tell them from their images; take a supercell, a smaller r_max, or give a grid"
    )


def choose_kpoints(bonds: BondList, wanted: str | Mapping[str, Any]) -> KPoints:
    """Return the k-points that the settings of a label ask for.

    Parameters
    ----------
    bonds
        All bonds whose strengths are wanted.
    wanted
        ``'fewest'``, ``'mean-value'`` (see :func:`fewest_kpoints`), or a regular grid: ``{'mesh': [2, 2, 2], 'offset':
        [0.5, 0.5, 0.5]}``.

    Raises
    ------
    ValueError
        If the grid lumps bonds and their images together.
    """
    if isinstance(wanted, str):
        return fewest_kpoints(bonds, mean_value=wanted == "mean-value")
    kpoints = regular_grid(wanted["mesh"], wanted.get("offset", (0.0, 0.0, 0.0)))
    lumped = lumped_pairs(bonds, kpoints)
    if len(lumped):
        a, b = lumped[0]
        raise ValueError(
            f"the cell is too small for the k-points {wanted['mesh']}: they cannot tell {len(lumped)} bonds from their "
            f"images (the first is between atoms {bonds.atom_i[a] + 1} and {bonds.atom_j[a] + 1}, at "
            f"{bonds.distance[a]:.2f} and {bonds.distance[b]:.2f} Å); take 'fewest', a denser grid or a larger cell"
        )
    return kpoints
