"""Decisions: by the rule and by people, what they keep and what they refuse."""

import pytest

from aiida_getl.acquisition.candidates import recipe_key
from aiida_getl.acquisition.cost import CostModel
from aiida_getl.acquisition.decision import added_run, added_structure, decide
from aiida_getl.acquisition.start import propose_start

WHO = {"by": {"user": "ada@example.org", "system_user": "ada"}, "when": "2026-01-01T10:00:00+00:00"}


@pytest.fixture
def proposal():
    """Three runs of 24 atoms that cost a core-hour each."""
    return propose_start(["Cu50Zr50"], 3, 24, CostModel(amplitude=1.0), seed=1)


def approve(**changes):
    return {"action": "approve", "only": None, "add": [], "reason": "", **WHO, **changes}


def numbers(decision):
    return [item["number"] for item in decision["chosen"]]


def test_the_rule_takes_the_top_of_the_list_within_both_budgets(proposal):
    def auto(budget, max_items):
        return decide(proposal, {"action": "auto", "budget": budget, "max_items": max_items, **WHO})

    assert numbers(auto(None, None)) == [1, 2, 3]
    assert numbers(auto(None, 2)) == [1, 2]
    assert numbers(auto(2.5, None)) == [1, 2]
    assert numbers(auto(1.5, None)) == []  # one run is no start
    decision = auto(2.5, 3)
    assert decision["automatic"]
    assert decision["action"] == "approve"
    assert decision["reason"] == "the top of the list: at most 3 labels and at most 2.5 core-hours"
    assert decision["by"] == WHO["by"]


def test_a_person_approves_some_and_adds_others(proposal):
    added = [added_run("Cu64Zr36", 24, 5), added_structure("1234", "B2 CuZr", 2)]
    decision = decide(proposal, approve(only=[3, 1, 3], add=added, reason="more Cu"))
    assert numbers(decision) == [1, 3, 4, 5]
    assert decision["reason"] == "more Cu"
    assert decision["n_proposed"] == 3
    assert not decision["automatic"]
    first, *_, run, structure = decision["chosen"]
    assert first["recipe"] == proposal.items[0].recipe
    assert first["key"] == recipe_key(first["kind"], first["recipe"])
    assert run["recipe"]["composition"] == "Cu64Zr36"
    assert structure["recipe"] == {"operation": "given", "structure": "1234"}
    assert run["gain"] is None


def test_a_person_rejects_for_a_reason(proposal):
    statement = {"action": "reject", "again": True, "reason": " no new runs ", **WHO}
    decision = decide(proposal, statement)
    assert decision["action"] == "reject"
    assert decision["again"]
    assert decision["chosen"] == []
    assert decision["reason"] == "no new runs"
    assert decision["declined"] == [item.key for item in proposal]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (approve(only=[0, 2, 7]), r"no items \[0, 7\]: it has 1 to 3"),
        (approve(only=[]), "nothing was approved"),
        (approve(only=[2]), "2 cells or more are needed to start from"),
        (approve(action="perhaps"), "a decision is 'perhaps'"),
        ({"action": "approve", "only": None, "add": [], "reason": ""}, r"lacks \['by', 'when'\]"),
        ({"action": "reject", "again": False, "reason": "  ", **WHO}, "rejected for a reason"),
        (approve(add=[{**added_run("CuZr", 8, 1), "cheap": True}]), "an added item has"),
        (approve(add=[added_run("CuZr", 0, 1)]), "at least one is needed"),
    ],
)
def test_what_makes_no_sense_is_refused(proposal, statement, message):
    with pytest.raises(ValueError, match=message):
        decide(proposal, statement)
