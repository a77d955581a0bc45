"""How large the error of a prediction is expected to be, learnt from predictions of groups left out.

The variance is a sum of five terms with coefficients that are never negative: a constant, the strength (noise of labels
grows with it), its square (relative errors), the variance that the models themselves state (few bonds like this one),
and the squared difference of the models (they see the environment differently). The coefficients make the errors of the
groups left out most likely, within a prior that decides where there are few of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aiida_getl.learning.prior_mean import SCALE_FLOOR

#: Coefficients before any error is seen, in eV², eV, 1, 1, 1; which of them is that of the models' own variance; and
#: the width of the prior in logarithms.
PRIOR_COEFFICIENTS = (1e-5, 1e-3, 1e-4, 1.0, 0.3)
LATENT = 3
PRIOR_WIDTH = 1.0
#: Least share of the variance that the models state themselves. Groups that resemble each other, such as crystals at
#: several volumes, are predicted so well that they say nothing about bonds unlike all of them; the models do.
LATENT_FLOOR = 0.25
#: Errors within one group resemble each other: a group counts as so many independent ones at most.
INDEPENDENT_PER_GROUP = 50


@dataclass(frozen=True)
class ErrorModel:
    """Variance of a prediction as a label.

    Attributes
    ----------
    coefficients : of the five terms
    widening : factor of the standard deviation, for the number of groups that the coefficients were learnt from
    """

    coefficients: tuple[float, ...] = PRIOR_COEFFICIENTS
    widening: float = 1.0

    @classmethod
    def fit(cls, error: NDArray, mean: NDArray, latent: NDArray, difference: NDArray, n_groups: int) -> ErrorModel:
        """Learn from bonds predicted without their group.

        Parameters
        ----------
        error : (n,) eV, predicted less target
        mean, latent, difference : (n,) eV, see :meth:`std`
        n_groups : groups that were left out one after the other; 1 if there was one only, which tests nothing: then
            random parts were
        """
        terms = _terms(mean, latent, difference)
        start = np.log(PRIOR_COEFFICIENTS)
        share = min(1.0, INDEPENDENT_PER_GROUP * n_groups / len(error))

        def negative_log_posterior(logarithm: NDArray) -> tuple[float, NDArray]:
            parts = terms * np.exp(logarithm)
            variance = parts.sum(axis=1)
            ratio = np.square(error) / variance
            offset = (logarithm - start) / PRIOR_WIDTH
            value = 0.5 * share * float(np.sum(np.log(variance) + ratio)) + 0.5 * float(offset @ offset)
            slope = 0.5 * share * (((1.0 - ratio) / variance) @ parts) + offset / PRIOR_WIDTH
            return value, slope

        bounds = [(value - 12.0, value + 12.0) for value in start]
        bounds[LATENT] = (np.log(LATENT_FLOOR), bounds[LATENT][1])
        found = minimize(negative_log_posterior, start, method="L-BFGS-B", jac=True, bounds=bounds)
        return cls(tuple(float(value) for value in np.exp(found.x)), float(np.sqrt(1.0 + 1.0 / n_groups)))

    def std(self, mean: NDArray, latent: NDArray, difference: NDArray) -> NDArray[np.float64]:
        """Return the standard deviation (n,) of the error.

        Parameters
        ----------
        mean : (n,) eV, the prediction
        latent : (n,) eV, standard deviation that the models state, without noise
        difference : (n,) eV, of the models; zero for one
        """
        return self.widening * np.sqrt(_terms(mean, latent, difference) @ np.array(self.coefficients))


def _terms(mean: NDArray, latent: NDArray, difference: NDArray) -> NDArray[np.float64]:
    strength = np.maximum(mean, 0.0)
    return np.stack(
        [np.ones_like(mean), strength + SCALE_FLOOR, strength**2, np.square(latent), np.square(difference)], axis=1
    )
