"""Databases of interactions as one: which labels it holds, and which of their bonds have to be described anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.exceptions import NotExistent
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.data.bonds import common_method, same_scale, scale_difference
from aiida_getl.data.dbi import DbiData, mixture, origin_of
from aiida_getl.learning.dataset import BondTable, concatenate


class CannotMerge(ValueError):
    """Why databases cannot be joined.

    :param status: exit status of :func:`aiida_getl.calculations.functions.merge_dbi.merge_dbi`.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Joined:
    """What several databases have together.

    :param tables: of each that adds labels, the bonds of these; without descriptors where they have to be computed.
    :param structures: of each table the structures, None where the descriptors are there.
    :param descriptors: settings of the descriptors.
    :param method: of the labels.
    :param left_out: what is missing and why.
    :param translations_known: whether all bonds say between which images they are.
    """

    tables: list[BondTable]
    structures: list[list[Atoms] | None]
    descriptors: list[dict[str, Any]]
    method: dict[str, Any]
    left_out: list[dict[str, Any]]
    translations_known: bool

    @property
    def undescribed(self) -> list[tuple[int, BondTable, list[Atoms]]]:
        """Tables whose descriptors have to be computed: number, bonds, structures."""
        both = enumerate(zip(self.tables, self.structures, strict=True))
        return [(number, table, structures) for number, (table, structures) in both if structures is not None]

    def to_dbi(self, rows: Mapping[int, dict[str, NDArray]]) -> DbiData:
        """Return the database.

        :param rows: descriptors by kind of the tables that have none, by number.
        """
        tables = [
            replace(table, descriptors=rows[number]) if number in rows else table
            for number, table in enumerate(self.tables)
        ]
        merged = DbiData.from_table(concatenate(tables), self.descriptors, self.method, self.left_out)
        if not self.translations_known:
            merged.base.attributes.set("translations_known", False)
        return merged


def join(settings: Mapping[str, Any], reasons: Mapping[str, str], dbis: Mapping[str, orm.Data]) -> Joined:
    """Return the labels of databases, each once.

    :param settings: with ``mixed_methods`` true, labels of different methods are joined.
    :param reasons: why labels (UUIDs) are not to be taken over.
    :param dbis: ``getl.dbi`` by any name, which decides their order.
    :raises CannotMerge: for what cannot be joined.
    """
    nodes = [dbis[name] for name in sorted(dbis)]
    if len(nodes) < (1 if reasons else 2) or not all(isinstance(node, DbiData) for node in nodes):
        given = ", ".join(type(node).__name__ for node in nodes) or "nothing"
        raise CannotMerge(405, f"two databases of interactions or more can be joined, and these are given: {given}")
    method = _method(settings, nodes)
    wanted = _descriptors(nodes)
    # What is left out counts as seen from the start, under whichever of its UUIDs it was named.
    faults = {
        origin_of(entry): reasons[entry["label_id"]]
        for node in nodes
        for entry in node.structures
        if entry["label_id"] in reasons
    }
    tables, structures, left_out = [], [], []
    seen = set(faults)
    for node in nodes:
        try:
            table, cells = _to_describe(_new_labels(node.get_table(), seen), node, wanted)
        except (NotExistent, ValueError) as exception:
            raise CannotMerge(
                404,
                f"the databases know different elements, and the bonds of <{node.pk}> cannot be described again: "
                f"{exception}",
            ) from exception
        seen |= {origin_of(entry) for entry in table.structures}
        if len(table):
            tables.append(table)
            structures.append(cells)
        faulty = [
            {"run": entry["run"], "sub_run": entry["sub_run"], "reason": faults[origin_of(entry)]}
            for entry in node.structures
            if origin_of(entry) in faults
        ]
        left_out += [entry for entry in [*node.left_out, *faulty] if entry not in left_out]
    if not tables:
        raise CannotMerge(406, "no label remains: all of them are to be left out")
    known = all(node.base.attributes.get("translations_known", True) for node in nodes)
    return Joined(tables, structures, list(wanted.values()), method, left_out, known)


def join_inputs(inputs) -> Joined:
    """Return what :func:`join` does of the inputs ``settings``, ``leave_out`` and ``dbis`` of a process."""
    reasons = inputs.leave_out.get_dict() if "leave_out" in inputs else {}
    return join(inputs.settings.get_dict(), reasons, inputs.dbis)


def _method(settings: Mapping[str, Any], nodes: Sequence[DbiData]) -> dict[str, Any]:
    methods = [node.base.attributes.get("method") for node in nodes]
    other = next((k for k, method in enumerate(methods) if not same_scale(method, methods[0])), None)
    if other is None:
        return common_method(methods)
    if not settings.get("mixed_methods", False):
        raise CannotMerge(
            401,
            f"the labels of <{nodes[0].pk}> and <{nodes[other].pk}> were made by different methods "
            f"({scale_difference(methods[0], methods[other])}), so they are on different scales: label all with "
            "one method, or ask for a mixture",
        )
    return mixture(methods)


def _descriptors(nodes: Sequence[DbiData]) -> dict[str, dict[str, Any]]:
    """Return the settings of the descriptors that all have, by kind, for the elements of all."""
    kinds = set.intersection(*(set(node.descriptors) for node in nodes))
    if not kinds:
        raise CannotMerge(402, "the databases have no kind of descriptor in common")
    species = sorted({symbol for node in nodes for each in node.descriptors.values() for symbol in each["species"]})
    wanted = {kind: {**nodes[0].descriptors[kind], "species": species} for kind in sorted(kinds)}
    for kind, own in wanted.items():
        if any({**node.descriptors[kind], "species": species} != own for node in nodes):
            raise CannotMerge(403, f"the settings of the descriptor {kind!r} differ between the databases")
    return wanted


def _new_labels(table: BondTable, seen: set[str]) -> BondTable:
    """Return the table of those of its structures whose labels have not been seen."""
    new = np.array([origin_of(entry) not in seen for entry in table.structures], dtype=bool)
    rows = table.select(new[table.structure])
    return replace(
        rows,
        structure=(np.cumsum(new) - 1)[rows.structure],
        structures=[entry for entry, is_new in zip(table.structures, new, strict=True) if is_new],
    )


def _to_describe(
    table: BondTable, node: DbiData, wanted: Mapping[str, dict[str, Any]]
) -> tuple[BondTable, list[Atoms] | None]:
    """Return the table with the wanted descriptors, or without and its structures if its own know fewer elements.

    :raises NotExistent: if a structure is gone.
    :raises ValueError: if it never had structures.
    """
    if all(sorted(node.descriptors[kind]["species"]) == own["species"] for kind, own in wanted.items()):
        return replace(table, descriptors={kind: table.descriptors[kind] for kind in wanted}), None
    if any(entry["structure_id"] is None for entry in table.structures):
        raise ValueError("it was made of files without structures")
    return replace(table, descriptors={}), [
        orm.load_node(entry["structure_id"]).get_ase() for entry in table.structures
    ]
