"""How many jobs may be under way on a computer, of all work chains of a profile together."""

from __future__ import annotations

from aiida import orm

#: Where a computer keeps its limit; it may be changed at any time, and is no part of what results are cached by.
PROPERTY = "getl_max_jobs"
_ACTIVE = {"attributes.process_state": {"in": ["created", "waiting", "running"]}}


def set_max_jobs(computer: orm.Computer, number: int | None) -> None:
    """Limit the jobs of a computer, or lift the limit (None).

    Raises
    ------
    ValueError
        For a number below 1.
    """
    if number is None:
        computer.delete_property(PROPERTY, raise_exception=False)
        return
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{number!r} is no limit of jobs on {computer.label}: give a whole number from 1, or None")
    computer.set_property(PROPERTY, number)


def count_jobs(computer: orm.Computer, without: orm.ProcessNode | None = None) -> int:
    """Return how many jobs are under way on a computer, counting those that are about to be submitted.

    Work chains have one job at a time in each of their branches: what is counted are the unfinished processes that take
    a code of the computer and have not called another such process, be they jobs or work chains that will make one.
    """
    query = orm.QueryBuilder().append(orm.Computer, filters={"id": computer.pk}, tag="computer")
    query.append(orm.AbstractCode, with_computer="computer", tag="code")
    query.append(orm.ProcessNode, with_incoming="code", filters=_ACTIVE, project="id", tag="process")
    active = set(query.all(flat=True))
    query.append(orm.ProcessNode, with_outgoing="process", project="id")
    callers = {caller for _, caller in query.iterall()}
    return len(active - callers - ({without.pk} if without is not None else set()))


def has_room(node: orm.ProcessNode) -> bool:
    """Return whether the computers of a work chain's codes may take another job."""
    query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": node.pk}, tag="process")
    query.append(orm.AbstractCode, with_outgoing="process", tag="code")
    # The metadata as they are in the database now, which a long-lived worker's object may not have.
    query.append(orm.Computer, with_node="code", project=["*", "metadata"])
    limits = {computer.pk: (computer, metadata.get(PROPERTY)) for computer, metadata in query.iterall()}
    return all(limit is None or count_jobs(computer, node) < limit for computer, limit in limits.values())
