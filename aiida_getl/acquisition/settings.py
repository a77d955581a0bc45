"""Settings of assessing and proposing: defaults in one place, checked once, at the door."""

from __future__ import annotations

from typing import Any

from ase.data import chemical_symbols

from aiida_getl.structures.bonds import bond_type
from aiida_getl.structures.composition import parse_composition
from aiida_getl.structures.deformation import PUBLISHED_SUBRUNS, deformations

DEFAULTS: dict[str, Any] = {
    #: what is aimed at: None, or {"quantity": "std" or "rmse", "limit": eV, or eV by bond type}. std: the mean stated
    #: standard deviation of the target's bonds; rmse: the error on groups left out
    "goal": None,
    #: how much each bond type of the target counts: "equal", "bonds" (as many as it has), or numbers by bond type
    "weights": "equal",
    #: with "equal" and "bonds", types that make a smaller share of the target's bonds do not count
    "min_share": 0.001,
    #: 0: exploit only, 1: explore only; between them gains per cost are multiplied by 2(1 - b) and 2b, one at most
    "balance": 0.5,
    #: items of a proposal at most
    "max_items": 12,
    #: a proposal ends where the next item would bring less than this share of the target's present uncertainty, ...
    "min_gain": 0.005,
    #: ... or less eV per core-hour than this
    "min_gain_per_cost": 0.0,
    #: bonds of each type at most that gains are computed for, and from, of the target and of each candidate
    "max_target_bonds": 300,
    "max_candidate_bonds": 64,
    #: labels of one cell resemble each other: they tell as much as so many independent ones at most
    "independent_per_cell": 50,
    #: deformations of every cell as quenched: amplitudes by name (or "shear", "tension", ... for all directions)
    "deformations": {
        "shear": [0.2, 0.5],
        "tension": [0.05],
        "compression": [-0.1, -0.2],
        "isotropic_tension": [0.03],
        "isotropic_compression": [-0.1],
    },
    #: candidates of each kind at most, drawn if there are more
    "max_of_kind": 60,
    #: further frames of each melt-quench run at most
    "n_frames": 4,
    #: new runs of each composition that is known
    "n_runs": 1,
    #: new compositions: a list, or "auto": neighbours of those known, and the target's
    "compositions": "auto",
    #: fraction of the atoms that neighbours differ by
    "composition_step": 0.1,
    #: new compositions at most, of "auto"
    "n_compositions": 4,
    #: cells cut from the target at most
    "n_cells": 6,
    #: atoms of new runs and of cells cut; None: as many as the smallest cell labelled
    "n_atoms": None,
}

_COUNTS = {
    "max_items": 1,
    "max_target_bonds": 10,
    "max_candidate_bonds": 5,
    "independent_per_cell": 1,
    "max_of_kind": 1,
    "n_frames": 0,
    "n_runs": 0,
    "n_compositions": 0,
    "n_cells": 0,
}


def validate_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings completed by the defaults.

    Raises
    ------
    ValueError
        For an unknown setting or a value out of range, naming both.
    """
    if unknown := sorted(set(settings) - set(DEFAULTS)):
        raise ValueError(f"unknown settings of active learning {unknown}: choose from {sorted(DEFAULTS)}")
    result = {**DEFAULTS, **settings}
    for name, smallest in _COUNTS.items():
        if not _is_integer(result[name]) or result[name] < smallest:
            raise ValueError(f"active learning: {name} is {result[name]!r}: it must be an integer, {smallest} or more")
    if result["n_atoms"] is not None and (not _is_integer(result["n_atoms"]) or result["n_atoms"] < 2):
        raise ValueError(f"active learning: n_atoms is {result['n_atoms']!r}: it must be an integer, 2 or more")
    for name, high in (("balance", 1.0), ("min_share", 1.0), ("min_gain", 1.0), ("composition_step", 0.5)):
        if not _is_number(result[name]) or not 0.0 <= result[name] <= high:
            raise ValueError(f"active learning: {name} is {result[name]!r}: it must be a number from 0 to {high:g}")
    if not _is_number(result["min_gain_per_cost"]) or not 0.0 <= result["min_gain_per_cost"] < float("inf"):
        raise ValueError(
            f"active learning: min_gain_per_cost is {result['min_gain_per_cost']!r}: it must be eV per core-hour"
        )
    result["goal"] = _goal(result["goal"])
    result["weights"] = _weights(result["weights"])
    for name, amplitudes in _mapping("deformations", result["deformations"]).items():
        if not isinstance(amplitudes, (list, tuple)):
            raise ValueError(f"active learning: the amplitudes of {name} are {amplitudes!r}: give a list")
        for amplitude in amplitudes:
            for single in directions(name):
                deformation_matrix({"name": single, "amplitude": amplitude})
    if result["compositions"] != "auto":
        if not isinstance(result["compositions"], (list, tuple)):
            raise ValueError(f"active learning: compositions is {result['compositions']!r}: give a list, or auto")
        for composition in result["compositions"]:
            if not isinstance(composition, str):
                raise ValueError(f"active learning: a composition is {composition!r}: write it as a formula")
            parse_composition(composition)
    return result


def directions(name: str) -> list[str]:
    """Return the deformations that a name stands for: ``shear`` for all six shears.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    found = [own for own in PUBLISHED_SUBRUNS if own == name or own.rsplit("_", 1)[0] == name]
    found = [own for own in found if not (own.startswith("isotropic") and name == "isotropic")]
    if not found:
        raise ValueError(
            f"unknown deformation {name!r}: choose shear, tension, compression or {list(PUBLISHED_SUBRUNS)}"
        )
    return found


