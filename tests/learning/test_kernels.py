"""Kernels: gradients against finite differences, positive definiteness, agreement with scikit-learn's own."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF

from aiida_getl.learning.kernels import BondSoapKernel, DistanceKernel, PublishedKernel

KERNELS = [DistanceKernel(0.4, 0.7), PublishedKernel(0.6, zeta=2), BondSoapKernel(0.2, 0.8, 3.0, 0.05, 1.2)]
EACH = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)


def bonds(n, seed=0, features=12):
    rng = np.random.default_rng(seed)
    descriptor = np.abs(rng.normal(size=(n, features)))
    return np.hstack([rng.uniform(2.2, 4.2, (n, 1)), descriptor / np.linalg.norm(descriptor, axis=1, keepdims=True)])


@EACH
def test_gradient_agrees_with_finite_differences(kernel):
    X = bonds(15)
    _, gradient = kernel(X, eval_gradient=True)
    assert gradient.shape == (15, 15, kernel.n_dims)
    for k in range(kernel.n_dims):
        step = np.zeros(kernel.n_dims)
        step[k] = 1e-5
        up, down = (kernel.clone_with_theta(kernel.theta + sign * step)(X) for sign in (1, -1))
        np.testing.assert_allclose(gradient[..., k], (up - down) / 2e-5, atol=1e-8)


@EACH
def test_diagonal_and_blocks(kernel):
    X, Y = bonds(9), bonds(7, seed=1)
    np.testing.assert_allclose(kernel.diag(X), np.diag(kernel(X)))
    together = kernel(np.vstack([X, Y]))
    np.testing.assert_allclose(kernel(X, Y), together[:9, 9:])


@EACH
def test_positive_definite_at_every_corner_of_the_bounds(kernel):
    X = bonds(60)
    low, high = kernel.bounds.T
    for corner in range(2**kernel.n_dims):
        theta = np.where([(corner >> k) & 1 for k in range(kernel.n_dims)], high, low)
        eigenvalues = np.linalg.eigvalsh(kernel.clone_with_theta(theta)(X))
        assert eigenvalues[0] > -1e-12 * eigenvalues[-1]


@EACH
def test_is_a_scikit_learn_kernel(kernel):
    assert clone(kernel) == kernel
    np.testing.assert_allclose(kernel.clone_with_theta(kernel.theta)(bonds(4)), kernel(bonds(4)))
    fixed = type(kernel)(**{**kernel.get_params(), "length_bounds": "fixed"})
    assert fixed.n_dims == kernel.n_dims - 1
    assert fixed(bonds(5), eval_gradient=True)[1].shape == (5, 5, fixed.n_dims)
    both = kernel + RBF()
    assert both(bonds(5), eval_gradient=True)[1].shape == (5, 5, kernel.n_dims + 1)


def test_values():
    X, Y = np.array([[2.5, 0.6, 0.8]]), np.array([[3.0, 0.8, 0.6]])
    se = np.exp(-0.125 / 0.7**2)
    assert DistanceKernel(0.4, 0.7)(X, Y)[0, 0] == pytest.approx(0.4 * se)
    assert PublishedKernel(0.7, zeta=2)(X, Y)[0, 0] == pytest.approx(se * 0.96**2)
    expected = 0.2 * se * np.exp(3 * (0.96 - 1)) + 0.05 * np.exp(-0.125)
    assert BondSoapKernel(0.2, 0.7, 3.0, 0.05, 1.0)(X, Y)[0, 0] == pytest.approx(expected)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"zeta is 1\.5"):
        PublishedKernel(zeta=1.5)
    with pytest.raises(ValueError, match="leave Y out"):
        DistanceKernel()(bonds(3), bonds(3), eval_gradient=True)
