"""Inputs of `getl.active_learning`, and what it refuses before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiida import orm

from aiida_getl.acquisition.settings import validate_settings
from aiida_getl.acquisition.start import FEWEST_RUNS
from aiida_getl.lammps.potential import parse_potential
from aiida_getl.structures.composition import parse_composition
from aiida_getl.workflows.etl_model import EtlModelWorkChain
from aiida_getl.workflows.getl import at_least
from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain, validate_potential, validate_seed
from aiida_getl.workflows.melt_quench import validate_inputs as validate_cell
from aiida_getl.workflows.parts import FROM_PARENT, elements_of

MODES = ("auto", "ask")
PLAIN_INPUTS = ("mode", "max_iterations", "max_labels", "max_core_hours", "max_concurrent", "failures_max")
#: What there is to say about the runs to start from.
START = {"compositions": list, "n_runs": int, "n_atoms": int}


def define_inputs(spec) -> None:
    """Define the inputs of the process specification."""
    to_node = {"serializer": orm.to_aiida_type}
    spec.input("dbi", valid_type=orm.ArrayData, required=False, help="`getl.dbi`: the labels to start from.")
    spec.input(
        "start",
        valid_type=orm.Dict,
        required=False,
        validator=validate_start,
        help="Runs to label first where there is no `dbi`: `compositions`, `n_runs` of each, and `n_atoms`.",
        **to_node,
    )
    spec.input_namespace(
        "targets",
        valid_type=(orm.StructureData, orm.TrajectoryData),
        dynamic=True,
        help="Structures whose bonds are to be predicted.",
    )
    spec.input_namespace(
        "target_compositions",
        valid_type=orm.Str,
        dynamic=True,
        required=False,
        help="Compositions of cells to be quenched, whose bonds are to be predicted.",
    )
    spec.input("target_n_atoms", valid_type=orm.Int, required=False, validator=at_least(1), **to_node)
    spec.input(
        "acquisition",
        valid_type=orm.Dict,
        default=lambda: orm.Dict({}),
        validator=validate_acquisition,
        help="Settings of assessing and proposing, the goal among them, see `aiida_getl.acquisition.settings`.",
        **to_node,
    )
    spec.input("mode", valid_type=orm.Str, validator=validate_mode, help="`auto` or `ask`.", **to_node)
    spec.input(
        "max_iterations",
        valid_type=orm.Int,
        validator=at_least(1),
        help="Rounds of labels, the start among them.",
        **to_node,
    )
    spec.input(
        "max_labels",
        valid_type=orm.Int,
        validator=at_least(1),
        help="Labels of a round that is decided automatically, other than the start.",
        **to_node,
    )
    spec.input(
        "max_core_hours",
        valid_type=orm.Float,
        required=False,
        validator=validate_positive,
        help="What everything together may cost; labels under way when it is spent are finished.",
        **to_node,
    )
    spec.input("max_concurrent", valid_type=orm.Int, validator=at_least(1), help="Runs or labels at a time.", **to_node)
    spec.input(
        "failures_max",
        valid_type=orm.Int,
        validator=at_least(0),
        help="Runs and labels that may fail, in all rounds together.",
        **to_node,
    )
    spec.input("seed", valid_type=orm.Int, validator=validate_seed, help="Of every random choice.", **to_node)
    spec.input(
        "history",
        valid_type=orm.Dict,
        required=False,
        help="`rows` of what runs and labels have cost before, see `aiida_getl.acquisition.history`.",
    )
    spec.input("potential", valid_type=orm.SinglefileData, required=False, validator=validate_potential)
    for namespace in ("melt_quench", "target_melt_quench"):
        spec.expose_inputs(
            MeltQuenchWorkChain,
            namespace=namespace,
            exclude=FROM_PARENT,
            namespace_options={"required": False, "populate_defaults": False},
        )
    spec.expose_inputs(LabelWorkChain, namespace="label", exclude=("structure",))
    spec.expose_inputs(EtlModelWorkChain, namespace="etl_model", include=("settings", "code", "options"))
    spec.inputs.validator = validate_inputs


def validate_mode(node, _) -> str | None:
    """Refuse other modes."""
    return None if node.value in MODES else f"mode is {node.value!r}: choose from {', '.join(MODES)}"


def validate_acquisition(node, _) -> str | None:
    """Refuse unknown or impossible settings."""
    try:
        validate_settings(node.get_dict())
    except ValueError as exception:
        return str(exception)
    return None


def validate_start(node, _) -> str | None:
    """Refuse a start that is incomplete, or from too little to validate a model on."""
    start = node.get_dict()
    if set(start) != set(START) or any(not isinstance(start[name], START[name]) for name in START):
        return f"start is {start}: give compositions (a list), n_runs and n_atoms (integers)"
    if len(start["compositions"]) * start["n_runs"] < FEWEST_RUNS:
        return f"{FEWEST_RUNS} runs or more are needed to start from: raise n_runs"
    return validate_compositions(orm.List(start["compositions"]), None)


def validate_compositions(node, _) -> str | None:
    """Refuse what is no composition."""
    try:
        for composition in node.get_list():
            parse_composition(composition)
    except ValueError as exception:
        return str(exception)
    return None


def validate_positive(node, _) -> str | None:
    """Refuse a budget that allows nothing."""
    return None if node.value > 0 else f"{node.value} given, must be positive"


def validate_inputs(inputs, _) -> str | None:
    """Refuse inputs that do not go together."""
    if ("dbi" in inputs) == ("start" in inputs):
        return "give either `dbi`, the labels to start from, or `start`, the runs to label first"
    if not inputs.get("targets") and not inputs.get("target_compositions"):
        return "what is to be predicted? Give structures as `targets`, or `target_compositions`"
    if inputs.get("target_compositions") and "target_n_atoms" not in inputs:
        return "say by `target_n_atoms` how large the cells of the `target_compositions` are to be"
    return (
        _validate_runs(inputs) or _validate_elements(inputs) or _validate_bond_types(inputs) or _validate_scale(inputs)
    )


def _validate_runs(inputs) -> str | None:
    """Refuse runs where nothing makes them, or cells that cannot be made."""
    can_run = "melt_quench" in inputs and "potential" in inputs
    settings = validate_settings(inputs["acquisition"].get_dict())
    if not can_run:
        if "start" in inputs or inputs.get("target_compositions"):
            return "`start` and `target_compositions` are melt-quench runs: give `melt_quench` and a `potential`"
        if settings["n_runs"] or settings["compositions"] != []:
            return (
                "without `melt_quench` and a `potential` no runs can be made: set n_runs to 0 and compositions to [] "
                "in `acquisition`"
            )
        return None
    for composition, n_atoms in _cells(inputs):
        cell = {"composition": orm.Str(composition), "n_atoms": n_atoms, "potential": inputs["potential"]}
        if message := validate_cell(cell, None):
            return message
    return _validate_proposals(inputs, settings)


def _validate_proposals(inputs, settings: dict[str, Any]) -> str | None:
    """Refuse settings by which runs would be proposed that nothing can make."""
    potential = parse_potential(inputs["potential"].get_content())
    for elements, remedy in _proposed(inputs, settings):
        try:
            potential.check_elements(elements)
        except ValueError as error:
            return f"{error}; {remedy}"
        if missing := sorted(set(elements) - set(inputs["label"].get("pseudos", {}))):
            return f"no pseudopotential for {', '.join(missing)} in `label.pseudos`; {remedy}"
    return None


def _proposed(inputs, settings: dict[str, Any]) -> Iterator[tuple[list[str], str]]:
    """Yield the elements that runs proposed may have, each with what to change where they cannot be made."""
    # Without structures, as in the original format, a database gives no composition to make another glass of.
    dbi = inputs.get("dbi")
    if dbi is not None and all(entry["structure_id"] is None for entry in dbi.base.attributes.get("structures", [])):
        dbi = None
    if settings["compositions"] != "auto":
        for composition in settings["compositions"]:
            yield sorted(parse_composition(composition)), f"{composition} is among the `compositions` of `acquisition`"
    elif settings["n_compositions"]:
        yield (
            elements_of(dbi, [], inputs.get("targets", {})),
            "new glasses of the elements of the target and of the database would be proposed: list the `compositions` "
            "of `acquisition` instead of auto",
        )
    if settings["n_runs"]:
        yield (
            elements_of(dbi, [], {}),
            "new glasses of the compositions of the database would be proposed: set `n_runs` of `acquisition` to 0",
        )


def _cells(inputs) -> Iterator[tuple[str, orm.Int]]:
    if "start" in inputs:
        for composition in inputs["start"]["compositions"]:
            yield composition, orm.Int(inputs["start"]["n_atoms"])
    for composition in inputs.get("target_compositions", {}).values():
        yield composition.value, inputs["target_n_atoms"]


def _validate_elements(inputs) -> str | None:
    """Refuse elements without a pseudopotential."""
    wanted: set[str] = set()
    for composition, _ in _cells(inputs):
        wanted |= set(parse_composition(composition))
    for target in inputs.get("targets", {}).values():
        wanted |= set(target.get_symbols_set() if isinstance(target, orm.StructureData) else target.symbols)
    if missing := sorted(wanted - set(inputs["label"].get("pseudos", {}))):
        return f"no pseudopotential for {', '.join(missing)} in `label.pseudos`"
    return None


def _validate_bond_types(inputs) -> str | None:
    """Refuse limits and weights of bonds that the target cannot have."""
    compositions = [composition.value for composition in inputs.get("target_compositions", {}).values()]
    elements = elements_of(None, compositions, inputs.get("targets", {}))
    settings = validate_settings(inputs["acquisition"].get_dict())
    limits = settings["goal"]["limit"] if settings["goal"] is not None else None
    for name, values in (("the goal has a limit", limits), ("there is a weight", settings["weights"])):
        for bond in values if isinstance(values, dict) else ():
            if not set(bond.split("-")) <= set(elements):
                return f"{name} for {bond}, and the elements of the target are {', '.join(elements)}: leave it out"
    return None


def _validate_scale(inputs) -> str | None:
    """Refuse labels on another scale than those of the database, where that can be told in advance."""
    if "dbi" not in inputs or inputs["etl_model"]["settings"].get("mixed_methods", False):
        return None
    theirs = inputs["dbi"].base.attributes.get("method", {}).get("pseudos", {})
    ours = inputs["label"]["pseudos"]
    other = [element for element in sorted(set(theirs) & set(ours)) if theirs[element] != ours[element].md5]
    if other:
        return (
            f"the labels of the database were made with other pseudopotentials of {', '.join(other)} than new ones "
            "would be, so that they could not be learnt from together: give those pseudopotentials, or start anew"
        )
    return None
