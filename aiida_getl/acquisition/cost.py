"""What a candidate costs: core-hours learnt from what calculations of the same codes have cost before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: Without any history: core-hours of a cell of so many atoms, and how they grow with the number of atoms. Measured:
#: 0.03 for 24 atoms (docs/labels.md), about 1 for 100; on many cores some of the time is lost.
DEFAULT_CORE_HOURS, DEFAULT_ATOMS, DEFAULT_EXPONENT = 0.05, 24, 2.5
#: The exponent learnt is drawn to the default as if it were known to this standard deviation, with costs that scatter
#: by this factor (in logarithms): so sizes that hardly differ do not decide it.
EXPONENT_WIDTH, SCATTER = 0.5, 0.3


@dataclass(frozen=True)
class CostModel:
    """core-hours = amplitude (n / n₀)^exponent of a cell of n atoms, plus a constant.

    Attributes
    ----------
    amplitude : core-hours of a cell of ``n_atoms`` atoms
    exponent : of the number of atoms
    n_atoms : n₀, the typical size of the calculations that it was learnt from
    constant : core-hours that do not depend on the size, e.g. of the melt-quench run before the label
    n_observations : calculations that it was learnt from; 0: assumed
    relative_error : standard deviation of the logarithm of past costs about the model
    """

    amplitude: float = DEFAULT_CORE_HOURS
    exponent: float = DEFAULT_EXPONENT
    n_atoms: float = float(DEFAULT_ATOMS)
    constant: float = 0.0
    n_observations: int = 0
    relative_error: float | None = None

    def __post_init__(self) -> None:
        positive = (self.amplitude, self.n_atoms)
        if not all(np.isfinite(value) and value > 0.0 for value in positive) or not self.constant >= 0.0:
            raise ValueError(f"a model of costs needs positive core-hours and atoms: {self}")

    def __call__(self, n_atoms: float) -> float:
        """Return the core-hours of a cell of ``n_atoms`` atoms."""
        return float(self.amplitude * (n_atoms / self.n_atoms) ** self.exponent + self.constant)

    @classmethod
    def fit(cls, rows: Sequence[tuple[float, float]], constant: float = 0.0) -> CostModel:
        """Learn from past costs by least squares of the logarithms, the exponent drawn to the default.

        Parameters
        ----------
        rows : (number of atoms, core-hours) of each calculation; costs of zero tell nothing and are left out
        constant : core-hours to add to each

        Raises
        ------
        ValueError
            For a number that is not finite or negative.
        """
        values = np.asarray(rows, dtype=float).reshape(-1, 2)
        if not np.isfinite(values).all() or (values[:, 0] <= 0.0).any() or (values[:, 1] < 0.0).any():
            raise ValueError(f"past costs need positive numbers of atoms and core-hours: {rows}")
        values = values[values[:, 1] > 0.0]
        if not len(values):
            return cls(constant=constant)
        x, y = np.log(values).T
        origin = x.mean()
        prior = (SCATTER / EXPONENT_WIDTH) ** 2
        slope = float(((x - origin) @ (y - y.mean()) + prior * DEFAULT_EXPONENT) / (np.sum((x - origin) ** 2) + prior))
        residual = y - y.mean() - slope * (x - origin)
        error = float(np.sqrt(np.sum(residual**2) / (len(y) - 1))) if len(y) > 1 else None
        return cls(float(np.exp(y.mean())), slope, float(np.exp(origin)), constant, len(y), error)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CostModel:
        """Return the model that :meth:`as_dict` came from."""
        return cls(**data)
