"""What the configuration of a campaign or a loop may say: every key by name, and of what kind its value is.

Whether values make sense together is checked where they are used.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiida_getl.structures.deformation import deformations


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    :param wanted: what to give, in words.
    :param fits: tells whether a value is of this kind.
    """

    wanted: str
    fits: Callable[[Any], bool]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))  # YAML takes 1e3 for a text
    except (TypeError, ValueError, OverflowError):
        return False


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


TEXT = Kind("a text", lambda value: isinstance(value, str))
NAME = Kind("a text or a number", lambda value: isinstance(value, str) or _is_whole(value))
WHOLE = Kind("a whole number", _is_whole)
NUMBER = Kind("a finite number", _is_finite)
YES_OR_NO = Kind("true or false", lambda value: isinstance(value, bool))
FORMULA = Kind("a formula, or amounts by element", lambda value: isinstance(value, (str, dict)))
TEXTS = Kind("a text, or a list of them", lambda value: isinstance(value, str) or _is_list_of_texts(value))
NAMES = Kind(
    "one, or a list of them",
    lambda value: NAME.fits(value) or (isinstance(value, list) and all(NAME.fits(each) for each in value)),
)
MAPPING = Kind("a mapping, `name: value` for each", lambda value: isinstance(value, dict))
ANYTHING = Kind("something", lambda value: True)

#: What a loop may cost and do by itself, in its file or among the overrides.
BUDGETS = {
    **dict.fromkeys(("max_iterations", "max_labels", "max_concurrent", "failures_max"), WHOLE),
    **{"mode": TEXT, "max_core_hours": NUMBER},
}

#: A kind, or the keys of a mapping with what each may hold.
Schema = Kind | Mapping[str, "Schema"]


def check(value: Any, schema: Schema, name: str = "") -> Any:
    """Return a value without the mappings in it that are empty.

    :param schema: what it may be.
    :param name: of the value, as in ``overrides.label``; empty for the whole file.
    :raises ValueError: for a value of another kind, or unknown keys, naming them.
    """
    if isinstance(schema, Kind):
        if value is None and schema is not ANYTHING:
            raise ValueError(f"{name} is empty: give {schema.wanted}, or leave it out")
        if not schema.fits(value):
            raise ValueError(f"{name} is {value!r}: give {schema.wanted}")
        return value
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r}: give {MAPPING.wanted}")
    unknown = sorted(str(key) for key in value if key not in schema)
    if unknown:
        where = f"{name} has unknown keys" if name else "unknown keys"
        raise ValueError(f"{where} {unknown}: choose from {', '.join(sorted(schema))}")
    checked = {}
    for key, own in value.items():
        if own is None and not isinstance(schema[key], Kind):
            continue  # a heading below which everything is commented out
        checked[key] = check(own, schema[key], f"{name}.{key}" if name else key)
    return checked


def _options() -> dict[str, Schema]:
    """Return what the scheduler options of a job may be."""
    from aiida.engine import CalcJob

    ports = CalcJob.spec().inputs["metadata"]["options"]
    return {**dict.fromkeys(ports, ANYTHING), "resources": MAPPING}


def _options_of_parts() -> dict[str, Schema]:
    """Return what ``options`` may hold: those of each part, with those of large cells among those of LAMMPS."""
    return {"lammps": {**_options(), "large": _options()}, "label": _options_of_label(), "learn": _options()}


def _options_of_label() -> dict[str, Schema]:
    """Return what the options of a label may be: those of pw.x, with those of the analysis among them."""
    return {**_options(), "analysis": _options()}


def campaign_schema(codes: Iterable[str]) -> dict[str, Schema]:
    """Return what the configuration of a campaign may hold.

    :param codes: names of the codes it may name.
    """
    from aiida_getl.workflows.getl import LEARNING

    plain = dict.fromkeys(("n_runs", "n_atoms", "large_n_atoms", "max_concurrent", "failures_max"), WHOLE)
    parts = _parts(("melt_quench", "large"), tuple(LEARNING))
    amplitudes = dict.fromkeys(inspect.signature(deformations).parameters, ANYTHING)
    return {
        **{"composition": FORMULA, "potential": TEXT, "seed": WHOLE, "protocol": TEXT, "label": NAME},
        "codes": _each(codes, TEXT),
        "overrides": {**plain, "sub_runs": TEXTS, "amplitudes": amplitudes, **parts, "protocols": _each(parts, TEXT)},
        "options": _options_of_parts(),
    }


def loop_schema(codes: Iterable[str]) -> dict[str, Schema]:
    """Return what the configuration of a loop may hold.

    :param codes: names of the codes it may name.
    """
    parts = _parts(("melt_quench", "target_melt_quench"), ("etl_model",))
    own = {"start": {"n_runs": WHOLE, "n_atoms": WHOLE}, "target_n_atoms": WHOLE, "acquisition": MAPPING}
    return {
        **{"seed": WHOLE, "target": NAMES, "dbi": NAME, "compositions": TEXTS, "potential": TEXT, "goal": MAPPING},
        **{"protocol": TEXT, "label": NAME, **BUDGETS},
        "codes": _each(codes, TEXT),
        "overrides": {**BUDGETS, **own, **parts, "protocols": _each(parts, TEXT)},
        "options": _options_of_parts(),
    }


def _parts(melt_quench: tuple[str, ...], learning: tuple[str, ...]) -> dict[str, Schema]:
    from aiida_getl.workflows.limits import LIMITS

    run = {
        "parameters": MAPPING,
        "max_restarts": WHOLE,
        "max_memory_kb": WHOLE,
        "min_mpiprocs_per_machine": WHOLE,
        "lammps": {"metadata": {"options": _options()}, "settings": MAPPING},
    }
    label = {
        **{"settings": MAPPING, "pseudo_family": TEXT, "clean_workdir": YES_OR_NO, "options": _options_of_label()},
        "limits": _each(("scf", "analysis"), _each(LIMITS, WHOLE)),
    }
    return {**_each(melt_quench, run), "label": label, **_each(learning, {"settings": MAPPING})}


def _each(names: Iterable[str], schema: Schema) -> dict[str, Schema]:
    return dict.fromkeys(names, schema)
