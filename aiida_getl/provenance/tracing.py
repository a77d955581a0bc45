"""Where a number comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.manage import get_manager

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.graph import Lineage, call_labels, walk_back
from aiida_getl.provenance.reading import read, sources, uncollected
from aiida_getl.provenance.words import Item, describe, describe_all

#: Name of the inputs and outputs that hold what a person decided, and of the inputs that hold what was rejected before.
DECISION, REJECTED = "decision", "rejected"


@dataclass(frozen=True)
class Origin(Item):
    """Data that no calculation made, with the SHA-256 checksum of its file where it is one.

    ``files`` has the ``path`` and ``sha256`` of each where several were imported, by what they are for.
    """

    sha256: str | None = None
    files: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision(Item):
    """What a person decided on the way: who, when, what and why, as they left it."""

    content: dict[str, Any]


@dataclass(frozen=True)
class Step(Item):
    """A calculation on the way, with the code and computer that did it, the values that went in, and what was used.

    ``label`` is the name under which work chains called it; ``used`` names the outputs that lead on, of a deformation
    its name, e.g. ``tension_x``.
    """

    time: str
    label: str = ""
    code: str = ""
    computer: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """Where one node, or one bond of it, comes from.

    ``label`` says how the numbers were made: method (engine, version, basis, pseudopotentials by md5), spilling
    and, of imported labels, ``calculation`` (cut-offs in Ry, k-points and more of the SCF, as far as known).
    ``steps`` are all calculations on the way, oldest first; ``origins`` the data that no calculation made (potential,
    pseudopotentials, compositions, seeds, settings), by name of the input that they served as; ``decisions`` those of
    people, oldest first.
    """

    subject: Item
    bond: dict[str, Any]
    label: dict[str, Any]
    steps: list[Step]
    origins: dict[str, list[Origin]]
    codes: list[Item]
    computers: list[Item]
    decisions: list[Decision]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and dictionaries, for JSON."""
        return asdict(self)


@uncollected
def trace(node: orm.Data, bond: int | None = None) -> Trace:
    """Follow a node back to its inputs, codes and computers.

    :param node: any data node; for a database of interactions a ``bond`` may be given.
    :param bond: row of a DBI, counted from 0: the trace is then that of this row's label and structure alone; or the
        index of a bond of a ``getl.bonds``, which is then described.
    :raises ValueError: for a bond that does not exist, or a row whose sources the graph does not confirm.
    """
    description: dict[str, Any] = {}
    starts: list[orm.Data] = [node]
    if bond is not None:
        description, starts = _describe_bond(node, bond)
    lineage = walk_back([start.pk for start in starts])
    codes = _codes(lineage)
    words = describe_all({pk for inputs in lineage.inputs.values() for _, pk in inputs} - set(codes))
    computers = {code.computer.pk: code.computer for code in codes.values() if code.computer}
    return Trace(
        subject=describe(node),
        bond=description,
        label=_describe_label(starts[0]),
        steps=_steps(lineage, codes, words),
        origins=_origins(lineage, words),
        codes=[Item(code.pk, code.uuid, f"{code.full_label} {_executable(code)}") for code in codes.values()],
        computers=[
            Item(computer.pk, computer.uuid, f"{computer.label} ({computer.hostname})")
            for computer in computers.values()
        ],
        decisions=_decisions(lineage, words),
    )


def _describe_label(node: orm.Data) -> dict[str, Any]:
    """Return how the numbers of a node, or those that it learnt from, were made."""
    attributes = node.base.attributes
    if isinstance(node, BondModelData):
        return {"method": attributes.get("labelled_by", None)}
    if isinstance(node, (BondStrengthsData, DbiData)):
        return {name: attributes.get(name) for name in ("method", "spilling", "calculation") if name in attributes}
    return {}


def _describe_bond(node: orm.Data, bond: int) -> tuple[dict[str, Any], list[orm.Data]]:
    if isinstance(node, DbiData):
        row = node.get_row(bond)
        # Databases in the original format hold no structures.
        starts = [orm.load_node(row[name]) for name in ("label", "structure") if row[name] is not None]
        made_from = _leads_to({start.pk for start in starts}, node)
        unconfirmed = [start.uuid for start in starts if start.pk not in made_from]
        if unconfirmed:
            raise ValueError(f"row {bond} of {node} names {unconfirmed}, which no link of the graph leads to")
        return row, starts
    if isinstance(node, BondStrengthsData):
        return node.get_row(bond), [node]
    raise ValueError(f"{describe(node).what} <{node.pk}> holds no bonds: `bond` is for a DBI or bond strengths")


