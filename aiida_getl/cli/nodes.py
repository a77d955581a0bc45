"""Finding the node that a person means."""

from __future__ import annotations

import click
from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent


def find_node(identifier: str, node_class: type[orm.Node] | tuple[type[orm.Node], ...] = orm.Node) -> orm.Node:
    """Return the node with this PK, UUID (or its start) or label.

    :param node_class: class, or classes in the order in which they are searched for a label.
    :raises click.ClickException: if there is none, several, or one of another kind.
    """
    labelled: list[orm.Node] = []
    for each in _classes(node_class):
        labelled = labelled or orm.QueryBuilder().append(each, filters={"label": identifier}).all(flat=True)
    try:
        node = orm.load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        if len(labelled) != 1:
            raise click.ClickException(
                f"{len(labelled) or 'no'} nodes are called {identifier!r}: give a PK or UUID; "
                "`verdi process list -a` and `verdi node show PK` help to find it"
            ) from None
        node = labelled[0]
    # Nodes of other kinds may have the same label.
    if not isinstance(node, node_class) and len(labelled) == 1:
        return labelled[0]
    if not isinstance(node, node_class):
        names = " or ".join(cls.__name__ for cls in _classes(node_class))
        raise click.ClickException(f"{identifier} is a {type(node).__name__}, not a {names}")
    return node


def _classes(node_class: type[orm.Node] | tuple[type[orm.Node], ...]) -> tuple[type[orm.Node], ...]:
    return node_class if isinstance(node_class, tuple) else (node_class,)


def give_label(node: orm.Node, label: str) -> None:
    """Label a node; others of its kind that were called so until now stay, but under another label."""
    for other in orm.QueryBuilder().append(type(node), filters={"label": label}).all(flat=True):
        if other.pk != node.pk:
            other.label = f"{label}-until-{node.pk}-{other.pk}"
    node.label = label
