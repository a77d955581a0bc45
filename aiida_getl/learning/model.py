"""A trained model: from a structure to the strengths of all its bonds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aiida_getl.learning.blocks import Block, blocks
from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.ensemble import BondEnsemble
from aiida_getl.learning.neighbours import Images, neighbour_pairs
from aiida_getl.learning.threads import side_by_side
from aiida_getl.progress import Progress
from aiida_getl.structures.bonds import BondList, bond_types

#: of the stored form; raised when a model stored before could be misread
FORMAT = 4

#: bonds described and predicted at a time by each thread, which bounds the memory
CHUNK = 4096

#: Å; the length of a bond differs by rounding between its label and its structure
SAME_LENGTH = 1e-4

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

    def predict(
        self,
        atoms: Atoms,
        r_max: float | None = None,
        return_std: bool = True,
        n_threads: int | None = None,
        progress: Progress | None = None,
    ) -> Prediction:
        """Predict the strengths of all bonds of a periodic structure.

        Atoms of elements that no training structure holds are left out of the environments: their own bonds are of
        unknown type, and bonds near them are flagged as of a novel environment.

        Parameters
        ----------
        atoms : structure, any cell
        r_max : longest bond in Å; the model's own by default
        return_std : without, the standard deviations are NaN, no environment is flagged as novel unless an unknown
            element is near, and the prediction takes less time
        n_threads : see :func:`aiida_getl.learning.threads.side_by_side`; the numbers do not depend on it
        progress : called with the number of atoms done and of all, and ``atoms``

        Returns
        -------
        Prediction, its bonds sorted by (A, B, T).

        Raises
        ------
        ValueError
            For a structure without a periodic cell, or an ``r_max`` that is not positive.
        """
        parts = list(self.predict_blocks(atoms, r_max, return_std, n_threads, progress))
        if len(parts) == 1:
            return parts[0]
        bonds = [part.bonds for part in parts]
        whole = BondList(*(np.concatenate([getattr(part, f.name) for part in bonds]) for f in fields(BondList)))
        order = np.lexsort((*whole.translation.T[::-1], whole.atom_j, whole.atom_i))
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("type", "mean", "std", "outside_range", "unknown_type", "novel_environment")
        }
        return Prediction(bonds=whole.select(order), r_max=self.r_max if r_max is None else float(r_max), **columns)

    def predict_blocks(
        self,
        atoms: Atoms,
        r_max: float | None = None,
        return_std: bool = True,
        n_threads: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Prediction]:
        """Predict block after block of a large structure, in bounded memory; parameters as of :meth:`predict`.

        Yields
        ------
        Prediction of the bonds whose first atom is in the block; every bond once.
        """
        r_max = self.r_max if r_max is None else float(r_max)
        reach = from_settings(self.descriptor).reach(r_max)
        done = 0
        for block in blocks(atoms, r_max, max(reach, STRANGE_REACH)):
            tell = _teller(progress, done, block.n_core, len(atoms))
            yield self._predict_block(block, r_max, return_std, n_threads, tell)
            done += block.n_core

    def outside_range(self, name: str, distance: NDArray) -> NDArray[np.bool_]:
        """Return which distances (n,) in Å are shorter or longer than every training bond of a type."""
        shortest, longest = self.distance_range[name]
        return (distance < shortest - SAME_LENGTH) | (distance > longest + SAME_LENGTH)

    def predict_frames(
        self, frames: Iterable[Atoms], r_max: float | None = None, return_std: bool = True, n_threads: int | None = None
    ) -> Iterator[Prediction]:
        """Predict the frames of a trajectory, one at a time; parameters as of :meth:`predict`."""
        for atoms in frames:
            yield self.predict(atoms, r_max, return_std, n_threads)

    def _predict_block(
        self, block: Block, r_max: float, return_std: bool, n_threads: int | None, tell: Callable[[float], None]
    ) -> Prediction:
        """Predict a block; ``tell`` is called with the share of its bonds that is done."""
        bonds, n = block.local, len(block.local)
        types = bond_types(block.atoms.get_chemical_symbols(), bonds)
        mean, std = np.full(n, np.nan), np.full(n, np.nan)
        outside, novel = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        known = np.isin(types, list(self.regressors))
        for name in self.distance_range:
            outside |= (types == name) & self.outside_range(name, bonds.distance)
        atoms, environment = block.atoms, bonds
        strange = ~np.isin(atoms.numbers, [atomic_numbers[symbol] for symbol in self.species])
        if strange.any():
            novel = known & _near(atoms, strange, STRANGE_REACH, bonds)
            number = np.cumsum(~strange) - 1
            environment = BondList(number[bonds.atom_i], number[bonds.atom_j], bonds.translation, bonds.distance)
            atoms = atoms[~strange]
        descriptor = from_settings(self.descriptor)
        images = descriptor.images(atoms, r_max)
        rows = np.flatnonzero(known)

        def predict(start: int) -> None:
            part = rows[start : start + CHUNK]
            chunk = environment.select(part)
            X = np.hstack([chunk.distance[:, None].astype(np.float32), descriptor.describe(atoms, chunk, images)])
            for name in np.unique(types[part]):
                mine = np.flatnonzero(types[part] == name)
                if return_std:
                    result = self.regressors[name].predict_bonds(X[mine])
                    mean[part[mine]], std[part[mine]] = result.mean, result.std
                    novel[part[mine]] |= result.novel
                else:
                    mean[part[mine]] = self.regressors[name].predict(X[mine])

        starts = range(0, len(rows), CHUNK)
        for done, _ in enumerate(side_by_side(predict, starts, n_threads), start=1):
            tell(done / len(starts))
        return Prediction(block.bonds, types, mean, std, outside, ~known, novel, r_max)

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


def _teller(progress: Progress | None, done: int, n: int, n_atoms: int) -> Callable[[float], None]:
    """Return what tells that, after ``done`` atoms, some share of the next ``n`` is done."""

    def tell(share: float) -> None:
        if progress is not None:
            progress(done + round(share * n), n_atoms, "atoms")

    return tell


def _near(atoms: Atoms, which: NDArray[np.bool_], reach: float, bonds: BondList) -> NDArray[np.bool_]:
    """Return whether an end of each bond is within ``reach`` (Å) of one of some atoms, or of an image of it."""
    images = Images.of(atoms.positions, np.asarray(atoms.cell), reach)
    chosen = images.points[which[images.atom]]
    beside, _, _ = neighbour_pairs(images.points[: len(atoms)], cKDTree(chosen), reach)
    close = np.isin(np.arange(len(atoms)), beside)
    return close[bonds.atom_i] | close[bonds.atom_j]
