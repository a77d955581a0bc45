"""Candidates, their recipes and keys; settings."""

import numpy as np
import pytest
from ase import Atoms

from aiida_getl.acquisition.candidates import Candidate, check_recipe
from aiida_getl.acquisition.settings import DEFAULTS, deformation_matrix, directions, validate_settings

ATOMS = Atoms("CuZr", positions=[[0, 0, 0], [1.5, 1.5, 1.5]], cell=[3, 3, 3], pbc=True)
DEFORM = {"operation": "deform", "parent": "u", "deformation": {"name": "shear_xy", "amplitude": 0.2}}
MELT = {"operation": "melt_quench", "composition": "Cu50Zr50", "n_atoms": 24, "seed": 123}


def test_key_is_that_of_the_recipe():
    first = Candidate("deformation", DEFORM, ATOMS, False, "g", "a")
    turned = {name: DEFORM[name] for name in reversed(DEFORM)}
    assert Candidate("deformation", turned, ATOMS.repeat(2), False, "h", "b").key == first.key
    other = {**DEFORM, "deformation": {"name": "shear_xy", "amplitude": 0.3}}
    assert Candidate("deformation", other, ATOMS, False, "g", "a").key != first.key


def test_size_is_that_of_the_cell_to_be_made():
    assert Candidate("deformation", DEFORM, ATOMS, False, "g", "a").n_atoms == 2
    assert Candidate("run", MELT, ATOMS, True, "g", "a").n_atoms == 24


@pytest.mark.parametrize(
    ("kind", "recipe", "message"),
    [
        ("melting", MELT, "melting"),
        ("deformation", MELT, "cannot be made by 'melt_quench'"),
        ("run", {"operation": "melt"}, "'melt'"),
        ("run", {k: v for k, v in MELT.items() if k != "seed"}, "seed"),
        ("run", {**MELT, "n_atoms": "24"}, "n_atoms"),
        ("run", {**MELT, "n_atoms": 0}, "at least one"),
        ("run", {**MELT, "seed": -1}, "negative"),
        ("run", {**MELT, "seed": True}, "of the type int"),
        ("frame", {"operation": "frame", "run": "u", "frame": -1}, "negative"),
    ],
)
def test_refuses_recipes_that_cannot_be_carried_out(kind, recipe, message):
    with pytest.raises(ValueError, match=message):
        Candidate(kind, recipe, ATOMS, False, "g", "a")
    if kind in ("run", "frame"):
        with pytest.raises(ValueError, match=message):
            check_recipe(recipe)


def test_deformations_by_family():
    assert len(directions("shear")) == 6
    assert directions("compression") == ["compression_x", "compression_y", "compression_z"]
    assert directions("isotropic_tension") == ["isotropic_tension"]
    np.testing.assert_allclose(
        deformation_matrix({"name": "shear_xy", "amplitude": 0.2}), [[1, 0.2, 0], [0, 1, 0], [0, 0, 1]]
    )
    np.testing.assert_allclose(deformation_matrix({"name": "tension_y", "amplitude": 0.03}), np.diag([1, 1.03, 1]))
    np.testing.assert_allclose(
        deformation_matrix({"name": "isotropic_compression", "amplitude": -0.2}), 0.8 * np.eye(3)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ballance": 0.5}, "ballance"),
        ({"balance": 1.5}, "from 0 to 1"),
        ({"balance": float("nan")}, "from 0 to 1"),
        ({"max_items": 0}, "1 or more"),
        ({"max_items": True}, "1 or more"),
        ({"n_atoms": 1}, "2 or more"),
        ({"goal": {"quantity": "mae", "limit": 0.1}}, "std or rmse"),
        ({"goal": {"quantity": "std", "limit": {"Zr-Zr": 0.0}}}, "give eV"),
        ({"goal": 0.05}, "must be a mapping"),
        ({"weights": "bond"}, "bond"),
        ({"weights": {"Zr-Cu": 1.0, "Cu-Zr": 2.0}}, "Zr-Cu is twice among the weights"),
        ({"weights": {"ZrCu": 1.0}}, "'ZrCu' among the weights is no bond type"),
        ({"goal": {"quantity": "std", "limit": {"Zr-Qq": 0.1}}}, "'Zr-Qq' among the limits is no bond type"),
        ({"goal": {"quantity": "std", "limit": {5: 0.1}}}, "5 among the limits is no bond type"),
        ({"weights": {"Zr-Zr": 0.0}}, "numbers by bond type"),
        ({"deformations": {"shear": 0.2}}, "give a list"),
        ({"deformations": {"isotropic": [0.2]}}, "unknown deformation"),
        ({"deformations": {"compression": [0.2]}}, "must be"),
        ({"deformations": {"tension_x": ["much"]}}, "must be a number"),
        ({"compositions": "Cu50Zr50"}, "give a list"),
        ({"compositions": ["Xx50Zr50"]}, "Xx"),
        ({"min_gain_per_cost": -1.0}, "core-hour"),
    ],
)
def test_settings_are_checked_at_the_door(settings, message):
    with pytest.raises(ValueError, match=message):
        validate_settings(settings)


def test_defaults_are_complete_and_stay_as_they_are():
    settings = validate_settings({"n_cells": 0})
    assert set(settings) == set(DEFAULTS)
    assert settings["n_cells"] == 0
    assert DEFAULTS["n_cells"] > 0
