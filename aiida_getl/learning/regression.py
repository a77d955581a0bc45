"""Gaussian process regression of the bond strengths of one bond type.

The strength is written y = m(d) + s(d) f, with the prior mean m(d) = A exp(-(d - d0) / b), the scale
s(d) = sqrt(m(d) + 0.02 eV) and f a Gaussian process plus white noise. Errors of strengths that span 0 to 5 eV grow with
the strength; divided by s they are about even, so that one noise level serves all.

Hyperparameters are those of the largest marginal likelihood (Rasmussen & Williams, Gaussian Processes for Machine
Learning (2006), Algorithm 2.1) within a prior. Predictions are made from arrays alone, so that a stored model predicts
the same with any scikit-learn, whose regressor gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, eigh, solve_triangular
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin

from aiida_getl.learning.kernels import BondKernel, BondSoapKernel, DistanceKernel, PublishedKernel
from aiida_getl.learning.prior_mean import PriorMean

KERNELS: dict[str, type[BondKernel]] = {cls.__name__: cls for cls in (BondSoapKernel, DistanceKernel, PublishedKernel)}

#: Bounds of the noise variance of the scaled residuals (eV). The lower one keeps few, similar bonds from a fit without
#: noise: it is an error of 0.035 eV on a bond of 2 eV.
NOISE_BOUNDS = (6e-4, 1.0)
#: Standard deviation of the prior of the logarithm of each hyperparameter about its starting value. Hundreds of bonds
#: outweigh it; twenty bonds alone would choose hyperparameters that explain them too well.
PRIOR_WIDTH = 1.0
#: Added to the diagonal of the inducing bonds' kernel matrix, in units of its mean: bonds of a crystal may be equal.
JITTER = 1e-8
#: A direction in which the squares of the descriptors sum to less than this share of the largest sum is none.
AXIS_FLOOR = 1e-12
#: Bonds per chunk of a prediction: chunk times training bonds is the memory it takes.
CHUNK = 1024


def log_marginal_likelihood(
    kernel: BondKernel, noise: float, pairs: tuple[NDArray, NDArray | None], y: NDArray
) -> tuple[float, NDArray]:
    """Return the logarithm of the marginal likelihood (Rasmussen & Williams, eqs. 5.8 and 5.9), and its gradient.

    Parameters
    ----------
    kernel, noise : of a Gaussian process and the variance of its white noise
    pairs : what ``kernel.pairs`` returns for the bonds
    y : (n,) values

    Returns
    -------
    The gradient, (p + 1,), is that with respect to the logarithms of the kernel's parameters and, last, of the noise.
    """
    K, gradient = kernel.evaluate(*pairs, eval_gradient=True)
    K[np.diag_indices_from(K)] += noise
    try:
        factor = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return -np.inf, np.zeros(len(gradient) + 1)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = -0.5 * y @ alpha - np.log(np.diag(factor)).sum() - 0.5 * len(y) * np.log(2.0 * np.pi)
    weights = np.outer(alpha, alpha) - cho_solve((factor, True), np.eye(len(y)), check_finite=False)
    slopes = [np.vdot(weights, derivative) for derivative in gradient]
    return value, 0.5 * np.array([*slopes, noise * np.trace(weights)])


def most_probable(kernel: BondKernel, noise: float, X: NDArray, y: NDArray) -> tuple[BondKernel, float]:
    """Return the kernel and the noise with the largest marginal likelihood times the prior of the hyperparameters.

    Distances and dot products of all pairs are computed once, not once per trial. The search starts at the centre of
    the prior and goes no further than its statistical meaning does: to about .001 for 1000 bonds.

    Parameters
    ----------
    kernel, noise : with the values to start from
    X, y : (n, 1 + features) bonds, (n,) values
    """
    pairs = kernel.pairs(X.astype(float))
    start = np.append(kernel.theta, np.log(noise))

    def negative_log_posterior(theta: NDArray) -> tuple[float, NDArray]:
        value, gradient = log_marginal_likelihood(kernel.clone_with_theta(theta[:-1]), np.exp(theta[-1]), pairs, y)
        offset = (theta - start) / PRIOR_WIDTH
        return 0.5 * float(offset @ offset) - value, offset / PRIOR_WIDTH - gradient

    bounds = np.vstack([kernel.bounds.reshape(-1, 2), np.log(NOISE_BOUNDS)])
    best = minimize(negative_log_posterior, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"ftol": 1e-6}).x
    return kernel.clone_with_theta(best[:-1]), float(np.exp(best[-1]))


@dataclass
class BondRegressor(RegressorMixin, BaseEstimator):
    """Bond strengths of one type from rows (distance, descriptor).

    All bonds are trained on, through at most ``max_inducing`` of them: the prediction is a sum over these inducing
    bonds (subset of regressors, Rasmussen & Williams, section 8.3.1), its variance that of the deterministic training
    conditional approximation (Quiñonero-Candela & Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005)), which returns to
    the prior far from the data. If all bonds are inducing ones, it is the exact process.

    Parameters
    ----------
    kernel : BondSoapKernel, DistanceKernel or PublishedKernel, with the values to start from
    noise : variance of the white noise on the scaled residuals, to start from
    mean : "exponential", or "zero" as published
    optimise : maximise the marginal likelihood times a prior about these values; otherwise use them as they are
    max_bonds : train on at most so many bonds, drawn at random
    max_bonds_hyperparameters : fit the hyperparameters on at most so many
    max_inducing : sums over at most so many
    max_axes : keep at most so many principal axes of the descriptors of the inducing bonds, which are then in the space
        of these axes; None for the descriptors as they are. Dot products with other bonds are shorter sums, and exact;
        what an environment has beyond the axes counts in full for its variance
    seed : of the three draws
    """

    ARRAYS: ClassVar = ("X_train", "alpha", "factor", "axes")

    kernel: BondKernel = field(default_factory=BondSoapKernel)
    noise: float = 1e-3
    mean: str = "exponential"
    optimise: bool = True
    max_bonds: int = 2000
    max_bonds_hyperparameters: int = 500
    max_inducing: int = 2000
    max_axes: int | None = None
    seed: int = 0

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> BondRegressor:
        """Train.

        Parameters
        ----------
        X : (n, 1 + features), distance in Å in column 0
        y : (n,) bond strength in eV
        groups : (n,) label of the glass each bond belongs to, or of the strain of it. Few and similar environments give
            too much confidence. So every group is predicted from the others, and if the errors exceed the standard
            deviations, these are widened by the ratio; and by sqrt(1 + 1/G) for G groups, since that ratio is a mean
            over G groups and the next bonds come from another one.

        Raises
        ------
        ValueError
            For arrays of different lengths, fewer than three bonds, or a number that is not finite.
        """
        X, y = check_training_data(X, y)
        order = np.random.default_rng(self.seed).permutation(len(y))
        chosen = np.sort(order[: self.max_bonds])
        # All bonds are cheap for the two numbers of the mean.
        distance = X[:, 0].astype(float)
        self.mean_ = PriorMean.of(self.mean, distance, y)
        residual = (y - self.mean_(distance)) / self.mean_.scale(distance)
        self.kernel_, self.noise_ = self.kernel, float(self.noise)
        if self.optimise:
            subset = np.sort(order[: min(self.max_bonds, self.max_bonds_hyperparameters)])
            self.kernel_, self.noise_ = most_probable(self.kernel, float(self.noise), X[subset], residual[subset])
        inducing = X[self._inducing(chosen, self.mean_.scale(distance))]
        self.axes_ = None if self.max_axes is None else _principal_axes(inducing[:, 1:].astype(float), self.max_axes)
        self.X_train_ = self.reduced(inducing)
        self.widening_ = 1.0
        if len(self.X_train_) == len(chosen):
            self._solve_exactly(residual[chosen])
        else:
            prior = self._prior_factor()
            self._solve(prior, *self._moments(prior, X[chosen], residual[chosen]))
        if groups is not None:
            labels = np.asarray(groups)[chosen]
            n_groups = len(np.unique(labels))
            tested = 1.0
            if n_groups > 1:
                masks = [labels == label for label in np.unique(labels)]
                left_out, std, _ = self.left_out(X[chosen], y[chosen], masks)
                noise = self.mean_.scale(distance[chosen]) * np.sqrt(self.noise_)
                tested = float(np.sqrt(np.mean(np.square(left_out - y[chosen]) / (std**2 + noise**2))))
            self.widening_ = max(1.0, tested) * float(np.sqrt(1.0 + 1.0 / n_groups))
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Return the strengths in eV, (n,), and with ``return_std`` their standard deviations as labels, (n,).

        The standard deviation is that of a label: it includes the noise.
        """
        X = np.asarray(X, dtype=np.float32)
        mean, latent, _ = self.latent(X, return_std)
        if not return_std:
            return mean
        noise = self.mean_.scale(X[:, 0].astype(float)) * np.sqrt(self.noise_)
        return mean, self.widening_ * np.sqrt(latent**2 + noise**2)

    def latent(self, X: NDArray, return_std: bool = True) -> tuple[NDArray, NDArray, NDArray]:
        """Return (mean, std, novelty), (n,) each: strength in eV, its standard deviation without noise, and what the
        training bonds leave of the prior variance over what they take away: 0 at one of them, large far from all.

        Without ``return_std`` the last two are NaN.
        """
        mean, std, novelty = np.empty(len(X)), np.full(len(X), np.nan), np.full(len(X), np.nan)
        for start in range(0, len(X), CHUNK):
            part = slice(start, start + CHUNK)
            chunk = X[part].astype(float)
            distance = chunk[:, 0]
            scale = self.mean_.scale(distance)
            K = self.kernel_(self.reduced(chunk), self.X_train_)
            mean[part] = self.mean_(distance) + scale * (K @ self.alpha_)
            if return_std:
                V = solve_triangular(self.factor_, K.T, lower=True, check_finite=False, overwrite_b=True)
                prior = self.kernel_.diag(chunk)
                variance = np.maximum(prior - np.einsum("ij,ij->j", V, V), 0.0)
                std[part] = scale * np.sqrt(variance)
                novelty[part] = _novelty(variance, prior)
        return mean, std, novelty

    def reduced(self, X: NDArray) -> NDArray[np.float64]:
        """Return rows (n, 1 + axes) whose kernel with the inducing bonds is that of the rows X (n, 1 + features).

        In double precision: weights of both signs cancel, and dot products in single precision would cost 1e-4 to
        1e-3 eV.
        """
        X = np.ascontiguousarray(X, dtype=float)
        return X if self.axes_ is None else np.hstack([X[:, :1], X[:, 1:] @ self.axes_])

    def left_out(self, X: NDArray, y: NDArray, folds: Sequence[NDArray]) -> tuple[NDArray, NDArray, NDArray]:
        """Return what :meth:`latent` would, for each fold (a mask) from the training bonds outside it.

        Same hyperparameters and inducing bonds; the equations are solved without the fold.
        """
        distance = X[:, 0].astype(float)
        scale = self.mean_.scale(distance)
        residual = (y - self.mean_(distance)) / scale
        prior = self._prior_factor()
        own = [self._moments(prior, X[test], residual[test]) for test in folds]
        precision = np.eye(len(prior)) + np.sum([part for part, _ in own], axis=0)
        moment = np.sum([part for _, part in own], axis=0)
        mean, std, novelty = np.empty(len(y)), np.empty(len(y)), np.empty(len(y))
        for test, (own_precision, own_moment) in zip(folds, own, strict=True):
            factor = cholesky(precision - own_precision, lower=True, check_finite=False)
            weights = cho_solve((factor, True), moment - own_moment, check_finite=False)
            rows = np.flatnonzero(test)
            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                chunk = X[part].astype(float)
                W = self._whitened(prior, chunk)
                diagonal = self.kernel_.diag(chunk)
                V = solve_triangular(factor, W, lower=True, check_finite=False)
                variance = diagonal - np.einsum("ij,ij->j", W, W) + np.einsum("ij,ij->j", V, V)
                mean[part] = self.mean_(distance[part]) + scale[part] * (weights @ W)
                std[part] = scale[part] * np.sqrt(np.maximum(variance, 0.0))
                novelty[part] = _novelty(np.maximum(variance, 0.0), diagonal)
        return mean, std, novelty

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays to be stored as such, attributes of JSON types."""
        arrays = {"X_train": self.X_train_, "alpha": self.alpha_, "factor": self.factor_}
        if self.axes_ is not None:
            arrays["axes"] = self.axes_
        names = [p.name for p in self.kernel_.hyperparameters]
        parameters: dict[str, Any] = {name: float(getattr(self.kernel_, name)) for name in names}
        if isinstance(self.kernel_, PublishedKernel):
            parameters["zeta"] = int(self.kernel_.zeta)
        attributes = {
            "kernel": type(self.kernel_).__name__,
            "kernel_parameters": parameters,
            "noise": self.noise_,
            "widening": float(self.widening_),
            "mean": {"amplitude": self.mean_.amplitude, "decay": self.mean_.decay, "origin": self.mean_.origin},
        }
        return arrays, attributes

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray], attributes: dict[str, Any]) -> BondRegressor:
        """Return a regressor that predicts the same, bit for bit, as the one that :meth:`to_arrays` came from."""
        regressor = cls(kernel=KERNELS[attributes["kernel"]](**attributes["kernel_parameters"]))
        regressor.kernel_ = regressor.kernel
        regressor.noise_ = float(attributes["noise"])
        regressor.widening_ = float(attributes["widening"])
        regressor.mean_ = PriorMean(**attributes["mean"])
        regressor.X_train_ = np.ascontiguousarray(arrays["X_train"], dtype=float)
        regressor.axes_ = np.ascontiguousarray(arrays["axes"], dtype=float) if "axes" in arrays else None
        regressor.alpha_ = np.ascontiguousarray(arrays["alpha"], dtype=float)
        # Column order, as LAPACK made it: the same calls on the same layout give the same bits.
        regressor.factor_ = np.asfortranarray(arrays["factor"], dtype=float)
        return regressor

    def _inducing(self, chosen: NDArray, scale: NDArray) -> NDArray[np.int64]:
        """Return which bonds are the inducing ones: drawn in proportion to their scale, since strong bonds are rare and
        their errors large."""
        if len(chosen) <= self.max_inducing:
            return chosen
        # Exponential variables divided by weights: the smallest are a weighted draw without replacement.
        draw = np.random.default_rng((self.seed, 1)).exponential(size=len(chosen)) / scale[chosen]
        return chosen[np.sort(np.argsort(draw, kind="stable")[: self.max_inducing])]

    def _prior_factor(self) -> NDArray[np.float64]:
        """Return the lower Cholesky factor L of the kernel matrix of the inducing bonds, made definite."""
        K = self.kernel_(self.X_train_)
        K[np.diag_indices_from(K)] += JITTER * float(np.mean(np.diag(K)))
        return cholesky(K, lower=True, overwrite_a=True, check_finite=False)

    def _whitened(self, prior: NDArray, chunk: NDArray) -> NDArray[np.float64]:
        """Return W = L^-1 K (inducing, bonds): weights on its rows have unit normal priors."""
        K = self.kernel_(self.reduced(chunk), self.X_train_)
        return solve_triangular(prior, K.T, lower=True, check_finite=False, overwrite_b=True)

    def _moments(self, prior: NDArray, X: NDArray, residual: NDArray) -> tuple[NDArray, NDArray]:
        """Return W W' / noise and W r / noise, summed over the bonds in chunks."""
        precision, moment = np.zeros((len(prior), len(prior))), np.zeros(len(prior))
        for start in range(0, len(X), CHUNK):
            W = self._whitened(prior, X[start : start + CHUNK].astype(float))
            precision += W @ W.T
            moment += W @ residual[start : start + CHUNK]
        return precision / self.noise_, moment / self.noise_

    def _solve_exactly(self, residual: NDArray) -> None:
        """Set the weights and the factor of the variance where all bonds are inducing ones."""
        K = self.kernel_(self.X_train_)
        K[np.diag_indices_from(K)] += self.noise_
        self.factor_ = np.asfortranarray(cholesky(K, lower=True, overwrite_a=True, check_finite=False))
        self.alpha_ = cho_solve((self.factor_, True), residual, check_finite=False)

    def _solve(self, prior: NDArray, precision: NDArray, moment: NDArray) -> None:
        """Set the weights of the kernel sum and the factor T of the variance, diag - |T^-1 k|².

        With M = W W' / noise the variance is that of the prior less k' L^-T (1 - (1 + M)^-1) L^-1 k, and the inverse of
        1 - (1 + M)^-1 is 1 + M^-1: T = L chol(1 + M^-1). Directions that no bond tells of have no inverse in M; a
        billionth of the largest stands for it.
        """
        one = np.eye(len(prior))
        factor = cholesky(precision + one, lower=True, check_finite=False)
        weights = cho_solve((factor, True), moment, check_finite=False)
        self.alpha_ = solve_triangular(prior, weights, lower=True, trans="T", check_finite=False)
        told = cholesky(precision + 1e-9 * np.trace(precision) * one, lower=True, check_finite=False)
        inverse = cho_solve((told, True), one, check_finite=False)
        self.factor_ = np.asfortranarray(prior @ cholesky(one + inverse, lower=True, check_finite=False))


