"""Finding the node that a person means."""

from __future__ import annotations

import click
from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent


def find_node(identifier: str, node_class: type[orm.Node] = orm.Node) -> orm.Node:
    """Return the node with this PK, UUID (or its start) or label.

    :raises click.ClickException: if there is none, several, or one of another kind.
    """
    labelled = orm.QueryBuilder().append(node_class, filters={"label": identifier}).all(flat=True)
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
        raise click.ClickException(f"{identifier} is a {type(node).__name__}, not a {node_class.__name__}")
    return node


def give_label(node: orm.Node, label: str) -> None:
    """Label a node; others of its kind that were called so until now stay, but under another label."""
    for other in orm.QueryBuilder().append(type(node), filters={"label": label}).all(flat=True):
        if other.pk != node.pk:
            other.label = f"{label}-until-{node.pk}-{other.pk}"
    node.label = label
