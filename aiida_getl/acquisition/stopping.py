"""When to stop, and why."""

from __future__ import annotations

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.proposal import Proposal


def stop_reason(
    assessment: Assessment,
    proposal: Proposal | None = None,
    *,
    spent: float = 0.0,
    budget: float | None = None,
    failures: int = 0,
    max_failures: int | None = None,
    iterations: int = 0,
    max_iterations: int | None = None,
) -> str | None:
    """Return why the loop should stop, as a sentence, or None.

    Parameters
    ----------
    assessment : of the present model
    proposal : of what to do next, if there is one already; without it, what depends on it is not asked
    spent, budget : core-hours
    failures, max_failures : labels that failed, and how many may
    iterations, max_iterations : finished ones, and how many there may be
    """
    if assessment.reached:
        limited = {name: own for name, own in assessment.types.items() if own.limit is not None}
        values = ", ".join(f"{name} {own.value:.3f} of {own.limit:.3f} eV" for name, own in sorted(limited.items()))
        return f"The target is reached: {values}."
    if max_failures is not None and failures > max_failures:
        return f"Too many labels failed: {failures}, and {max_failures} may."
    if budget is not None and spent >= budget:
        return f"The budget is spent: {spent:.1f} of {budget:.1f} core-hours."
    if max_iterations is not None and iterations >= max_iterations:
        return f"All {max_iterations} iterations are done."
    if proposal is None:
        return None
    if not len(proposal):
        return _nothing_worth(proposal)
    cheapest = min(item.cost for item in proposal)
    if budget is not None and cheapest > budget - spent:
        return (
            f"Nothing that is proposed fits into what is left of the budget: {budget - spent:.1f} core-hours, and the "
            f"cheapest label costs {cheapest:.1f}."
        )
    return None


def _nothing_worth(proposal: Proposal) -> str:
    considered = int(sum(own["n_candidates"] for own in proposal.balance.values()))
    if not considered:
        return "There is no candidate left to label."
    least = proposal.settings["min_gain"]
    per_cost = proposal.settings["min_gain_per_cost"]
    excluded = [name for name, own in proposal.balance.items() if own["weight"] == 0.0 and own["n_candidates"]]
    text = (
        f"No candidate is worth its cost: none of {considered} is expected to lower the target's mean uncertainty, "
        f"{proposal.assessment.uncertainty:.4f} eV, by {100 * least:g} % or more"
    )
    if per_cost:
        text += f" and by {per_cost:g} eV per core-hour or more"
    if excluded:
        text += f" (those that {excluded[0]} are excluded by the balance {proposal.settings['balance']:g})"
    return text + "."
