"""From traces to what a reader sees of them: equal steps as one, everything in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import NDArray

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.methods import describe_method
from aiida_getl.provenance import Origin, Step, Trace, trace
from aiida_getl.report.content import Card, Chain

#: A trace is asked for each; more would make the page long, and its making slow.
MOST_BONDS = 24
#: Nodes named of equal steps, and data named of one kind.
MOST_NAMES = 6

#: Stage and words of the calculations that people know under other names.
STEPS = {
    "derive_seeds": ("Structure", "seeds"),
    "pack_random": ("Structure", "random packing"),
    "melt_quench_stages": ("Structure", "melt-quench schedule"),
    "LammpsStageCalculation": ("Structure", "LAMMPS"),
    "join_parts": ("Structure", "joined stages"),
    "augment": ("Structure", "deformation"),
    "make_cell": ("Structure", "cell cut or deformed"),
    "read_structures": ("Structure", "structures from a file"),
    "describe_analysis": ("Label", "choice of the analysis"),
    "label_parameters": ("Label", "settings of pw.x"),
    "PwCalculation": ("Label", "pw.x"),
    "more_bands": ("Label", "more bands"),
    "ProjwfcCalculation": ("Label", "projwfc.x"),
    "LobsterCalculation": ("Label", "bond analysis"),
    "import_label": ("Label", "imported label"),
    "import_bnd": ("Label", "imported database"),
    "build_dbi": ("Learning", "database of interactions"),
    "merge_dbi": ("Learning", "databases merged"),
    "validate": ("Learning", "validation"),
    "train": ("Learning", "training"),
    "LearnCalculation": ("Learning", "getl-learn"),
    "assess": ("Decision", "assessment"),
    "propose": ("Decision", "proposal"),
    "propose_start": ("Decision", "first proposal"),
    "decide": ("Decision", "decision"),
    "predict": ("Prediction", "prediction"),
    "analyse": ("Prediction", "analysis"),
}


def words_for(process_label: str) -> tuple[str, str]:
    """Return stage and name of a calculation."""
    return STEPS.get(process_label, ("Other", process_label))


def chains_of_dbi(dbi: DbiData, say: Callable[[str], None]) -> tuple[list[Chain], str]:
    """Return the chains of a sample of the labelled bonds, and a sentence that says what it is a sample of."""
    names = sorted(dbi.bond_types)
    strengths = dbi.get_table(descriptors=False).strength
    rows, start = [], 0
    for name in names:
        count = dbi.bond_types[name]
        rows += (start + spread(strengths[start : start + count], max(1, MOST_BONDS // len(names)))).tolist()
        start += count
    rows = rows[:MOST_BONDS]
    known: dict[tuple[str | None, str | None], Trace] = {}
    chains, unconfirmed = [], 0
    for number, row in enumerate(rows):
        say(f"tracing bond {number + 1} of {len(rows)}")
        bond = dbi.get_row(row)
        key = (bond["label"], bond["structure"])
        if key not in known:
            try:
                known[key] = trace(dbi, row)
            except ValueError:
                # A database that was not built in this graph, or whose sources are gone.
                unconfirmed += 1
                continue
        chains.append(to_chain(known[key], _bond_name(bond), "Labelled bonds", bond))
    total = sum(dbi.bond_types.values())
    note = (
        f"Below are {len(chains)} of {total:,} labelled bonds, from strong to weak of each type. For any other: "
        f"aiida-getl trace {dbi.pk} --bond ROW"
    )
    if unconfirmed:
        note += f". The origin of {unconfirmed} more is not in this graph."
    return chains, note


def chains_of_bonds(node: BondStrengthsData, found: Trace) -> list[Chain]:
    """Return the chains of a sample of the bonds of one structure, which have the same origin."""
    group = "Computed bonds" if node.get_std() is None else "Predicted bonds"
    types, strengths = node.get_bond_types(), node.get_strength()
    chains = []
    for name in np.unique(types).tolist():
        own = np.flatnonzero(types == name)
        for index in own[spread(strengths[own], 2)].tolist():
            row = node.get_row(index)
            chains.append(to_chain(found, _bond_name(row), group, row))
    return chains[:MOST_BONDS]


def spread(strengths: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Return the indices of n bonds that are spread from the strongest to the weakest."""
    order = np.argsort(-strengths, kind="stable")
    return order[np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).astype(np.int64))]


