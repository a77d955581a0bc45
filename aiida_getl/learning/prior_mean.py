"""How bond strengths fall with distance, and how their errors do: what is known before any environment is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

#: What a Gaussian process may return to far from all training bonds.
PRIOR_MEANS = ("exponential", "zero")

#: Added to the mean below the root of the scale, eV: weak bonds are not known without error.
SCALE_FLOOR = 0.02


@dataclass(frozen=True)
class PriorMean:
    """Prior mean A exp(-(d - d0) / b) in eV, or zero with a scale of one.

    Attributes
    ----------
    amplitude : A in eV, the strength at d0; zero for no mean
    decay : b in Å
    origin : d0 in Å, the median distance of the training bonds
    """

    amplitude: float = 0.0
    decay: float = 1.0
    origin: float = 0.0

    @classmethod
    def of(cls, kind: str, distance: NDArray, strength: NDArray) -> PriorMean:
        """Return the mean of a kind for training bonds, distances (n,) in Å and strengths (n,) in eV.

        Raises
        ------
        ValueError
            For a kind other than those of :data:`PRIOR_MEANS`.
        """
        if kind not in PRIOR_MEANS:
            raise ValueError(f"there is no prior mean {kind!r}: choose from {list(PRIOR_MEANS)}")
        return cls.fit(distance, strength) if kind == "exponential" else cls()

    @classmethod
    def fit(cls, distance: NDArray, strength: NDArray) -> PriorMean:
        """Fit A and b, in bounds that even a handful of bonds cannot drive to a strange curve."""
        origin = float(np.median(distance))
        (amplitude, decay), _ = curve_fit(
            lambda d, a, b: a * np.exp((origin - d) / b),
            distance,
            strength,
            p0=(float(np.clip(np.mean(strength), 2e-3, 9.0)), 0.5),
            bounds=([1e-3, 0.2], [10.0, 3.0]),
        )
        return cls(float(amplitude), float(decay), origin)

    def __call__(self, distance: NDArray) -> NDArray[np.float64]:
        """Return the mean in eV."""
        return self.amplitude * np.exp((self.origin - distance) / self.decay)

    def scale(self, distance: NDArray) -> NDArray[np.float64]:
        """Return the scale of the residuals, sqrt(eV)."""
        return np.sqrt(self(distance) + SCALE_FLOOR) if self.amplitude else np.ones_like(distance, dtype=float)
