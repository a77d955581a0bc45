"""How much surer labels would make a model, before there are any.

The variance of a Gaussian process, and of a linear model with a normal prior, depends on where labels are and not on
what they say. With Σ the posterior covariance of target bonds T and bonds C of a cell, and N the variance of their
labels' noise, labelling the cell leaves Σ_TT - Σ_TC (Σ_CC + N)^-1 Σ_CT (Rasmussen & Williams, Gaussian Processes for
Machine Learning (2006), eq. 2.24). The hyperparameters are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from aiida_getl.learning.ensemble import BondEnsemble
from aiida_getl.learning.log_linear import LogLinearRegressor
from aiida_getl.learning.prior_mean import SCALE_FLOOR
from aiida_getl.learning.regression import BondRegressor

#: Rows of a kernel matrix made at a time.
CHUNK = 2048

#: Prior covariance (a, b) of two sets of bonds, given by their indices.
Covariance = Callable[[NDArray, NDArray], NDArray]


class JointPosterior:
    """Posterior covariance of target bonds and of the bonds of candidate cells, in one model.

    Points are numbered: the target's first, then those of one cell after the other.

    Parameters
    ----------
    prior : covariance of two sets of points before the labels that ``explained`` stands for
    explained : (r, points), the posterior covariance of a and b is prior(a, b) - explained[:, a]' explained[:, b]
    noise : (points,) variance of the label of each, in the same units
    sizes : number of target points, and of the points of each cell
    """

    def __init__(self, prior: Covariance, explained: NDArray, noise: NDArray, sizes: Sequence[int]) -> None:
        self._prior, self._explained, self._noise = prior, [explained], noise
        bounds = np.cumsum([0, *sizes])
        self._points = [np.arange(a, b) for a, b in pairwise(bounds)]
        target, everything = self._points[0], np.arange(bounds[-1])
        self._cross = self._posterior(target, everything)
        self._own = [self._posterior(cell, cell) for cell in self._points[1:]]
        self.variance = np.diag(self._cross[:, target]).copy()

    def reduction(self, cell: int) -> NDArray[np.float64]:
        """Return by how much labels of a cell would reduce the variances of the target's bonds, (target,)."""
        points = self._points[1 + cell]
        if not len(points):
            return np.zeros_like(self.variance)
        factor = self._factor(cell)
        return np.square(solve_triangular(factor, self._cross[:, points].T, lower=True, check_finite=False)).sum(axis=0)

    def add(self, cell: int) -> None:
        """Take the cell as labelled."""
        points = self._points[1 + cell]
        if not len(points):
            return
        everything = np.arange(self._cross.shape[1])
        rows = solve_triangular(self._factor(cell), self._posterior(points, everything), lower=True, check_finite=False)
        self._explained.append(rows)
        target = self._points[0]
        self._cross -= rows[:, target].T @ rows
        for own, other in zip(self._own, self._points[1:], strict=True):
            own -= rows[:, other].T @ rows[:, other]
        self.variance = np.maximum(np.diag(self._cross[:, target]), 0.0)

    def _factor(self, cell: int) -> NDArray[np.float64]:
        matrix = self._own[cell].copy()
        matrix[np.diag_indices_from(matrix)] += self._noise[self._points[1 + cell]]
        return cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)

    def _posterior(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        result = self._prior(a, b)
        for rows in self._explained:
            result -= rows[:, a].T @ rows[:, b]
        return result


class EnsemblePosterior:
    """The same for the models of one bond type together: variances of the target's bonds, in eV².

    Parameters
    ----------
    ensemble : trained
    target : (m, 1 + features) rows of bonds
    cells : of each candidate cell, such rows of a sample of its bonds
    counts : how many bonds of this type each cell has; a sample stands for all
    independent : labels of one cell tell as much as so many independent ones at most. n labels with the correlation
        1/independent of their errors tell as much as n / (1 + (n - 1)/independent)
    """

    def __init__(
        self,
        ensemble: BondEnsemble,
        target: NDArray,
        cells: Sequence[NDArray],
        counts: Sequence[float],
        independent: float,
    ) -> None:
        self.ensemble = ensemble
        X = np.concatenate([target, *cells])
        sizes = [len(target), *(len(rows) for rows in cells)]
        each = [
            (1.0 + (max(n, 1.0) - 1.0) / independent) * len(own) / max(n, 1.0)
            for own, n in zip(cells, counts, strict=True)
        ]
        factor = np.repeat([1.0, *each], sizes)
        prediction = {name: member.latent(ensemble.columns(target, name)) for name, member in ensemble.members_.items()}
        self.mean, _, self.difference = ensemble.combine(prediction)
        self._parts: list[tuple[float, NDArray, JointPosterior]] = []
        for name, member in ensemble.members_.items():
            rows = ensemble.columns(X, name)
            if isinstance(member, BondRegressor):
                weight, (scale, joint) = ensemble.weight_, _of_process(member, rows, factor, sizes)
            else:
                weight, (scale, joint) = 1.0 - ensemble.weight_, _of_log_linear(member, rows, factor, sizes)
            self._parts.append((weight, scale[: len(target)] ** 2, joint))
        self._start = self._variance([joint.variance for _, _, joint in self._parts])

    def std(self, cell: int | None = None) -> NDArray[np.float64]:
        """Return the standard deviations of the target's bonds as labels (target,), eV, with the cell's labels too.

        The difference of the models is expected to shrink like their own standard deviations.
        """
        variances = [joint.variance for _, _, joint in self._parts]
        if cell is not None:
            variances = [v - joint.reduction(cell) for v, (_, _, joint) in zip(variances, self._parts, strict=True)]
        latent = self._variance(variances)
        left = np.sqrt(np.divide(latent, self._start, out=np.ones_like(latent), where=self._start > 0.0))
        return self.ensemble.errors_.std(self.mean, np.sqrt(latent), self.difference * np.minimum(left, 1.0))

    def add(self, cell: int) -> None:
        """Take the cell as labelled."""
        for _, _, joint in self._parts:
            joint.add(cell)

    def _variance(self, variances: Sequence[NDArray]) -> NDArray[np.float64]:
        parts = zip(self._parts, variances, strict=True)
        return np.sum([weight * scale * np.maximum(own, 0.0) for (weight, scale, _), own in parts], axis=0)


def _of_process(
    process: BondRegressor, X: NDArray, factor: NDArray, sizes: Sequence[int]
) -> tuple[NDArray, JointPosterior]:
    """Return the scale s of each bond (strength = mean + s f), and the joint posterior of f."""
    training = process.X_train_
    explained = np.empty((len(training), len(X)))
    for start in range(0, len(X), CHUNK):
        part = slice(start, start + CHUNK)
        K = process.kernel_(training, process.reduced(X[part]))
        explained[:, part] = solve_triangular(process.factor_, K, lower=True, check_finite=False, overwrite_b=True)

    def prior(a: NDArray, b: NDArray) -> NDArray:
        return process.kernel_(X[a].astype(float), X[b].astype(float))

    joint = JointPosterior(prior, explained, process.noise_ * factor, sizes)
    return process.mean_.scale(X[:, 0].astype(float)), joint


def _of_log_linear(
    model: LogLinearRegressor, X: NDArray, factor: NDArray, sizes: Sequence[int]
) -> tuple[NDArray, JointPosterior]:
    """Return the strength of each bond in eV, and the joint posterior of the logarithms of the strengths."""
    strength, _, novelty = model.latent(X)
    # As in predictions, the standard deviation is the strength itself at most.
    rows = model.whitened(X) / np.sqrt(np.maximum(novelty, 1.0))[:, None]
    noise = factor * model.noise_ * (strength + SCALE_FLOOR) / np.square(strength)
    joint = JointPosterior(lambda a, b: rows[a] @ rows[b].T, np.zeros((0, len(X))), noise, sizes)
    return strength, joint
