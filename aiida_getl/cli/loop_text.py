"""A loop of active learning in words: its plan, its state, and what every iteration brought."""

from __future__ import annotations

from datetime import datetime
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
from aiida_getl.workflows.stuck import describe_stuck, find_stuck


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


def status_of(node: orm.WorkChainNode) -> dict[str, Any]:
    """Return what a loop does, what it spent (core-hours), where its model stands (eV), and what it waits for."""
    costs = total(job_costs(calculations_of(node)))
    proposals, records, request = find_proposals(node), find_records(node), find_stop_request(node)
    decision = find_decision(proposals[-1]) if proposals else None
    is_open = bool(proposals) and decision is None and request is None and not node.is_terminated
    called = node.base.links.get_outgoing(node_class=orm.WorkChainNode).all()
    return {
        "pk": node.pk,
        "uuid": node.uuid,
        "label": node.label,
        "started": node.ctime.isoformat(timespec="seconds"),
        "core_hours": costs.core_hours,
        "n_jobs_of_unknown_cost": costs.n_unknown,
        "n_iterations": len(records),
        "n_labelled": sum(record["n_labelled"] for record in records),
        "n_failed": sum(record["n_failed"] for record in records),
        "assessment": find_last_assessment(node),
        "waits_for": {"pk": proposals[-1].pk, "n_items": len(proposals[-1]["items"])} if is_open else None,
        "decision": None if decision is None else decision.get_dict(),
        "stop_request": None if request is None else request.get_dict(),
        "under_way": [{"pk": link.node.pk, "name": link.link_label} for link in called if not link.node.is_terminated],
        "stuck": [{"pk": pk, "reason": reason} for pk, reason in find_stuck(node).items()],
        **ending_of(node),
    }


def ending_of(node: orm.WorkChainNode) -> dict[str, Any]:
    """Return whether and how a loop ended: its ``summary``, and the PKs of what it leaves."""
    return {
        "state": _state(node),
        "has_ended": node.is_terminated,
        "exit_status": node.exit_status,
        "summary": node.outputs.summary.get_dict() if "summary" in node.outputs else None,
        "outputs": {name: node.outputs[name].pk for name in ("model", "dbi") if name in node.outputs},
    }


def describe_status(status: dict[str, Any]) -> str:
    """Return in words what a loop does.

    :param status: see :func:`status_of`.
    """
    unknown = status["n_jobs_of_unknown_cost"]
    started = datetime.fromisoformat(status["started"])
    lines = [
        f"Loop        <{status['pk']}> {status['label']}".rstrip()
        + f", started {started:%Y-%m-%d %H:%M}: {status['state']}",
        f"Spent       {status['core_hours']:.3g} core-hours" + (f", {unknown} jobs of unknown cost" if unknown else ""),
        f"Iterations  {status['n_iterations']} finished, {status['n_labelled']} labels, {status['n_failed']} failed",
    ]
    if status["assessment"] is not None:
        lines.append("Model       " + "\n            ".join(status["assessment"]["sentences"]))
    if status["has_ended"]:
        return "\n".join([*lines, *_ending(status)])
    if status["stop_request"] is not None:
        request = status["stop_request"]
        lines.append(f"Stopping    {request['by']['user']} asked for it: {request['reason']}")
    elif status["waits_for"] is not None:
        proposal = status["waits_for"]
        waits = f"aiida-getl proposal show {proposal['pk']}"
        lines.append(f"Waits       for a decision on {proposal['n_items']} proposed labels: `{waits}`")
    elif status["decision"] is not None:
        lines.append(f"Decided     {describe_decision(status['decision'])}")
    if status["under_way"]:
        lines.append("Under way   " + ", ".join(f"{each['name']} <{each['pk']}>" for each in status["under_way"]))
    lines += [f"Stuck       {describe_stuck(each['pk'], each['reason'])}" for each in status["stuck"]]
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
    return "\n".join([*lines, "", *_ending(ending_of(node))])


def _state(node: orm.WorkChainNode) -> str:
    if node.is_finished:
        return "ended" if node.is_finished_ok else f"ended with {node.exit_status}, {node.exit_message}"
    if node.is_terminated:
        return node.process_state.value
    return "paused" if node.paused else "running"


def _ending(ending: dict[str, Any]) -> list[str]:
    summary, outputs = ending["summary"], ending["outputs"]
    if summary is None:
        return [f"State       {ending['state']}"]
    lines = [f"Ended       {summary['status']}: {summary['reason']}"]
    if "model" in outputs:
        lines.append(f"Model       <{outputs['model']}>, DBI <{outputs['dbi']}>")
        lines.append(f"Next        aiida-getl trace {outputs['model']}")
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
