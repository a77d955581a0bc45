"""Walking the provenance graph: level by level, all nodes of a level in one query that returns numbers.

The query builder's ancestors and descendants follow every path instead of every link, and their nodes are built one by
one: minutes for the graph of a campaign where this takes a second (docs/scale.md).
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from aiida import orm
from aiida.common.links import LinkType

Parameters, Result = ParamSpec("Parameters"), TypeVar("Result")

#: Values that a query may hold; SQLite takes 32,766.
MOST_VALUES = 10_000

CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)


def parts(pks: Iterable[int]) -> Iterator[list[int]]:
    """Yield PKs in parts that a query may hold."""
    ordered = sorted(pks)
    for start in range(0, len(ordered), MOST_VALUES):
        yield ordered[start : start + MOST_VALUES]


def rows(query: orm.QueryBuilder) -> list[Sequence[Any]]:
    """Return what ``query.all()`` returns, for queries that project columns and not nodes, in a third of the time.

    The query builder looks for each value whether it is a node to be built, and there are hundreds of thousands of
    values in the links of a campaign. UUIDs are texts in SQLite and objects in PostgreSQL: take ``str`` of them.
    """
    backend = query.backend.query()
    statement = backend.get_query(query.as_dict()).query.statement
    with query.backend.transaction():
        return backend.get_session().execute(statement).all()


def column(query: orm.QueryBuilder) -> list[Any]:
    """Return what ``query.all(flat=True)`` returns, for a query that projects one column, see :func:`rows`."""
    return [value for (value,) in rows(query)]


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


def incoming(pks: Iterable[int], *link_types: LinkType) -> Iterator[tuple[int, str, int]]:
    """Yield (node, label, source) of the links of some types that lead to nodes."""
    for part in parts(pks):
        query = orm.QueryBuilder()
        query.append(orm.Node, filters={"id": {"in": part}}, tag="node", project="id")
        query.append(
            orm.Node,
            with_outgoing="node",
            edge_filters={"type": {"in": [each.value for each in link_types]}},
            edge_project="label",
            project="id",
        )
        for pk, source, label in rows(query):
            yield pk, label, source


@dataclass(frozen=True)
class Lineage:
    """All calculations that led to some data.

    ``inputs`` has the names and PKs of the inputs of each; ``made_by`` of the data that they made the calculation and
    the name that it gave them.
    """

    inputs: dict[int, list[tuple[str, int]]]
    made_by: dict[int, tuple[int, str]]


def walk_back(pks: Iterable[int]) -> Lineage:
    """Return where data come from."""
    inputs: dict[int, list[tuple[str, int]]] = {}
    made_by: dict[int, tuple[int, str]] = {}
    data = set(pks)
    seen = set(data)
    while data:
        calculations: set[int] = set()
        for pk, label, creator in incoming(data, LinkType.CREATE):
            made_by[pk] = creator, label
            if creator not in inputs:
                inputs[creator] = []
                calculations.add(creator)
        data = set()
        for pk, label, source in incoming(calculations, LinkType.INPUT_CALC):
            inputs[pk].append((label, source))
            data.add(source)
        data -= seen
        seen |= data
    return Lineage(inputs, made_by)


def calculations_behind(pks: Iterable[int]) -> set[int]:
    """Return the calculations that led to data: those of :func:`walk_back`, at a third of its time."""

    def before(part: list[int]) -> orm.QueryBuilder:
        query = orm.QueryBuilder().append(orm.CalculationNode, filters={"id": {"in": part}}, tag="after")
        query.append(orm.Data, with_outgoing="after", edge_filters={"type": LinkType.INPUT_CALC.value}, tag="data")
        return query.append(
            orm.CalculationNode, with_outgoing="data", edge_filters={"type": LinkType.CREATE.value}, project="id"
        )

    return _closure({maker for _, _, maker in incoming(pks, LinkType.CREATE)}, before)


def _closure(calculations: Iterable[int], step: Callable[[list[int]], orm.QueryBuilder]) -> set[int]:
    """Return calculations, those that a step leads to from them, those that it leads to from these, and so on."""
    queue = set(calculations)
    seen = set(queue)
    while queue:
        found: set[int] = set()
        for part in parts(queue):
            found.update(column(step(part).distinct()))
        queue = found - seen
        seen |= queue
    return seen


def users_of(pks: Iterable[int]) -> set[int]:
    """Return the calculations that took data as inputs."""
    found: set[int] = set()
    for part in parts(pks):
        query = orm.QueryBuilder().append(orm.Data, filters={"id": {"in": part}}, tag="data")
        query.append(
            orm.CalculationNode,
            with_incoming="data",
            edge_filters={"type": LinkType.INPUT_CALC.value},
            project="id",
        )
        found.update(column(query.distinct()))
    return found


def walk_forward(calculations: Iterable[int], *, not_through: Iterable[type[orm.Data]] = ()) -> set[int]:
    """Return calculations with all that came after them: those that took a result of one of them, and so on.

    :param not_through: results of these classes are followed no further.
    """
    barred = [{"node_type": {"!==": cls.class_node_type}} for cls in not_through]

    def after(part: list[int]) -> orm.QueryBuilder:
        query = orm.QueryBuilder().append(orm.CalculationNode, filters={"id": {"in": part}}, tag="before")
        query.append(
            orm.Data,
            with_incoming="before",
            edge_filters={"type": LinkType.CREATE.value},
            filters={"and": barred} if barred else {},
            tag="data",
        )
        return query.append(
            orm.CalculationNode, with_incoming="data", edge_filters={"type": LinkType.INPUT_CALC.value}, project="id"
        )

    return _closure(calculations, after)


def results_of(
    calculations: Iterable[int], node_class: type[orm.Data] | tuple[type[orm.Data], ...] = orm.Data
) -> set[int]:
    """Return the data of a class that calculations made."""
    found: set[int] = set()
    for part in parts(calculations):
        query = orm.QueryBuilder().append(orm.CalculationNode, filters={"id": {"in": part}}, tag="maker")
        query.append(node_class, with_incoming="maker", edge_filters={"type": LinkType.CREATE.value}, project="id")
        found.update(column(query))
    return found


def calculations_under(process: orm.ProcessNode) -> set[int]:
    """Return the calculations that a process is or called, through however many work chains."""
    if isinstance(process, orm.CalculationNode):
        return {process.pk}
    found: set[int] = set()
    callers = {process.pk}
    while callers:
        called: set[int] = set()
        for part in parts(callers):
            for link_type, node_class, into in (
                (LinkType.CALL_CALC, orm.CalculationNode, found),
                (LinkType.CALL_WORK, orm.WorkflowNode, called),
            ):
                query = orm.QueryBuilder().append(orm.WorkflowNode, filters={"id": {"in": part}}, tag="caller")
                query.append(node_class, with_incoming="caller", edge_filters={"type": link_type.value}, project="id")
                into.update(column(query))
        callers = called
    return found


def parents_of(calculations: Iterable[int]) -> dict[int, set[int]]:
    """Return the calculations that made the inputs of each of some calculations."""
    found: dict[int, set[int]] = {}
    for part in parts(calculations):
        query = orm.QueryBuilder().append(orm.CalculationNode, filters={"id": {"in": part}}, project="id", tag="after")
        query.append(orm.Data, with_outgoing="after", edge_filters={"type": LinkType.INPUT_CALC.value}, tag="data")
        query.append(
            orm.CalculationNode, with_outgoing="data", edge_filters={"type": LinkType.CREATE.value}, project="id"
        )
        for after, before in rows(query.distinct()):
            found.setdefault(after, set()).add(before)
    return found


def behind(calculation: int, parents: Mapping[int, set[int]]) -> set[int]:
    """Return a calculation and all that its inputs came from, given the parents of each."""
    seen, queue = {calculation}, [calculation]
    while queue:
        new = parents.get(queue.pop(), set()) - seen
        seen |= new
        queue += new
    return seen


def call_labels(pks: Iterable[int]) -> dict[int, str]:
    """Return the names under which work chains called calculations, outermost first, e.g. `run_0/quench`."""
    # The process that each name is to be continued from, level by level.
    at: dict[int, list[int]] = {pk: [pk] for pk in pks}
    names: dict[int, list[str]] = {pk: [] for pk in at}
    while at:
        above: dict[int, list[int]] = {}
        for called, label, caller in incoming(at, *CALLS):
            for pk in at[called]:
                if not label.startswith(("CALL", "iteration")):
                    names[pk].insert(0, label)
                above.setdefault(caller, []).append(pk)
        at = above
    return {pk: "/".join(labels) for pk, labels in names.items()}
