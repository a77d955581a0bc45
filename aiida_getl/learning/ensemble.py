"""What predicts the bonds of one type: two models of different views, their mean, and an honest standard deviation.

A Gaussian process sees the SOAP of the bond's midpoint, a log-linear regression the sums over screening atoms and the
density in the bond's frame. They err differently, so their mean errs less; and where they differ, errors are larger.
Predictions of groups left out, in closed form, decide the weights of the two and the size of the standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from aiida_getl.learning.calibration import ErrorModel
from aiida_getl.learning.kernels import BondKernel, BondSoapKernel
from aiida_getl.learning.log_linear import LogLinearRegressor
from aiida_getl.learning.prior_mean import SCALE_FLOOR
from aiida_getl.learning.regression import BondRegressor, check_training_data

#: The weights of the two models are drawn to one half, as if so large a share of the bonds had voted for it.
EQUAL_SHARE = 0.25
#: An environment is new if its novelty is so many times that of the training bonds, predicted without their group, ...
NOVELTY_FACTOR = 1.5
#: ... below which this share of them lies.
NOVELTY_QUANTILE = 0.995
#: Share of the density in the dot products of the Gaussian process, beside the SOAP: it tells about the bond's frame,
#: which the SOAP knows from the ends only.
DENSITY_SHARE = 0.1
#: Principal axes of the descriptors that the Gaussian process keeps.
MAX_AXES = 400
#: More groups than this are joined, and one group is divided: the cost of leaving out grows with the number of parts.
MAX_PARTS = 8


@dataclass(frozen=True)
class BondPrediction:
    """Predicted strengths.

    Attributes
    ----------
    mean, std : (n,) eV; the standard deviation is that of a label
    novel : (n,) bool, an environment far from those of all training bonds
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    novel: NDArray[np.bool_]


