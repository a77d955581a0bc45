"""The first labels, where there is no database to start from: melt-quench runs of the compositions asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.candidates import STRATEGIES, recipe_key
from aiida_getl.acquisition.cost import CostModel
from aiida_getl.acquisition.proposal import Proposal, ProposalItem

#: Validation leaves out whole glasses: with fewer than this of them it has nothing to train on, or nothing to test.
FEWEST_RUNS = 2


def propose_start(compositions: Sequence[str], n_runs: int, n_atoms: int, cost: CostModel, seed: int) -> Proposal:
    """Return the proposal of ``n_runs`` runs of every composition, each with its own seed.

    Parameters
    ----------
    compositions : formulas
    n_runs : of each
    n_atoms : of every cell
    cost : model of the cost of a run and its label
    seed : from which those of the runs are drawn

    Raises
    ------
    ValueError
        For no composition, or fewer than two runs in all.
    """
    total = len(compositions) * n_runs
    if total < FEWEST_RUNS:
        raise ValueError(f"{total} runs to start from: {FEWEST_RUNS} are needed to tell how good a model is")
    seeds = np.random.SeedSequence(seed).generate_state(total) % 899_999_999 + 1
    order = [(run, composition) for run in range(1, n_runs + 1) for composition in compositions]
    items = []
    for index, ((run, composition), own) in enumerate(zip(order, seeds, strict=True), start=1):
        recipe = {"operation": "melt_quench", "composition": composition, "n_atoms": n_atoms, "seed": int(own)}
        items.append(
            ProposalItem(
                index=index,
                key=recipe_key("composition", recipe),
                kind="composition",
                strategy=STRATEGIES["composition"],
                recipe=recipe,
                description=f"run {run} of {composition}",
                n_atoms=n_atoms,
                surrogate=True,
                gain=0.0,
                gain_by_type={},
                cost=cost(n_atoms),
                gain_per_cost=0.0,
                reason=f"Nothing is labelled yet: run {run} of {n_runs} of {composition} to start from.",
            )
        )
    nothing = Assessment(
        types={}, weights={}, uncertainty=0.0, group_by=None, n_structures=0, sentences=["Nothing is labelled yet."]
    )
    return Proposal(tuple(items), nothing, settings={}, costs={"composition": cost.as_dict()}, seed=seed)
