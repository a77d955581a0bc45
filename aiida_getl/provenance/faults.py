"""Marks on what turned out to be faulty, and what rests on it.

A mark is an extra of the node, so that it can be set on what is stored and taken off again; ``getl_faults`` keeps what
was marked and unmarked, by whom, when and why. Extras are no part of what results are cached by, so a marked
calculation is also taken out of the cache, and what was copied from it there counts as marked, too.

Faults are inherited by what was computed from the faulty, but not through a model: a structure that a faulty model
proposed to label is as good a structure as any, and so is its label. What was predicted or trained is not used for new
databases; :func:`aiida_getl.provenance.dependents.uses` lists all of it.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common import timezone
from aiida.common.links import LinkType

from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.graph import calculations_under, results_of, users_of, walk_forward
from aiida_getl.provenance.reading import MOST_VALUES, incoming, outgoing, rows, uncollected
from aiida_getl.provenance.words import Item, describe

#: The mark, and the history of all marks of a node.
MARK, HISTORY = "getl_faulty", "getl_faults"
#: What to do where a database is faulty.
MARK_LABELS = (
    "mark those of its labels that are faulty, or what they were made with (structure, pseudopotential, potential, "
    "code, process); `verdi data getl show {pk} --json` lists its labels, and `aiida-getl dbi merge {pk} --label NAME` "
    "makes a database without those that are marked"
)
COPIED_FROM = "_aiida_cached_from"


@dataclass(frozen=True)
class Mark(Item):
    """A node that is marked as faulty."""

    reason: str
    who: str
    when: str


def mark(node: orm.Node, reason: str) -> Mark:
    """Mark a node as faulty.

    :raises ValueError: without a reason, for what is not stored, or for a database of interactions, whose labels are
        what new databases take.
    """
    if isinstance(node, DbiData):
        raise ValueError(f"{describe(node).what} <{node.pk}> cannot be marked: {MARK_LABELS.format(pk=node.pk)}")
    if not reason.strip():
        raise ValueError("say why it is faulty: those who miss it in their data will ask")
    if not node.is_stored:
        raise ValueError(f"{node} is not stored: there is nothing to mark")
    entry = {"reason": reason.strip(), "who": _who(), "when": timezone.now().isoformat(timespec="seconds")}
    cached = [each for each in _cacheable(node) if each.base.caching.is_valid_cache]
    for each in cached:
        each.base.caching.is_valid_cache = False
    # Marked again, it keeps what was taken out of the cache the first time.
    uncached = node.base.extras.get(MARK, {}).get("uncached", []) + [each.uuid for each in cached]
    node.base.extras.set(MARK, {**entry, "uncached": uncached})
    _remember(node, {"event": "marked", **entry})
    item = describe(node)
    return Mark(item.pk, item.uuid, item.what, **entry)


def unmark(node: orm.Node, reason: str = "") -> None:
    """Take the mark of a node off.

    :raises ValueError: if it has none.
    """
    if MARK not in node.base.extras.all:
        raise ValueError(f"{describe(node).what} <{node.pk}> is not marked as faulty")
    for uuid in node.base.extras.get(MARK)["uncached"]:
        orm.load_node(uuid).base.caching.is_valid_cache = True
    node.base.extras.delete(MARK)
    when = timezone.now().isoformat(timespec="seconds")
    _remember(node, {"event": "unmarked", "reason": reason.strip(), "who": _who(), "when": when})


def history(node: orm.Node) -> list[dict[str, Any]]:
    """Return what was marked and unmarked of a node, oldest first."""
    return node.base.extras.get(HISTORY, [])


def marks() -> list[Mark]:
    """Return all marks of the profile, by node."""
    query = orm.QueryBuilder().append(orm.Node, filters={"extras": {"has_key": MARK}}, project=["*", f"extras.{MARK}"])
    found = []
    for node, entry in query.all():
        item = describe(node)
        found.append(Mark(item.pk, item.uuid, item.what, entry["reason"], entry["who"], entry["when"]))
    return sorted(found, key=lambda each: each.pk)


@uncollected
def faults_of(pks: Iterable[int]) -> dict[int, str]:
    """Return those of some data (labels, structures) that are faulty or rest on what is, with the reason of each."""
    wanted = set(pks)
    found: dict[int, str] = {}
    every = marks() if wanted else []
    for each in every:
        if each.pk in wanted:
            found[each.pk] = f"marked as faulty: {each.reason}"
    others = wanted - set(found)
    # Which of the marks it is matters only to what rests on any.
    suspects = others & _affected([each.pk for each in every]) if every and others else set()
    for each in every:
        if not suspects:
            break
        for pk in suspects & _affected([each.pk]):
            found[pk] = f"rests on {each.what} <{each.pk}>, marked as faulty: {each.reason}"
        suspects -= set(found)
    return found


def _affected(marked: list[int]) -> set[int]:
    """Return the data that marked nodes are, made, or went into."""
    data: set[int] = set()
    calculations: set[int] = set()
    for node in (orm.load_node(pk) for pk in marked):
        if isinstance(node, orm.ProcessNode):
            calculations |= calculations_under(node)
        else:
            data.add(node.pk)
    copied = _copied()
    data |= _copies_of_data(data, copied)
    calculations |= _copies(calculations, copied)
    after = walk_forward(calculations | users_of(data), not_through=(DbiData, BondModelData))
    return data | results_of(after)


def _copied() -> dict[int, list[int]]:
    """Return the calculations that were copied out of the cache, by the one that they were copied from."""
    query = orm.QueryBuilder().append(
        orm.CalculationNode, filters={"extras": {"has_key": COPIED_FROM}}, project=["id", f"extras.{COPIED_FROM}"]
    )
    copies = rows(query)
    pks: dict[str, int] = {}
    sources = sorted({uuid for _, uuid in copies})
    for start in range(0, len(sources), MOST_VALUES):
        part = sources[start : start + MOST_VALUES]
        found = orm.QueryBuilder().append(orm.Node, filters={"uuid": {"in": part}}, project=["uuid", "id"])
        pks |= {str(uuid): pk for uuid, pk in rows(found)}
    by_source: dict[int, list[int]] = {}
    for pk, uuid in copies:
        if uuid in pks:  # the original may have been deleted
            by_source.setdefault(pks[uuid], []).append(pk)
    return by_source


def _copies(calculations: set[int], copied: dict[int, list[int]]) -> set[int]:
    """Return the copies of calculations, and the copies of these."""
    found: set[int] = set()
    queue = list(calculations)
    while queue:
        queue = [copy for pk in queue for copy in copied.get(pk, ()) if copy not in found]
        found.update(queue)
    return found


def _copies_of_data(data: set[int], copied: dict[int, list[int]]) -> set[int]:
    """Return the results of copied calculations that are copies of some data."""
    found: set[int] = set()
    for _, label, maker in incoming(data, LinkType.CREATE) if copied else ():
        links = outgoing(_copies({maker}, copied), LinkType.CREATE, labels=[label])
        found.update(result for _, _, result in links)
    return found


def _cacheable(node: orm.Node) -> list[orm.ProcessNode]:
    """Return the calculations of a process, or the one that made some data."""
    if isinstance(node, orm.ProcessNode):
        return [orm.load_node(pk) for pk in calculations_under(node)]
    return [node.creator] if isinstance(node, orm.Data) and node.creator is not None else []


def _remember(node: orm.Node, event: dict[str, Any]) -> None:
    node.base.extras.set(HISTORY, [*history(node), event])


def _who() -> str:
    """Return the user of the profile, and that of the machine where they differ."""
    user = orm.User.collection.get_default()
    name = user.get_full_name() if user is not None else ""
    return f"{name} ({getpass.getuser()})"
