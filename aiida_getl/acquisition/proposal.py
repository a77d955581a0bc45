"""What to label next, in order, with what it is expected to bring, to cost, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.candidates import STRATEGIES, check_recipe, recipe_key


@dataclass(frozen=True)
class ProposalItem:
    """One candidate.

    Attributes
    ----------
    index : place in the proposal, from 1
    key, kind, strategy, recipe : of the candidate
    description : the cell in words
    n_atoms : of the cell
    surrogate : whether the gain was estimated from a cell that stands for it
    gain : eV, expected reduction of the target's mean uncertainty (weighted mean over bond types), if everything above
        it in the proposal is labelled too
    gain_by_type : eV, of each bond type
    cost : core-hours
    gain_per_cost : eV per core-hour
    reason : one sentence
    """

    index: int
    key: str
    kind: str
    strategy: str
    recipe: dict[str, Any]
    description: str
    n_atoms: int
    surrogate: bool
    gain: float
    gain_by_type: dict[str, float]
    cost: float
    gain_per_cost: float
    reason: str

    def __post_init__(self) -> None:
        if STRATEGIES.get(self.kind) != self.strategy:
            raise ValueError(
                f"item {self.index} of a proposal is of the kind {self.kind!r}, which is no {self.strategy}"
            )
        check_recipe(self.recipe, self.kind)
        if self.key != recipe_key(self.kind, self.recipe):
            raise ValueError(f"the key of item {self.index} is {self.key}, which is not that of its recipe")


@dataclass(frozen=True)
class Proposal:
    """Candidates in the order in which they should be labelled.

    Attributes
    ----------
    items : ranked, the best first
    assessment : of the model that they would improve
    settings : complete settings, see :mod:`aiida_getl.acquisition.settings`
    balance : by strategy, ``weight`` in the ranking, ``n_candidates``, and of the items ``n_items``, ``gain`` (eV) and
        ``cost`` (core-hours)
    costs : by kind of candidate, the model of its cost, see :class:`aiida_getl.acquisition.cost.CostModel`
    seed : of everything drawn
    """

    items: tuple[ProposalItem, ...]
    assessment: Assessment
    settings: dict[str, Any]
    balance: dict[str, dict[str, float]] = field(default_factory=dict)
    costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    seed: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[ProposalItem]:
        return iter(self.items)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            "items": [asdict(item) for item in self.items],
            "assessment": self.assessment.as_dict(),
            "settings": self.settings,
            "balance": self.balance,
            "costs": self.costs,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Proposal:
        """Return the proposal that :meth:`as_dict` came from.

        Raises
        ------
        ValueError
            For something missing, unknown or inconsistent.
        """
        names = {f.name for f in fields(ProposalItem)}
        for entry in data.get("items", []):
            if set(entry) != names:
                raise ValueError(f"an item of a proposal has {sorted(entry)}: it must have {sorted(names)}")
        wanted = {f.name for f in fields(cls)}
        if set(data) != wanted:
            raise ValueError(f"a proposal has {sorted(data)}: it must have {sorted(wanted)}")
        parts = {name: data[name] for name in ("settings", "balance", "costs", "seed")}
        items = tuple(ProposalItem(**entry) for entry in data["items"])
        if [item.index for item in items] != list(range(1, len(items) + 1)):
            raise ValueError(f"the items of a proposal are numbered {[item.index for item in items]}, not from 1 on")
        return cls(items=items, assessment=Assessment.from_dict(data["assessment"]), **parts)


def choose(proposal: Proposal, budget: float, max_items: int | None = None) -> list[int]:
    """Return the indices of the items to label, from the top whatever still fits.

    Parameters
    ----------
    proposal : ranked items
    budget : core-hours that are left
    max_items : at most so many

    Raises
    ------
    ValueError
        For a budget that is no number, or a number of items below one.
    """
    if not budget >= 0.0:
        raise ValueError(f"the budget is {budget} core-hours: it must not be negative")
    if max_items is not None and max_items < 1:
        raise ValueError(f"max_items is {max_items}: at least one item must be allowed")
    chosen: list[int] = []
    left = budget
    for item in proposal:
        if len(chosen) == (len(proposal) if max_items is None else max_items):
            break
        if item.cost <= left:
            chosen.append(item.index)
            left -= item.cost
    return chosen
