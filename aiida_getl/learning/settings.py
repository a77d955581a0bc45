"""Settings of training and validation: defaults in one place, checked once, at the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida_getl.learning.descriptors import BondCentreSoap, BondEnvironment, EndAtomSoap, from_settings
from aiida_getl.learning.prior_mean import PRIOR_MEANS
from aiida_getl.learning.selection import METHODS as SELECTIONS

DEFAULTS: dict[str, Any] = {
    #: bonds longer than this (Å) are neither learnt nor predicted; LOBSTER listed the published ones up to it
    "r_max": 4.2,
    #: bonds of one type to train on at most
    "max_bonds": 100_000,
    #: how these are chosen where there are more: random, stratified, farthest_point, leverage or uncertainty
    "selection": "random",
    #: of these, bonds to find the hyperparameters on at most
    "max_bonds_hyperparameters": 600,
    #: bonds that a prediction sums over at most; fewer bonds than this are an exact Gaussian process
    "max_inducing": 1000,
    #: what the Gaussian process returns to far from all training bonds: exponential in the distance, or zero
    "prior_mean": "exponential",
    #: a bond type with fewer is not trained
    "min_bonds": 30,
    #: what is left out together in validation: composition, run, strain, random (leaky), or auto: run if there are two
    "group_by": "auto",
    #: more groups than this are joined
    "max_folds": 10,
    #: also train on fewer groups
    "learning_curve": True,
}

#: kinds of descriptors that a model can learn from, the best first
LEARNT_FROM = (BondEnvironment.kind, BondCentreSoap.kind)

#: settings that name one of several ways
CHOICES: dict[str, tuple[str, ...]] = {
    "selection": SELECTIONS,
    "prior_mean": PRIOR_MEANS,
    "group_by": ("auto", "composition", "run", "strain", "random"),
}


def default_descriptors(species: Sequence[str]) -> list[dict[str, Any]]:
    """Return the settings of the descriptor to learn from, and of the published one for comparison."""
    return [BondEnvironment(species).settings(), EndAtomSoap(species).settings()]


def validate_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings completed by the defaults.

    ``descriptor`` has no default: it holds the complete settings of a descriptor in the bond table, species included.

    Raises
    ------
    ValueError
        For an unknown setting or a value out of range, naming both.
    """
    if unknown := sorted(set(settings) - {*DEFAULTS, "descriptor"}):
        raise ValueError(f"unknown training settings {unknown}: choose from {sorted(DEFAULTS)}")
    if "descriptor" not in settings:
        raise ValueError("training settings need 'descriptor': the settings of a descriptor in the bond table")
    result = {**DEFAULTS, **settings, "descriptor": from_settings(settings["descriptor"]).settings()}
    if result["descriptor"]["kind"] not in LEARNT_FROM:
        raise ValueError(
            f"training setting descriptor is of the kind {result['descriptor']['kind']!r}: "
            f"choose from {list(LEARNT_FROM)}"
        )
    smallest_allowed = dict.fromkeys(("max_bonds", "max_bonds_hyperparameters", "max_inducing", "min_bonds"), 3)
    for name, smallest in {**smallest_allowed, "max_folds": 2}.items():
        value = result[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise ValueError(f"training setting {name} is {value!r}: it must be an integer, {smallest} or more")
    if not isinstance(result["r_max"], (int, float)) or not result["r_max"] > 0:
        raise ValueError(f"training setting r_max is {result['r_max']!r}: it must be a length in Å")
    for name, choices in CHOICES.items():
        if result[name] not in choices:
            raise ValueError(f"training setting {name} is {result[name]!r}: choose from {list(choices)}")
    if not isinstance(result["learning_curve"], bool):
        raise ValueError(f"training setting learning_curve is {result['learning_curve']!r}: it must be true or false")
    return result


def complete_settings(settings: dict[str, Any], descriptors: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return training settings with the best descriptor of a data set that can be learnt from, as it was made there.

    Parameters
    ----------
    settings : training settings without ``descriptor``
    descriptors : settings of the descriptors of the data set, by kind

    Raises
    ------
    ValueError
        If the data set has none of them, the settings name one, or as :func:`validate_settings`.
    """
    if "descriptor" in settings:
        raise ValueError(
            "the training setting descriptor follows from the data set, which was made with it: leave it out"
        )
    for kind in LEARNT_FROM:
        if kind in descriptors:
            return validate_settings({**settings, "descriptor": descriptors[kind]})
    raise ValueError(
        f"the data set holds {sorted(descriptors) or 'no descriptors'}, and none of {list(LEARNT_FROM)} that is learnt "
        "from: they are made from the structures when labels become a database, and .bnd files have no structures"
    )
