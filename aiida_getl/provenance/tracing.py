"""Questions to the provenance graph: where a number comes from.

The graph is walked level by level, all nodes of a level in one query that returns numbers and short texts. The query
builder's ancestors follow every path instead of every link, and their nodes are built one by one: minutes for the graph
of a campaign where this takes a second (docs/scale.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.utils.node import load_node_class
from aiida_pseudo.data.pseudo import UpfData

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData


@dataclass(frozen=True)
class Item:
    """A node, in the words a person needs to recognise it."""

    pk: int
    uuid: str
    what: str


@dataclass(frozen=True)
class Step(Item):
    """A calculation on the way, with the code and computer that did it and the values that went in."""

    time: str
    label: str = ""
    code: str = ""
    computer: str = ""
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """Where one node, or one bond of it, comes from.

    ``steps`` are all calculations on the way, oldest first; ``origins`` the data that no calculation made (potential,
    pseudopotentials, compositions, seeds, settings), by name of the input that they served as.
    """

    subject: Item
    bond: dict[str, Any]
    steps: list[Step]
    origins: dict[str, list[Item]]
    codes: list[Item]
    computers: list[Item]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and dictionaries, for JSON."""
        return asdict(self)


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
    lineage = _walk([start.pk for start in starts])
    codes = _codes(lineage)
    words = _describe_all({pk for inputs in lineage.inputs.values() for _, pk in inputs} - set(codes))
    computers = {code.computer.pk: code.computer for code in codes.values() if code.computer}
    return Trace(
        subject=describe(node),
        bond=description,
        steps=_steps(lineage, codes, words),
        origins=_origins(lineage, words),
        codes=[Item(code.pk, code.uuid, f"{code.full_label} {_executable(code)}") for code in codes.values()],
        computers=[
            Item(computer.pk, computer.uuid, f"{computer.label} ({computer.hostname})")
            for computer in computers.values()
        ],
    )


#: Values that a query may hold; SQLite takes 32,766.
_MOST_VALUES = 10_000


@dataclass(frozen=True)
class _Lineage:
    """All calculations that led to some data, with names and PKs of their inputs; which data one of them made."""

    inputs: dict[int, list[tuple[str, int]]]
    made: set[int]


def _walk(pks: list[int]) -> _Lineage:
    """Return where data come from."""
    inputs: dict[int, list[tuple[str, int]]] = {}
    made: set[int] = set()
    seen, data = set(pks), set(pks)
    while data:
        calculations: set[int] = set()
        for pk, _, creator in _incoming(data, LinkType.CREATE):
            made.add(pk)
            if creator not in inputs:
                inputs[creator] = []
                calculations.add(creator)
        data = set()
        for pk, label, source in _incoming(calculations, LinkType.INPUT_CALC):
            inputs[pk].append((label, source))
            data.add(source)
        data -= seen
        seen |= data
    return _Lineage(inputs, made)


def _incoming(pks: Iterable[int], link_type: LinkType) -> Iterator[tuple[int, str, int]]:
    """Yield (node, label, source) of the links of a type that lead to nodes."""
    for part in _parts(pks):
        query = orm.QueryBuilder()
        query.append(orm.Node, filters={"id": {"in": part}}, tag="node", project="id")
        query.append(
            orm.Node,
            with_outgoing="node",
            edge_filters={"type": link_type.value},
            edge_project="label",
            project="id",
        )
        for pk, source, label in query.iterall():
            yield pk, label, source


