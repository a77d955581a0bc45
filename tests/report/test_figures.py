"""Figures: files that can be looked at, whatever the data."""

import numpy as np
import pytest
from matplotlib import image

from aiida_getl.report import figures

RNG = np.random.default_rng(0)
TYPES = np.array(["Zr-Zr"] * 60 + ["Zr-Cu"] * 60 + ["Cu-Cu"])
DISTANCE = RNG.uniform(2.4, 4.2, len(TYPES))
STRENGTH = 2.0 * np.exp(2.4 - DISTANCE) + RNG.normal(scale=0.02, size=len(TYPES))
RMSE = dict.fromkeys(np.unique(TYPES).tolist(), 0.02)


def assert_is_figure(path):
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 5000
    pixels = image.imread(path)[..., :3]
    assert pixels.shape[0] > 300
    assert 0.005 < (pixels.min(axis=2) < 0.9).mean() < 0.5  # neither empty nor black


DRAWINGS = {
    "strength_against_distance": lambda path: figures.strength_against_distance(path, TYPES, DISTANCE, STRENGTH),
    "parity": lambda path: figures.parity(
        path,
        TYPES,
        STRENGTH,
        STRENGTH + 0.02,
        np.full(len(TYPES), 0.03),
        dict.fromkeys(np.unique(TYPES).tolist(), 0.02),
    ),
    "strength_distribution": lambda path: figures.strength_distribution(path, TYPES, STRENGTH),
    "learning_curve": lambda path: figures.learning_curve(
        path, {"Zr-Cu": ([50, 100, 200], [0.1, 0.07, 0.05]), "Cu-Cu": ([20, 40], [0.2, 0.1])}
    ),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_writes_a_figure(tmp_path, name):
    path = tmp_path / "new" / "folder" / f"{name}.png"
    assert DRAWINGS[name](path) == path
    assert_is_figure(path)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("strength_against_distance", ["distance (Å)", "-ICOHP computed (eV)", "Zr-Zr", "Cu-Cu"]),
        ("parity", ["-ICOHP computed (eV)", "-ICOHP predicted (eV),", "run left out", "RMSE 0.020 eV", "60 bonds"]),
        ("strength_distribution", ["-ICOHP predicted (eV)", "bonds per", "Zr-Cu, mean"]),
        ("learning_curve", ["bonds in the training set", "RMSE (eV), run left out", "Zr-Cu"]),
    ],
)
def test_axes_have_units(tmp_path, name, labels):
    from matplotlib import pyplot as plt

    with plt.rc_context({"svg.fonttype": "none"}):
        text = DRAWINGS[name](tmp_path / f"{name}.svg").read_text()
    for label in labels:
        assert label in text


def test_no_figure_stays_open(tmp_path):
    from matplotlib import pyplot as plt

    DRAWINGS["parity"](tmp_path / "parity.png")
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["strength_against_distance", "parity", "strength_distribution"])
def test_more_bond_types_than_colours(tmp_path, name):
    """Four elements have ten bond types, none of which may be missing."""
    from matplotlib import pyplot as plt

    elements = ["Zr", "Cu", "Al", "Ni"]
    types = np.array([f"{a}-{b}" for i, a in enumerate(elements) for b in elements[i:]] * 5)
    distance = np.linspace(2.4, 4.0, len(types))
    strength, path = np.exp(-distance), tmp_path / "many.svg"
    with plt.rc_context({"svg.fonttype": "none"}):
        if name == "strength_against_distance":
            figures.strength_against_distance(path, types, distance, strength)
        elif name == "parity":
            rmse = dict.fromkeys(np.unique(types).tolist(), 0.05)
            figures.parity(path, types, strength, strength, 0.1 * strength, rmse)
        else:
            figures.strength_distribution(path, types, strength)
    text = path.read_text()
    shown = text.count("-ICOHP computed (eV)") if name == "parity" else text.count("distance (Å)")
    if name == "strength_distribution":
        assert all(f"{bond_type}, mean" in text for bond_type in np.unique(types))
    else:
        assert shown == 10
