"""Learning curves and what is read from them."""

import json

import numpy as np
import pytest

from aiida_getl.learning.learning_curve import SELECTIONS, forecast, learning_curve
from aiida_getl.learning.settings import default_descriptors

SETTINGS = {"descriptor": default_descriptors(["Cu", "Zr"])[0], "max_bonds_hyperparameters": 60, "max_folds": 2}


@pytest.fixture(scope="module")
def bonds(small_table):
    """Bonds of one type."""
    return small_table.select(small_table.type == "Zr-Cu")


@pytest.fixture(scope="module")
def curve(bonds):
    steps = []
    result = learning_curve(bonds, SETTINGS, 0, SELECTIONS, progress=lambda *step: steps.append(step))
    assert [step[:2] for step in steps] == [(k, len(SELECTIONS)) for k in range(1, len(SELECTIONS) + 1)]
    return result


def test_error_falls_with_every_selection(bonds, curve):
    assert curve.group_by == "run"
    points = curve.points["Zr-Cu"]
    assert sorted(points) == sorted(SELECTIONS)
    for own in points.values():
        sizes = [point["n_bonds"] for point in own]
        assert sizes == sorted(sizes)
        assert sizes[0] >= 30
        assert sizes[-1] > 8 * sizes[0]
        assert own[-1]["rmse"] < 0.8 * own[0]["rmse"]
        assert all(point["rmse_error"] > 0 for point in own)
    assert json.loads(json.dumps(curve.to_attributes()))["points"] == curve.points


def test_ends_where_all_bonds_are_trained_on(curve):
    last = [own[-1]["rmse"] for own in curve.points["Zr-Cu"].values()]
    # the folds differ by a few bonds, so the selections may still differ by these
    np.testing.assert_allclose(last, last[0], rtol=0.25)


def test_forecast_starts_from_the_last_point(curve):
    result = curve.forecast["Zr-Cu"]
    assert result["rmse"] == pytest.approx(curve.points["Zr-Cu"]["by_group"][-1]["rmse"])
    assert result["rmse_doubled"] < result["rmse"]
    assert f"instead of {result['n_bonds']} training bonds" in result["message"]


def test_sizes_by_choice_and_types_without_a_curve(bonds):
    result = learning_curve(bonds, SETTINGS, 0, ["random"], sizes=[40, 80, 10**6])
    assert [point["n_bonds"] for point in result.points["Zr-Cu"]["random"]] == [40, 80]
    assert result.forecast == {}
    none = learning_curve(bonds, SETTINGS, 0, ["random"], sizes=[10**6])
    assert none.points == {}
    assert "fewer than the smallest size" in none.skipped["Zr-Cu"]


def power_law(exponent, n_groups=12, per_group=40, floor=0.0):
    rng = np.random.default_rng(1)
    sizes = [50, 100, 200, 400, 800]
    groups = np.repeat(np.arange(n_groups), per_group)
    noise = rng.normal(size=len(groups))
    return sizes, np.array([(floor + n**-exponent) * noise for n in sizes]), groups


def test_forecast_of_a_power_law():
    sizes, errors, groups = power_law(0.4)
    result = forecast(sizes, [errors], groups, seed=0)
    assert result["exponent"] == pytest.approx(0.4)
    assert result["rmse_doubled"] == pytest.approx(result["rmse"] * 2**-0.4)
    assert result["more_bonds"] == "help"
    assert result["rmse_doubled_low"] <= result["rmse_doubled_high"]


def test_forecast_of_a_level_and_of_an_unclear_curve():
    sizes, errors, groups = power_law(0.02)
    assert forecast(sizes, [errors], groups, 0)["more_bonds"] == "do not help"
    sizes, errors, groups = power_law(0.15)  # a tenth less with twice as many, the limit of what is worth while
    tilt = np.linspace(0.6, 1.4, len(sizes))[:, None]
    scatter = errors * np.where(groups % 2, tilt, tilt[::-1])  # groups that disagree about the slope
    assert forecast(sizes, [scatter], groups, 0)["more_bonds"] == "uncertain"


def test_forecast_spans_its_curves():
    """More bonds of the same groups may not help where other groups would."""
    sizes, steep, groups = power_law(0.4)
    _, level, _ = power_law(0.02)
    level *= steep[-1, 0] / level[-1, 0]
    both = forecast(sizes, [level, steep], groups, 0)
    assert both["more_bonds"] == "uncertain"
    assert both["rmse_doubled_low"] == pytest.approx(both["rmse"] * 2**-0.4)
    assert both["rmse_doubled_high"] == pytest.approx(both["rmse"] * 2**-0.02)


def test_bad_input_is_refused(bonds):
    with pytest.raises(ValueError, match=r"\['best'\]"):
        learning_curve(bonds, SETTINGS, 0, ["best"])
    with pytest.raises(ValueError, match="three bonds or more"):
        learning_curve(bonds, SETTINGS, 0, ["random"], sizes=[2])
    with pytest.raises(ValueError, match="two sizes"):
        forecast([10], [np.ones((1, 3))], np.arange(3), 0)