def _parts(pks: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(pks)
    for start in range(0, len(ordered), _MOST_VALUES):
        yield ordered[start : start + _MOST_VALUES]


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
        creators = {creator for _, _, creator in _incoming(queue, LinkType.CREATE)}
        sources = {pk for _, _, pk in _incoming(creators, LinkType.INPUT_CALC)}
        found |= pks & sources
        queue = set()
        for part in _parts(sources):
            queue |= set(orm.QueryBuilder().append(DbiData, filters={"id": {"in": part}}, project="id").all(flat=True))
        queue -= seen
        seen |= queue
    return found


def _codes(lineage: _Lineage) -> dict[int, orm.AbstractCode]:
    """Return the codes that ran."""
    pks = {pk for inputs in lineage.inputs.values() for label, pk in inputs if label == "code"}
    return {
        code.pk: code
        for part in _parts(pks)
        for code in orm.QueryBuilder().append(orm.AbstractCode, filters={"id": {"in": part}}).all(flat=True)
    }


def _steps(lineage: _Lineage, codes: dict[int, orm.AbstractCode], words: dict[int, str]) -> list[Step]:
    """Return the calculations, oldest first."""
    computers = dict(orm.QueryBuilder().append(orm.Computer, project=["id", "label"]).iterall())
    names = {pk: code.full_label for pk, code in codes.items()}  # asks the database each time
    labels = _call_labels(list(lineage.inputs))
    rows = []
    for part in _parts(lineage.inputs):
        query = orm.QueryBuilder().append(
            orm.CalculationNode,
            filters={"id": {"in": part}},
            project=["ctime", "id", "uuid", "attributes.process_label", "node_type", "dbcomputer_id"],
        )
        rows += query.all()
    return [
        Step(
            pk=pk,
            uuid=uuid,
            what=process_label or node_type,
            label=labels[pk],
            time=ctime.isoformat(timespec="seconds"),
            code=next((names[source] for _, source in lineage.inputs[pk] if source in names), ""),
            computer=computers.get(computer, ""),
            inputs={
                label: f"{words[source]} <{source}>" for label, source in sorted(lineage.inputs[pk]) if source in words
            },
        )
        for ctime, pk, uuid, process_label, node_type, computer in sorted(rows, key=lambda row: row[:2])
    ]


def _executable(code: orm.AbstractCode) -> str:
    return str(code.filepath_executable) if isinstance(code, orm.InstalledCode) else ""


def _call_labels(pks: list[int]) -> dict[int, str]:
    """Return the names under which work chains called calculations, outermost first, e.g. `run_0/quench`."""
    names: dict[int, list[str]] = {pk: [] for pk in pks}
    # The process that each name is to be continued from, level by level.
    at: dict[int, list[int]] = {pk: [pk] for pk in pks}
    while at:
        above: dict[int, list[int]] = {}
        for link_type in (LinkType.CALL_CALC, LinkType.CALL_WORK):
            for called, label, caller in _incoming(at, link_type):
                for pk in at[called]:
                    if not label.startswith(("CALL", "iteration")):
                        names[pk].insert(0, label)
                    above.setdefault(caller, []).append(pk)
        at = above
    return {pk: "/".join(labels) for pk, labels in names.items()}


def _origins(lineage: _Lineage, words: dict[int, str]) -> dict[str, list[Item]]:
    """Return the data that no calculation made, by the name of the input that they served as."""
    pks: dict[str, set[int]] = {}
    for inputs in lineage.inputs.values():
        for label, pk in inputs:
            if pk not in lineage.made and pk in words:
                pks.setdefault(label.split("__")[0], set()).add(pk)
    items: dict[int, Item] = {}
    for part in _parts(set().union(*pks.values())):
        query = orm.QueryBuilder().append(orm.Data, filters={"id": {"in": part}}, project=["id", "uuid"])
        items |= {pk: Item(pk, uuid, words[pk]) for pk, uuid in query.iterall()}
    return {label: [items[pk] for pk in sorted(own)] for label, own in sorted(pks.items())}


#: Columns of which the words for a node are made. Not the sites of a structure, on which its formula depends: those of
#: a thousand cells take ten seconds to read.
_COLUMNS: tuple[tuple[type[orm.Data] | tuple[type[orm.Data], ...], tuple[str, ...]], ...] = (
    ((UpfData, orm.UpfData), ("attributes.filename", "attributes.md5")),
    (orm.SinglefileData, ("attributes.filename",)),
    ((orm.Int, orm.Float, orm.Str, orm.Bool), ("attributes.value",)),
)


def _describe_all(pks: set[int]) -> dict[int, str]:
    """Return words for many nodes, see :func:`describe`."""
    by_type: dict[str, list[int]] = {}
    for part in _parts(pks):
        query = orm.QueryBuilder().append(orm.Data, filters={"id": {"in": part}}, project=["id", "node_type"])
        for pk, node_type in query.iterall():
            by_type.setdefault(node_type, []).append(pk)
    words: dict[int, str] = {}
    for node_type, own in by_type.items():
        node_class = load_node_class(node_type)
        columns = next((columns for classes, columns in _COLUMNS if issubclass(node_class, classes)), ())
        if not columns:
            words |= dict.fromkeys(own, _words(node_class))
            continue
        for part in _parts(own):
            query = orm.QueryBuilder().append(orm.Data, filters={"id": {"in": part}}, project=["id", *columns])
            words |= {pk: _words(node_class, *values) for pk, *values in query.iterall()}
    return words


def describe(node: orm.Node) -> Item:
    """Return a node with the few words that tell it from others of its kind."""
    if isinstance(node, orm.StructureData):
        what = f"structure {node.get_formula(mode='hill')}"
    elif isinstance(node, orm.RemoteData):
        what = f"remote folder on {node.computer.label}"
    else:
        columns = next((columns for classes, columns in _COLUMNS if isinstance(node, classes)), ())
        what = _words(type(node), *(node.base.attributes.get(name.removeprefix("attributes.")) for name in columns))
    return Item(node.pk, node.uuid, what)


def _words(node_class: type[orm.Node], *values: Any) -> str:
    """Return the words for a node of a class, given its columns."""
    if issubclass(node_class, (UpfData, orm.UpfData)):
        return f"UPF {values[0]} md5 {values[1]}"
    if issubclass(node_class, orm.SinglefileData):
        return f"file {values[0]}"
    return str(values[0]) if values else node_class.__name__
