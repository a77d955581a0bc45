"""Metrics by hand, and against samples whose calibration is known."""

import numpy as np
import pytest

from aiida_getl.learning.metrics import error_against_std, regression_metrics, reliability


def normal_sample(n=20000, factor=1.0):
    """Labels that scatter about zero predictions by ``factor`` times the stated standard deviations."""
    rng = np.random.default_rng(0)
    std = np.exp(rng.uniform(np.log(0.1), np.log(0.5), n))
    return factor * rng.normal(scale=std), np.zeros(n), std


def test_by_hand():
    result = regression_metrics([1.0, 2.0, 3.0, 4.0], [1.1, 2.1, 2.9, 4.3], [0.1, 0.1, 0.1, 0.1])
    assert result["n"] == 4
    assert result["rmse"] == pytest.approx(np.sqrt(0.12 / 4))
    assert result["mae"] == pytest.approx(0.15)
    assert result["bias"] == pytest.approx(0.1)
    assert result["r2"] == pytest.approx(1 - 0.12 / 5)
    assert result["rmse_strongest"] == result["rmse_worst"] == pytest.approx(0.3)
    assert result["z_std"] == pytest.approx(np.sqrt(12 / 4))
    assert result["z_std_strongest"] == pytest.approx(3.0)
    assert result["coverage_68"] == 0.0
    assert result["coverage_95"] == 0.75
    assert result["sharpness"] == pytest.approx(0.1)
    assert result["spearman"] is None


def test_the_strongest_and_the_worst_tenth_are_different_bonds():
    target = np.arange(20.0)
    predicted = target.copy()
    predicted[-2:] += [0.1, -0.1]
    predicted[3] += 0.5
    result = regression_metrics(target, predicted)
    assert result["rmse_strongest"] == pytest.approx(0.1)
    assert result["rmse_worst"] == pytest.approx(np.sqrt((0.5**2 + 0.1**2) / 2))
    assert "z_std" not in result


def test_calibration_of_a_normal_sample():
    result = regression_metrics(*normal_sample())
    assert result["z_std"] == pytest.approx(1.0, abs=0.02)
    assert result["coverage_68"] == pytest.approx(0.68, abs=0.01)
    assert result["coverage_95"] == pytest.approx(0.95, abs=0.005)
    assert result["spearman"] == pytest.approx(0.45, abs=0.03)  # the most that a spread of five allows
    std = normal_sample()[2]
    expected = np.mean(0.5 * np.log(2 * np.pi * std**2) + 0.5)
    assert result["nll"] == pytest.approx(expected, abs=0.01)


def test_scores_are_best_for_the_right_standard_deviation():
    target, predicted, std = normal_sample()
    scores = [regression_metrics(target, predicted, f * std) for f in (0.5, 1.0, 2.0)]
    for name in ("nll", "crps"):
        assert scores[1][name] < min(scores[0][name], scores[2][name])


def test_crps_is_the_integral_it_stands_for():
    from scipy.integrate import trapezoid
    from scipy.stats import norm

    grid = np.linspace(-3.0, 4.0, 200001)
    target, predicted, std = 0.7, 0.3, 0.25
    integrand = np.square(norm.cdf(grid, predicted, std) - (grid >= target))
    assert regression_metrics([target], [predicted], [std])["crps"] == pytest.approx(
        trapezoid(integrand, grid), abs=1e-5
    )


def test_reliability_lies_on_the_diagonal_below_or_above_it():
    level, share = reliability(*normal_sample())
    np.testing.assert_allclose(share, level, atol=0.012)
    assert (reliability(*normal_sample(factor=1.5))[1] < level).all()
    assert (reliability(*normal_sample(factor=0.6))[1] > level).all()
    level, share = reliability([0.0, 1.0], [0.0, 0.0], [1.0, 0.1], levels=[0.5])
    assert share.tolist() == [0.5]
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability([0.0], [0.0], [1.0], levels=[95])


def test_error_grows_with_the_standard_deviation_bin_by_bin():
    std, rmse, n = error_against_std(*normal_sample(), n_bins=8)
    assert n.tolist() == [2500] * 8
    assert (np.diff(std) > 0).all()
    np.testing.assert_allclose(rmse, std, rtol=0.06)
    assert len(error_against_std([0.0, 0.0], [1.0, 1.0], [1.0, 1.0])[0]) == 2


def test_error_of_the_rmse_counts_groups_not_bonds():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(10), 100)
    shared = np.repeat(rng.normal(scale=0.1, size=10), 100)  # one error per glass, the same for all its bonds
    together = regression_metrics(np.zeros(1000), shared, groups=groups)["rmse_error"]
    alone = regression_metrics(np.zeros(1000), rng.permutation(shared), groups=groups)["rmse_error"]
    assert together > 4 * alone
    exact = regression_metrics(np.zeros(4), [0.1, 0.1, 0.3, 0.3], groups=[0, 0, 1, 1])["rmse_error"]
    assert exact == pytest.approx(np.sqrt(0.5 * (2 * 0.1**2)))
    assert regression_metrics([0.0, 1.0], [0.1, 1.0], groups=[7, 7])["rmse_error"] is None


def test_labels_without_spread_have_no_r2():
    assert regression_metrics([0.5, 0.5], [0.4, 0.6])["r2"] is None


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one prediction for each label"):
        regression_metrics([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="one prediction for each label"):
        regression_metrics([], [])
    with pytest.raises(ValueError, match="1 of 2 labels or predictions are not finite"):
        regression_metrics([1.0, 2.0], [1.0, np.nan])
    for std in ([0.1, 0.0], [0.1, -1.0], [0.1, np.nan]):
        with pytest.raises(ValueError, match="1 standard deviations are not positive"):
            regression_metrics([1.0, 2.0], [1.0, 2.0], std)
    with pytest.raises(ValueError, match="2 bonds need one group each"):
        regression_metrics([1.0, 2.0], [1.0, 2.0], groups=[1])