@dataclass
class BondEnsemble(RegressorMixin, BaseEstimator):
    """Bond strengths of one type from rows (distance, screening, density, SOAP).

    Parameters
    ----------
    n_screening : number of columns of the screening, after the distance; zero for a table that has none: then the
        Gaussian process is alone
    n_density : number of columns of the density, after those of the screening
    kernel : of the Gaussian process, with the values to start from
    mean : prior mean of the Gaussian process, "exponential" or "zero"; the regression has one of its own
    max_bonds : train on at most so many bonds, drawn at random
    max_bonds_hyperparameters : fit the hyperparameters of the Gaussian process on at most so many
    max_inducing : its predictions are sums over at most so many
    seed : of the draws
    """

    n_screening: int = 0
    n_density: int = 0
    kernel: BondKernel = field(default_factory=BondSoapKernel)
    mean: str = "exponential"
    max_bonds: int = 100_000
    max_bonds_hyperparameters: int = 600
    max_inducing: int = 1000
    seed: int = 0

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> BondEnsemble:
        """Train.

        Parameters
        ----------
        X : (n, 1 + features), distance in Å in column 0
        y : (n,) bond strength in eV
        groups : (n,) label of the glass each bond belongs to, or of the strain of it

        Raises
        ------
        ValueError
            For arrays of different lengths, fewer than three bonds, or a number that is not finite.
        """
        X, y = check_training_data(X, y)
        groups = np.zeros(len(y), dtype=int) if groups is None else np.asarray(groups)
        rng = np.random.default_rng(self.seed)
        if len(y) > self.max_bonds:
            chosen = np.sort(rng.permutation(len(y))[: self.max_bonds])
            X, y, groups = X[chosen], y[chosen], groups[chosen]
        process = BondRegressor(
            self.kernel,
            mean=self.mean,
            max_bonds=len(y),
            max_bonds_hyperparameters=self.max_bonds_hyperparameters,
            max_inducing=self.max_inducing,
            max_axes=MAX_AXES,
            seed=self.seed,
        ).fit(self.columns(X, "soap"), y)
        self.members_: dict[str, BondRegressor | LogLinearRegressor] = {"soap": process}
        if self.n_screening:
            self.members_["screening"] = LogLinearRegressor(self.n_density).fit(self.columns(X, "screening"), y)

        labels = np.unique(groups)
        n_groups = len(labels)
        if n_groups == 1:
            part = rng.permutation(len(y)) % min(MAX_PARTS, len(y))
        else:
            part = (np.searchsorted(labels, groups)) % MAX_PARTS
        folds = [part == number for number in np.unique(part)]
        tests = {name: member.left_out(self.columns(X, name), y, folds) for name, member in self.members_.items()}
        self.weight_ = self._best_weight(tests, y)
        self.novelty_limit_ = {
            name: NOVELTY_FACTOR * float(np.quantile(novelty, NOVELTY_QUANTILE))
            for name, (_, _, novelty) in tests.items()
        }
        mean, latent, difference = self.combine(tests)
        self.errors_ = ErrorModel.fit(mean - y, mean, latent, difference, n_groups)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Return the strengths in eV, (n,), and with ``return_std`` their standard deviations as labels, (n,)."""
        if not return_std:
            return self.combine(self._members_predict(X, False))[0]
        result = self.predict_bonds(X)
        return result.mean, result.std

    def predict_bonds(self, X: ArrayLike) -> BondPrediction:
        """Return strengths, standard deviations, and which environments are new."""
        parts = self._members_predict(X, True)
        mean, latent, difference = self.combine(parts)
        novel = np.any([novelty > self.novelty_limit_[name] for name, (_, _, novelty) in parts.items()], axis=0)
        return BondPrediction(mean, self.errors_.std(mean, latent, difference), novel)

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays by ``<member>.<name>`` and attributes of JSON types."""
        arrays, members = {}, {}
        for name, member in self.members_.items():
            own, members[name] = member.to_arrays()
            arrays.update({f"{name}.{key}": array for key, array in own.items()})
        attributes = {
            "members": members,
            "n_screening": self.n_screening,
            "n_density": self.n_density,
            "weight": self.weight_,
            "novelty_limit": self.novelty_limit_,
            "errors": {"coefficients": list(self.errors_.coefficients), "widening": self.errors_.widening},
        }
        return arrays, attributes

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray], attributes: dict[str, Any]) -> BondEnsemble:
        """Return an ensemble that predicts the same, bit for bit, as the one that :meth:`to_arrays` came from.

        Raises
        ------
        ValueError
            For an array that is missing, by its name.
        """
        classes = {"soap": BondRegressor, "screening": LogLinearRegressor}
        ensemble = cls(n_screening=int(attributes["n_screening"]), n_density=int(attributes.get("n_density", 0)))
        ensemble.members_ = {}
        for name, own in attributes["members"].items():
            needed = {key: arrays.get(f"{name}.{key}") for key in classes[name].ARRAYS}
            if absent := [f"{name}.{key}" for key, array in needed.items() if array is None]:
                raise ValueError(f"lacks the arrays {absent}")
            present = {key: array for key, array in needed.items() if array is not None}
            ensemble.members_[name] = classes[name].from_arrays(present, own)
        ensemble.weight_ = float(attributes["weight"])
        ensemble.novelty_limit_ = {name: float(limit) for name, limit in attributes["novelty_limit"].items()}
        errors = attributes["errors"]
        ensemble.errors_ = ErrorModel(tuple(errors["coefficients"]), float(errors["widening"]))
        return ensemble

    def columns(self, X: NDArray, name: str) -> NDArray:
        """Return the rows that a member looks at: columns of X, in those of the process the density of unit length."""
        begin, end = 1 + self.n_screening, 1 + self.n_screening + self.n_density
        if name == "screening":
            return X[:, :end]
        if not self.n_density:
            return np.hstack([X[:, :1], X[:, end:]]) if self.n_screening else X
        density = X[:, begin:end]
        norm = np.linalg.norm(density, axis=1, keepdims=True)
        weight = np.sqrt(DENSITY_SHARE) / np.where(norm > 0.0, norm, 1.0)
        return np.hstack([X[:, :1], weight * density, np.sqrt(1.0 - DENSITY_SHARE) * X[:, end:]])

    def _members_predict(self, X: ArrayLike, return_std: bool) -> dict[str, tuple[NDArray, NDArray, NDArray]]:
        rows = np.asarray(X, dtype=np.float32)
        return {name: member.latent(self.columns(rows, name), return_std) for name, member in self.members_.items()}

    def combine(self, parts: dict[str, tuple[NDArray, NDArray, NDArray]]) -> tuple[NDArray, NDArray, NDArray]:
        """Return mean, standard deviation without noise, and difference of the members, (n,) each in eV."""
        mean, std, _ = parts["soap"]
        if "screening" not in parts:
            return mean, std, np.zeros_like(mean)
        other, other_std, _ = parts["screening"]
        w = self.weight_
        return w * mean + (1.0 - w) * other, np.sqrt(w * std**2 + (1.0 - w) * other_std**2), mean - other

    @staticmethod
    def _best_weight(tests: dict[str, tuple[NDArray, NDArray, NDArray]], y: NDArray) -> float:
        """Return the weight of the Gaussian process with the least squared error, drawn to one half."""
        if "screening" not in tests:
            return 1.0
        first, second = tests["soap"][0], tests["screening"][0]
        scale = np.sqrt(np.maximum(0.5 * (first + second), 0.0) + SCALE_FLOOR)
        difference = (first - second) / scale
        spread = float(difference @ difference)
        if spread == 0.0:
            return 0.5
        best = float(difference @ ((y - second) / scale)) / spread
        return float(np.clip((best + EQUAL_SHARE * 0.5) / (1.0 + EQUAL_SHARE), 0.0, 1.0))
