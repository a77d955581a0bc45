"""What is decided on a proposal: by a person, or by the rule of the top of the list within the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_getl.acquisition.candidates import STRATEGIES, check_recipe, recipe_key
from aiida_getl.acquisition.proposal import Proposal, choose
from aiida_getl.acquisition.start import FEWEST_RUNS

#: What a statement holds beside who makes it and when.
STATEMENTS = {
    "auto": {"budget", "max_items"},
    "approve": {"only", "add", "reason"},
    "reject": {"again", "reason"},
}
#: What a decision keeps of an item of the proposal.
_KEPT = ("kind", "strategy", "recipe", "description", "n_atoms", "gain", "cost", "reason")


def decide(proposal: Proposal, statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decision that a statement makes on a proposal.

    Parameters
    ----------
    proposal : what could be labelled
    statement : ``action``, ``by`` (who: ``user``, ``system_user``) and ``when`` (ISO 8601); and with the action

        - ``auto``: ``budget`` in core-hours and ``max_items``, each or None: the top of the list within both
        - ``approve``: ``only`` (indices, or None for all), ``add`` (items that were not proposed, see
          :func:`added_run` and :func:`added_structure`) and ``reason``
        - ``reject``: ``reason``, and ``again``: whether another proposal is wanted; if not, nothing more is labelled

    Returns
    -------
    dict
        ``action`` (``approve`` or ``reject``), ``automatic``, ``by``, ``when``, ``reason``, ``again``, ``n_proposed``,
        ``declined`` (keys of a proposal that was rejected, not to be proposed again), and ``chosen``: items with their
        ``number``, that of the proposal, those added counted on from there

    Raises
    ------
    ValueError
        For a statement that is incomplete, names an item that was not proposed, approves nothing, or too little to
        start from.
    """
    action = statement.get("action")
    if action not in STATEMENTS:
        raise ValueError(f"a decision is {action!r}: choose from {sorted(STATEMENTS)}")
    missing = sorted({"by", "when", *STATEMENTS[action]} - set(statement))
    if missing:
        raise ValueError(f"a decision to {action} lacks {missing}")
    decision = {
        "action": "reject" if action == "reject" else "approve",
        "automatic": action == "auto",
        "by": statement["by"],
        "when": statement["when"],
        "again": bool(statement.get("again", False)),
        "n_proposed": len(proposal),
        "declined": [],
    }
    if action == "reject":
        declined = [item.key for item in proposal]
        return {**decision, "reason": _reason(statement["reason"]), "chosen": [], "declined": declined}
    if action == "auto":
        budget = float("inf") if statement["budget"] is None else statement["budget"]
        numbers = choose(proposal, budget, statement["max_items"])
        if _is_start(proposal) and len(numbers) < FEWEST_RUNS:
            numbers = []
        return {**decision, "reason": _rule(statement), "chosen": [_kept(proposal, number) for number in numbers]}
    numbers = _numbers(proposal, statement["only"])
    chosen = [_kept(proposal, number) for number in numbers]
    for number, item in enumerate(statement["add"], start=len(proposal) + 1):
        check_added(item)
        chosen.append({**item, "number": number})
    if not chosen:
        raise ValueError("nothing was approved: name items of the proposal, add others, or reject it")
    if _is_start(proposal) and len(chosen) < FEWEST_RUNS:
        raise ValueError(
            f"{FEWEST_RUNS} cells or more are needed to start from: a model is tested on what it has not seen"
        )
    return {**decision, "reason": str(statement["reason"] or ""), "chosen": chosen}


def added_run(composition: str, n_atoms: int, seed: int) -> dict[str, Any]:
    """Return the item of a melt-quench run that was not proposed."""
    recipe = {"operation": "melt_quench", "composition": composition, "n_atoms": n_atoms, "seed": seed}
    return _added("composition", recipe, f"a new run of {composition}", n_atoms)


def added_structure(uuid: str, name: str, n_atoms: int) -> dict[str, Any]:
    """Return the item of a structure that was not proposed, given as a node."""
    return _added("cell", {"operation": "given", "structure": uuid}, name, n_atoms)


def check_added(item: Mapping[str, Any]) -> None:
    """Refuse an added item that cannot be carried out.

    Raises
    ------
    ValueError
        For something missing or unknown, or a recipe that is none.
    """
    wanted = {*_KEPT, "key"}
    if set(item) != wanted:
        raise ValueError(f"an added item has {sorted(item)}: it must have {sorted(wanted)}")
    recipe = item["recipe"]
    if recipe.get("operation") != "given":
        check_recipe(recipe, item["kind"])
    elif set(recipe) != {"operation", "structure"}:
        raise ValueError(f"a given structure is named by its 'structure', and the recipe has {sorted(recipe)}")


def _added(kind: str, recipe: dict[str, Any], description: str, n_atoms: int) -> dict[str, Any]:
    return {
        "key": recipe_key(kind, recipe),
        "kind": kind,
        "strategy": STRATEGIES[kind],
        "recipe": recipe,
        "description": description,
        "n_atoms": n_atoms,
        "gain": None,
        "cost": None,
        "reason": "added by the person who decided",
    }


def _is_start(proposal: Proposal) -> bool:
    return proposal.assessment.n_structures == 0


def _kept(proposal: Proposal, number: int) -> dict[str, Any]:
    item = proposal.items[number - 1]
    return {"number": number, "key": item.key, **{name: getattr(item, name) for name in _KEPT}}


def _numbers(proposal: Proposal, only: Sequence[int] | None) -> list[int]:
    if only is None:
        return [item.index for item in proposal]
    unknown = sorted(set(only) - {item.index for item in proposal})
    if unknown:
        raise ValueError(f"the proposal has no items {unknown}: it has 1 to {len(proposal)}")
    return sorted(set(only))


def _reason(reason: Any) -> str:
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("a proposal is rejected for a reason: say it")
    return reason.strip()


def _rule(statement: Mapping[str, Any]) -> str:
    parts = []
    if statement["max_items"] is not None:
        parts.append(f"at most {statement['max_items']} labels")
    if statement["budget"] is not None:
        parts.append(f"at most {statement['budget']:.3g} core-hours")
    return "the top of the list" + (f": {' and '.join(parts)}" if parts else "")
