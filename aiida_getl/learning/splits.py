"""Who is tested together: groups of bonds that must not stand on both sides of a split.

Deformations of one glass resemble each other. A random split puts near copies of the tested bonds into training and
flatters every method; honest errors leave out whole groups.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.structures.deformation import AS_QUENCHED

GroupBy = Literal["run", "strain", "random"]

#: Deformations of one glass that are almost the same, or transposes of each other. The small tensions hardly differ
#: from the undeformed cell. A deformation that is not here is a group of its own.
STRAIN_GROUPS = {
    AS_QUENCHED: "small",
    "tension_x": "small",
    "tension_y": "small",
    "tension_z": "small",
    "isotropic_tension": "small",
    "shear_xy": "shear_xy",
    "shear_yx": "shear_xy",
    "shear_xz": "shear_xz",
    "shear_zx": "shear_xz",
    "shear_yz": "shear_yz",
    "shear_zy": "shear_yz",
}


def group_labels(table: BondTable, by: GroupBy, n_random: int = 8, seed: int = 0) -> NDArray[np.int64]:
    """Return the number of the group of each bond, (n,).

    Parameters
    ----------
    table : bonds
    by : ``run``: the glass; ``strain``: the deformation within the run, near copies together; ``random``: no grouping,
        ``n_random`` random parts (leaky: for comparison with published errors only)
    n_random, seed : for random parts

    Raises
    ------
    ValueError
        For another value of ``by``, or a structure without run or sub-run.
    """
    if by == "random":
        return np.random.default_rng(seed).permutation(len(table)) % n_random
    if by not in ("run", "strain"):
        raise ValueError(f"cannot group bonds by {by!r}: choose run, strain or random")
    names = []
    for number, entry in enumerate(table.structures):
        missing = [key for key in ("run", "sub_run")[: 1 + (by == "strain")] if key not in entry]
        if missing:
            raise ValueError(
                f"structure {number} has no {missing[0]!r} in its metadata: bonds cannot be grouped by {by}"
            )
        strain = STRAIN_GROUPS.get(str(entry["sub_run"]), str(entry["sub_run"])) if by == "strain" else ""
        names.append((str(entry["run"]), strain))
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names], dtype=np.int64)[table.structure]


def folds(groups: NDArray[np.int64], max_folds: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Divide the groups that occur into at most ``max_folds`` folds of about equally many bonds.

    Returns
    -------
    The groups of each fold; one group per fold if there are few enough.
    """
    labels, counts = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(-counts[order], kind="stable")]
    n = min(max_folds, len(labels))
    members: list[list[int]] = [[] for _ in range(n)]
    size = np.zeros(n)
    for k in order:
        smallest = int(np.argmin(size))
        members[smallest].append(int(labels[k]))
        size[smallest] += counts[k]
    return [np.array(sorted(group), dtype=np.int64) for group in members]
