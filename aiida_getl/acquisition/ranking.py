"""From candidates to a proposal: gains, costs, their ratio, and the balance of exploiting and exploring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_getl.acquisition.assessment import MAX_ASSESSED, Assessment, assess, extrapolated
from aiida_getl.acquisition.candidates import STRATEGIES, Candidate
from aiida_getl.acquisition.cost import CostModel
from aiida_getl.acquisition.gain import Choice, greedy, posteriors
from aiida_getl.acquisition.proposal import Proposal, ProposalItem
from aiida_getl.acquisition.reasons import reason
from aiida_getl.acquisition.sampling import sample_bonds
from aiida_getl.acquisition.settings import validate_settings
from aiida_getl.acquisition.sources import TargetStructure
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.model import EtlModel


def strategy_weights(balance: float) -> dict[str, float]:
    """Return the factors of gains per cost: one for both at a balance of 0.5, none for exploring at 0."""
    return {"exploit": min(1.0, 2.0 * (1.0 - balance)), "explore": min(1.0, 2.0 * balance)}


def propose(
    model: EtlModel,
    table: BondTable,
    target: Sequence[TargetStructure],
    candidates: Sequence[Candidate],
    costs: Mapping[str, CostModel],
    settings: dict[str, Any],
    seed: int,
    assessment: Assessment | None = None,
) -> Proposal:
    """Rank candidates by the gain that each is expected to bring for its cost, given those above it.

    Parameters
    ----------
    model, table : the model, and the labelled bonds it was trained on
    target : structures where it is to be used
    candidates : what could be labelled, see :func:`aiida_getl.acquisition.enumeration.enumerate_candidates`
    costs : by kind of candidate, core-hours from a number of atoms; a kind that is not there has the assumed costs
    settings : see :mod:`aiida_getl.acquisition.settings`
    seed : of the samples of bonds
    assessment : made already, of the same model, table, target and settings

    Raises
    ------
    ValueError
        For settings out of range, costs of an unknown kind, candidates that are in the list twice, or as
        :func:`aiida_getl.acquisition.assessment.assess`.
    """
    settings = validate_settings(settings)
    if unknown := sorted(set(costs) - set(STRATEGIES)):
        raise ValueError(f"there are costs of the unknown kinds {unknown}: choose from {sorted(STRATEGIES)}")
    keys = [candidate.key for candidate in candidates]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"these candidates are in the list more than once: {twice}")
    wide = sample_bonds([structure.atoms for structure in target], model, MAX_ASSESSED, seed)
    if assessment is None:
        assessment = assess(model, table, target, settings, seed, sample=wide)
    elif set(assessment.types) != set(wide):
        raise ValueError(
            f"the assessment is of bond types {sorted(assessment.types)}, and the target has {sorted(wide)}: "
            "give that of this target"
        )

    rng = np.random.default_rng((seed, 1))
    weights = {name: value for name, value in assessment.weights.items() if value > 0.0}
    sample = {name: wide[name].subset(settings["max_target_bonds"], rng) for name in weights}
    cells = [
        sample_bonds([candidate.atoms], model, settings["max_candidate_bonds"], (seed, 2, number))
        for number, candidate in enumerate(candidates)
    ]
    multiples = [candidate.n_atoms / len(candidate.atoms) for candidate in candidates]
    types = posteriors(model, table, sample, cells, multiples, weights, settings["independent_per_cell"])

    of_kind = {kind: costs.get(kind, CostModel()) for kind in STRATEGIES}
    cost = [of_kind[candidate.kind](candidate.n_atoms) for candidate in candidates]
    factor = strategy_weights(settings["balance"])
    least = settings["min_gain"] * assessment.uncertainty

    def score(cell: int, gain: float) -> float:
        if gain < least or gain < settings["min_gain_per_cost"] * cost[cell]:
            return 0.0
        return factor[candidates[cell].strategy] * gain / cost[cell]

    choices = greedy(types, weights, len(candidates), score, settings["max_items"])
    news = {name: extrapolated(model, name, sample[name]) for name in weights}
    untrained = {name: assessment.types[name].n_labelled for name in weights if not assessment.types[name].trained}
    items = []
    for index, choice in enumerate(choices, start=1):
        candidate = candidates[choice.cell]
        sentence = reason(candidate, choice, weights, sample, news, cells[choice.cell], untrained)
        items.append(_item(index, candidate, choice, cost[choice.cell], sentence))
    return Proposal(
        items=tuple(items),
        assessment=assessment,
        settings=settings,
        balance=_balance(items, candidates, factor),
        costs={kind: own.as_dict() for kind, own in of_kind.items()},
        seed=seed,
    )


def _item(index: int, candidate: Candidate, choice: Choice, cost: float, sentence: str) -> ProposalItem:
    return ProposalItem(
        index=index,
        key=candidate.key,
        kind=candidate.kind,
        strategy=candidate.strategy,
        recipe=candidate.recipe,
        description=candidate.description,
        n_atoms=candidate.n_atoms,
        surrogate=candidate.surrogate,
        gain=choice.gain,
        gain_by_type=choice.gain_by_type,
        cost=cost,
        gain_per_cost=choice.gain / cost,
        reason=sentence,
    )


def _balance(
    items: Sequence[ProposalItem], candidates: Sequence[Candidate], factor: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    result = {}
    for strategy in ("exploit", "explore"):
        own = [item for item in items if item.strategy == strategy]
        result[strategy] = {
            "weight": factor[strategy],
            "n_candidates": sum(candidate.strategy == strategy for candidate in candidates),
            "n_items": len(own),
            "gain": sum(item.gain for item in own),
            "cost": sum(item.cost for item in own),
        }
    return result
