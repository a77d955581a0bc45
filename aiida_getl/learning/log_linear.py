"""Bayesian log-linear regression: strength = m(d) exp(w · φ), screening multiplies.

Each atom near a bond weakens it by a factor. So the logarithm of the strength is linear in sums over these atoms, and
in their products with the distance; and in the coefficients of the density of these atoms, many and each of little
weight. Errors are those of eV, not of logarithms: weak bonds scatter about zero. The weights w have normal priors, one
width for each family of features, and the widths and the noise maximise the evidence (MacKay, Neural Comput. 4, 415
(1992)); the model is linearised about its current weights (Gauss-Newton). The widths themselves have a prior, so that
thirty bonds cannot make them vanish.

With two hundred weights whatever the number of bonds, training on 10⁵ bonds takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from aiida_getl.learning.prior_mean import SCALE_FLOOR, PriorMean

#: Number of Gaussians in the distance, their spacing in units of the range of distances.
N_RADIAL = 9
#: Features are held within the training range and so many standard deviations more: exponentials do not extrapolate.
MARGIN = 0.5
#: Bounds of the logarithm of strength / eV.
LOG_STRENGTH = (-9.0, 3.0)
#: Noise variance per eV of strength: bounds, and where the search starts.
NOISE_START, NOISE_MIN = 2e-3, 2e-4
#: Squares of the weights expected in each family, and the number of weights that this expectation counts for. Found
#: from types with thousands of bonds, they are what types with few bonds have to go by.
EXPECTED_SQUARE = np.array([0.03, 0.05, 0.02, 0.004, 0.00002])
EXPECTED_COUNT = 20.0
MAX_ITERATIONS = 40


class LogLinearRegressor:
    """Bond strengths of one type from rows (distance, features).

    Parameters
    ----------
    n_density : number of columns, the last ones, that are coefficients of a density: they keep their sizes relative to
        each other, and are not multiplied by the distance

    Attributes, after :meth:`fit`
    -----------------------------
    weights_ : (p,)
    factor_ : (p, p) lower Cholesky factor of the posterior precision of the weights
    noise_ : variance per eV of strength
    """

    ARRAYS = ("weights", "factor", "centre", "spread", "varies", "low", "high", "nodes")

    def __init__(self, n_density: int = 0) -> None:
        self.n_density = n_density

    def fit(self, X: NDArray, y: NDArray) -> LogLinearRegressor:
        """Train on rows X (n, 1 + features), distance in Å first, and strengths y (n,) in eV."""
        X = np.asarray(X, dtype=float)
        d, features = X[:, 0], X[:, 1:]
        self.mean_ = PriorMean.fit(d, y)
        self.centre_, self.spread_ = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-2)
        if self.n_density:
            # A coefficient that hardly varies, as of rare species, says little: it must not be blown up to unit size.
            self.spread_[-self.n_density :] = self.spread_[-self.n_density :].max()
        self.varies_ = np.flatnonzero(features.std(axis=0) > 1e-6)
        standard = self._standardise(X)
        self.low_, self.high_ = _range(standard)
        self.nodes_ = np.linspace(d.min(), d.max(), N_RADIAL) if np.ptp(d) > 1e-3 else d.mean() + np.arange(N_RADIAL)
        phi, family = self._basis(X, (self.low_, self.high_))
        self._maximise_evidence(phi, family, np.log(self.mean_(d)), y)
        return self

    def latent(self, X: NDArray, return_std: bool = True) -> tuple[NDArray, NDArray, NDArray]:
        """Return (mean, std, novelty), (n,) each: strength in eV, its standard deviation without noise, and the
        variance of its logarithm, which is large far from the training bonds. Without ``return_std`` the last two are
        NaN.
        """
        X = np.asarray(X, dtype=float)
        bounded, _ = self._basis(X, (self.low_, self.high_))
        mean = self._strength(np.log(self.mean_(X[:, 0])) + bounded @ self.weights_)
        if not return_std:
            nothing = np.full(len(X), np.nan)
            return mean, nothing, nothing
        novelty = np.square(self.whitened(X)).sum(axis=1)
        return mean, mean * np.sqrt(np.minimum(novelty, 1.0)), novelty

    def whitened(self, X: NDArray) -> NDArray[np.float64]:
        """Return rows Φ (n, p) whose products ΦΦ' are the posterior covariances of the logarithms of the strengths."""
        phi, _ = self._basis(np.asarray(X, dtype=float), None)
        return solve_triangular(self.factor_, phi.T, lower=True, check_finite=False).T

    def left_out(self, X: NDArray, y: NDArray, folds: Sequence[NDArray]) -> tuple[NDArray, NDArray, NDArray]:
        """Return what :meth:`latent` would, for each fold (a mask) from the training bonds outside it.

        One Gauss-Newton step from the weights of all, with the same prior.
        """
        X = np.asarray(X, dtype=float)
        phi, _ = self._basis(X, (self.low_, self.high_))
        standard = self._standardise(X)
        base = np.log(self.mean_(X[:, 0]))
        strength = self._strength(base + phi @ self.weights_)
        deviation = np.sqrt(self.noise_ * (strength + SCALE_FLOOR))
        rows = phi * (strength / deviation)[:, None]
        target = (y - strength) / deviation + rows @ self.weights_
        precision = self.factor_ @ self.factor_.T
        moment = rows.T @ target
        mean, novelty = np.empty(len(y)), np.empty(len(y))
        for test in folds:
            # What lies beyond the other bonds is held within their range, as if this fold had never been seen.
            bounded, _ = self._basis(X[test], _range(standard[~test]))
            factor = cholesky(precision - rows[test].T @ rows[test], lower=True, check_finite=False)
            weights = cho_solve((factor, True), moment - rows[test].T @ target[test], check_finite=False)
            mean[test] = self._strength(base[test] + bounded @ weights)
            novelty[test] = np.square(solve_triangular(factor, phi[test].T, lower=True)).sum(axis=0)
        return mean, mean * np.sqrt(np.minimum(novelty, 1.0)), novelty

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays to be stored as such, attributes of JSON types."""
        arrays = {name: np.asarray(getattr(self, f"{name}_")) for name in self.ARRAYS}
        mean = {"amplitude": self.mean_.amplitude, "decay": self.mean_.decay, "origin": self.mean_.origin}
        return arrays, {"noise": float(self.noise_), "mean": mean, "n_density": self.n_density}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray], attributes: dict[str, Any]) -> LogLinearRegressor:
        """Return a regressor that predicts the same, bit for bit, as the one that :meth:`to_arrays` came from."""
        regressor = cls(int(attributes.get("n_density", 0)))
        for name in cls.ARRAYS:
            setattr(regressor, f"{name}_", np.ascontiguousarray(arrays[name]))
        regressor.noise_ = float(attributes["noise"])
        regressor.mean_ = PriorMean(**attributes["mean"])
        return regressor

    def _standardise(self, X: NDArray) -> NDArray[np.float64]:
        return ((X - self.centre_) / self.spread_)[:, np.concatenate([[0], 1 + self.varies_])]

    def _basis(self, X: NDArray, limits: tuple[NDArray, NDArray] | None) -> tuple[NDArray[np.float64], NDArray]:
        """Return the functions φ (n, p) whose weights are learnt, and the family of each, (p,).

        ``limits`` are those of the standardised features, or None for features as they are.
        """
        standard = self._standardise(X)
        if limits is not None:
            standard = np.clip(standard, *limits)
        d, features = standard[:, :1], standard[:, 1:]
        n_screening = int(np.sum(self.varies_ < X.shape[1] - 1 - self.n_density))
        screening, density = features[:, :n_screening], features[:, n_screening:]
        width = 1.4 * (self.nodes_[1] - self.nodes_[0])
        radial = np.exp(-0.5 * np.square((X[:, :1] - self.nodes_) / width))
        families = [np.ones_like(d), radial, screening, screening * d, density]
        family = np.repeat(np.arange(len(families)), [part.shape[1] for part in families])
        return np.hstack(families), family

    @staticmethod
    def _strength(logarithm: NDArray) -> NDArray[np.float64]:
        return np.exp(np.clip(logarithm, *LOG_STRENGTH))

    def _maximise_evidence(self, phi: NDArray, family: NDArray, base: NDArray, y: NDArray) -> None:
        """Find weights, the precision of each family, and the noise, in turns."""
        n, p = phi.shape
        size = np.bincount(family, minlength=len(EXPECTED_SQUARE))
        precision = 1.0 / EXPECTED_SQUARE
        weights, noise = np.zeros(p), NOISE_START
        for iteration in range(MAX_ITERATIONS):
            strength = self._strength(base + phi @ weights)
            rows = phi * (strength / np.sqrt(noise * (strength + SCALE_FLOOR)))[:, None]
            matrix = rows.T @ rows
            matrix[np.diag_indices(p)] += precision[family]
            factor = cholesky(matrix, lower=True, check_finite=False)
            residual = (y - strength) / np.sqrt(noise * (strength + SCALE_FLOOR))
            step = cho_solve((factor, True), rows.T @ residual - precision[family] * weights, check_finite=False)
            largest = float(np.abs(phi @ step).max())
            weights = weights + step * min(1.0, 1.0 / max(largest, 1e-300))
            covariance = cho_solve((factor, True), np.eye(p), check_finite=False)
            determined = size - precision * np.bincount(family, np.diag(covariance), minlength=len(size))
            squares = np.bincount(family, weights**2, minlength=len(size)) + EXPECTED_COUNT * EXPECTED_SQUARE
            updated = (np.maximum(determined, 0.0) + EXPECTED_COUNT) / squares
            precision = np.sqrt(precision * updated)  # half the way, in logarithms
            strength = self._strength(base + phi @ weights)
            chi2 = float(np.sum(np.square(y - strength) / (strength + SCALE_FLOOR)))
            noise = max((chi2 + 2.0 * NOISE_START) / (n - determined.sum() + 2.0), NOISE_MIN)
            if largest < 1e-3 and iteration > 10:
                break
        strength = self._strength(base + phi @ weights)
        rows = phi * (strength / np.sqrt(noise * (strength + SCALE_FLOOR)))[:, None]
        matrix = rows.T @ rows
        matrix[np.diag_indices(p)] += precision[family]
        self.weights_, self.noise_ = weights, float(noise)
        self.factor_ = cholesky(matrix, lower=True, check_finite=False)


def _range(standard: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the limits of standardised features (n, features): the range of the training bonds, and a margin."""
    margin = MARGIN * standard.std(axis=0)
    return standard.min(axis=0) - margin, standard.max(axis=0) + margin
