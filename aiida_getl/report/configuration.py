"""The configuration file by which a campaign or a loop of active learning can be started again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from aiida import orm

#: Command by the work chain that it starts.
COMMANDS = {"GetlWorkChain": "aiida-getl run", "ActiveLearningWorkChain": "aiida-getl loop start"}
#: Inputs that a file names directly, or under ``overrides``.
DIRECT = {
    "GetlWorkChain": ("composition", "seed"),
    "ActiveLearningWorkChain": (
        *("seed", "mode", "max_iterations", "max_labels", "max_core_hours", "max_concurrent", "failures_max"),
    ),
}
OVERRIDES = {
    "GetlWorkChain": (
        *("n_runs", "n_atoms", "large_n_atoms", "sub_runs", "amplitudes", "max_concurrent", "failures_max"),
    ),
    "ActiveLearningWorkChain": ("target_n_atoms",),
}
#: Namespaces of the parts, and their inputs that a file may override.
PARTS = {
    "melt_quench": ("parameters",),
    "large": ("parameters",),
    "target_melt_quench": ("parameters",),
    "label": ("settings", "clean_workdir"),
    "etl_model": ("settings",),
    "infer": ("settings",),
}
#: Where the code is that a file names.
CODES = {
    "lammps": "melt_quench__lammps__code",
    "pw": "label__scf__pw__code",
    "projwfc": "label__projwfc__code",
    "lobster": "label__lobster__code",
    "learn": "etl_model__code",
}


def configuration(process: orm.WorkChainNode | None) -> str:
    """Return the configuration file (YAML) of a campaign or loop; empty for anything else.

    What the protocol set is named where it is an input of its own, so that the file says the same when the protocol
    has changed. The potential is named by its file, nodes by their UUIDs, codes by their labels.
    """
    kind = None if process is None else process.process_label
    if process is None or kind not in COMMANDS:
        return ""
    inputs = {link.link_label: link.node for link in process.base.links.get_incoming(node_class=orm.Data).all()}
    settings = _values(inputs, DIRECT[kind])
    overrides = _values(inputs, OVERRIDES[kind])
    if process.label:
        settings["label"] = process.label
    if kind == "ActiveLearningWorkChain":
        settings |= _start_and_target(inputs)
        overrides |= _loop_overrides(inputs)
        goal = overrides.get("acquisition", {}).pop("goal", None)
        settings |= {"goal": goal} if goal else {}
    if "potential" in inputs:
        settings["potential"] = inputs["potential"].filename
    settings |= _codes(inputs)
    for namespace, names in PARTS.items():
        if own := _values({name: inputs.get(f"{namespace}__{name}") for name in names}, names):
            overrides[namespace] = own
    if family := _family([node for name, node in inputs.items() if name.startswith("label__pseudos__")]):
        overrides.setdefault("label", {})["pseudo_family"] = family
    return yaml.safe_dump({**settings, "overrides": overrides}, sort_keys=False, allow_unicode=True)


def _start_and_target(inputs: Mapping[str, orm.Data]) -> dict[str, Any]:
    """Return what a loop starts from, and what it aims at."""
    found: dict[str, Any] = {}
    if "dbi" in inputs:
        found["dbi"] = inputs["dbi"].uuid
    elif "start" in inputs:
        found["compositions"] = inputs["start"].get_dict()["compositions"]
    structures = [node.uuid for name, node in sorted(inputs.items()) if name.startswith("targets__")]
    quenched = [node.value for name, node in sorted(inputs.items()) if name.startswith("target_compositions__")]
    if structures or quenched:
        found["target"] = structures + quenched
    return found


def _loop_overrides(inputs: Mapping[str, orm.Data]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "acquisition" in inputs:
        found["acquisition"] = inputs["acquisition"].get_dict()
    if "start" in inputs:
        found["start"] = {name: value for name, value in inputs["start"].get_dict().items() if name != "compositions"}
    return found


def _codes(inputs: Mapping[str, orm.Data]) -> dict[str, dict[str, str]]:
    found = {name: inputs[link].full_label for name, link in CODES.items() if link in inputs}
    return {"codes": found} if found else {}


def _family(pseudos: Iterable[orm.Data]) -> str | None:
    """Return the label of the family that all pseudopotentials are of, None if it is not in this profile."""
    shared: set[str] | None = None
    for pseudo in pseudos:
        query = orm.QueryBuilder().append(orm.Data, filters={"id": pseudo.pk}, tag="pseudo")
        query.append(
            orm.Group, with_node="pseudo", filters={"type_string": {"like": "pseudo.family%"}}, project="label"
        )
        own = set(query.all(flat=True))
        shared = own if shared is None else shared & own
    return min(shared) if shared else None


def _values(inputs: Mapping[str, orm.Data | None], names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(node) for name in names if (node := inputs.get(name)) is not None}


def _value(node: orm.Data) -> Any:
    if isinstance(node, orm.Dict):
        return node.get_dict()
    return node.get_list() if isinstance(node, orm.List) else node.value
