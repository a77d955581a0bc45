"""Walking the provenance graph: level by level, all links of a level in one query that returns numbers.

The query builder's ancestors and descendants follow every path instead of every link, and their nodes are built one by
one: minutes for the graph of a campaign where this takes a second (docs/scale.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from aiida import orm
from aiida.common.links import LinkType

from aiida_getl.provenance.reading import incoming, read, rows, sources, targets

CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)


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
    """Return the calculations that led to data: those of :func:`walk_back`, in less time."""
    queue = sources(pks, LinkType.CREATE)
    seen = set(queue)
    while queue:
        queue = sources(sources(queue, LinkType.INPUT_CALC), LinkType.CREATE) - seen
        seen |= queue
    return seen


def users_of(pks: Iterable[int]) -> set[int]:
    """Return the calculations that took data as inputs."""
    return targets(pks, LinkType.INPUT_CALC)


def walk_forward(calculations: Iterable[int], *, not_through: Iterable[type[orm.Data]] = ()) -> set[int]:
    """Return calculations with all that came after them: those that took a result of one of them, and so on.

    :param not_through: results of these classes are followed no further.
    """
    barred: set[int] = set()
    for node_class in not_through:
        barred.update(pk for (pk,) in rows(orm.QueryBuilder().append(node_class, project="id")))
    queue = set(calculations)
    seen = set(queue)
    while queue:
        queue = users_of(results_of(queue) - barred) - seen
        seen |= queue
    return seen


def results_of(calculations: Iterable[int], node_class: type[orm.Data] = orm.Data) -> set[int]:
    """Return the data of a class that calculations made."""
    found = targets(calculations, LinkType.CREATE)
    return found if node_class is orm.Data else {pk for (pk,) in read(node_class, found, ("id",))}


def calculations_under(process: orm.ProcessNode) -> set[int]:
    """Return the calculations that a process is or called, through however many work chains."""
    if isinstance(process, orm.CalculationNode):
        return {process.pk}
    found: set[int] = set()
    callers = {process.pk}
    while callers:
        found |= targets(callers, LinkType.CALL_CALC)
        callers = targets(callers, LinkType.CALL_WORK)
    return found


def parents_of(calculations: Iterable[int]) -> dict[int, set[int]]:
    """Return the calculations that made the inputs of each of some calculations."""
    inputs: dict[int, list[int]] = {}
    for pk, _, source in incoming(calculations, LinkType.INPUT_CALC):
        inputs.setdefault(pk, []).append(source)
    made_by = makers_of(chain.from_iterable(inputs.values()))
    return {pk: {made_by[source] for source in sources if source in made_by} for pk, sources in inputs.items()}


def makers_of(pks: Iterable[int]) -> dict[int, int]:
    """Return the calculation that made each of some data, of those that were made."""
    return {pk: maker for pk, _, maker in incoming(set(pks), LinkType.CREATE)}


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
