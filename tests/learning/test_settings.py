"""Settings are checked at the door."""

import pytest

from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.settings import DEFAULTS, complete_settings, validate_settings

DESCRIPTOR = {"kind": "bond_centre_soap", "species": ["Cu", "Zr"]}


def test_defaults_are_filled_in():
    settings = validate_settings({"descriptor": DESCRIPTOR, "max_bonds": 500})
    assert settings["max_bonds"] == 500
    assert {**settings, "max_bonds": DEFAULTS["max_bonds"]} == {**DEFAULTS, "descriptor": settings["descriptor"]}
    assert settings["descriptor"] == from_settings(DESCRIPTOR).settings()
    assert validate_settings(settings) == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_bond": 5}, r"\['max_bond'\]"),
        ({"max_bonds": 0}, "max_bonds is 0"),
        ({"max_bonds": True}, "max_bonds is True"),
        ({"max_folds": 1}, "max_folds is 1"),
        ({"min_bonds": 2.5}, r"min_bonds is 2\.5"),
        ({"r_max": -1}, "r_max is -1"),
        ({"r_max": "4"}, "r_max is '4'"),
        ({"group_by": "glass"}, "group_by is 'glass'"),
        ({"selection": "best"}, r"selection is 'best': choose from \['random', 'stratified'"),
        ({"prior_mean": None}, r"prior_mean is None: choose from \['exponential', 'zero'\]"),
        ({"learning_curve": 1}, "learning_curve is 1"),
        ({"descriptor": {"kind": "x"}}, "unknown descriptor 'x'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        validate_settings({"descriptor": DESCRIPTOR, **settings})


def test_descriptor_is_needed():
    with pytest.raises(ValueError, match="need 'descriptor'"):
        validate_settings({})


def test_the_data_set_decides_what_is_learnt_from():
    descriptors = {"bond_centre_soap": DESCRIPTOR, "end_atom_soap": {"kind": "end_atom_soap", "species": ["Cu", "Zr"]}}
    assert complete_settings({}, descriptors)["descriptor"]["kind"] == "bond_centre_soap"
    with pytest.raises(ValueError, match="descriptor follows from the data set"):
        complete_settings({"descriptor": DESCRIPTOR}, descriptors)
    with pytest.raises(ValueError, match="and none of"):
        complete_settings({}, {"end_atom_soap": {}})
