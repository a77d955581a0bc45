"""Kernels on columns: gradients, positive definiteness, sums and products, use in scikit-learn."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from aiida_getl.learning.kernel_parts import Columns, DotProductPower, OrnsteinUhlenbeck, SquaredExponential
from aiida_getl.learning.kernels import PublishedKernel

ALL = Columns(1, 5)
KERNELS = {
    "SE": SquaredExponential(0.7),
    "OU": OrnsteinUhlenbeck(0.7),
    "SE one length": SquaredExponential(1.3, columns=ALL),
    "SE ARD": SquaredExponential([0.5, 1.0, 2.0, 4.0], columns=ALL),
    "OU ARD": OrnsteinUhlenbeck([0.5, 1.0, 2.0, 4.0], columns=ALL),
    "sum and product": 0.3 * OrnsteinUhlenbeck(1.1) * SquaredExponential([1.0] * 4, columns=ALL)
    + 0.2 * SquaredExponential(0.9),
    "published": SquaredExponential(0.5) * DotProductPower(ALL, zeta=2),
}
EACH = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.hstack([rng.uniform(2.2, 4.2, (n, 1)), rng.normal(size=(n, 4))])


@EACH
def test_gradient_agrees_with_finite_differences(kernel):
    X = rows(12)
    X[3] = X[4]  # equal bonds
    _, gradient = kernel(X, eval_gradient=True)
    assert gradient.shape == (12, 12, kernel.n_dims)
    for k in range(kernel.n_dims):
        step = np.eye(kernel.n_dims)[k] * 1e-5
        up, down = (kernel.clone_with_theta(kernel.theta + sign * step)(X) for sign in (1, -1))
        np.testing.assert_allclose(gradient[..., k], (up - down) / 2e-5, atol=1e-8)


@EACH
def test_positive_definite_at_random_values_and_at_the_bounds(kernel):
    X = rows(50)
    low, high = kernel.bounds.T
    rng = np.random.default_rng(1)
    for theta in [low, high, *rng.uniform(low, high, (10, len(low)))]:
        eigenvalues = np.linalg.eigvalsh(kernel.clone_with_theta(theta)(X))
        assert eigenvalues[0] > -1e-12 * eigenvalues[-1]


@EACH
def test_diagonal_and_blocks(kernel):
    X, Y = rows(9), rows(7, seed=1)
    np.testing.assert_allclose(kernel.diag(X), np.diag(kernel(X)))
    np.testing.assert_allclose(kernel(X, Y), kernel(np.vstack([X, Y]))[:9, 9:])
    assert clone(kernel) == kernel


def test_values():
    X, Y = rows(5), rows(6, seed=1)
    np.testing.assert_allclose(
        SquaredExponential([1.0, 2.0, 3.0, 4.0], columns=ALL)(X, Y), RBF([1, 2, 3, 4])(X[:, 1:], Y[:, 1:])
    )
    np.testing.assert_allclose(OrnsteinUhlenbeck(0.5)(X, Y), np.exp(-np.abs(X[:, :1] - Y[:, 0]) / 0.5))
    np.testing.assert_allclose(KERNELS["published"](X, Y), PublishedKernel(0.5, zeta=2)(X, Y))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # columns without influence
def test_scikit_learn_fits_them():
    X = rows(60)
    y = np.exp(-X[:, 0]) + 0.3 * np.sin(X[:, 1])
    kernel = SquaredExponential([3.0] * 5, columns=Columns(0, 5)) + WhiteKernel(1e-3)
    process = GaussianProcessRegressor(kernel).fit(X, y)
    lengths = np.asarray(process.kernel_.k1.length)
    assert lengths[1] < lengths[2:].min()
    assert (
        np.std(
            process.predict(rows(40, seed=2)) - np.exp(-rows(40, seed=2)[:, 0]) - 0.3 * np.sin(rows(40, seed=2)[:, 1])
        )
        < 0.05
    )


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 lengths do not fit 4 columns"):
        SquaredExponential([1.0, 2.0], columns=ALL)(rows(3))
    with pytest.raises(ValueError, match="leave Y out"):
        OrnsteinUhlenbeck()(rows(3), rows(3), eval_gradient=True)
    with pytest.raises(ValueError, match=r"zeta is 0\.5"):
        DotProductPower(ALL, zeta=0.5)
