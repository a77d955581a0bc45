"""A trained model: from a structure to the strengths of all its bonds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.regression import BondRegressor
from aiida_getl.structures.bonds import BondList, bond_types, find_bonds

#: of the stored form; raised when a model stored before could be misread
FORMAT = 1

#: bonds described and predicted at a time, which bounds the memory
CHUNK = 8192


@dataclass(frozen=True)
class Prediction:
    """Predicted strengths of the bonds of one structure.

    Attributes
    ----------
    bonds : all bonds up to ``r_max``
    type : (n,) str
        Bond types.
    mean, std : (n,) eV
        Predicted -ICOHP and its standard deviation as a label; NaN where ``unknown_type``.
    outside_range : (n,) bool
        Shorter or longer than every training bond of its type: an extrapolation.
    unknown_type : (n,) bool
        The model was not trained for this bond type.
    r_max : Å
    """

    bonds: BondList
    type: NDArray[np.str_]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    outside_range: NDArray[np.bool_]
    unknown_type: NDArray[np.bool_]
    r_max: float

    def __len__(self) -> int:
        return len(self.bonds)


@dataclass(frozen=True)
class EtlModel:
    """Environment to bond strength: one regressor per bond type.

    Attributes
    ----------
    regressors : by bond type
    distance_range : by bond type, the shortest and longest training bond in Å
    untrained : by bond type, why it is not trained
    descriptor : settings of the descriptor, species included
    r_max : Å, the longest bonds it is meant for
    settings : of the training, complete
    seed : of the training
    """

    regressors: dict[str, BondRegressor]
    distance_range: dict[str, tuple[float, float]]
    descriptor: dict[str, Any]
    r_max: float
    untrained: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def species(self) -> list[str]:
        """Chemical symbols the model can meet."""
        return list(self.descriptor["species"])

    def predict(self, atoms: Atoms, r_max: float | None = None, return_std: bool = True) -> Prediction:
        """Predict the strengths of all bonds of a periodic structure.

        Memory is bounded: bonds are described and predicted in chunks.

        Parameters
        ----------
        atoms : structure, any cell
        r_max : longest bond in Å; the model's own by default
        return_std : without, the standard deviations are NaN and the prediction takes less time

        Raises
        ------
        ValueError
            For an element that no training structure holds, or a structure without a periodic cell.
        """
        r_max = self.r_max if r_max is None else float(r_max)
        unknown = sorted(set(atoms.get_chemical_symbols()) - set(self.species))
        if unknown:
            raise ValueError(
                f"the model was trained on the elements {self.species}, not {unknown}: "
                "add labelled structures that hold them to the training data"
            )
        bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), r_max)
        types = bond_types(atoms.get_chemical_symbols(), bonds)
        mean, std = np.full(len(bonds), np.nan), np.full(len(bonds), np.nan)
        outside = np.zeros(len(bonds), dtype=bool)
        descriptor = from_settings(self.descriptor)
        for name, regressor in self.regressors.items():
            rows = np.flatnonzero(types == name)
            shortest, longest = self.distance_range[name]
            outside[rows] = (bonds.distance[rows] < shortest) | (bonds.distance[rows] > longest)
            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                chunk = bonds.select(part)
                X = np.hstack([chunk.distance[:, None].astype(np.float32), descriptor.describe(atoms, chunk)])
                if return_std:
                    mean[part], std[part] = regressor.predict(X, return_std=True)
                else:
                    mean[part] = regressor.predict(X)
        return Prediction(bonds, types, mean, std, outside, ~np.isin(types, list(self.regressors)), r_max)

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays by ``<bond type>.<name>`` and attributes of JSON types."""
        arrays: dict[str, NDArray] = {}
        regressors = {}
        for name, regressor in self.regressors.items():
            own, regressors[name] = regressor.to_arrays()
            arrays.update({f"{name}.{key}": array for key, array in own.items()})
        attributes = {
            "format": FORMAT,
            "regressors": regressors,
            "distance_range": {name: list(limits) for name, limits in self.distance_range.items()},
            "descriptor": self.descriptor,
            "r_max": self.r_max,
            "untrained": self.untrained,
            "settings": self.settings,
            "seed": self.seed,
        }
        return arrays, attributes

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray], attributes: dict[str, Any]) -> EtlModel:
        """Return a model that predicts the same, bit for bit, as the one that :meth:`to_arrays` came from.

        Raises
        ------
        ValueError
            For a format this version does not know, or arrays that are missing.
        """
        if attributes.get("format") != FORMAT:
            raise ValueError(
                f"this is a model of format {attributes.get('format')!r}, and this version reads format {FORMAT}: "
                "train it again or use the version it was made with"
            )
        regressors = {}
        for name, own in attributes["regressors"].items():
            parts = {key: arrays.get(f"{name}.{key}") for key in ("X_train", "alpha")}
            if absent := [f"{name}.{key}" for key, array in parts.items() if array is None]:
                raise ValueError(f"the stored model lacks the arrays {absent}: it is incomplete")
            regressors[name] = BondRegressor.from_arrays(
                {key: array for key, array in parts.items() if array is not None}, own
            )
        return cls(
            regressors=regressors,
            distance_range={name: (low, high) for name, (low, high) in attributes["distance_range"].items()},
            descriptor=attributes["descriptor"],
            r_max=float(attributes["r_max"]),
            untrained=dict(attributes["untrained"]),
            settings=attributes["settings"],
            seed=int(attributes["seed"]),
        )
