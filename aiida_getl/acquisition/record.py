"""What an iteration asked for, what was decided, what it cost and what it brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.history import LABEL, MELT_QUENCH

#: What an outcome tells of an item: its label (UUID) or the reason why there is none, whether the label was there
#: already, its number of bonds, and the core-hours of the label and of the run before it.
OUTCOME = {"label", "failure", "reused", "n_bonds", "label_hours", "run_hours"}


def record_of(
    n_proposed: int,
    decision: Mapping[str, Any],
    outcomes: Mapping[int, Mapping[str, Any]],
    before: Assessment | None,
    after: Assessment | None,
) -> dict[str, Any]:
    """Return the record of an iteration.

    Parameters
    ----------
    n_proposed : items of the proposal
    decision : see :func:`aiida_getl.acquisition.decision.decide`
    outcomes : by the number of the item, see :data:`OUTCOME`
    before, after : the model that the proposal was made for, and the one trained with the new labels

    Returns
    -------
    dict
        ``decision`` (without the items), ``items`` (of the decision, each with its outcome), ``n_proposed``,
        ``n_labelled``, ``n_failed``, ``core_hours`` and ``core_hours_expected``, ``gain_expected`` (eV, of the items
        that got a label; None where nothing was expected of them), ``gain_realised`` (eV, by how much the mean
        uncertainty of the target fell, the bond types weighted as they were before), and by bond type in eV ``std`` and
        ``rmse``, each ``before`` and ``after``
    """
    items = [{**item, **outcomes[item["number"]]} for item in decision["chosen"]]
    labelled = [item for item in items if item["label"] is not None]
    gains = [item["gain"] for item in labelled if item["gain"] is not None]
    costs = [item["cost"] for item in items if item["cost"] is not None]
    return {
        "decision": {name: value for name, value in decision.items() if name != "chosen"},
        "items": items,
        "n_proposed": n_proposed,
        "n_labelled": len(labelled),
        "n_failed": len(items) - len(labelled),
        "core_hours": sum(item["label_hours"] + item["run_hours"] for item in items),
        "core_hours_expected": sum(costs),
        "gain_expected": sum(gains) if gains and before is not None and before.types else None,
        "gain_realised": _realised(before, after),
        "uncertainty": {
            "before": None if before is None else before.uncertainty,
            "after": None if after is None else after.uncertainty,
        },
        "std": _of_types(before, after, "std_mean"),
        "rmse": _of_types(before, after, "rmse"),
    }


def cost_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a record tells of costs, see :func:`aiida_getl.acquisition.history.cost_models`."""
    return [
        {"what": what, "n_atoms": item["n_atoms"], "core_hours": item[name]}
        for item in record["items"]
        for what, name in ((LABEL, "label_hours"), (MELT_QUENCH, "run_hours"))
        if item["label"] is not None and not item["reused"] and item[name] > 0.0
    ]


def _realised(before: Assessment | None, after: Assessment | None) -> float | None:
    if before is None or after is None:
        return None
    now = {name: after.types[name].std_mean if name in after.types else None for name in before.weights}
    known = {name: std for name, std in now.items() if std is not None}
    if any(weight > 0.0 and name not in known for name, weight in before.weights.items()):
        return None  # a bond type that counts has no model yet
    return before.uncertainty - sum(weight * known[name] for name, weight in before.weights.items() if weight > 0.0)


def _of_types(before: Assessment | None, after: Assessment | None, name: str) -> dict[str, dict[str, float | None]]:
    types = sorted({*(before.types if before else ()), *(after.types if after else ())})

    def value(assessment: Assessment | None, bond_type: str) -> float | None:
        own = assessment.types.get(bond_type) if assessment is not None else None
        return None if own is None else getattr(own, name)

    return {each: {"before": value(before, each), "after": value(after, each)} for each in types}
