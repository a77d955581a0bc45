"""What depends on something: labels, databases, models and predictions that come after a node, computer or code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.graph import calculations_under, results_of, users_of, walk_forward
from aiida_getl.provenance.reading import outgoing, read, rows, uncollected
from aiida_getl.provenance.words import Item, describe

#: What people ask for, in the order in which one is made of the other.
KINDS = ("label", "dbi", "model", "prediction")
#: What a prediction says that it was made by.
MODEL_ENGINE = "getl.model"


@dataclass(frozen=True)
class Use(Item):
    """A label, database, model or prediction: which ``kind``, its AiiDA ``label``, and when it was made."""

    kind: str
    label: str
    time: str


@dataclass(frozen=True)
class Uses:
    """What depends on a ``subject``, oldest first."""

    subject: Item
    found: list[Use]

    def of_kind(self, kind: str) -> list[Use]:
        """Return the uses of one of :data:`KINDS`."""
        return [use for use in self.found if use.kind == kind]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and dictionaries, for JSON."""
        return asdict(self)


def uses(subject: orm.Node | orm.Computer) -> Uses:
    """Return what depends on data, a code, a computer, or a process with all that it called."""
    if isinstance(subject, orm.Computer):
        item = Item(subject.pk, subject.uuid, f"computer {subject.label}")
        return Uses(item, results_after(select_jobs(computer=subject)))
    return Uses(describe(subject), results_after(first_users(subject)))


def first_users(node: orm.Node) -> set[int]:
    """Return the calculations that all that depends on a node comes from."""
    return calculations_under(node) if isinstance(node, orm.ProcessNode) else users_of([node.pk])


@uncollected
def results_after(calculations: Iterable[int]) -> list[Use]:
    """Return all that calculations, and those that came after them, made, oldest first."""
    return results_in(walk_forward(calculations))


def results_in(calculations: Iterable[int]) -> list[Use]:
    """Return labels, databases, models and predictions that some calculations made, oldest first."""
    columns = ("ctime", "id", "uuid", "node_type", "label", "attributes.method.engine")
    found = read((BondStrengthsData, DbiData, BondModelData), results_of(calculations), columns)
    return [
        Use(pk, str(uuid), kind := _kind(node_type, engine), kind, label, time.isoformat(timespec="seconds"))
        for time, pk, uuid, node_type, label, engine in sorted(found, key=lambda row: row[:2])
    ]


def select_jobs(
    *,
    computer: orm.Computer | None = None,
    codes: Iterable[orm.AbstractCode] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> set[int]:
    """Return the jobs that ran on a computer, with one of some codes, and that were started between two times."""
    filters: list[dict[str, Any]] = []
    if computer is not None:
        filters.append({"dbcomputer_id": computer.pk})
    if since is not None:
        filters.append({"ctime": {">=": since}})
    if until is not None:
        filters.append({"ctime": {"<=": until}})
    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={"and": filters} if filters else {}, project="id")
    jobs = {pk for (pk,) in rows(query)}
    if codes is None:
        return jobs
    links = outgoing([code.pk for code in codes], LinkType.INPUT_CALC, labels=["code"])
    return jobs & {job for _, _, job in links}


def _kind(node_type: str, engine: str | None) -> str:
    if node_type == DbiData.class_node_type:
        return "dbi"
    if node_type == BondModelData.class_node_type:
        return "model"
    return "prediction" if engine == MODEL_ENGINE else "label"