def to_chain(found: Trace, name: str, group: str, facts: dict[str, Any] | None = None) -> Chain:
    """Return a trace in the words of a report."""
    return Chain(
        name=name,
        group=group,
        facts={**_facts(facts or {}), **_method(found.label)},
        cards=condense(found.steps),
        origins={label: _named(items) for label, items in found.origins.items()},
        codes=tuple(_code(item.what) for item in found.codes),
        computers=tuple(item.what for item in found.computers),
    )


def condense(steps: Iterable[Step]) -> tuple[Card, ...]:
    """Return equal steps, those of one calculation with one code on one computer, as one; in order of the first."""
    groups: dict[tuple[str, str, str], list[Step]] = {}
    for step in steps:
        groups.setdefault((step.what, step.code, step.computer), []).append(step)
    cards = []
    for (process_label, code, computer), own in groups.items():
        stage, what = words_for(process_label)
        where = code or (computer and f"on {computer}")
        cards.append(
            Card(
                stage=stage,
                what=what,
                times=(_minute(own[0].time), _minute(own[-1].time)),
                nodes=tuple((step.pk, step.uuid, _name(step)) for step in own[:MOST_NAMES]),
                n=len(own),
                where=(where,) if where else (),
                inputs=own[0].inputs if len(own) == 1 else {},
            )
        )
    return tuple(cards)


def whole(node: orm.Data, found: Trace, what: str) -> Chain:
    """Return the chain of everything that led to a node."""
    return to_chain(found, f"the {what} as a whole", "Everything", {"node": f"<{node.pk}>", "UUID": node.uuid})


def _name(step: Step) -> str:
    # Of a deformation, which of its cells: the others name their outputs all alike.
    used = ", ".join(step.used[:MOST_NAMES]) if step.what == "augment" else ""
    return f"{step.label} {used}".strip()


def _code(what: str) -> str:
    """Return a code with the name of its program; in which folder that lies is of no use elsewhere."""
    label, _, program = what.partition(" ")
    return f"{label} {PurePosixPath(program).name}".strip()


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _named(items: Iterable[Origin]) -> tuple[str, ...]:
    """Return data in words, those that are described alike as one."""
    groups: dict[str, list[Origin]] = {}
    for item in items:
        # The first digits tell files apart; the whole is in the graph.
        groups.setdefault(f"{item.what} sha256 {item.sha256[:16]}…" if item.sha256 else item.what, []).append(item)
    listed = []
    for words, own in groups.items():
        pks = ", ".join(f"<{item.pk}>" for item in own[:MOST_NAMES]) + (" …" if len(own) > MOST_NAMES else "")
        listed.append(f"{words} {pks}" if len(own) == 1 else f"{len(own)} × {words} {pks}")
    more = (f"and {len(listed) - MOST_NAMES} more",) if len(listed) > MOST_NAMES else ()
    return (*listed[:MOST_NAMES], *more)


def _bond_name(row: dict[str, Any]) -> str:
    where = " ".join(str(row[name]) for name in ("run", "sub_run") if row.get(name) is not None)
    return f"{row['bond']} {row['distance_Å']:.2f} Å, {row['strength_eV']:.2f} eV" + (f", {where}" if where else "")


def _facts(row: dict[str, Any]) -> dict[str, str]:
    facts = {}
    for key, value in row.items():
        if value is None:
            continue
        name, _, unit = key.replace("sub_run", "sub-run").partition("_")
        facts[name] = f"{_text(value)} {unit}".strip()
    return facts


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _method(label: dict[str, Any]) -> dict[str, str]:
    facts = {}
    method = label.get("method") or {}
    if method.get("model"):  # a prediction names its model, and what made the labels behind it
        facts["predicted by"] = f"model {method['model']}"
        method = method.get("labels") or {}
    if method:
        facts["labels by"] = describe_method(method)
    if label.get("spilling") is not None:
        facts["charge spilling"] = f"{label['spilling']:.2%}"
    return facts
