"""Who is tested together: groups of bonds that must not stand on both sides of a split.

Deformations of one glass resemble each other. A random split puts near copies of the tested bonds into training and
flatters every method; honest errors leave out whole groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.structures.composition import parse_composition
from aiida_getl.structures.deformation import AS_QUENCHED

GroupBy = Literal["composition", "run", "strain", "random"]

#: What the metadata of every structure have to state for each grouping.
GROUP_KEYS: dict[str, tuple[str, ...]] = {
    "composition": ("composition",),
    "run": ("run",),
    "strain": ("run", "sub_run"),
}

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
    by : ``composition``: every glass of a composition, in whole percent of each element; ``run``: the glass;
        ``strain``: the deformation within the run, near copies together; ``random``: no grouping, ``n_random`` random
        parts (leaky: for comparison with published errors only). Where all structures state their composition, equal
        runs of different compositions are different glasses.
    n_random, seed : for random parts

    Raises
    ------
    ValueError
        For another value of ``by``, or a structure without what it is grouped by.
    """
    if by == "random":
        return np.random.default_rng(seed).permutation(len(table)) % n_random
    if by not in GROUP_KEYS:
        raise ValueError(f"cannot group bonds by {by!r}: choose {', '.join(GROUP_KEYS)} or random")
    known = all(entry.get("composition") is not None for entry in table.structures)
    names = []
    for number, entry in enumerate(table.structures):
        for key in GROUP_KEYS[by]:
            if entry.get(key) is None:
                raise ValueError(
                    f"structure {number} has no {key!r} in its metadata: bonds cannot be grouped by {by}; "
                    "state it where the structure is added"
                )
        composition = _normal_composition(entry["composition"]) if known or by == "composition" else ""
        run = str(entry["run"]) if by != "composition" else ""
        strain = STRAIN_GROUPS.get(str(entry["sub_run"]), str(entry["sub_run"])) if by == "strain" else ""
        names.append((composition, run, strain))
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names], dtype=np.int64)[table.structure]


def _normal_composition(composition: str | Mapping[str, float]) -> str:
    """Return a composition in whole percent, whatever the order of its elements and the size of its cell."""
    amounts = parse_composition(composition)
    total = sum(amounts.values())
    return " ".join(f"{element}{100 * amounts[element] / total:.0f}" for element in sorted(amounts))


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