def deformation_matrix(deformation: dict[str, Any]) -> Any:
    """Return the (3, 3) matrix of a deformation as in a recipe: its name and its amplitude.

    The name is one of :data:`aiida_getl.structures.deformation.PUBLISHED_SUBRUNS`; the amplitude of a shear is the
    displacement over distance, others are relative changes in length, negative for a compression.

    Raises
    ------
    ValueError
        For an unknown name, or an amplitude of the wrong sign or size.
    """
    if set(deformation) != {"name", "amplitude"}:
        raise ValueError(f"a deformation has a name and an amplitude, and this has {sorted(deformation)}")
    name, amplitude = deformation["name"], deformation["amplitude"]
    if name not in PUBLISHED_SUBRUNS:
        raise ValueError(f"unknown deformation {name!r}: choose from {list(PUBLISHED_SUBRUNS)}")
    if not _is_number(amplitude):
        raise ValueError(f"the amplitude of {name} is {amplitude!r}: it must be a number")
    if name.startswith("shear"):
        return deformations(shear=float(amplitude))[name]
    family = "isotropic" if name.startswith("isotropic") else "uniaxial"
    pair = (float(amplitude), -0.1) if "tension" in name else (0.1, float(amplitude))
    return deformations(uniaxial=pair if family == "uniaxial" else (0.1, -0.1), isotropic=pair)[name]


def _goal(goal: Any) -> dict[str, Any] | None:
    if goal is None:
        return None
    if set(_mapping("goal", goal)) != {"quantity", "limit"} or goal["quantity"] not in ("std", "rmse"):
        raise ValueError(f"active learning: the goal is {goal}: give a quantity, std or rmse, and a limit in eV")
    limit = goal["limit"]
    limits = list(limit.values()) if isinstance(limit, dict) else [limit]
    if not limits or not all(_is_number(value) and value > 0.0 for value in limits):
        raise ValueError(f"active learning: the limit of the goal is {limit!r}: give eV, or eV by bond type")
    return {"quantity": goal["quantity"], "limit": _by_type("limits", limit) if isinstance(limit, dict) else limit}


def _weights(weights: Any) -> Any:
    if weights in ("equal", "bonds"):
        return weights
    values = list(weights.values()) if isinstance(weights, dict) else []
    if not all(_is_number(value) and value >= 0.0 for value in values) or not sum(values) > 0.0:
        raise ValueError(f"active learning: weights is {weights!r}: give equal, bonds, or numbers by bond type")
    return _by_type("weights", weights)


def _by_type(name: str, values: dict[Any, Any]) -> dict[str, Any]:
    """Return numbers by bond type, whichever of its elements was named first."""
    result: dict[str, Any] = {}
    for given, value in values.items():
        elements = given.split("-") if isinstance(given, str) else []
        if len(elements) != 2 or not set(elements) <= set(chemical_symbols[1:]):
            raise ValueError(f"active learning: {given!r} among the {name} is no bond type: write it as Zr-Cu")
        own = bond_type(*elements)
        if own in result:
            raise ValueError(f"active learning: {own} is twice among the {name}, in both orders: give it once")
        result[own] = value
    return result


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"active learning: {name} is {value!r}: it must be a mapping")
    return value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
