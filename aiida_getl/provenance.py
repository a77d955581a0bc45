"""Questions to the provenance graph: where a number comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from aiida import orm
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
    pks = [start.pk for start in starts]
    steps, codes, computers = _calculations(pks)
    return Trace(
        subject=describe(node),
        bond=description,
        steps=steps,
        origins=_origins(pks),
        codes=codes,
        computers=computers,
    )


def _describe_bond(node: orm.Data, bond: int) -> tuple[dict[str, Any], list[orm.Data]]:
    if isinstance(node, DbiData):
        row = node.get_row(bond)
        # Databases in the original format hold no structures.
        starts = [orm.load_node(row[name]) for name in ("label", "structure") if row[name] is not None]
        made_from = {link.node.uuid for link in _all_inputs(node)}
        unconfirmed = [start.uuid for start in starts if start.uuid not in made_from]
        if unconfirmed:
            raise ValueError(f"row {bond} of {node} names {unconfirmed}, which no link of the graph leads to")
        return row, starts
    if isinstance(node, BondStrengthsData):
        return node.get_row(bond), [node]
    raise ValueError(f"{describe(node).what} <{node.pk}> holds no bonds: `bond` is for a DBI or bond strengths")


def _all_inputs(node: orm.Data) -> list:
    """Return the inputs of all calculations that led from labels to a DBI (building it, and merging it)."""
    links, creators = [], [node.creator]
    while creators:
        creator = creators.pop()
        for link in creator.base.links.get_incoming(node_class=orm.Data).all() if creator else []:
            links.append(link)
            if isinstance(link.node, DbiData):
                creators.append(link.node.creator)
    return links


def _calculations(pks: list[int]) -> tuple[list[Step], list[Item], list[Item]]:
    query = orm.QueryBuilder()
    query.append(orm.Node, filters={"id": {"in": pks}}, tag="start")
    query.append(orm.CalculationNode, with_descendants="start", project="*", tag="calculation")
    nodes = {node.pk: node for (node,) in query.distinct().iterall()}
    inputs: dict[int, dict[str, str]] = {pk: {} for pk in nodes}
    code_of: dict[int, orm.AbstractCode] = {}
    codes: dict[int, orm.AbstractCode] = {}
    if nodes:
        query = orm.QueryBuilder()
        query.append(orm.CalculationNode, filters={"id": {"in": list(nodes)}}, tag="calculation", project="id")
        query.append(orm.Data, with_outgoing="calculation", project="*", edge_project="label")
        for pk, data, label in query.iterall():
            if isinstance(data, orm.AbstractCode):
                code_of[pk] = codes[data.pk] = data
            else:
                inputs[pk][label] = f"{describe(data).what} <{data.pk}>"
    computers = {code.computer.pk: code.computer for code in codes.values() if code.computer}
    labels = _call_labels(list(nodes))
    steps = [
        Step(
            pk=node.pk,
            uuid=node.uuid,
            what=node.process_label or node.node_type,
            label=labels[node.pk],
            time=node.ctime.isoformat(timespec="seconds"),
            code=code_of[node.pk].full_label if node.pk in code_of else "",
            computer=node.computer.label if node.computer else "",
            inputs=dict(sorted(inputs[node.pk].items())),
        )
        for node in sorted(nodes.values(), key=lambda node: (node.ctime, node.pk))
    ]
    return (
        steps,
        [Item(code.pk, code.uuid, f"{code.full_label} {_executable(code)}") for code in codes.values()],
        [
            Item(computer.pk, computer.uuid, f"{computer.label} ({computer.hostname})")
            for computer in computers.values()
        ],
    )


def _executable(code: orm.AbstractCode) -> str:
    return str(code.filepath_executable) if isinstance(code, orm.InstalledCode) else ""


def _call_labels(pks: list[int]) -> dict[int, str]:
    """Return the names under which work chains called calculations, outermost first, e.g. `run_0/quench`."""
    names: dict[int, list[str]] = {pk: [] for pk in pks}
    # The process that each name is to be continued from, level by level.
    at: dict[int, list[int]] = {pk: [pk] for pk in pks}
    while at:
        query = orm.QueryBuilder()
        query.append(orm.ProcessNode, filters={"id": {"in": list(at)}}, tag="called", project="id")
        query.append(orm.WorkflowNode, with_outgoing="called", project="id", edge_project="label")
        above: dict[int, list[int]] = {}
        for called, caller, label in query.iterall():
            for pk in at[called]:
                if not label.startswith(("CALL", "iteration")):
                    names[pk].insert(0, label)
                above.setdefault(caller, []).append(pk)
        at = above
    return {pk: "/".join(labels) for pk, labels in names.items()}


def _origins(pks: list[int]) -> dict[str, list[Item]]:
    """Return the ancestors without a creator, by the name of the input that they served as."""
    query = orm.QueryBuilder()
    query.append(orm.Node, filters={"id": {"in": pks}}, tag="start")
    query.append(orm.CalculationNode, with_descendants="start", tag="calculation")
    query.append(orm.Data, with_outgoing="calculation", project="*", edge_project="label")
    origins: dict[str, dict[int, Item]] = {}
    for data, label in query.distinct().iterall():
        if data.creator is None and not isinstance(data, orm.AbstractCode):
            origins.setdefault(label.split("__")[0], {})[data.pk] = describe(data)
    return {label: list(items.values()) for label, items in sorted(origins.items())}


def describe(node: orm.Node) -> Item:
    """Return a node with the few words that tell it from others of its kind."""
    if isinstance(node, (UpfData, orm.UpfData)):
        what = f"UPF {node.filename} md5 {node.md5}"
    elif isinstance(node, orm.SinglefileData):
        what = f"file {node.filename}"
    elif isinstance(node, orm.StructureData):
        what = f"structure {node.get_formula(mode='hill')}"
    elif isinstance(node, (orm.Int, orm.Float, orm.Str, orm.Bool)):
        what = str(node.value)
    elif isinstance(node, orm.RemoteData):
        what = f"remote folder on {node.computer.label}"
    else:
        what = type(node).__name__
    return Item(node.pk, node.uuid, what)
