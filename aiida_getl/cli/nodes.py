"""Finding the node that a person means."""

from __future__ import annotations

import click
from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent

#: Where nodes of a class are listed.
WHERE = {
    "DbiData": "`aiida-getl dbi list` shows the databases there are",
    "BondModelData": "`aiida-getl model list` shows the models there are",
    "BondStrengthsData": "`verdi data getl list --kind bonds` shows the labels and predictions there are",
    "WorkChainNode": "`verdi process list -a` shows the work chains there are",
}
#: What people call nodes of a class.
WORDS = {
    "DbiData": "DBI",
    "BondModelData": "model",
    "BondStrengthsData": "label or prediction",
    "WorkChainNode": "work chain",
    "StructureData": "structure",
    "TrajectoryData": "trajectory",
}
#: Nodes of one label that a message names.
MOST_NAMED = 8


def find_node(identifier: str, node_class: type[orm.Node] | tuple[type[orm.Node], ...] = orm.Node) -> orm.Node:
    """Return the node with this PK, label, or UUID or its start: a whole label before the start of a UUID.

    :param node_class: class, or classes in the order in which they are searched for a label.
    :raises click.ClickException: if there is none, several, or one of another kind.
    """
    if not identifier.strip():
        raise click.ClickException(f"a PK, UUID or label is empty; {_where(node_class)}")
    labelled: list[orm.Node] = []
    for each in _classes(node_class):
        labelled = labelled or orm.QueryBuilder().append(each, filters={"label": identifier}).all(flat=True)
    node = _load(identifier)
    is_whole = node is not None and identifier in (str(node.pk), node.uuid)
    if isinstance(node, node_class) and (is_whole or not labelled):
        return node
    # Nodes of other kinds may have the same label.
    if len(labelled) == 1:
        return labelled[0]
    if labelled:
        named = [f"{each.pk} ({WORDS.get(type(each).__name__, type(each).__name__)})" for each in labelled[:MOST_NAMED]]
        more = " ..." if len(labelled) > MOST_NAMED else ""
        raise click.ClickException(
            f"{len(labelled)} nodes are called {identifier!r}: give the PK of one of {', '.join(named)}{more}"
        )
    if node is not None:
        names = " or ".join(WORDS.get(cls.__name__, cls.__name__) for cls in _classes(node_class))
        raise click.ClickException(f"<{node.pk}> is a {type(node).__name__}, not a {names}; {_where(node_class)}")
    which = f"has the PK {identifier} or is called so" if identifier.isdigit() else f"is called {identifier!r}"
    raise click.ClickException(f"no node {which}: give a PK, UUID or label; {_where(node_class)}")


def _classes(node_class: type[orm.Node] | tuple[type[orm.Node], ...]) -> tuple[type[orm.Node], ...]:
    return node_class if isinstance(node_class, tuple) else (node_class,)


def _where(node_class: type[orm.Node] | tuple[type[orm.Node], ...]) -> str:
    """Return how to find nodes of a class."""
    known = [WHERE[cls.__name__] for cls in _classes(node_class) if cls.__name__ in WHERE]
    return "; ".join(known) or "`verdi process list -a` and `verdi data getl list` help to find it"


def give_label(node: orm.Node, label: str) -> None:
    """Label a node; others of its kind that were called so until now stay, but under another label."""
    for other in orm.QueryBuilder().append(type(node), filters={"label": label}).all(flat=True):
        if other.pk != node.pk:
            other.label = f"{label}-until-{node.pk}-{other.pk}"
    node.label = label


def find_subject(identifier: str) -> orm.Node | orm.Computer:
    """Return the node (PK, UUID or label), code (``LABEL@COMPUTER``) or computer (its label) that a person means.

    :raises click.ClickException: if there is none, or several.
    """
    if "@" in identifier:
        return one_code(identifier)
    if not identifier.isdigit():
        computer = orm.QueryBuilder().append(orm.Computer, filters={"label": identifier}).first(flat=True)
        if computer is not None:
            return computer
    return find_node(identifier)


def find_computer(label: str) -> orm.Computer:
    """Return the computer of a label.

    :raises click.ClickException: if there is none.
    """
    computers = {computer.label: computer for computer in orm.Computer.collection.all()}
    if label not in computers:
        raise click.ClickException(f"there is no computer {label!r}, only {', '.join(sorted(computers)) or 'none'}")
    return computers[label]


def find_codes(identifier: str) -> list[orm.AbstractCode]:
    """Return the codes of a PK, UUID, label, or ``LABEL@COMPUTER``: all those of the label, on whatever computer.

    :raises click.ClickException: if there is none.
    """
    label, _, computer = identifier.partition("@")
    query = orm.QueryBuilder()
    if computer:
        query.append(orm.Computer, filters={"label": computer}, tag="computer")
    query.append(orm.InstalledCode, filters={"label": label}, **({"with_computer": "computer"} if computer else {}))
    found = query.all(flat=True)
    if found:
        return found
    node = None if computer else _load(identifier)
    if not isinstance(node, orm.AbstractCode):
        raise click.ClickException(f"there is no code {identifier!r}: `verdi code list` shows those there are")
    return [node]


def one_code(identifier: str) -> orm.AbstractCode:
    """Return the code ``LABEL@COMPUTER``.

    :raises click.ClickException: if there is none, or several.
    """
    codes = find_codes(identifier)
    if len(codes) > 1:
        pks = ", ".join(str(code.pk) for code in codes)
        raise click.ClickException(f"{len(codes)} codes are called {identifier!r}: give the PK of one of {pks}")
    return codes[0]


def _load(identifier: str) -> orm.Node | None:
    try:
        return orm.load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        return None
