"""Costs by label, model, composition, kind of job, computer or code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiida import orm

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.provenance.cost import JobCost, Total, calculations_of, job_costs, total
from aiida_getl.provenance.dependents import Use, results_in
from aiida_getl.provenance.graph import behind, makers_of, parents_of
from aiida_getl.provenance.reading import read, uncollected

#: What costs can be told by.
BY = ("kind", "label", "model", "composition", "computer", "code")
NO_LABEL, NO_MODEL = "led to no label", "led to no model"


@dataclass(frozen=True)
class Share:
    """The cost of one of the things that costs are told by; ``pk`` and ``uuid`` where that is a node.

    ``core_hours`` has its part of what several share; ``total`` counts every job in full.
    """

    name: str
    pk: int | None
    uuid: str | None
    core_hours: float
    total: Total


@uncollected
def breakdown(node: orm.Node | None, by: str) -> tuple[Total, list[Share]]:
    """Return what a process or some data cost, in all and by one of :data:`BY`, the most expensive first.

    What several labels or compositions rest on, such as the melt-quench run that a glass and its deformations come
    from, is split evenly among them, so that the shares add up. Models are nested, one trained on the proposals of
    another: each counts in full, and the shares do not add up.

    :param node: process or data; None for all calculations of the profile.
    :raises ValueError: for another ``by``.
    """
    if by not in BY:
        raise ValueError(f"costs cannot be told by {by!r}: choose from {', '.join(BY)}")
    costs = {cost.pk: cost for cost in job_costs(calculations_of(node), sizes=False)}
    if by in ("label", "composition", "model"):
        shares = _by_result(costs, by)
    else:
        groups: dict[str, list[JobCost]] = {}
        for cost in costs.values():
            groups.setdefault(getattr(cost, by) or "this machine, in the daemon", []).append(cost)
        shares = [_share(name, None, group) for name, group in groups.items()]
    return total(costs.values()), sorted(shares, key=lambda share: (-share.core_hours, share.name))


def _share(name: str, use: Use | None, costs: Iterable[JobCost], hours: float | None = None) -> Share:
    summed = total(costs)
    return Share(name, use and use.pk, use and use.uuid, summed.core_hours if hours is None else hours, summed)


def _by_result(costs: Mapping[int, JobCost], by: str) -> list[Share]:
    """Return the shares of labels, of the compositions of labels, or of models."""
    found = [use for use in results_in(costs) if use.kind == ("model" if by == "model" else "label")]
    makers = makers_of(use.pk for use in found)
    parents = parents_of(costs)
    if by == "composition":
        compositions = _compositions([use.pk for use in found])
        groups: dict[str, set[int]] = {}
        for use in found:
            groups.setdefault(compositions[use.pk], set()).update(behind(makers[use.pk], parents))
        named = [(name, None, pks) for name, pks in sorted(groups.items())]
    else:
        named = [(use.label or f"{use.kind} {use.pk}", use, behind(makers[use.pk], parents)) for use in found]
    owners = Counter(pk for _, _, pks in named for pk in pks)
    shares = []
    for name, use, pks in named:
        own = [costs[pk] for pk in pks if pk in costs]
        hours = None if by == "model" else sum((cost.core_hours or 0.0) / owners[cost.pk] for cost in own)
        shares.append(_share(name, use, own, hours))
    rest = [cost for pk, cost in costs.items() if pk not in owners]
    return [*shares, _share(NO_MODEL if by == "model" else NO_LABEL, None, rest)] if rest else shares


def _compositions(pks: list[int]) -> dict[int, str]:
    """Return the composition of labels: as the databases name them, or by their atoms for labels that are in none."""
    by_uuid: dict[str, str] = {}
    for (entries,) in orm.QueryBuilder().append(DbiData, project="attributes.structures").iterall():
        by_uuid |= {entry["label_id"]: entry["composition"] for entry in entries}
    return {
        pk: by_uuid.get(str(uuid)) or _formula(orm.load_node(pk))
        for pk, uuid in read(BondStrengthsData, pks, ("id", "uuid"))
    }


def _formula(label: BondStrengthsData) -> str:
    counts = Counter(label.symbols)
    return "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))
