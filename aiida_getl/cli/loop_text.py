"""A loop of active learning in words: its plan, its state, and what every iteration brought."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_getl.acquisition.history import cost_models
from aiida_getl.acquisition.settings import validate_settings
from aiida_getl.cli.proposal_text import describe_decision
from aiida_getl.cli.tables import table
from aiida_getl.provenance.cost import calculations_of, job_costs, total
from aiida_getl.workflows.decisions import (
    find_decision,
    find_last_assessment,
    find_proposals,
    find_records,
    find_stop_request,
)


def describe_plan(builder) -> str:
    """Return what a loop would run, and what it may cost.

    :param builder: of `getl.active_learning`.
    """
    settings = validate_settings(builder.acquisition.get_dict())
    rows = builder.history["rows"] if "history" in builder and builder.history else []
    lines = [f"Loop        {builder.metadata.label}, mode {builder.mode.value}, seed {builder.seed.value}"]
    if "dbi" in builder and builder.dbi:
        known = builder.dbi.base.attributes.get("n_structures")
        lines.append(f"Start       {known} labelled structures of DBI <{builder.dbi.pk}> {builder.dbi.label}")
        n_atoms, n_first = _typical_size(builder.dbi), 0
    else:
        start = builder.start.get_dict()
        n_atoms, n_first = start["n_atoms"], len(start["compositions"]) * start["n_runs"]
        names = ", ".join(start["compositions"])
        lines.append(f"Start       {n_first} runs of {n_atoms} atoms: {start['n_runs']} of {names}")
    targets = list(builder.targets) if "targets" in builder and builder.targets else []
    quenched = dict(builder.target_compositions) if builder.get("target_compositions") else {}
    size = f" of {builder.target_n_atoms.value} atoms each" if quenched else ""
    lines.append(
        f"Target      {len(targets)} structures given, {len(quenched)} to be quenched"
        + (f" ({', '.join(node.value for node in quenched.values())}{size})" if quenched else "")
    )
    lines.append(f"Goal        {_goal(settings['goal'])}")
    hours = builder.max_core_hours.value if "max_core_hours" in builder and builder.max_core_hours else None
    lines.append(
        f"Limits      {builder.max_iterations.value} iterations"
        + (f" of {builder.max_labels.value} labels" if builder.mode.value == "auto" else "")
        + (f", {hours:g} core-hours" if hours is not None else ", core-hours without limit")
        + f", {builder.failures_max.value} failures"
    )
    models = cost_models(rows, n_atoms)
    label, run = models["deformation"](n_atoms), models["composition"](n_atoms)
    source = f"as {models['deformation'].n_observations} such labels did" if rows else "assumed: there is no history"
    lines.append(
        f"Costs       a label of {n_atoms} atoms {label:.3g} core-hours, a new glass with it {run:.3g} ({source})"
    )
    if builder.mode.value == "auto":
        rounds = builder.max_iterations.value - bool(n_first)
        most = n_first * run + rounds * builder.max_labels.value * max(label, run)
        lines.append(
            f"            at most about {min(most, hours) if hours is not None else most:.3g} core-hours in all"
        )
    elif n_first:
        lines.append(f"            the start about {n_first * run:.3g} core-hours, then as approved")
    return "\n".join(lines)


def describe_status(node: orm.WorkChainNode) -> str:
    """Return what a loop does, what it spent, and what it waits for."""
    costs = total(job_costs(calculations_of(node)))
    unknown = f", {costs.n_unknown} jobs of unknown cost" if costs.n_unknown else ""
    proposals = find_proposals(node)
    records = find_records(node)
    lines = [
        f"Loop        <{node.pk}> {node.label}".rstrip() + f", started {node.ctime:%Y-%m-%d %H:%M}: {_state(node)}",
        f"Spent       {costs.core_hours:.3g} core-hours{unknown}",
        f"Iterations  {len(records)} finished, {sum(record['n_labelled'] for record in records)} labels, "
        f"{sum(record['n_failed'] for record in records)} failed",
    ]
    assessment = find_last_assessment(node)
    if assessment is not None:
        lines.append("Model       " + "\n            ".join(assessment["sentences"]))
    if node.is_terminated:
        return "\n".join([*lines, *_ending(node)])
    request = find_stop_request(node)
    if request is not None:
        lines.append(f"Stopping    {request['by']['user']} asked for it: {request['reason']}")
    elif proposals and find_decision(proposals[-1]) is None:
        waits = f"aiida-getl proposal show {proposals[-1].pk}"
        lines.append(f"Waits       for a decision on {len(proposals[-1]['items'])} proposed labels: `{waits}`")
    elif proposals:
        decision = find_decision(proposals[-1])
        lines.append(f"Decided     {describe_decision(decision.get_dict())}")
    running = [
        f"{link.link_label} <{link.node.pk}>"
        for link in node.base.links.get_outgoing(node_class=orm.WorkChainNode).all()
        if not link.node.is_terminated
    ]
    if running:
        lines.append(f"Under way   {', '.join(running)}")
    return "\n".join(lines)


def describe_iterations(node: orm.WorkChainNode) -> str:
    """Return a table of the iterations: asked, decided, cost, gain; and the decisions with their reasons."""
    records = find_records(node)
    if not records:
        return f"The loop <{node.pk}> has finished no iteration yet: {_state(node)}."
    rows = [
        (
            number,
            record["n_proposed"],
            len(record["items"]),
            record["n_labelled"],
            f"{record['core_hours_expected']:.3g}",
            f"{record['core_hours']:.3g}",
            _milli(record["gain_expected"]),
            _milli(record["gain_realised"]),
            _milli(record["uncertainty"]["after"]),
        )
        for number, record in enumerate(records, start=1)
    ]
    headings = (
        "iteration",
        "proposed",
        "decided",
        "labelled",
        "core-hours expected",
        "core-hours",
        "gain expected (meV)",
        "gain (meV)",
        "uncertainty (meV)",
    )
    lines = [table(headings, rows), ""]
    for number, record in enumerate(records, start=1):
        lines.append(f"{number}. {describe_decision({**record['decision'], 'chosen': record['items']})}")
        for item in record["items"]:
            outcome = f"{item['n_bonds']} bonds" if item["label"] is not None else f"no label: {item['failure']}"
            lines.append(
                f"     {item['number']} {item['description']}: {outcome}{' (known)' if item['reused'] else ''}"
            )
    return "\n".join([*lines, "", *_ending(node)])


def _state(node: orm.WorkChainNode) -> str:
    if node.is_finished:
        return "ended" if node.is_finished_ok else f"ended with {node.exit_status}, {node.exit_message}"
    if node.is_terminated:
        return node.process_state.value
    return "paused" if node.paused else "running"


def _ending(node: orm.WorkChainNode) -> list[str]:
    if "summary" not in node.outputs:
        return [f"State       {_state(node)}"]
    summary = node.outputs.summary
    lines = [f"Ended       {summary['status']}: {summary['reason']}"]
    if "model" in node.outputs:
        lines.append(f"Model       <{node.outputs.model.pk}>, DBI <{node.outputs.dbi.pk}>")
        lines.append(f"Next        aiida-getl trace {node.outputs.model.pk}")
    return lines


def _typical_size(dbi) -> int:
    entry = next((entry for entry in dbi.structures if entry["structure_id"] is not None), None)
    return 100 if entry is None else len(orm.load_node(entry["structure_id"]).sites)


def _goal(goal: dict[str, Any] | None) -> str:
    if goal is None:
        return "none: it ends when the limits are reached or nothing is worth its cost"
    limit = goal["limit"]
    limits = (
        ", ".join(f"{name} {value:g}" for name, value in limit.items()) if isinstance(limit, dict) else f"{limit:g}"
    )
    what = {"std": "mean standard deviation on the target's bonds", "rmse": "RMSE on groups left out"}
    return f"{what[goal['quantity']]} of at most {limits} eV"


def _milli(value: float | None) -> str | None:
    return None if value is None else f"{1000 * value:.2f}"
