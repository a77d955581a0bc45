"""Leaving faulty labels out of new databases of interactions, with the reason on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiida import orm

from aiida_getl.calculations.functions.record_failure import record_failure
from aiida_getl.data.dbi import DbiData
from aiida_getl.provenance.faults import faults_of

#: Nodes by run and sub-run.
Cells = Mapping[str, Mapping[str, orm.Data]]


def leave_out_faulty(
    structures: Cells, bonds: Cells, failures: Cells | None = None
) -> tuple[dict[str, dict[str, orm.Data]], dict[str, dict[str, orm.Data]], dict[str, dict[str, orm.Data]]]:
    """Return (structures, bonds, failures) without the labels that are faulty, or of which the structure is.

    The reason of each is a further failure, made by a calcfunction or found again.

    :param structures: ``StructureData`` by run and sub-run.
    :param bonds: their labels.
    :param failures: ``Dict`` with a ``reason`` for cells that have none.
    """
    pairs = [
        (run, sub_run, structures[run][sub_run], label) for run, own in bonds.items() for sub_run, label in own.items()
    ]
    faults = faults_of(node.pk for _, _, *nodes in pairs for node in nodes)
    kept: tuple[dict, dict] = ({}, {})
    left_out: dict[str, dict[str, orm.Data]] = {run: dict(own) for run, own in (failures or {}).items()}
    for run, sub_run, structure, label in pairs:
        reason = _reason(faults, structure, label)
        if reason is None:
            for cells, node in zip(kept, (structure, label), strict=True):
                cells.setdefault(run, {})[sub_run] = node
        else:
            left_out.setdefault(run, {})[sub_run] = _record(structure, reason)
    return *kept, left_out


def faulty_labels(dbis: Iterable[DbiData]) -> dict[str, str]:
    """Return the labels (UUIDs) of databases that are faulty or of which the structure is, with the reason of each."""
    entries = [entry for dbi in dbis for entry in dbi.structures]
    uuids = {entry[name] for entry in entries for name in ("label_id", "structure_id")} - {None}
    query = orm.QueryBuilder().append(orm.Data, filters={"uuid": {"in": sorted(uuids)}}, project=["uuid", "id"])
    pks = dict(query.iterall())
    faults = faults_of(pks.values())
    found = {}
    for entry in entries:
        own = (pks.get(entry["label_id"]), pks.get(entry["structure_id"]))
        reason = next((faults[pk] for pk in own if pk in faults), None)
        if reason is not None:
            found[entry["label_id"]] = reason
    return found


def _reason(faults: Mapping[int, str], structure: orm.Data, label: orm.Data) -> str | None:
    return next((faults[node.pk] for node in (label, structure) if node.pk in faults), None)


def _record(structure: orm.Data, reason: str) -> orm.Dict:
    """Return the record that a structure is left out for a reason: the same as the last time, so that an unchanged
    database is found again.
    """
    query = orm.QueryBuilder().append(orm.StructureData, filters={"id": structure.pk}, tag="structure")
    query.append(
        orm.CalcFunctionNode,
        with_incoming="structure",
        filters={"attributes.process_label": record_failure.__name__},
        tag="recorder",
    )
    query.append(orm.Dict, with_incoming="recorder", filters={"attributes.reason": reason})
    found = query.first(flat=True)
    return record_failure(structure, orm.Str(reason)) if found is None else found
