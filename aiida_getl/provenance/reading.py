"""Reading many nodes and links at once: each query from one table, by the numbers of nodes.

The query builder knows links only as what joins nodes. PostgreSQL joins well once it has counted its rows; until it
has, after an archive was imported, what takes a second takes minutes. From one table it reads at its best at once.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ParamSpec, TypeVar

from aiida import orm
from aiida.common.links import LinkType
from sqlalchemy import Select, select, text

Parameters, Result = ParamSpec("Parameters"), TypeVar("Result")

#: Numbers of nodes that a query may hold.
MOST_VALUES = 10_000


def parts(pks: Iterable[int]) -> Iterator[list[int]]:
    """Yield PKs in parts that a query may hold."""
    ordered = sorted(pks)
    for start in range(0, len(ordered), MOST_VALUES):
        yield ordered[start : start + MOST_VALUES]


def uncollected(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Keep Python's garbage collector out of a function that gathers rows by the hundred thousand.

    None of them is garbage, but the collector looks at all of them again and again, a third of the time.
    """

    @functools.wraps(function)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            if was_enabled:
                gc.enable()

    return wrapper


# ---- nodes


def rows(query: orm.QueryBuilder) -> list[Sequence[Any]]:
    """Return what ``query.all()`` returns, for queries that project columns and not nodes, in a third of the time.

    The query builder looks for each value whether it is a node to be built. UUIDs are texts in SQLite and objects in
    PostgreSQL: take ``str`` of them.
    """
    return _fetch(query.backend.query().get_query(query.as_dict()).query.statement)


def read(
    node_class: type[orm.Node] | tuple[type[orm.Node], ...],
    pks: Iterable[int],
    columns: Sequence[str],
    filters: Mapping[str, Any] | None = None,
) -> Iterator[Sequence[Any]]:
    """Yield columns, as the query builder names them, of those of some nodes that are of a class and pass filters.

    The query builder makes the statement and is not told the nodes, of whose numbers it would make a copy and a hash.
    """
    query = orm.QueryBuilder().append(node_class, tag="node", project=list(columns), filters=dict(filters or {}))
    built = query.backend.query().get_query(query.as_dict())
    yield from _fetch_of(pks, built.query.statement, built.tag_to_alias["node"].id)


# ---- links


def incoming(pks: Iterable[int], *link_types: LinkType, labels: Sequence[str] = ()) -> Iterator[tuple[int, str, int]]:
    """Yield (node, label, source) of the links of some types that lead to nodes, of certain labels if given."""
    link = _link()
    statement = _chosen(select(link.output_id, link.label, link.input_id), link_types, labels)
    return _fetch_of(pks, statement, link.output_id)


def outgoing(pks: Iterable[int], *link_types: LinkType, labels: Sequence[str] = ()) -> Iterator[tuple[int, str, int]]:
    """Yield (node, label, target) of the links of some types that lead from nodes, of certain labels if given."""
    link = _link()
    statement = _chosen(select(link.input_id, link.label, link.output_id), link_types, labels)
    return _fetch_of(pks, statement, link.input_id)


def sources(pks: Iterable[int], *link_types: LinkType) -> set[int]:
    """Return the nodes that :func:`incoming` links lead from, without their labels in half the time."""
    link = _link()
    statement = _chosen(select(link.input_id).distinct(), link_types)
    return set(chain.from_iterable(_fetch_of(pks, statement, link.output_id)))


def targets(pks: Iterable[int], *link_types: LinkType) -> set[int]:
    """Return the nodes that :func:`outgoing` links lead to, without their labels in half the time."""
    link = _link()
    statement = _chosen(select(link.output_id).distinct(), link_types)
    return set(chain.from_iterable(_fetch_of(pks, statement, link.input_id)))


def _link() -> Any:
    """Return the columns of the table of links: as columns and not as attributes of objects they are read faster."""
    return orm.QueryBuilder().backend.query().Link.__table__.columns


def _chosen(statement: Select[Any], link_types: Iterable[LinkType], labels: Sequence[str] = ()) -> Select[Any]:
    """Restrict a statement to links of some types, and of some labels if there are any."""
    link = _link()
    statement = statement.where(link.type.in_([each.value for each in link_types]))
    return statement.where(link.label.in_(labels)) if labels else statement


def _fetch_of(pks: Iterable[int], statement: Select[Any], number: Any) -> Iterator[Sequence[Any]]:
    """Yield what a statement selects where a number is that of one of some nodes."""
    for part in parts(pks):
        # Written out: there may be fewer parameters than nodes, and each takes its time.
        yield from _fetch(statement.where(number.in_(text(",".join(f"{pk:d}" for pk in part)))))


def _fetch(statement: Select[Any]) -> list[Sequence[Any]]:
    """Return what a statement selects."""
    storage = orm.QueryBuilder().backend
    with storage.transaction():
        # There is no use in SQLAlchemy's memory of statements, which differ by the nodes that they ask for.
        session = storage.query().get_session()
        return session.execute(statement, execution_options={"compiled_cache": None}).all()
