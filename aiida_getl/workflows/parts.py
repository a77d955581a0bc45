"""Builders of the parts that a campaign and a loop of active learning have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ProcessBuilderNamespace, WorkChain

from aiida_getl.structures.composition import parse_composition
from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain

#: What the work chain above decides for every melt-quench run.
FROM_PARENT = ("composition", "n_atoms", "potential", "seed")
#: Namespaces of the cells that are larger than those to label.
LARGE = ("large", "target_melt_quench")


def melt_quench_part(
    codes: dict, composition: Any, potential: orm.SinglefileData, inputs: dict, namespace: str, options: dict
) -> ProcessBuilder:
    """Return what all melt-quench runs of a namespace have in common.

    :param codes: mapping with the code, or its label, for `lammps`, and perhaps another one for `large` cells.
    :param inputs: of the protocol above: the protocols of the parts, and overrides by namespace.
    :param options: mapping of scheduler options for `lammps`; those of large cells, where they differ, as ``large``
        among them.
    """
    own = dict(options.get("lammps") or {})
    large = own.pop("large", None) or {}
    code = codes["lammps"]
    if namespace in LARGE:
        own, code = {**own, **large}, codes.get("large", code)
    # Its number of atoms and its seed are stand-ins, which are taken out again.
    part = MeltQuenchWorkChain.get_builder_from_protocol(
        code,
        composition,
        potential,
        n_atoms=100,
        seed=1,
        protocol=inputs["protocols"][namespace],
        overrides=inputs.get(namespace),
        options=own,
    )
    for name in FROM_PARENT:
        part.pop(name, None)
    return part


def label_part(codes: dict, elements: Iterable[str], inputs: dict, options: dict) -> ProcessBuilder:
    """Return what all labels have in common.

    :param codes: mapping with codes, or their labels, for `pw`, `lobster` and perhaps `projwfc`.
    :param inputs: of the protocol above: the protocols of the parts, and overrides by namespace.
    :param options: mapping of scheduler options for `label`.
    """
    return LabelWorkChain.get_builder_from_protocol(
        codes["pw"],
        codes["lobster"],
        elements=list(elements),
        projwfc_code=codes.get("projwfc"),
        protocol=inputs["protocols"]["label"],
        overrides=inputs.get("label"),
        options=options.get("label"),
    )


def fill_learning_part(
    part: ProcessBuilderNamespace,
    process_class: type[WorkChain],
    codes: dict,
    inputs: dict,
    namespace: str,
    options: dict,
) -> None:
    """Set how a part learns: its settings and, if there is one, the code of its jobs.

    :param codes: mapping with the code, or its label, for `learn`, or without it to learn in the daemon.
    :param inputs: of the protocol above: the protocols of the parts, and overrides by namespace.
    :param options: mapping of scheduler options for `learn`.
    """
    protocol = process_class.get_protocol_inputs(inputs["protocols"][namespace], inputs.get(namespace))
    part["settings"] = protocol["settings"]
    if "learn" in codes:
        code = codes["learn"]
        part["code"] = orm.load_code(code) if isinstance(code, str) else code
        part["options"] = options.get("learn", {})


def elements_of(dbi: orm.ArrayData | None, compositions: Iterable[str], targets: dict) -> list[str]:
    """Return all elements of a loop of active learning, sorted.

    :param dbi: ``getl.dbi``, if there is one.
    :param targets: ``StructureData`` and ``TrajectoryData`` by name.
    """
    elements = {element for composition in compositions for element in parse_composition(composition)}
    for target in targets.values():
        elements |= set(target.get_symbols_set() if isinstance(target, orm.StructureData) else target.symbols)
    if dbi is not None:
        elements |= {symbol for settings in dbi.descriptors.values() for symbol in settings["species"]}
    return sorted(elements)
