"""Labels that are there already: the same cell is not labelled twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.provenance.faults import faults_of
from aiida_getl.workflows.label import LabelWorkChain

_HASH = "_aiida_hash"


def find_label(structure: orm.StructureData, inputs: Mapping[str, Any]) -> BondStrengthsData | None:
    """Return the label that an equal structure got with the same settings, pseudopotentials and codes, or None.

    One that is marked as faulty does not count.

    :param structure: stored; one with the same content is equal, whatever made it.
    :param inputs: those of :class:`LabelWorkChain` that a label would be made with.
    """
    query = orm.QueryBuilder().append(
        orm.StructureData, filters={f"extras.{_HASH}": structure.base.caching.get_hash()}, tag="structure"
    )
    query.append(
        LabelWorkChain,
        filters={"attributes.exit_status": 0},
        with_incoming="structure",
        edge_filters={"label": "structure"},
        tag="label",
    )
    query.order_by({"label": {"id": "asc"}})
    wanted = _conditions(inputs, structure.get_kind_names())
    for label in query.all(flat=True):
        bonds = label.outputs.bonds
        if wanted == _conditions(label.inputs, structure.get_kind_names()) and not faults_of([bonds.pk]):
            return bonds
    return None


def hashes_of(uuids: Iterable[str]) -> set[str]:
    """Return the hashes of the content of structures."""
    found: set[str] = set()
    uuids = list(uuids)
    for start in range(0, len(uuids), 10_000):
        query = orm.QueryBuilder().append(
            orm.StructureData, filters={"uuid": {"in": uuids[start : start + 10_000]}}, project=f"extras.{_HASH}"
        )
        found |= set(query.all(flat=True))
    return found


def _conditions(inputs: Mapping[str, Any], kinds: Iterable[str]) -> dict[str, Any]:
    """Return what a label depends on beside its structure."""
    has_projwfc = "projwfc" in inputs and "code" in inputs["projwfc"]
    return {
        "settings": inputs["settings"].get_dict(),
        "pseudos": {kind: inputs["pseudos"][kind].md5 for kind in kinds},
        "pw": inputs["scf"]["pw"]["code"].uuid,
        "lobster": inputs["lobster"]["code"].uuid,
        "projwfc": inputs["projwfc"]["code"].uuid if has_projwfc else None,
    }
