"""Who is tested together: groups of bonds that must not stand on both sides of a split.

Deformations of one glass resemble each other. A random split puts near copies of the tested bonds into training and
flatters every method; honest errors leave out whole groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.structures.composition import parse_composition
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

GroupBy = Literal["composition", "run", "strain", "random"]

#: What the metadata of every structure have to state for each grouping.
GROUP_KEYS: dict[str, tuple[str, ...]] = {
    "composition": ("composition",),
    "run": ("run",),
    "strain": ("run", "sub_run"),
}

#: The group of the cells of a glass that hardly differ from the one as quenched.
UNSTRAINED = "small"

#: Deformations of one glass that are almost the same, or transposes of each other. The small tensions hardly differ
#: from the undeformed cell. A deformation that is not here is a group of its own.
STRAIN_GROUPS = {
    **{name: name for name in PUBLISHED_SUBRUNS},
    AS_QUENCHED: UNSTRAINED,
    "tension_x": UNSTRAINED,
    "tension_y": UNSTRAINED,
    "tension_z": UNSTRAINED,
    "isotropic_tension": UNSTRAINED,
    "shear_yx": "shear_xy",
    "shear_zx": "shear_xz",
    "shear_zy": "shear_yz",
}

#: A sub-run of another name is strained if one of these is in it.
STRAIN_WORDS = (
    "strain",
    "shear",
    "tension",
    "tensile",
    "compress",
    "stretch",
    "deform",
    "axial",
    "isotropic",
    "pressure",
)

_FRAME = re.compile(r"_frame_?\d+$")


def strain_group(sub_run: str) -> str:
    """Return the group of a sub-run among those of its glass.

    Frames of a trajectory, and whatever else does not say that it is strained, are near copies of the glass as quenched
    and belong to its group. What follows the name of a deformation, e.g. a frame, is part of that deformation.

    Parameters
    ----------
    sub_run : e.g. ``shear_xy``, ``frame_12``, ``compression_x_frame_3``
    """
    for name, group in STRAIN_GROUPS.items():
        if sub_run == name or sub_run.startswith(f"{name}_"):
            return group
    return _FRAME.sub("", sub_run) if any(word in sub_run.lower() for word in STRAIN_WORDS) else UNSTRAINED


def group_labels(table: BondTable, by: GroupBy, n_random: int = 8, seed: int = 0) -> NDArray[np.int64]:
    """Return the number of the group of each bond, (n,).

    Parameters
    ----------
    table : bonds
    by : ``composition``: every glass of a composition, in whole percent of each element; ``run``: the glass;
        ``strain``: the deformation within the run, near copies and frames together, see :func:`strain_group`;
        ``random``: no grouping, ``n_random`` random parts (leaky: for comparison with published errors only). Where all
        structures state their composition, equal runs of different compositions are different glasses.
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
        strain = strain_group(str(entry["sub_run"])) if by == "strain" else ""
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
