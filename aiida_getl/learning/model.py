"""A trained model: from a structure to the strengths of all its bonds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray

from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.ensemble import BondEnsemble
from aiida_getl.structures.bonds import BondList, bond_types, find_bonds

#: of the stored form; raised when a model stored before could be misread
FORMAT = 2

#: bonds described and predicted at a time, which bounds the memory
CHUNK = 8192

#: An atom of an unknown element within this distance (Å) of an end of a bond makes its environment a novel one.
STRANGE_REACH = 5.0


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
    novel_environment : (n,) bool
        Far from the environments of all training bonds of its type, or an atom of an unknown element is near.
    r_max : Å
    """

    bonds: BondList
    type: NDArray[np.str_]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    outside_range: NDArray[np.bool_]
    unknown_type: NDArray[np.bool_]
    novel_environment: NDArray[np.bool_]
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

    regressors: dict[str, BondEnsemble]
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

        Atoms of elements that no training structure holds are left out of the environments: their own bonds are of
        unknown type, and bonds near them are flagged as of a novel environment.

        Parameters
        ----------
        atoms : structure, any cell
        r_max : longest bond in Å; the model's own by default
        return_std : without, the standard deviations are NaN, no environment is flagged as novel unless an unknown
            element is near, and the prediction takes less time

        Raises
        ------
        ValueError
            For a structure without a periodic cell.
        """
        r_max = self.r_max if r_max is None else float(r_max)
        bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), r_max)
        types = bond_types(atoms.get_chemical_symbols(), bonds)
        mean, std = np.full(len(bonds), np.nan), np.full(len(bonds), np.nan)
        outside, novel = np.zeros(len(bonds), dtype=bool), np.zeros(len(bonds), dtype=bool)
        known = np.isin(types, list(self.regressors))
        strange = np.array([symbol not in self.species for symbol in atoms.get_chemical_symbols()])
        describe, novel[known] = self._environment(atoms, bonds.select(known), strange)
        order = np.flatnonzero(known)
        for name, regressor in self.regressors.items():
            mine = np.flatnonzero(types[order] == name)
            rows = order[mine]
            shortest, longest = self.distance_range[name]
            outside[rows] = (bonds.distance[rows] < shortest) | (bonds.distance[rows] > longest)
            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                X = describe(mine[start : start + CHUNK])
                if return_std:
                    result = regressor.predict_bonds(X)
                    mean[part], std[part] = result.mean, result.std
                    novel[part] |= result.novel
                else:
                    mean[part] = regressor.predict(X)
        return Prediction(bonds, types, mean, std, outside, ~known, novel, r_max)

    def _environment(
        self, atoms: Atoms, bonds: BondList, strange: NDArray[np.bool_]
    ) -> tuple[Callable[[NDArray], NDArray], NDArray[np.bool_]]:
        """Return what makes rows (distance, descriptor) of some of the bonds, and which have strange atoms near."""
        descriptor = from_settings(self.descriptor)
        near = np.zeros(len(bonds), dtype=bool)
        if strange.any() and len(bonds):
            i, j = primitive_neighbor_list("ij", (True,) * 3, np.asarray(atoms.cell), atoms.positions, STRANGE_REACH)
            beside = np.isin(np.arange(len(atoms)), i[strange[j]])
            near = beside[bonds.atom_i] | beside[bonds.atom_j]
            number = np.cumsum(~strange) - 1
            atoms = atoms[~strange]
            bonds = BondList(number[bonds.atom_i], number[bonds.atom_j], bonds.translation, bonds.distance)

        def describe(rows: NDArray) -> NDArray[np.float32]:
            part = bonds.select(rows)
            return np.hstack([part.distance[:, None].astype(np.float32), descriptor.describe(atoms, part)])

        return describe, near

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
            prefix = f"{name}."
            parts = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
            try:
                regressors[name] = BondEnsemble.from_arrays(parts, own)
            except ValueError as exception:
                raise ValueError(f"the stored model of {name} is incomplete: it {exception}") from exception
        return cls(
            regressors=regressors,
            distance_range={name: (low, high) for name, (low, high) in attributes["distance_range"].items()},
            descriptor=attributes["descriptor"],
            r_max=float(attributes["r_max"]),
            untrained=dict(attributes["untrained"]),
            settings=attributes["settings"],
            seed=int(attributes["seed"]),
        )
