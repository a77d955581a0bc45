"""Metrics by hand."""

import numpy as np
import pytest

from aiida_getl.learning.metrics import regression_metrics


def test_by_hand():
    result = regression_metrics([1.0, 2.0, 3.0, 4.0], [1.1, 2.1, 2.9, 4.3], [0.1, 0.1, 0.1, 0.1])
    assert result["n"] == 4
    assert result["rmse"] == pytest.approx(np.sqrt(0.12 / 4))
    assert result["mae"] == pytest.approx(0.15)
    assert result["bias"] == pytest.approx(0.1)
    assert result["r2"] == pytest.approx(1 - 0.12 / 5)
    assert result["z_std"] == pytest.approx(np.sqrt(12 / 4))
    assert result["coverage_95"] == 0.75


def test_calibration_of_a_normal_sample():
    rng = np.random.default_rng(0)
    std = rng.uniform(0.1, 1.0, 20000)
    result = regression_metrics(np.zeros(20000), rng.normal(scale=std), std)
    assert result["z_std"] == pytest.approx(1.0, abs=0.02)
    assert result["coverage_95"] == pytest.approx(0.95, abs=0.005)


def test_labels_without_spread_have_no_r2():
    assert regression_metrics([0.5, 0.5], [0.4, 0.6])["r2"] is None


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one prediction for each label"):
        regression_metrics([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="one prediction for each label"):
        regression_metrics([], [])
