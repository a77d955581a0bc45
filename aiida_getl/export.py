"""Databases of interactions to files that need no AiiDA, and back."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_getl import __version__
from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.import_dataset import import_dataset
from aiida_getl.data.bonds import same_scale
from aiida_getl.data.dbi import DbiData
from aiida_getl.exchange.bnd_writer import write_databases
from aiida_getl.exchange.dataset import MADE, LabelledStructure, write_database, write_folder
from aiida_getl.exchange.label import sha256
from aiida_getl.exchange.lobster_writer import write_lobster_folders
from aiida_getl.learning.transfer import bonds_of

#: What was written by the program, if nobody says otherwise.
NOT_STATED = "not stated"


def labelled_structures(dbi: DbiData) -> list[LabelledStructure]:
    """Return the structures of a database with their bonds, in its order.

    :raises ValueError: for a database without structures, e.g. one of ``.bnd`` files.
    """
    table = dbi.get_table(descriptors=False)
    result = []
    for number, entry in enumerate(dbi.structures):
        if not entry.get("structure_id"):
            raise ValueError(f"DBI <{dbi.pk}> holds no structures: it was read from .bnd files, which have none")
        atoms = orm.load_node(entry["structure_id"]).get_ase()
        mine = table.select(np.flatnonzero(table.structure == number))
        info = {key: str(value) for key, value in entry.items() if value is not None}
        result.append(LabelledStructure(atoms, bonds_of(mine), mine.strength, info))
    return result


def describe(dbi: DbiData, licence: str | None, citation: str | None) -> dict[str, Any]:
    """Return what a reader of the files has to know: identity, method, descriptors, what is left out, licence."""
    attributes = dbi.base.attributes
    settings = dbi.creator.inputs.settings.get_dict() if dbi.creator and "settings" in dbi.creator.inputs else {}
    return {
        "title": dbi.label or f"database of interactions {dbi.uuid}",
        "identifier": dbi.uuid,
        "created": dbi.ctime.isoformat(),
        "written_by": f"aiida-getl {__version__}",
        "licence": licence or NOT_STATED,
        "citation": citation or NOT_STATED,
        "bond_types": dbi.bond_types,
        "compositions": attributes.get("compositions"),
        "method": attributes.get("method"),
        "descriptors": dbi.descriptors,
        "labels": [_how_made(entry["label_id"]) for entry in dbi.structures],
        "left_out": dbi.left_out,
        "settings": settings,
        "provenance": "identifier, structure_id and label_id are UUIDs in the provenance graph of AiiDA",
    }


def _how_made(label_id: str) -> dict[str, Any]:
    """Return how a label was made, as far as it says."""
    attributes = orm.load_node(label_id).base.attributes
    return {name: attributes.get(name) for name in MADE if name in attributes}


def export_dbi(dbi: DbiData, target: Path, layout: str, licence: str | None, citation: str | None) -> list[Path]:
    """Write a database in a layout and return the files.

    :param layout: ``folder``, an ASE ``database``, as LOBSTER leaves it (``lobster``), or the original one (``bnd``).
    :raises ValueError, FileExistsError: for what cannot be written, or would be overwritten.
    """
    structures = labelled_structures(dbi)
    if layout == "bnd":
        return write_databases(target, structures)
    if layout == "lobster":
        return write_lobster_folders(target, structures)
    metadata = describe(dbi, licence, citation)
    if layout == "database":
        write_database(target, structures, metadata)
        return [target]
    return write_folder(target, structures, metadata)


def import_exported(path: Path, group: orm.Group, settings: dict[str, Any]) -> tuple[DbiData, bool]:
    """Return the database of what :func:`export_dbi` wrote, and whether it is new; its nodes go into the group.

    :raises ValueError: for files that are not understood.
    """
    paths = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    sums = {each.name: sha256(each) for each in paths}
    query = orm.QueryBuilder().append(orm.FolderData, filters={"attributes.sha256": {"==": sums}}, tag="files")
    query.append(orm.CalcFunctionNode, filters={"attributes.exit_status": 0}, with_incoming="files")
    process = query.first(flat=True)
    if process is None:
        files = orm.FolderData()
        for each in paths:
            files.base.repository.put_object_from_file(str(each.resolve()), each.name)
        files.base.attributes.set_many({"sha256": sums, "paths": {each.name: str(each.resolve()) for each in paths}})
        files.label = path.name
        _, process = import_dataset.run_get_node(files)
        if not process.is_finished_ok:
            raise ValueError(process.exit_message)
        group.add_nodes([files, *process.base.links.get_outgoing(node_class=orm.Data).all_nodes()])
    outputs = {link.link_label: link.node for link in process.base.links.get_outgoing(node_class=orm.Data).all()}
    structures: dict[str, dict[str, orm.Data]] = {}
    bonds: dict[str, dict[str, orm.Data]] = {}
    left_out = outputs.pop("left_out", None)
    for number in range(len(outputs) // 2):
        label, structure = outputs[f"bonds_{number}"], outputs[f"structure_{number}"]
        info = label.base.attributes.get("exported")
        run = _free_run(bonds, info["run"], info["sub_run"])
        bonds.setdefault(run, {})[info["sub_run"]] = label
        structures.setdefault(run, {})[info["sub_run"]] = structure
    methods = [label.method for cells in bonds.values() for label in cells.values()]
    if not all(same_scale(method, methods[0]) for method in methods):
        # Whoever made the database that was exported asked for it.
        settings = settings | {"mixed_methods": True}
    known = [node for node in group.nodes if isinstance(node, DbiData) and _made_of(node) == _uuids(bonds)]
    for dbi in known:
        if dbi.creator.inputs.settings.get_dict() == settings:
            return dbi, False
    missing = {"left_out": left_out} if left_out else {}
    dbi, builder = build_dbi.run_get_node(settings=orm.Dict(settings), structures=structures, bonds=bonds, **missing)
    if not builder.is_finished_ok:
        raise ValueError(builder.exit_message)
    group.add_nodes([dbi])
    return dbi, True


def _free_run(bonds: dict[str, dict[str, orm.Data]], run: str, sub_run: str) -> str:
    """Return a run of this name, or with a number, that has no such sub-run yet: merged databases have several."""
    names = (run if number == 1 else f"{run}_{number}" for number in count(1))
    return next(name for name in names if sub_run not in bonds.get(name, {}))


def _uuids(bonds: dict[str, dict[str, orm.Data]]) -> set[str]:
    return {label.uuid for cells in bonds.values() for label in cells.values()}


def _made_of(dbi: DbiData) -> set[str]:
    return {entry["label_id"] for entry in dbi.structures}
