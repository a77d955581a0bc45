"""From what is there to a proposal: everything that could be labelled, what it would cost, and its order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.enumeration import enumerate_candidates
from aiida_getl.acquisition.history import cost_models
from aiida_getl.acquisition.proposal import Proposal
from aiida_getl.acquisition.ranking import propose
from aiida_getl.acquisition.record import cost_rows
from aiida_getl.acquisition.settings import validate_settings
from aiida_getl.acquisition.sources import GlassRun, LabelledStructure, TargetStructure
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.model import EtlModel


def search(
    model: EtlModel,
    table: BondTable,
    labelled: Sequence[LabelledStructure],
    runs: Sequence[GlassRun],
    target: Sequence[TargetStructure],
    settings: dict[str, Any],
    seed: int,
    assessment: Assessment,
    done: Collection[str] = (),
    costs: Iterable[Mapping[str, Any]] = (),
) -> Proposal:
    """Return the proposal of what to label next.

    Parameters
    ----------
    model, table : the model, and the labelled bonds it was trained on
    labelled, runs, target : see :func:`aiida_getl.acquisition.enumeration.enumerate_candidates`
    settings : see :mod:`aiida_getl.acquisition.settings`
    seed : of everything drawn
    assessment : of this model on this target, with these settings
    done : keys of candidates that were decided on before
    costs : rows of past costs, see :func:`aiida_getl.acquisition.history.cost_models`

    Raises
    ------
    ValueError
        For settings out of range, past costs that make no sense, nothing to make candidates from, or an assessment of
        something else.
    """
    complete = validate_settings(settings)
    candidates = enumerate_candidates(labelled, runs, target, complete, seed, model, done)
    n_atoms = min((candidate.n_atoms for candidate in candidates), default=1)
    models = cost_models(costs, n_atoms)
    return propose(model, table, target, candidates, models, complete, seed, assessment=assessment)


def decided_on(records: Iterable[Mapping[str, Any]], rejected: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the keys, sorted, of what was decided on before: labelled, failed, or rejected.

    Parameters
    ----------
    records : of iterations, see :func:`aiida_getl.acquisition.record.record_of`
    rejected : decisions that rejected a proposal, see :func:`aiida_getl.acquisition.decision.decide`
    """
    keys = {item["key"] for record in records for item in record["items"]}
    return sorted(keys | {key for decision in rejected for key in decision["declined"]})


def past_costs(history: Iterable[Mapping[str, Any]], records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a history, and those of the iterations recorded since."""
    return [*map(dict, history), *(row for record in records for row in cost_rows(record))]
