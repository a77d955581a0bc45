"""Core-hours from past calculations."""

import numpy as np
import pytest

from aiida_getl.acquisition.cost import DEFAULT_ATOMS, DEFAULT_CORE_HOURS, DEFAULT_EXPONENT, CostModel


def test_assumed_without_history():
    model = CostModel.fit([])
    assert model.n_observations == 0
    assert model(DEFAULT_ATOMS) == pytest.approx(DEFAULT_CORE_HOURS)
    assert model(2 * DEFAULT_ATOMS) == pytest.approx(DEFAULT_CORE_HOURS * 2.0**DEFAULT_EXPONENT)


def test_learns_amplitude_and_exponent():
    sizes = np.array([12.0, 24.0, 48.0, 96.0] * 5)
    hours = 0.3 * (sizes / 24.0) ** 3.0 * np.exp(np.random.default_rng(0).normal(scale=0.1, size=len(sizes)))
    model = CostModel.fit(list(zip(sizes, hours, strict=True)))
    assert model.exponent == pytest.approx(3.0, abs=0.1)
    assert model(24) == pytest.approx(0.3, rel=0.1)
    assert model(200) == pytest.approx(0.3 * (200 / 24) ** 3, rel=0.3)
    assert model.relative_error == pytest.approx(0.1, abs=0.04)


def test_one_size_keeps_the_assumed_exponent():
    model = CostModel.fit([(24, 0.5), (24, 0.5)])
    assert model.exponent == pytest.approx(DEFAULT_EXPONENT)
    assert model(24) == pytest.approx(0.5)
    # Two sizes that hardly differ and scatter do not decide it either.
    assert CostModel.fit([(24, 0.5), (25, 0.7)]).exponent == pytest.approx(DEFAULT_EXPONENT, abs=0.2)


def test_constant_and_round_trip():
    model = CostModel.fit([(24, 0.5)], constant=0.2)
    assert model(24) == pytest.approx(0.7)
    assert CostModel.from_dict(model.as_dict()) == model


def test_calculations_that_took_no_time_tell_nothing():
    assert CostModel.fit([(24, 0.5), (24, 0.0)]).n_observations == 1


@pytest.mark.parametrize("rows", [[(0, 1.0)], [(24, -1.0)], [(24, float("nan"))]])
def test_refuses_impossible_costs(rows):
    with pytest.raises(ValueError, match="past costs need"):
        CostModel.fit(rows)
