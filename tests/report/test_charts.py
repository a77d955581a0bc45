"""Charts hold what they are given, in the numbers that a page can read."""

import json

import numpy as np
import pytest

from aiida_getl.learning.analytics import atom_bonding
from aiida_getl.report import plots, plots_bonding, plots_work
from aiida_getl.report.charts import Axis, Chart, Layer, Panel, colour_numbers, colour_stops, numbers, steps
from aiida_getl.report.content import Cost, Labels, Round

COLOURS = colour_numbers(("Al-Al", "Cu-Al", "Cu-Cu", "Zr-Al", "Zr-Cu", "Zr-Zr"))


def test_numbers_that_json_has():
    assert numbers([1.23456789, np.nan, np.inf, 0.0]) == [1.2346, None, None, 0.0]
    assert numbers(np.array([123456]), 9) == [123456.0]


def test_what_is_empty_is_left_out_and_zero_is_not():
    panel = Panel("", Axis("x", low=0.0), Axis("y"), [Layer("points", [0.0], [1.0], colour=0)])
    found = Chart("a", "b", "c", "d", [panel]).as_dict()
    assert found["panels"][0]["x"] == {"label": "x", "low": 0.0}
    assert found["panels"][0]["layers"][0] == {"kind": "points", "x": [0.0], "y": [1.0], "colour": 0, "size": 2.2}
    assert "legend" not in found


def test_steps_count_every_value():
    layer = steps([0.1, 0.2, 0.9, 1.0], [0.0, 0.5, 1.0], colour=2)
    assert (layer.x, layer.x2, layer.y) == ([0.0, 0.5], [0.5, 1.0], [2.0, 2.0])


def test_colours_do_not_depend_on_the_order():
    assert colour_numbers(["b", "a", "b"]) == colour_numbers(["a", "b"]) == {"a": 0, "b": 1}


def test_colour_scale_rises_in_lightness():
    stops = np.array(colour_stops())
    lightness = stops @ [0.2126, 0.7152, 0.0722]
    assert stops.shape == (16, 3)
    assert (np.diff(lightness) > 0).all()


def test_every_label_is_a_point(make_labels):
    labels = make_labels()
    chart = plots.strength_against_distance(labels, COLOURS)
    drawn = {panel.title: panel.layers[1] for panel in chart.panels}
    for name, layer in drawn.items():
        np.testing.assert_allclose(layer.x, labels.distance[labels.types == name], rtol=1e-4)
        np.testing.assert_allclose(layer.y, labels.strength[labels.types == name], rtol=1e-4)
    assert sum(len(layer.x) for layer in drawn.values()) == len(labels.types)


def test_many_points_are_thinned_and_said_to_be():
    n = 3 * plots.MOST_POINTS
    labels = Labels(np.full(n, "Cu-Cu"), np.linspace(2, 4, n), np.ones(n), "x", "x", [])
    chart = plots.strength_against_distance(labels, COLOURS)
    shown = chart.panels[0].layers[1].x
    assert len(shown) == plots.MOST_POINTS
    assert (shown[0], shown[-1]) == (2.0, 4.0)
    assert str(plots.MOST_POINTS) in chart.caption
    assert chart.panels[0].note == f"{n:,} bonds"


def test_model_charts(make_labels, make_model):
    labels = make_labels()
    model = make_model(labels)
    parity = plots.parity(model, COLOURS)
    assert sum(len(panel.layers[1].x) for panel in parity.panels) == len(labels.types)
    assert f"RMSE {model.metrics['Zr-Cu']['model']['rmse']:.3f}" in parity.panels[1].note
    errors = plots.errors_by_method(model)
    assert [name for name, _ in errors.legend] == ["distance only", "this model"]
    assert errors.panels[0].y.categories[0] == "Zr-Cu"  # the most bonds
    curve = plots.learning_curve(model, COLOURS)
    assert [layer.name for layer in curve.panels[0].layers] == sorted(model.metrics)
    assert plots.calibration(model, COLOURS) is not None
    residuals = plots.residuals(model, COLOURS)
    for panel in residuals.panels:
        band = panel.layers[0]
        np.testing.assert_allclose(band.y, -np.array(band.y2))


def test_few_bonds_make_no_figure_of_calibration(make_labels, make_model):
    model = make_model(make_labels(30))
    few = {name: {key: values[:5] for key, values in own.items()} for name, own in model.parity.items()}
    object.__setattr__(model, "parity", few)
    assert plots.calibration(model, COLOURS) is None
    assert plots.residuals(model, COLOURS).panels


def test_bonding_charts(make_bonding):
    bonding = make_bonding()
    atoms = atom_bonding(bonding.bonds, bonding.strength, len(bonding.symbols))
    assert sum(sum(panel.layers[0].y) for panel in plots_bonding.strengths(bonding, COLOURS).panels) == len(
        bonding.strength
    )
    assert sum(sum(panel.layers[0].y) for panel in plots_bonding.atom_sums(bonding, atoms).panels) == 125
    chart = plots_bonding.atom_map(bonding, atoms)
    (layer,) = chart.panels[0].layers
    assert len(layer.x) == len(layer.value) == len(layer.text) == 125
    extrapolations = plots_bonding.extrapolations(bonding)
    assert [name for name, _ in extrapolations.legend] == ["distance unknown", "environment unknown"]


def test_one_bond_of_one_length_can_be_drawn():
    labels = Labels(np.array(["Cu-Cu"]), np.array([2.5]), np.array([1.0]), "x", "x", [])
    for chart in (
        plots.bond_counts(labels),
        plots.strength_against_distance(labels, COLOURS),
        plots.label_distances(labels, COLOURS),
    ):
        json.dumps(chart.as_dict(), allow_nan=False)


def test_cost_and_rounds():
    chart = plots_work.cost(Cost((("LAMMPS", "c", 1, 0.5), ("pw.x", "c", 3, 4.0))))
    assert chart.panels[0].y.categories == ["pw.x, c", "LAMMPS, c"]
    assert chart.panels[0].layers[0].text == ["4 h, 3 jobs", "0.5 h"]
    loop = (Round(0, 4, 0, {"Cu-Cu": 0.2}), Round(1, 2, 0, {"Cu-Cu": 0.1}, 1.0, 0.02, -0.01))
    assert plots_work.rounds(loop, COLOURS).panels[0].layers[0].x == [4.0, 6.0]
    assert plots_work.gains(loop).panels[0].x.low == -0.01
    assert plots_work.rounds(loop[:1], COLOURS) is None
    assert plots_work.gains(loop[:1]) is None


@pytest.mark.parametrize("n", [1, 7, 4000, 4001, 100_000])
def test_thinned(n):
    index = plots.thinned(n)
    assert len(index) == min(n, plots.MOST_POINTS)
    assert (index[0], index[-1]) == (0, n - 1)
    assert (np.diff(index) > 0).all()
