"""Proposals and decisions in words, for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from aiida_getl.cli.tables import table


def describe_proposal(proposal: Mapping[str, Any], width: int = 100) -> str:
    """Return what a proposal says: where the model stands, what could be labelled, and why.

    :param proposal: see :class:`aiida_getl.acquisition.proposal.Proposal`.
    """
    lines = ["Where the model stands"]
    for sentence in proposal["assessment"]["sentences"]:
        lines += _wrapped(sentence, "  ", width)
    items = proposal["items"]
    lines += ["", f"Proposed: {len(items)} labels"]
    rows = [
        (
            item["index"],
            item["strategy"],
            item["kind"],
            item["n_atoms"],
            f"{1000 * item['gain']:.2f}" if item["gain_by_type"] else None,
            f"{item['cost']:.3g}",
            f"{1000 * item['gain_per_cost']:.2f}" if item["gain_by_type"] else None,
            item["description"],
        )
        for item in items
    ]
    headings = ("#", "", "kind", "atoms", "gain (meV)", "core-hours", "meV per core-hour", "cell")
    lines += [f"  {line}" for line in table(headings, rows).splitlines()]
    lines += ["", "Why"]
    for item in items:
        lines += _wrapped(f"{item['index']}. {item['reason']}", "  ", width)
    lines += ["", *_totals(proposal)]
    return "\n".join(lines)


def describe_decision(decision: Mapping[str, Any]) -> str:
    """Return who decided what, when and why.

    :param decision: see :func:`aiida_getl.acquisition.decision.decide`.
    """
    if decision["automatic"]:
        who = "The rule"
    else:
        who = " ".join(str(name) for name in (decision["by"]["user"], _system_user(decision["by"])) if name)
    if decision["action"] == "reject":
        what = "rejected it" + (" and asked for another" if decision["again"] else "")
    else:
        numbers = ", ".join(str(item["number"]) for item in decision["chosen"]) or "nothing"
        what = f"chose {numbers} of {decision['n_proposed']}"
        if added := [item for item in decision["chosen"] if item["number"] > decision["n_proposed"]]:
            what += ", added " + ", ".join(item["description"] for item in added)
    reason = f": {decision['reason']}" if decision["reason"] else ""
    return f"{who} {what} ({decision['when']}){reason}"


def _system_user(by: Mapping[str, Any]) -> str:
    return f"({by['system_user']})" if by.get("system_user") else ""


def _totals(proposal: Mapping[str, Any]) -> list[str]:
    items = proposal["items"]
    cost = sum(item["cost"] for item in items)
    text = f"All together: {cost:.3g} core-hours"
    if proposal["assessment"]["types"]:
        gain = 1000 * sum(item["gain"] for item in items)
        text += (
            f", expected to lower the target's mean uncertainty by {gain:.1f} of "
            f"{1000 * proposal['assessment']['uncertainty']:.1f} meV"
        )
    lines = [text + "."]
    for strategy, own in proposal["balance"].items():
        lines.append(
            f"  {strategy}: {own['n_items']:.0f} of {own['n_candidates']:.0f} candidates, weight {own['weight']:.2g}, "
            f"{1000 * own['gain']:.1f} meV for {own['cost']:.3g} core-hours"
        )
    assumed = sorted(kind for kind, model in proposal["costs"].items() if not model["n_observations"])
    if assumed:
        lines.append(f"  Costs of {', '.join(assumed)} are assumed: there was nothing to learn them from.")
    return lines


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "   ")
