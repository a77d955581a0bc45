"""Whether a loop can make and label a cell with the potential and the pseudopotentials that it was started with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm

from aiida_getl.structures.composition import parse_composition
from aiida_getl.workflows.melt_quench import validate_inputs as validate_cell


def why_no_run(inputs: Any, composition: str, n_atoms: int) -> str | None:
    """Return why a glass of a composition can be no item of a loop, None if it can.

    :param inputs: of the loop, by name: those of the process, or of its node.
    """
    if "melt_quench" not in inputs or "potential" not in inputs:
        return "the loop was started without a potential, so that it can make no glass: give a structure"
    cell = {"composition": orm.Str(composition), "n_atoms": orm.Int(n_atoms), "potential": inputs["potential"]}
    return validate_cell(cell, None) or why_no_label(inputs, parse_composition(composition))


def why_no_label(inputs: Any, kinds: Iterable[str]) -> str | None:
    """Return why a structure of these kinds cannot be labelled in a loop, None if it can.

    :param inputs: as of :func:`why_no_run`.
    """
    known = set(inputs["label"]["pseudos"])
    missing = sorted(set(kinds) - known)
    if missing:
        return (
            f"the loop has no pseudopotential for {', '.join(missing)}, only for {', '.join(sorted(known))}: a loop is "
            "started with those of its database, its compositions and its target"
        )
    return None
