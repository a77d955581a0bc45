"""Kernels between bonds, for scikit-learn's Gaussian processes and for prediction without it.

Rows of X are bonds: the distance in Å in column 0, the descriptor in the others. SE is the squared exponential
exp(-(d - d')² / 2 s²), k = m·m' the dot product of two descriptors. Each kernel is positive definite for every allowed
value of its parameters: sums and products of positive definite functions, where exp(ζ k) is the power series of k with
positive coefficients. (k^ζ is not, for a ζ that is no integer.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

Bounds = tuple[float, float]


def _log_gradient(*terms: tuple[Hyperparameter, NDArray]) -> NDArray:
    """Stack the derivatives with respect to the logarithms of the parameters that are not fixed, (p, n, m)."""
    free = [gradient for hyperparameter, gradient in terms if not hyperparameter.fixed]
    shape = terms[0][1].shape
    return np.stack(free) if free else np.empty((0, *shape))


class BondKernel(Kernel):
    """A function of the squared difference in distance and of the dot product of the descriptors.

    The two are all a kernel needs, and do not depend on its parameters: a search for the best parameters computes them
    once (:meth:`pairs`) and calls :meth:`evaluate` again and again.
    """

    #: whether :meth:`evaluate` looks at the descriptors
    uses_descriptor = True

    def pairs(self, X: NDArray, Y: NDArray | None = None) -> tuple[NDArray, NDArray | None]:
        """Return the squared differences in distance (n, m) in Å², and the dot products (n, m) if they are used."""
        Y = X if Y is None else Y
        return np.square(X[:, :1] - Y[:, 0]), X[:, 1:] @ Y[:, 1:].T if self.uses_descriptor else None

    def evaluate(self, squared: NDArray, dot: NDArray | None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix (n, m); with ``eval_gradient`` also its gradient (p, n, m).

        The gradient is with respect to the logarithms of the parameters that are not fixed, in the order of ``theta``.
        """
        raise NotImplementedError

    def __call__(self, X: NDArray, Y: NDArray | None = None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix (n, m); with ``eval_gradient`` also its gradient (n, m, p)."""
        if not eval_gradient:
            return self.evaluate(*self.pairs(X, Y))
        if Y is not None:
            raise ValueError("the gradient of a kernel is for one set of bonds: leave Y out")
        K, gradient = self.evaluate(*self.pairs(X), eval_gradient=True)
        return K, np.moveaxis(gradient, 0, -1)

    def is_stationary(self) -> bool:
        """Return False."""
        return False

    def __repr__(self) -> str:
        values = ", ".join(f"{p.name}={np.round(getattr(self, p.name), 4)}" for p in self.hyperparameters)
        return f"{type(self).__name__}({values})"


class DistanceKernel(BondKernel):
    """v · SE(d): the distance and nothing else, the yardstick for every other kernel.

    Parameters
    ----------
    variance, length : v, and s in Å
    variance_bounds, length_bounds : bounds, or "fixed"
    """

    uses_descriptor = False

    def __init__(
        self,
        variance: float = 0.1,
        length: float = 1.0,
        variance_bounds: Bounds | str = (1e-5, 1e2),
        length_bounds: Bounds | str = (0.1, 5.0),
    ) -> None:
        self.variance = variance
        self.length = length
        self.variance_bounds = variance_bounds
        self.length_bounds = length_bounds

    @property
    def hyperparameter_variance(self) -> Hyperparameter:
        """Variance v."""
        return Hyperparameter("variance", "numeric", self.variance_bounds)

    @property
    def hyperparameter_length(self) -> Hyperparameter:
        """Length s in Å."""
        return Hyperparameter("length", "numeric", self.length_bounds)

    def evaluate(self, squared: NDArray, dot: NDArray | None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix, see :meth:`BondKernel.evaluate`."""
        squared = squared / self.length**2
        K = self.variance * np.exp(-0.5 * squared)
        if not eval_gradient:
            return K
        return K, _log_gradient((self.hyperparameter_length, K * squared), (self.hyperparameter_variance, K))

    def diag(self, X: NDArray) -> NDArray:
        """Return the diagonal (n,)."""
        return np.full(len(X), float(self.variance))


class PublishedKernel(BondKernel):
    """SE(d) · k^ζ: the kernel of Phys. Rev. Materials 4, 113603 (2020), on means of end-atom SOAP vectors.

    Parameters
    ----------
    length : θ in Å
    zeta : ζ, a positive integer, never optimised; 1 in the publication
    length_bounds : bounds, or "fixed"
    """

    def __init__(self, length: float = 0.5, zeta: int = 1, length_bounds: Bounds | str = (0.1, 5.0)) -> None:
        if int(zeta) != zeta or zeta < 1:
            raise ValueError(f"zeta is {zeta}: only a positive integer keeps k^zeta positive definite")
        self.length = length
        self.zeta = zeta
        self.length_bounds = length_bounds

    @property
    def hyperparameter_length(self) -> Hyperparameter:
        """Length θ in Å."""
        return Hyperparameter("length", "numeric", self.length_bounds)

    def evaluate(self, squared: NDArray, dot: NDArray | None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix, see :meth:`BondKernel.evaluate`."""
        assert dot is not None
        squared = squared / self.length**2
        K = np.exp(-0.5 * squared) * dot ** int(self.zeta)
        if not eval_gradient:
            return K
        return K, _log_gradient((self.hyperparameter_length, K * squared))

    def diag(self, X: NDArray) -> NDArray:
        """Return the diagonal (n,)."""
        return np.einsum("ij,ij->i", X[:, 1:], X[:, 1:], dtype=float) ** int(self.zeta)


class BondSoapKernel(BondKernel):
    """v · SE(d) · exp(ζ (k - 1)) + v₂ · SE₂(d): bonds alike in distance and environment, and in distance alone.

    Parameters
    ----------
    variance, length, zeta : v, s in Å, ζ of the first term
    distance_variance, distance_length : v₂, s₂ in Å of the second
    *_bounds : bounds of each, or "fixed"

    The bounds are for residuals divided by their scale, see :mod:`aiida_getl.learning.regression`: v up to 0.3 eV is an
    environment that moves a bond of 2 eV by 0.8 eV. More only makes large terms that cancel: it fits the training bonds
    better and others worse.
    """

    def __init__(
        self,
        variance: float = 0.05,
        length: float = 1.0,
        zeta: float = 3.0,
        distance_variance: float = 0.01,
        distance_length: float = 1.0,
        variance_bounds: Bounds | str = (1e-4, 0.3),
        length_bounds: Bounds | str = (0.2, 5.0),
        zeta_bounds: Bounds | str = (1.0, 300.0),
        distance_variance_bounds: Bounds | str = (1e-6, 1e1),
        distance_length_bounds: Bounds | str = (0.2, 5.0),
    ) -> None:
        self.variance = variance
        self.length = length
        self.zeta = zeta
        self.distance_variance = distance_variance
        self.distance_length = distance_length
        self.variance_bounds = variance_bounds
        self.length_bounds = length_bounds
        self.zeta_bounds = zeta_bounds
        self.distance_variance_bounds = distance_variance_bounds
        self.distance_length_bounds = distance_length_bounds

    @property
    def hyperparameter_variance(self) -> Hyperparameter:
        """Variance v."""
        return Hyperparameter("variance", "numeric", self.variance_bounds)

    @property
    def hyperparameter_length(self) -> Hyperparameter:
        """Length s in Å."""
        return Hyperparameter("length", "numeric", self.length_bounds)

    @property
    def hyperparameter_zeta(self) -> Hyperparameter:
        """Sharpness ζ."""
        return Hyperparameter("zeta", "numeric", self.zeta_bounds)

    @property
    def hyperparameter_distance_variance(self) -> Hyperparameter:
        """Variance v₂."""
        return Hyperparameter("distance_variance", "numeric", self.distance_variance_bounds)

    @property
    def hyperparameter_distance_length(self) -> Hyperparameter:
        """Length s₂ in Å."""
        return Hyperparameter("distance_length", "numeric", self.distance_length_bounds)

    def evaluate(self, squared: NDArray, dot: NDArray | None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix, see :meth:`BondKernel.evaluate`."""
        assert dot is not None
        exponent = self.zeta * (dot - 1)
        distance = squared / (-2 * self.distance_length**2)
        np.exp(distance, out=distance)
        distance *= self.distance_variance
        environment = squared / (-2 * self.length**2)
        environment += exponent
        np.exp(environment, out=environment)
        environment *= self.variance
        if not eval_gradient:
            environment += distance
            return environment
        gradient = _log_gradient(
            (self.hyperparameter_distance_length, distance * squared / self.distance_length**2),
            (self.hyperparameter_distance_variance, distance),
            (self.hyperparameter_length, environment * squared / self.length**2),
            (self.hyperparameter_variance, environment),
            (self.hyperparameter_zeta, environment * exponent),
        )
        return environment + distance, gradient

    def diag(self, X: NDArray) -> NDArray:
        """Return the diagonal (n,)."""
        k = np.einsum("ij,ij->i", X[:, 1:], X[:, 1:], dtype=float)
        return self.variance * np.exp(self.zeta * (k - 1.0)) + self.distance_variance
