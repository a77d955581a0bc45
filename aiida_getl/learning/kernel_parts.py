"""Building blocks for kernels of scikit-learn, each on some columns of the rows of bonds.

They add and multiply with + and * and fit with scikit-learn's ``GaussianProcessRegressor``, to try out what
:mod:`aiida_getl.learning.kernels` does not have. All are positive definite for every allowed value of their parameters.

Examples
--------
>>> import numpy as np
>>> screening = Columns(1, 33)
>>> kernel = 0.5 * OrnsteinUhlenbeck(1.0) * SquaredExponential(
...     [4.0] * 32, columns=screening
... ) + 0.1 * SquaredExponential(1.0)
>>> kernel(np.ones((3, 33))).shape
(3, 3)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

Bounds = tuple[float, float]


class Columns(NamedTuple):
    """Columns ``start`` to ``stop`` (excluded) of the rows; column 0 is the distance."""

    start: int
    stop: int


#: The distance in Å.
DISTANCE = Columns(0, 1)


class _Stationary(Kernel):
    """What both kernels share: columns, one length or one for each column, a diagonal of ones.

    Parameters
    ----------
    length : one length, or one for each column (automatic relevance determination); Å for the distance
    length_bounds : bounds, or "fixed"
    columns : that the kernel looks at
    """

    def __init__(
        self,
        length: float | Sequence[float] = 1.0,
        length_bounds: Bounds | str = (0.05, 1e3),
        columns: Columns = DISTANCE,
    ) -> None:
        self.length = length
        self.length_bounds = length_bounds
        self.columns = columns

    @property
    def hyperparameter_length(self) -> Hyperparameter:
        """Length, or lengths."""
        if np.iterable(self.length):
            return Hyperparameter("length", "numeric", self.length_bounds, len(self.length))
        return Hyperparameter("length", "numeric", self.length_bounds)

    def diag(self, X: NDArray) -> NDArray:
        """Return the diagonal (n,)."""
        return np.ones(len(X))

    def is_stationary(self) -> bool:
        """Return True."""
        return True

    def _scaled(self, X: NDArray) -> NDArray[np.float64]:
        columns = Columns(*self.columns)
        selected = np.asarray(X, dtype=float)[:, columns.start : columns.stop]
        lengths = np.atleast_1d(np.asarray(self.length, dtype=float))
        if lengths.size not in (1, selected.shape[1]) or not selected.shape[1]:
            raise ValueError(f"{lengths.size} lengths do not fit {selected.shape[1]} columns, {tuple(columns)}")
        return selected / lengths

    def __call__(self, X: NDArray, Y: NDArray | None = None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix (n, m); with ``eval_gradient`` also its gradient (n, m, p) by log lengths."""
        if eval_gradient and Y is not None:
            raise ValueError("the gradient of a kernel is for one set of bonds: leave Y out")
        a = self._scaled(X)
        b = a if Y is None else self._scaled(Y)
        K = self._of_distance(a, b)
        if not eval_gradient:
            return K
        if self.hyperparameter_length.fixed:
            return K, np.empty((*K.shape, 0))
        return K, self._gradient(a, K)

    def _of_distance(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        raise NotImplementedError

    def _gradient(self, a: NDArray, K: NDArray) -> NDArray[np.float64]:
        raise NotImplementedError

    def _differences(self, a: NDArray) -> NDArray[np.float64]:
        """Return the squared differences in each column, (n, n, columns), or their sum (n, n, 1) for one length."""
        squares = np.square(a[:, None] - a)
        return squares if np.iterable(self.length) else squares.sum(axis=2, keepdims=True)


class SquaredExponential(_Stationary):
    """exp(-|x - x'|² / 2), x in units of the lengths; parameters as above."""

    def _of_distance(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        return np.exp(-0.5 * cdist(a, b, "sqeuclidean"))

    def _gradient(self, a: NDArray, K: NDArray) -> NDArray[np.float64]:
        return K[:, :, None] * self._differences(a)


class OrnsteinUhlenbeck(_Stationary):
    """exp(-|x - x'|), x in units of the lengths: for functions with kinks; parameters as above."""

    def _of_distance(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        return np.exp(-cdist(a, b))

    def _gradient(self, a: NDArray, K: NDArray) -> NDArray[np.float64]:
        r, squares = cdist(a, a)[:, :, None], self._differences(a)
        return K[:, :, None] * np.divide(squares, r, out=np.zeros_like(squares), where=r > 0.0)


class DotProductPower(Kernel):
    """(x · x')^ζ of descriptors: the environment part of the published kernel.

    Parameters
    ----------
    columns : that the kernel looks at
    zeta : positive integer, never optimised
    """

    def __init__(self, columns: Columns, zeta: int = 1) -> None:
        if int(zeta) != zeta or zeta < 1:
            raise ValueError(f"zeta is {zeta}: only a positive integer keeps k^zeta positive definite")
        self.columns = columns
        self.zeta = zeta

    def _selected(self, X: NDArray) -> NDArray[np.float64]:
        columns = Columns(*self.columns)
        return np.asarray(X, dtype=float)[:, columns.start : columns.stop]

    def __call__(self, X: NDArray, Y: NDArray | None = None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix (n, m); with ``eval_gradient`` also its gradient, (n, m, 0)."""
        K = (self._selected(X) @ self._selected(X if Y is None else Y).T) ** int(self.zeta)
        return (K, np.empty((*K.shape, 0))) if eval_gradient else K

    def diag(self, X: NDArray) -> NDArray:
        """Return the diagonal (n,)."""
        return np.square(self._selected(X)).sum(axis=1) ** int(self.zeta)

    def is_stationary(self) -> bool:
        """Return False."""
        return False
