"""Labels of many structures as one table, before their bonds are described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from aiida import orm
from ase import Atoms

from aiida_getl.data.bonds import BondStrengthsData, common_method, same_scale, scale_difference
from aiida_getl.data.dbi import mixture
from aiida_getl.learning.dataset import BondTable, concatenate, table_of_structure
from aiida_getl.learning.settings import DEFAULTS, default_descriptors
from aiida_getl.structures.bonds import find_bonds


@dataclass(frozen=True)
class Collection:
    """What a database of interactions is made of: the table lacks only the ``descriptors``, given by their settings."""

    table: BondTable
    structures: list[Atoms]
    descriptors: list[dict[str, Any]]
    method: dict[str, Any]
    left_out: list[dict[str, Any]]


def collect(
    settings: Mapping[str, Any],
    structures: Mapping[str, Mapping[str, orm.StructureData]],
    bonds: Mapping[str, Mapping[str, BondStrengthsData]],
    failures: Mapping[str, Mapping[str, orm.Dict]],
) -> Collection:
    """Join labels, by run and sub-run; see :func:`aiida_getl.calculations.functions.build_dbi.build_dbi`.

    :raises ValueError: for labels of different methods, unless the settings have ``mixed_methods`` true.
    """
    names = [(run, sub_run) for run, cells in sorted(bonds.items()) for sub_run in sorted(cells)]
    method = _one_method([(f"{run} {sub_run}", bonds[run][sub_run].method) for run, sub_run in names], settings)
    cells = [structures[run][sub_run].get_ase() for run, sub_run in names]
    tables, left_out = [], []
    for (run, sub_run), cell in zip(names, cells, strict=True):
        label = bonds[run][sub_run]
        labelled = label.get_bonds()
        seen = find_bonds(cell.positions, cell.cell[:], settings.get("r_max", DEFAULTS["r_max"]))
        unlabelled = len(set(seen.keys()) - set(labelled.keys()))
        if unlabelled:
            left_out.append(
                {"run": run, "sub_run": sub_run, "n_bonds": unlabelled, "reason": "the label does not list these bonds"}
            )
        metadata = {
            "run": run,
            "sub_run": sub_run,
            "composition": structures[run][sub_run].get_formula(),
            "structure_id": structures[run][sub_run].uuid,
            "label_id": label.uuid,
            **_origin(label),
        }
        tables.append(table_of_structure(cell, labelled, label.get_strength(), metadata))
    for run, reasons in sorted(failures.items()):
        left_out += [
            {"run": run, "sub_run": sub_run, "reason": reasons[sub_run]["reason"]} for sub_run in sorted(reasons)
        ]
    table = concatenate(tables)
    # The rows of a database are counted through the bond types.
    table = table.select(np.argsort(table.type, kind="stable"))
    descriptors = default_descriptors(sorted({symbol for cell in cells for symbol in cell.symbols}))
    return Collection(table, cells, descriptors, method, left_out)


def _origin(label: BondStrengthsData) -> dict[str, str]:
    """Return the UUID that a label had where it was exported, if it was."""
    exported = label.base.attributes.get("exported", {})
    origin = exported.get("origin_id") or exported.get("label_id")
    try:
        return {"origin_id": str(UUID(origin))}
    except (TypeError, ValueError):
        return {}


def _one_method(methods: list[tuple[str, dict[str, Any]]], settings: Mapping[str, Any]) -> dict[str, Any]:
    first, method = methods[0]
    other = next(((name, each) for name, each in methods if not same_scale(each, method)), None)
    if other is None:
        return common_method([each for _, each in methods])
    if not settings.get("mixed_methods", False):
        why = scale_difference(method, other[1])
        raise ValueError(
            f"the labels of {first} and {other[0]} were made by different methods ({why}), so they are on different "
            "scales: label all with one method, leave the others out, or ask for a mixture"
        )
    return mixture([each for _, each in methods])