def _novelty(variance: NDArray, prior: NDArray) -> NDArray[np.float64]:
    """Return variances over what they are smaller than the prior's; without a bound, so that a multiple can be met."""
    return variance / np.maximum(prior - variance, 1e-12 * prior)


def _principal_axes(descriptors: NDArray[np.float64], max_axes: int) -> NDArray[np.float64]:
    """Return orthonormal axes (features, r) of descriptors (n, features), those with the largest squares; r at most
    ``max_axes``, and no more than there are directions."""
    squares, vectors = eigh(descriptors @ descriptors.T)
    kept = np.flatnonzero(squares > AXIS_FLOOR * squares[-1])[-max_axes:]
    return np.ascontiguousarray(descriptors.T @ (vectors[:, kept] / np.sqrt(squares[kept])))


def check_training_data(X: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return (X, y) as arrays.

    Raises
    ------
    ValueError
        For arrays of different lengths, fewer than three bonds, or a number that is not finite.
    """
    X, y = np.asarray(X, dtype=np.float32), np.asarray(y, dtype=float)
    if X.ndim != 2 or y.shape != (len(X),) or len(y) < 3:
        raise ValueError(f"training needs three bonds at least, one strength for each; X {X.shape}, y {y.shape}")
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise ValueError("training data hold numbers that are not finite: leave these bonds out")
    return X, y