def _leads_to(pks: set[int], dbi: DbiData) -> set[int]:
    """Return those of some nodes that went into a DBI, or into one that it was merged from."""
    found: set[int] = set()
    queue, seen = {dbi.pk}, {dbi.pk}
    while queue:
        inputs = sources(sources(queue, LinkType.CREATE), LinkType.INPUT_CALC)
        found |= pks & inputs
        queue = {pk for (pk,) in read(DbiData, inputs, ("id",))} - seen
        seen |= queue
    return found


def _codes(lineage: Lineage) -> dict[int, orm.AbstractCode]:
    """Return the codes that ran."""
    pks = {pk for inputs in lineage.inputs.values() for label, pk in inputs if label == "code"}
    nodes = map(orm.load_node, sorted(pks))
    return {node.pk: node for node in nodes if isinstance(node, orm.AbstractCode)}


def _steps(lineage: Lineage, codes: dict[int, orm.AbstractCode], words: dict[int, str]) -> list[Step]:
    """Return the calculations, oldest first."""
    used: dict[int, set[str]] = {}
    for creator, label in lineage.made_by.values():
        used.setdefault(creator, set()).add(label)
    computers = dict(orm.QueryBuilder().append(orm.Computer, project=["id", "label"]).iterall())
    names = {pk: code.full_label for pk, code in codes.items()}  # asks the database each time
    labels = call_labels(lineage.inputs)
    columns = ("ctime", "id", "uuid", "attributes.process_label", "node_type", "dbcomputer_id")
    found = read(orm.CalculationNode, lineage.inputs, columns)
    return [
        Step(
            pk=pk,
            uuid=str(uuid),
            what=process_label or node_type,
            label=labels[pk],
            time=ctime.isoformat(timespec="seconds"),
            code=next((names[source] for _, source in lineage.inputs[pk] if source in names), ""),
            computer=computers.get(computer, ""),
            inputs={
                label: f"{words[source]} <{source}>" for label, source in sorted(lineage.inputs[pk]) if source in words
            },
            used=sorted(used[pk]),
        )
        for ctime, pk, uuid, process_label, node_type, computer in sorted(found, key=lambda row: row[:2])
    ]


def _executable(code: orm.AbstractCode) -> str:
    return str(code.filepath_executable) if isinstance(code, orm.InstalledCode) else ""


def _origins(lineage: Lineage, words: dict[int, str]) -> dict[str, list[Origin]]:
    """Return the data that no calculation made, by the name of the input that they served as."""
    pks: dict[str, set[int]] = {}
    for inputs in lineage.inputs.values():
        for label, pk in inputs:
            if pk not in lineage.made_by and pk in words:
                pks.setdefault(label.split("__")[0], set()).add(pk)
    has_checksums = get_manager().get_profile_storage().get_repository().key_format == "sha256"
    items: dict[int, Origin] = {}
    columns = ("id", "uuid", "repository_metadata", "attributes.paths", "attributes.sha256")
    for pk, uuid, files, paths, sums in read(orm.Data, set().union(*pks.values()), columns):
        checksum = _checksum(files) if has_checksums else None
        items[pk] = Origin(pk, str(uuid), words[pk], checksum, _imported(paths, sums))
    return {label: [items[pk] for pk in sorted(own)] for label, own in sorted(pks.items())}


def _imported(paths: Any, sums: Any) -> dict[str, dict[str, str]]:
    """Return what the importer left in the attributes of files."""
    if not isinstance(paths, dict) or not isinstance(sums, dict):
        return {}
    return {role: {"path": path, "sha256": sums.get(role, "")} for role, path in sorted(paths.items())}


def _checksum(files: dict[str, Any] | None) -> str | None:
    """Return the checksum of the only file of a node: AiiDA's repository keeps files by their SHA-256."""
    objects = list(((files or {}).get("o") or {}).values())
    return objects[0].get("k") if len(objects) == 1 else None


def _decisions(lineage: Lineage, words: dict[int, str]) -> list[Decision]:
    """Return what people decided on the way."""
    names = (DECISION, REJECTED)
    pks = {pk for inputs in lineage.inputs.values() for label, pk in inputs if label.split("__")[0] in names}
    pks |= {pk for pk, (_, label) in lineage.made_by.items() if label == DECISION}
    found = read(orm.Dict, pks, ("ctime", "id", "uuid", "attributes"))
    return [
        Decision(pk, str(uuid), words.get(pk, DECISION), content)
        for _, pk, uuid, content in sorted(found, key=lambda row: row[:2])
    ]
