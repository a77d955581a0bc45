"""The error model: finds what errors depend on, stays near its prior where there are few."""

import numpy as np
import pytest

from aiida_getl.learning.calibration import PRIOR_COEFFICIENTS, ErrorModel


def errors(n, seed=0):
    rng = np.random.default_rng(seed)
    mean, latent = rng.gamma(1.0, 1.0, n), rng.gamma(2.0, 0.01, n)
    difference = rng.normal(scale=0.05, size=n)
    true = np.sqrt(4e-4 * mean + 2.0 * latent**2 + 0.5 * difference**2)
    return rng.normal(scale=true), mean, latent, difference, true


def test_learns_how_large_errors_are():
    error, *inputs, true = errors(20000)
    fitted = ErrorModel.fit(error, *inputs, n_groups=400)
    std = fitted.std(*inputs)
    assert np.sqrt(np.mean((error / std) ** 2)) == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(std, true)[0, 1] > 0.98
    assert fitted.widening == pytest.approx(1.0, abs=0.01)


def test_stays_near_its_prior_for_few():
    error, *inputs, _ = errors(3)
    coefficients = np.array(ErrorModel.fit(0.0 * error, *inputs, n_groups=3).coefficients)
    ratio = coefficients / np.array(PRIOR_COEFFICIENTS)
    assert ((ratio > 0.1) & (ratio < 1.5)).all()


def test_groups_without_errors_say_nothing_of_what_is_far():
    error, mean, latent, difference, _ = errors(2000)
    fitted = ErrorModel.fit(0.0 * error, mean, 0.01 * latent, difference, n_groups=5)
    far = np.array([0.3, 0.6])
    assert (fitted.std(np.ones(2), far, np.zeros(2)) >= 0.5 * far).all()


def test_few_groups_widen():
    error, *inputs, _ = errors(100)
    assert [ErrorModel.fit(error, *inputs, n_groups=g).widening for g in (1, 4)] == pytest.approx([2**0.5, 1.25**0.5])


def test_negative_strengths_have_errors_too():
    std = ErrorModel().std(np.array([-5.0, 0.0]), np.zeros(2), np.zeros(2))
    assert (std > 0).all()
    assert std[0] == std[1]
