"""From nodes to what a report says: the only part of it that asks AiiDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from aiida import orm

from aiida_getl.data.arrays import get_arrays
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.methods import describe_method, method_name
from aiida_getl.data.model import BondModelData
from aiida_getl.data.results import to_atoms
from aiida_getl.provenance import trace
from aiida_getl.provenance.cost import CACHE, JobCost, calculations_of, job_costs, total
from aiida_getl.report.chains import chains_of_bonds, chains_of_dbi, whole, words_for
from aiida_getl.report.content import Bonding, Cost, Decision, Labels, Model, Report, Round
from aiida_getl.report.picture import stages, total_rmse
from aiida_getl.report.reproduce import reproduce
from aiida_getl.report.subject import Subject, find_subject

Say = Callable[[str], None]


def gather(node: orm.Node, say: Say = lambda _: None) -> Report:
    """Return what a report on a node says.

    :param node: model, DBI, bond strengths, or a work chain that made such.
    :param say: called with what is being done.
    :raises ValueError: for a node that no report can be written on.
    """
    subject = find_subject(node)
    say("reading the data")
    labels = None if subject.dbi is None else labels_of(subject.dbi)
    model = None if subject.model is None else model_of(subject.model, subject.parity)
    bonding = None if subject.bonds is None else bonding_of(subject)
    say("asking the provenance graph")
    found = None if subject.result is None else trace(subject.result)
    chains, note = [], ""
    if subject.bonds is not None and found is not None:
        chains += chains_of_bonds(subject.bonds, found)
    if subject.dbi is not None:
        of_labels, note = chains_of_dbi(subject.dbi, say)
        chains += of_labels
    if found is not None and subject.result is not None:
        chains.append(whole(subject.result, found, subject.kind))
    say("adding up the cost")
    spent = cost_of(subject.process or subject.result)
    rounds, decisions, end = loop_of(subject.process)
    if not decisions and found is not None:
        decisions = tuple(_decision(item.content) for item in found.decisions)
    say("drawing")
    return Report(
        title=_title(subject, labels, bonding),
        kind=subject.kind,
        identity=_identity(subject),
        verdict=_verdict(subject, labels, model, bonding),
        stages=stages(found, labels, model, bonding, rounds, _stopped(subject.process)),
        reproduce=reproduce(subject, found),
        labels=labels,
        model=model,
        bonding=bonding,
        chains=tuple(chains),
        chains_note=note,
        cost=spent,
        rounds=rounds,
        decisions=decisions,
        end=end,
    )


def labels_of(dbi: DbiData) -> Labels:
    """Return what a report says of a database of interactions."""
    table = dbi.get_table(descriptors=False)
    counts = np.bincount(table.structure, minlength=len(dbi.structures))
    uuids = [entry["label_id"] for entry in dbi.structures if entry.get("label_id")]
    query = orm.QueryBuilder().append(
        BondStrengthsData, filters={"uuid": {"in": uuids}}, project=["uuid", "attributes.spilling"]
    )
    spilling = dict(query.iterall()) if uuids else {}
    structures = [
        {
            **{name: entry.get(name) for name in ("run", "sub_run", "composition")},
            "n_bonds": int(count),
            "spilling": spilling.get(entry.get("label_id")),
        }
        for entry, count in zip(dbi.structures, counts, strict=True)
    ]
    method = dbi.base.attributes.get("method", None) or {}
    return Labels(
        table.type,
        table.distance,
        table.strength,
        method_name(method),
        describe_method(method),
        structures,
        dbi.left_out,
    )


def model_of(node: BondModelData, parity: orm.ArrayData | None) -> Model:
    """Return what a report says of a model.

    :param parity: predictions of groups left out, None where they are gone.
    """
    attributes, validation = node.base.attributes.get("model"), node.validation or {}
    metrics = {name: own for name, own in validation.get("metrics", {}).items() if "n" in own.get("model", {})}
    by_type: dict[str, dict[str, Any]] = {}
    for name, array in (get_arrays(parity) if parity is not None else {}).items():
        bond_type, column = name.split(".", 1)
        if bond_type in metrics:
            by_type.setdefault(bond_type, {})[column] = array
    return Model(
        bond_types=node.bond_types,
        distance_range={name: (low, high) for name, (low, high) in attributes["distance_range"].items()},
        untrained=attributes.get("untrained", {}),
        r_max=attributes["r_max"],
        settings={
            "longest bond (Å)": f"{attributes['r_max']:g}",
            "seed": str(attributes.get("seed")),
            **_flat("descriptor", attributes.get("descriptor", {})),
            **_flat("", {k: v for k, v in attributes.get("settings", {}).items() if k not in ("descriptor", "r_max")}),
        },
        metrics=metrics,
        parity=by_type,
        learning_curve=validation.get("learning_curve", {}),
        group_by=validation.get("group_by", ""),
        n_groups=validation.get("n_groups", 0),
        skipped=validation.get("skipped", {}),
    )


def bonding_of(subject: Subject) -> Bonding:
    """Return the bond strengths that a report is about, with their structure where it is known."""
    node = subject.bonds
    assert node is not None
    atoms = None
    if subject.structure is not None:
        atoms = to_atoms(subject.structure, subject.frame)
        if atoms.get_chemical_symbols() != node.symbols:
            atoms = None
    names = [name for name in node.get_arraynames() if node.get_array(name).dtype == bool]
    return Bonding(
        symbols=node.symbols,
        positions=None if atoms is None else atoms.positions,
        cell=None if atoms is None else atoms.cell[:],
        bonds=node.get_bonds(),
        types=node.get_bond_types(),
        strength=node.get_strength(),
        std=node.get_std(),
        flags={name: node.get_array(name) for name in names},
        left_out=node.base.attributes.get("left_out", {}),
    )


def cost_of(node: orm.Node | None) -> Cost | None:
    """Return the core-hours of what a process called, or of what led to some data; None where nothing was computed."""
    if node is None:
        return None
    costs = job_costs(calculations_of(node))
    if not costs:
        return None
    groups: dict[tuple[str, str], list[JobCost]] = {}
    for each in costs:
        groups.setdefault((words_for(each.kind)[1], each.code or each.computer), []).append(each)
    rows = [(what, where, len(own), total(own).core_hours) for (what, where), own in groups.items()]
    sums = total(costs)
    notes = []
    if sums.n_unknown:
        notes.append(f"The cost of {sums.n_unknown} jobs is not known and not in these sums, which are lower bounds.")
    if sums.n_cached:
        notes.append(f"{sums.n_cached} results were taken from the cache, which saved {sums.saved:.3g} core-hours.")
    sources = sorted({each.source for each in costs if each.core_hours is not None and each.source != CACHE})
    if sources:
        notes.append(f"Wall times are from: {', '.join(sources)}.")
    return Cost(tuple(sorted(rows, key=lambda row: -row[3])), tuple(notes))


def loop_of(process: orm.WorkChainNode | None) -> tuple[tuple[Round, ...], tuple[Decision, ...], str]:
    """Return (rounds, decisions, how it ended) of an active-learning loop; all empty for anything else."""
    if process is None or "records" not in process.outputs:
        return (), (), ""
    records = [process.outputs.records[name].get_dict() for name in sorted(process.outputs.records)]
    rounds = tuple(
        Round(
            number=number,
            n_labels=record["n_labelled"],
            n_failed=record["n_failed"],
            rmse={name: own["after"] for name, own in record["rmse"].items() if own["after"] is not None},
            core_hours=record["core_hours"],
            gain_expected=record["gain_expected"],
            gain_realised=record["gain_realised"],
        )
        for number, record in enumerate(records)
    )
    decisions = tuple(_decision({**record["decision"], "chosen": [None] * len(record["items"])}) for record in records)
    end = process.outputs.summary.get("reason", "") if "summary" in process.outputs else ""
    return rounds, decisions, f"It ended: {end}." if end else ""


def _decision(content: dict[str, Any]) -> Decision:
    """Return a decision; what other programs left is shown as far as it is understood."""
    by = content.get("by") or content.get("who") or "not recorded"
    who = by if isinstance(by, str) else ", ".join(str(name) for name in by.values() if name)
    n_chosen, n_proposed = len(content.get("chosen") or []), content.get("n_proposed")
    what = str(content.get("action", ""))
    if n_proposed is not None and what == "approve":
        what += f" {n_chosen}, {n_proposed} proposed"
    return Decision(
        when=str(content.get("when", ""))[:16].replace("T", " "),
        who=f"{who} (by rule)" if content.get("automatic") else who,
        what=what,
        why=str(content.get("reason") or content.get("why") or ""),
    )


def _title(subject: Subject, labels: Labels | None, bonding: Bonding | None) -> str:
    if subject.node.label:
        return subject.node.label
    if subject.bonds is not None and bonding is not None:
        symbols, counts = np.unique(bonding.symbols, return_counts=True)
        return "".join(f"{name}{count}" for name, count in zip(symbols, counts, strict=True))
    if labels is not None:
        found = sorted({str(entry["composition"]) for entry in labels.structures if entry["composition"]})
        return ", ".join(found[:3]) + (" and others" if len(found) > 3 else "") or f"<{subject.node.pk}>"
    return f"{subject.node.process_label if subject.process else subject.kind} <{subject.node.pk}>"


def _identity(subject: Subject) -> dict[str, str]:
    node = subject.node
    facts = {"PK": str(node.pk), "UUID": node.uuid, "made": node.ctime.strftime("%Y-%m-%d %H:%M %Z")}
    for name, other in (("model", subject.model), ("DBI", subject.dbi), ("bonds", subject.bonds)):
        if other is not None and other.pk != node.pk:
            facts[name] = f"<{other.pk}> {other.label}".strip()
    return facts


def _verdict(subject: Subject, labels: Labels | None, model: Model | None, bonding: Bonding | None) -> str:
    parts = []
    if model is not None:
        rmse, simple = total_rmse(model, "model"), total_rmse(model, "distance_only")
        learnt = f" learnt from {len(labels.types):,} labelled bonds" if labels is not None else ""
        if rmse is not None:
            beside = f"; distance alone would give {simple:.3f} eV" if simple is not None else ""
            parts.append(
                f"A model{learnt} predicts bonds of groups it has not seen within {rmse:.3f} eV (RMSE){beside}."
            )
        else:
            parts.append(f"A model{learnt}, whose errors on groups left out are not known.")
    elif labels is not None:
        spread = f", {labels.strength.mean():.2f} eV strong on average" if len(labels.strength) else ""
        parts.append(f"{len(labels.types):,} labelled bonds of {len(labels.structures):,} structures{spread}.")
    if bonding is not None:
        engine = "" if bonding.predicted else f" by {method_name(subject.bonds.method)}" if subject.bonds else ""
        word = "predicted" if bonding.predicted else "computed"
        parts.append(f"{len(bonding.strength):,} bonds of {len(bonding.symbols):,} atoms were {word}{engine}.")
    stopped = _stopped(subject.process)
    return " ".join([*parts, *([f"It has not come to its end: {stopped}."] if stopped else [])])


def _stopped(process: orm.WorkChainNode | None) -> str:
    """Return why a process did not end well, empty where it did."""
    if process is None or process.is_finished_ok:
        return ""
    if not process.is_terminated:
        return "it is still running"
    return str(process.exit_message or process.exception or "it was killed").rstrip(".")


def _flat(prefix: str, settings: dict[str, Any]) -> dict[str, str]:
    rows = {}
    for name, value in settings.items():
        key = f"{prefix} {name}".strip().replace("_", " ")
        if isinstance(value, dict):
            rows.update(_flat(key, value))
        elif value is not None:
            rows[key] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return rows
