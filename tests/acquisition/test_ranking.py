"""Assessments, proposals, reasons and stops."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aiida_getl.acquisition.assessment import Assessment, assess
from aiida_getl.acquisition.candidates import Candidate
from aiida_getl.acquisition.cost import CostModel
from aiida_getl.acquisition.gain import Choice
from aiida_getl.acquisition.proposal import Proposal, choose
from aiida_getl.acquisition.ranking import propose, strategy_weights
from aiida_getl.acquisition.reasons import reason
from aiida_getl.acquisition.sampling import sample_bonds
from aiida_getl.acquisition.settings import deformation_matrix
from aiida_getl.acquisition.sources import TargetStructure
from aiida_getl.acquisition.stopping import stop_reason
from aiida_getl.learning.training import train
from aiida_getl.learning.validation import validate
from aiida_getl.structures.deformation import deform


def strained(atoms, amplitude=-0.12):
    return deform(atoms, deformation_matrix({"name": "isotropic_compression", "amplitude": amplitude}))


@pytest.fixture(scope="module")
def target(make_cell):
    """Compressed glasses, where the model knows little."""
    return [TargetStructure(f"t{seed}", strained(make_cell(seed))) for seed in (30, 31)]


@pytest.fixture(scope="module")
def candidates(cells, make_cell):
    """A compressed glass, the same again, a little sheared one, an uncompressed new one with a stand-in."""

    def deformation(parent, name, amplitude):
        recipe = {"operation": "deform", "parent": parent, "deformation": {"name": name, "amplitude": amplitude}}
        return recipe, deformation_matrix(recipe["deformation"])

    found = []
    for parent, atoms, name, amplitude in (
        ("u0", cells[0], "isotropic_compression", -0.12),
        ("u0b", cells[0], "isotropic_compression", -0.12),
        ("u1", cells[1], "shear_xy", 0.02),
    ):
        recipe, matrix = deformation(parent, name, amplitude)
        found.append(Candidate("deformation", recipe, deform(atoms, matrix), False, "g", f"{parent} {name}"))
    recipe = {"operation": "melt_quench", "composition": "Cu50Zr50", "n_atoms": 32, "seed": 1}
    found.append(Candidate("run", recipe, make_cell(40), True, "Cu50Zr50", "a new glass of Cu50Zr50"))
    return found


@pytest.fixture(scope="module")
def proposal(model, table, target, candidates):
    return propose(model, table, target, candidates, {}, {"min_gain": 1e-4}, seed=0)


def test_assessment(model, table, target, settings):
    validation = validate(table, {**settings, "learning_curve": True}, 0).to_arrays()[1]
    goal = {"quantity": "rmse", "limit": {"Zr-Zr": 1e-6, "Zr-Cu": 10.0}}
    found = assess(model, table, target, {"goal": goal}, seed=0, validation=validation)
    own = found.types["Zr-Zr"]
    assert own.rmse == pytest.approx(validation["metrics"]["Zr-Zr"]["model"]["rmse"])
    assert own.n_labelled == int(np.sum(table.type == "Zr-Zr"))
    assert own.share_outside > 0.0  # compressed: bonds shorter than all labelled
    assert own.wanting[0]["std_mean"] > own.std_median
    assert own.reached is False
    assert found.types["Zr-Cu"].reached is True
    assert found.types["Cu-Cu"].reached is None
    # Only what has a limit and has not reached it counts.
    assert found.weights == {"Cu-Cu": 0.0, "Zr-Cu": 0.0, "Zr-Zr": 1.0}
    assert found.uncertainty == pytest.approx(own.std_mean)
    assert not found.reached
    assert "Zr-Zr" in " ".join(found.sentences)
    assert Assessment.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_uncertainty_is_what_the_model_states(model, table, target):
    found = assess(model, table, target, {"weights": "bonds"}, seed=0)
    stated = np.concatenate([model.predict(own.atoms).std for own in target])
    assert found.uncertainty == pytest.approx(stated.mean(), rel=1e-5)


def test_extrapolation_of_the_learning_curve(model, table, target):
    points = [{"n_bonds": n, "rmse": 2.0 * n**-0.5, "n_groups": k} for k, n in enumerate((100.0, 200.0, 400.0))]
    validation = {"metrics": {}, "learning_curve": {"Zr-Cu": points}, "group_by": "run"}
    found = assess(model, table, target, {}, seed=0, validation=validation).types["Zr-Cu"]
    assert found.rmse_doubled == pytest.approx(2.0 * 800.0**-0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": {"quantity": "rmse", "limit": 0.05}}, "no validation"),
        ({"goal": {"quantity": "std", "limit": {"Al-Al": 0.05}}}, "Al-Al"),
        ({"weights": {"Al-Al": 1.0}}, "Al-Al"),
    ],
)
def test_assessment_refuses(model, table, target, options, message):
    with pytest.raises(ValueError, match=message):
        assess(model, table, target, options, seed=0)


def test_what_is_too_rare_is_no_part_of_the_goal(model, table, target):
    """No candidate is chosen for its sake, so that a goal that asked for it could never be reached."""
    numbers = {name: own.n_target for name, own in assess(model, table, target, {}, seed=0).types.items()}
    order = sorted(numbers, key=numbers.get)
    settings = {"min_share": (numbers[order[0]] + 0.5) / sum(numbers.values())}

    found = assess(model, table, target, {**settings, "goal": {"quantity": "std", "limit": 10.0}}, seed=0)
    assert found.types[order[0]].limit is None
    assert found.weights[order[0]] == 0.0
    assert found.types[order[1]].reached
    assert found.reached

    # A limit of its own makes it count, and labels are chosen for it.
    told = {"quantity": "std", "limit": {order[0]: 1e-6}}
    found = assess(model, table, target, {**settings, "goal": told}, seed=0)
    assert found.weights[order[0]] == 1.0
    assert not found.reached


def test_a_type_without_weight_is_no_part_of_the_goal(model, table, target):
    settings = {"weights": {"Zr-Zr": 1.0}, "goal": {"quantity": "std", "limit": 10.0}}
    found = assess(model, table, target, settings, seed=0)
    assert [name for name, own in found.types.items() if own.limit is not None] == ["Zr-Zr"]


def test_the_most_frequent_type_always_counts(model, table, target):
    found = assess(model, table, target, {"min_share": 1.0}, seed=0)
    most = max(found.types, key=lambda name: found.types[name].n_target)
    assert found.weights[most] == 1.0


def test_either_order_of_the_elements(model, table, target):
    goal = {"quantity": "std", "limit": {"Cu-Zr": 10.0}}
    found = assess(model, table, target, {"goal": goal, "weights": {"Cu-Zr": 2.0}}, seed=0)
    assert found.types["Zr-Cu"].limit == 10.0
    assert found.weights["Zr-Cu"] == 1.0
    assert found.reached


def test_best_first_and_nothing_twice(proposal, candidates):
    """The compressed glass first; its copy then brings less than it did."""
    assert proposal.items[0].key == candidates[0].key or proposal.items[0].key == candidates[1].key
    gains = {item.key: item.gain for item in proposal}
    assert min(gains[candidates[0].key], gains[candidates[1].key]) < 0.5 * proposal.items[0].gain
    scores = [item.gain_per_cost for item in proposal]
    assert scores[0] == max(scores)
    assert [item.index for item in proposal] == list(range(1, len(proposal) + 1))


def test_gain_is_weighted_over_types(proposal):
    weights = proposal.assessment.weights
    for item in proposal:
        assert item.gain == pytest.approx(sum(weights[name] * own for name, own in item.gain_by_type.items()))


def test_expected_gain_is_about_what_labels_bring(model, table, target, candidates, proposal, make_table, settings):
    """Trained anew with the best label, hyperparameters and all."""
    from aiida_getl.learning.dataset import concatenate

    best = next(c for c in candidates if c.key == proposal.items[0].key)
    own = make_table(best.atoms, {"run": "g0", "sub_run": "compression", "composition": "Cu50Zr50"}, 9)
    more = concatenate([table, own])
    after = assess(train(more, settings, 0), more, target, {}, seed=0)
    realised = proposal.assessment.uncertainty - after.uncertainty
    assert 0.25 * realised < proposal.items[0].gain < 4.0 * realised


def test_deterministic_and_json(model, table, target, candidates, proposal):
    again = propose(model, table, target, candidates, {}, {"min_gain": 1e-4}, seed=0)
    text = json.dumps(proposal.as_dict())
    assert json.dumps(again.as_dict()) == text
    assert Proposal.from_dict(json.loads(text)).as_dict() == proposal.as_dict()


def test_cost_decides(model, table, target, candidates):
    costs = {"deformation": CostModel(amplitude=1000.0), "run": CostModel(amplitude=0.01)}
    found = propose(model, table, target, candidates, costs, {"min_gain": 1e-5}, seed=0)
    assert found.items[0].kind == "run"
    assert found.items[0].cost == pytest.approx(0.01 * (32 / 24) ** 2.5)
    assert found.items[0].gain_per_cost == pytest.approx(found.items[0].gain / found.items[0].cost)


def test_balance(model, table, target, candidates):
    only = {}
    for balance in (0.0, 1.0):
        options = {"balance": balance, "min_gain": 0.0}
        found = propose(model, table, target, candidates, {}, options, seed=0)
        only[balance] = {item.strategy for item in found}
        assert found.balance["exploit"]["n_candidates"] == 3
    assert only == {0.0: {"exploit"}, 1.0: {"explore"}}
    assert strategy_weights(0.5) == {"exploit": 1.0, "explore": 1.0}
    assert strategy_weights(0.25) == {"exploit": 1.0, "explore": 0.5}


def test_reasons(proposal):
    for item in proposal:
        assert item.reason.endswith(".")
        assert item.description in item.reason
        assert "standard deviation from 0." in item.reason
        assert ("stand-in" in item.reason) == item.surrogate
    assert "outside the training data" in proposal.items[0].reason


def test_reason_of_a_cell_that_tells_of_others(model, table, target, candidates):
    """Long bonds only, where the gain is in short ones."""
    cell = {"Zr-Zr": sample_bonds([candidates[2].atoms], model, 500, 0)["Zr-Zr"]}
    own = cell["Zr-Zr"]
    long = own.distance > 3.6
    cell = {"Zr-Zr": replace(own, X=own.X[long], n=int(long.sum()))}
    asked = sample_bonds([structure.atoms for structure in target], model, 500, 0)
    before = np.full(len(asked["Zr-Zr"]), 0.05)
    after = np.where(asked["Zr-Zr"].distance < 2.6, 0.03, 0.05)
    choice = Choice(0, 0.01, {"Zr-Zr": 0.01}, {"Zr-Zr": before}, {"Zr-Zr": after})
    told = {"Zr-Zr": np.zeros(len(before), dtype=bool)}
    text = reason(candidates[2], choice, {"Zr-Zr": 1.0}, asked, told, cell, {})
    assert f"has {cell['Zr-Zr'].n} Zr-Zr bonds from 3." in text
    assert "within what is labelled" in text


def test_a_type_without_a_model_has_a_stated_gain(table, settings, target, candidates):
    """Few Zr-Zr bonds: no model of them, and every cell that has some is worth much."""
    rows = np.flatnonzero(table.type == "Zr-Zr")
    few = table.select(np.setdiff1d(np.arange(len(table)), rows[5:]))
    model = train(few, settings, seed=0)
    assert "Zr-Zr" in model.untrained
    found = propose(model, few, target, candidates, {}, {"weights": {"Zr-Zr": 1.0}}, seed=0)
    assert found.assessment.types["Zr-Zr"].trained is False
    assert found.assessment.uncertainty == pytest.approx(float(np.std(few.strength)))
    assert "no model of Zr-Zr bonds yet (5 labelled)" in found.items[0].reason
    gains = [item.gain for item in found]
    assert gains[0] > 0.1 * found.assessment.uncertainty
    assert gains == sorted(gains, reverse=True)


def test_an_element_that_the_model_does_not_know(model, table, cells):
    """Its bonds are in the target, and no descriptor tells of them."""
    symbols = cells[0].get_chemical_symbols()
    symbols[0] = "Al"
    strange = cells[0].copy()
    strange.set_chemical_symbols(symbols)
    recipe = {"operation": "melt_quench", "composition": "Al10Cu40Zr50", "n_atoms": 16, "seed": 1}
    candidate = Candidate("composition", recipe, strange, True, "x", "the new composition Al10Cu40Zr50")
    found = propose(model, table, [TargetStructure("t", strange)], [candidate], {}, {"weights": "bonds"}, seed=0)
    assert found.assessment.types["Cu-Al"].trained is False
    assert len(found) == 1
    assert found.items[0].gain_by_type["Cu-Al"] > 0.0


def test_refuses_twins_and_unknown_costs(model, table, target, candidates):
    with pytest.raises(ValueError, match="more than once"):
        propose(model, table, target, [candidates[0]] * 2, {}, {}, seed=0)
    with pytest.raises(ValueError, match="lobster"):
        propose(model, table, target, candidates, {"lobster": CostModel()}, {}, seed=0)


def test_refuses_the_assessment_of_another_target(model, table, target, candidates, proposal):
    other = replace(proposal.assessment, types={"Al-Al": proposal.assessment.types["Zr-Cu"]}, weights={"Al-Al": 1.0})
    with pytest.raises(ValueError, match="of this target"):
        propose(model, table, target, candidates, {}, {}, seed=0, assessment=other)


def test_choose(proposal):
    one = proposal.items[0].cost
    assert choose(proposal, budget=1e9) == [item.index for item in proposal]
    assert choose(proposal, budget=1e9, max_items=2) == [1, 2]
    assert choose(proposal, budget=one) == [1]
    # What does not fit is passed over.
    large = replace(proposal.items[0], cost=100.0)
    assert choose(replace(proposal, items=(large, *proposal.items[1:])), budget=2.5 * one)[0] == 2
    assert choose(proposal, budget=0.0) == []
    with pytest.raises(ValueError, match="negative"):
        choose(proposal, budget=-1.0)
    with pytest.raises(ValueError, match="at least one"):
        choose(proposal, budget=1.0, max_items=0)


def test_stops(model, table, target, proposal, candidates):
    open_ = proposal.assessment
    assert stop_reason(open_, proposal, spent=1.0, budget=50.0, failures=2, max_failures=3) is None
    goal = {"goal": {"quantity": "std", "limit": 5.0}}
    assert "target is reached" in stop_reason(assess(model, table, target, goal, seed=0))
    assert "Too many labels failed: 4" in stop_reason(open_, failures=4, max_failures=3)
    assert "budget is spent" in stop_reason(open_, spent=10.0, budget=10.0)
    assert "All 3 iterations" in stop_reason(open_, iterations=3, max_iterations=3)
    assert "fits into what is left" in stop_reason(open_, proposal, spent=9.99, budget=10.0)
    nothing = propose(model, table, target, candidates, {}, {"min_gain": 0.9}, seed=0)
    assert "No candidate is worth its cost" in stop_reason(open_, nothing)
    none_left = propose(model, table, target, [], {}, {}, seed=0)
    assert "no candidate left" in stop_reason(open_, none_left)


def test_a_damaged_proposal_is_refused(proposal):
    data = json.loads(json.dumps(proposal.as_dict()))
    data["items"][0]["recipe"]["parent"] = "another"
    with pytest.raises(ValueError, match="not that of its recipe"):
        Proposal.from_dict(data)
    del data["items"][0]["gain"]
    with pytest.raises(ValueError, match="it must have"):
        Proposal.from_dict(data)
