"""Labels made elsewhere, as nodes: the files with their checksums, and what was read from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_getl import __version__
from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.import_bnd import import_bnd
from aiida_getl.calculations.functions.import_label import import_label
from aiida_getl.calculations.functions.read_structures import read_structures
from aiida_getl.calculations.leave_out import leave_out_faulty
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.exchange.bnd import beside, find_databases
from aiida_getl.exchange.label import sha256
from aiida_getl.exchange.sources import Source

#: Raised when the same files would be read differently: they are then imported anew.
IMPORT_VERSION = 2


@dataclass(frozen=True)
class Imported:
    """One structure, with its bonds or the reason why it has none."""

    source: Source
    files: orm.FolderData
    is_new: bool

    @property
    def outputs(self) -> dict[str, orm.Data]:
        """What was read, by name: ``structure``, ``bonds``, ``failure``."""
        process = _reader(self.files)
        return {link.link_label: link.node for link in process.base.links.get_outgoing(node_class=orm.Data).all()}

    @property
    def bonds(self) -> BondStrengthsData | None:
        """The label, if there is one."""
        return self.outputs.get("bonds")  # type: ignore[return-value]

    @property
    def reason(self) -> str | None:
        """Why there is no label."""
        failure = self.outputs.get("failure")
        return None if failure is None else failure["reason"]  # type: ignore[index]


def import_source(source: Source) -> Imported:
    """Store the files of a structure and what they hold, or find them where that was done before."""
    checksums = source.checksums()
    digest = source.digest(checksums)
    query = orm.QueryBuilder().append(
        orm.FolderData, filters={"attributes.digest": digest, "attributes.import_version": IMPORT_VERSION}
    )
    for node in query.all(flat=True):
        if _reader(node) is not None:
            return Imported(source, node, is_new=False)
    node = store_files(source, checksums, digest)
    import_label(node)
    return Imported(source, node, is_new=True)


def store_files(source: Source, checksums: dict[str, str], digest: str) -> orm.FolderData:
    """Return a stored node with the files of a structure.

    Attributes: ``run``, ``sub_run``, ``origin``, ``status`` and ``notes`` of the source; by role ``roles`` (names in
    the node), ``paths`` (on the machine they came from) and ``sha256``; ``digest`` of all of it.
    """
    node = orm.FolderData()
    roles = {role: f"{role}/{path.name}" for role, path in source.files.items()}
    for role, path in source.files.items():
        node.base.repository.put_object_from_file(str(path.resolve()), roles[role])
    node.base.attributes.set_many(
        {
            "run": source.run,
            "sub_run": source.sub_run,
            "origin": source.origin,
            "status": source.status,
            "notes": list(source.notes),
            "roles": roles,
            "paths": {role: str(path.resolve()) for role, path in source.files.items()},
            "sha256": checksums,
            "digest": digest,
            "import_version": IMPORT_VERSION,
            "imported_by": f"aiida-getl {__version__}",
        }
    )
    node.label = f"{source.run} {source.sub_run}"
    return node.store()


def import_all(sources: Iterable[Source], group: orm.Group) -> Iterator[Imported]:
    """Import structures one after the other, with their nodes in a group."""
    for source in sources:
        imported = import_source(source)
        group.add_nodes([imported.files, *imported.outputs.values()])
        yield imported


def import_databases(directory: Path, group: orm.Group) -> tuple[DbiData, bool]:
    """Return the database of interactions of the ``.bnd`` files of a folder, and whether it is new.

    :raises ValueError: for files that are not understood.
    """
    paths = sorted({path for name in find_databases(directory) for path in beside(name).values()})
    paths += [path for path in (directory / "ND.info",) if path.is_file()]
    folder = directory.resolve()
    attributes = {
        "composition": folder.name.removesuffix("-PBSSDB") if folder.name.endswith("-PBSSDB") else None,
        "paths": {path.name: str(path.resolve()) for path in paths},
        "sha256": {path.name: sha256(path) for path in paths},
        "import_version": IMPORT_VERSION,
    }
    known = {"attributes.sha256": {"==": attributes["sha256"]}, "attributes.import_version": IMPORT_VERSION}
    query = orm.QueryBuilder().append(orm.FolderData, filters=known, tag="files")
    query.append(orm.CalcFunctionNode, with_incoming="files", tag="reader")
    query.append(DbiData, with_incoming="reader")
    for dbi in query.all(flat=True):
        return dbi, False
    node = orm.FolderData()
    for path in paths:
        node.base.repository.put_object_from_file(str(path.resolve()), path.name)
    node.base.attributes.set_many(attributes)
    node.label = folder.name
    dbi, process = import_bnd.run_get_node(node)
    if not process.is_finished_ok:
        raise ValueError(process.exit_message)
    group.add_nodes([node, dbi])
    return dbi, True


def dbi_of(
    imported: list[Imported], settings: dict[str, Any], group: orm.Group, *, keep_faulty: bool = False
) -> tuple[DbiData, bool]:
    """Return the database of interactions of imported structures, and whether it is new.

    :param settings: of :func:`aiida_getl.calculations.functions.build_dbi.build_dbi`.
    :param keep_faulty: whether to take labels that are marked as faulty, which are else left out.
    :raises ValueError: if no structure has a label, or the labels cannot be joined.
    """
    structures: dict[str, dict[str, orm.Data]] = {}
    bonds: dict[str, dict[str, orm.Data]] = {}
    failures: dict[str, dict[str, orm.Data]] = {}
    for item in imported:
        run, sub_run = item.source.run, item.source.sub_run
        outputs = item.outputs
        if "bonds" in outputs:
            structures.setdefault(run, {})[sub_run] = outputs["structure"]
            bonds.setdefault(run, {})[sub_run] = outputs["bonds"]
        else:
            failures.setdefault(run, {})[sub_run] = outputs["failure"]
    if not bonds:
        raise ValueError("none of the structures has a label: there is nothing to learn from")
    if not keep_faulty:
        structures, bonds, failures = leave_out_faulty(structures, bonds, failures)
        if not bonds:
            raise ValueError("every label is marked as faulty: `aiida-getl query marks` says why")
    wanted = {
        f"{name}__{run}__{sub_run}": node.uuid
        for name, runs in (("structures", structures), ("bonds", bonds), ("failures", failures))
        for run, cells in runs.items()
        for sub_run, node in cells.items()
    }
    for dbi in (node for node in group.nodes if isinstance(node, DbiData)):
        links = dbi.creator.base.links.get_incoming(node_class=orm.Data).all() if dbi.creator else []
        made_of = {link.link_label: link.node for link in links}
        made_with = made_of.pop("settings", orm.Dict()).get_dict()
        if made_with == settings and {label: node.uuid for label, node in made_of.items()} == wanted:
            return dbi, False
    dbi, process = build_dbi.run_get_node(
        settings=orm.Dict(settings), structures=structures, bonds=bonds, **({"failures": failures} if failures else {})
    )
    if not process.is_finished_ok:
        raise ValueError(process.exit_message)
    group.add_nodes([dbi])
    return dbi, True


def import_structure_file(path: Path) -> orm.StructureData | orm.TrajectoryData:
    """Return the structure or trajectory of a file, with the file in the graph; the same file is read once.

    :raises ValueError: for a file that is not understood.
    """
    checksum = sha256(path)
    query = orm.QueryBuilder().append(
        orm.SinglefileData, filters={"attributes.sha256": checksum, "attributes.filename": path.name}, tag="file"
    )
    query.append(
        orm.CalcFunctionNode,
        filters={"attributes.process_label": read_structures.__name__, "attributes.exit_status": 0},
        with_incoming="file",
        tag="reader",
    )
    query.append(orm.Data, with_incoming="reader")
    for structure in query.all(flat=True):
        return structure
    file = orm.SinglefileData(path.resolve())
    file.base.attributes.set_many({"sha256": checksum, "path": str(path.resolve())})
    structure, process = read_structures.run_get_node(file)
    if not process.is_finished_ok:
        raise ValueError(process.exit_message)
    structure.label = path.name
    return structure


def _reader(files: orm.FolderData) -> orm.CalcFunctionNode | None:
    """Return the process that read these files, if it did so to the end."""
    readers = files.base.links.get_outgoing(node_class=orm.CalcFunctionNode).all_nodes()
    return next(
        (node for node in readers if node.process_label == import_label.__name__ and node.is_finished_ok),
        None,
    )
