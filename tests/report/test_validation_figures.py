"""Figures of errors and their standard deviations, whatever the data."""

import numpy as np
import pytest
from matplotlib import image, rc_context

from aiida_getl.learning.learning_curve import forecast
from aiida_getl.report import validation_figures as figures

RNG = np.random.default_rng(0)
TYPES = np.array(["Zr-Zr"] * 300 + ["Zr-Cu"] * 300 + ["Cu-Cu"])
TARGET = RNG.uniform(0.1, 3.0, len(TYPES))
STD = 0.02 + 0.03 * TARGET
PREDICTED = TARGET + RNG.normal(scale=STD)
SIZES = [50, 100, 200]
CURVE = [{"n_bonds": n, "rmse": n**-0.4, "rmse_error": 0.1 * n**-0.4} for n in SIZES]
POINTS = {
    "Zr-Cu": {"random": CURVE, "farthest_point": [{**point, "rmse_error": None} for point in CURVE]},
    "Cu-Cu": {"random": CURVE[:1]},
}
FORECAST = {
    "Zr-Cu": forecast(
        SIZES, [np.array([n**-0.4 * RNG.normal(size=80) for n in SIZES])], np.repeat(np.arange(8), 10), seed=0
    )
}
IMPORTANCE = {
    name: {
        "model": {"rmse": 0.04},
        "distance": {"rmse": 0.5, "rmse_std": 0.01},
        "environment": {"rmse": 0.3, "rmse_std": 0.01},
        "environment_at_distance": {"rmse": 0.1, "rmse_std": 0.01},
    }
    for name in ("Cu-Cu", "Zr-Cu")
}
STRENGTH_B = np.where(TYPES == "Zr-Cu", np.nan, TARGET)

DRAWINGS = {
    "residuals": (
        lambda path: figures.residuals(path, TYPES, TARGET, PREDICTED, STD, "strain"),
        ["error (eV), strain left out", "-ICOHP computed (eV)", "Zr-Cu", "band: predicted std"],
    ),
    "reliability": (
        lambda path: figures.reliability(path, TYPES, TARGET, PREDICTED, STD),
        ["confidence (%)", "RMS error (eV)", "predicted std (eV)", "Zr-Zr", "too narrow"],
    ),
    "selection_curves": (
        lambda path: figures.selection_curves(path, POINTS, FORECAST),
        ["training bonds", "RMSE (eV), run left out", "farthest point", "Cu-Cu"],
    ),
    "importance": (
        lambda path: figures.importance(path, IMPORTANCE),
        ["RMSE on groups left out (eV)", "distance of any other bond", "Zr-Cu"],
    ),
    "strength_comparison": (
        lambda path: figures.strength_comparison(path, TYPES, TARGET, TYPES, STRENGTH_B, ("before", "after")),
        ["-ICOHP (eV)", "bonds (%)", ">before<", ">after<"],
    ),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_writes_a_figure_with_units(tmp_path, name):
    draw, labels = DRAWINGS[name]
    path = tmp_path / "new" / f"{name}.png"
    assert draw(path) == path
    pixels = image.imread(path)[..., :3]
    assert 0.003 < (pixels.min(axis=2) < 0.9).mean() < 0.5  # neither empty nor black
    with rc_context({"svg.fonttype": "none"}):
        text = draw(tmp_path / f"{name}.svg").read_text()
    for label in labels:
        assert label in text


def test_many_bond_types(tmp_path):
    """Four elements have ten bond types, none of which may be missing."""
    elements = ["Zr", "Cu", "Al", "Ni"]
    types = np.array([f"{a}-{b}" for i, a in enumerate(elements) for b in elements[i:]] * 30)
    target = RNG.uniform(0.1, 3.0, len(types))
    with rc_context({"svg.fonttype": "none"}):
        errors = figures.residuals(tmp_path / "a.svg", types, target, target + 0.1, np.full_like(target, 0.1))
        calibration = figures.reliability(tmp_path / "b.svg", types, target, target + 0.1, 0.1 * target)
    for name in np.unique(types):
        assert errors.read_text().count(f">{name}<") == 1
        assert calibration.read_text().count(f">{name}<") == 1
