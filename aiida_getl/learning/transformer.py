"""What every descriptor of bonds is: a scikit-learn transformer from structures and their bonds to one row per bond."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from aiida_getl.learning.neighbours import Images
from aiida_getl.structures.bonds import BondList, bond_vectors


class BondDescriptor(TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """A transformer from pairs (ase.Atoms, BondList) to float32 rows, shape (bonds, features).

    A descriptor has a ``kind``, its name in settings, and ``species``, the chemical symbols that can occur in any
    structure to come. Where none are given, :meth:`fit` finds them; nothing else is learnt from data.
    """

    kind: str
    species: Sequence[str] | None

    def __sklearn_is_fitted__(self) -> bool:
        return self.species is not None or hasattr(self, "species_")

    def fit(self, X: Iterable[tuple[Atoms, BondList]], y: Any = None) -> BondDescriptor:
        """Find the species of the structures, as ``species_``, if none are given."""
        if self.species is None:
            self.species_ = sorted({symbol for atoms, _ in X for symbol in atoms.symbols})
        return self

    def transform(self, X: Iterable[tuple[Atoms, BondList]]) -> NDArray[np.float32]:
        """Return the descriptors of all bonds of all structures, shape (bonds, features).

        Raises
        ------
        ValueError
            For an element that is not among ``species``, or a centre with no atom within the cut-off.
        """
        rows = [self.describe(atoms, bonds) for atoms, bonds in X]
        return np.concatenate([np.empty((0, self.n_features), dtype=np.float32), *rows])

    @abstractmethod
    def describe(self, atoms: Atoms, bonds: BondList, images: Images | None = None) -> NDArray[np.float32]:
        """Return the descriptors of the bonds of one structure, shape (bonds, features).

        Parameters
        ----------
        atoms, bonds : structure, any cell, and its bonds
        images : what :meth:`images` returns for the longest bond; made anew by default, and worth making once where
            the bonds of a large structure are described part by part
        """

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON types, see :func:`aiida_getl.learning.descriptors.from_settings`."""

    @abstractmethod
    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""

    @abstractmethod
    def radius(self, r_max: float) -> float:
        """Return how far (Å) from the points that it looks from, for bonds of at most ``r_max``, atoms count."""

    def images(self, atoms: Atoms, r_max: float) -> Images:
        """Return the atoms and their periodic images that bonds of at most ``r_max`` Å need to be described."""
        return Images.of(atoms.positions, np.asarray(atoms.cell, dtype=float), self.radius(r_max))

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of features."""

    @abstractmethod
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the features, shape (features,)."""

    def _elements(self) -> list[str]:
        """Return the species by atomic number, the order of the features."""
        return sorted(self._symbols(), key=lambda symbol: atomic_numbers[symbol])

    def _symbols(self) -> list[str]:
        """Return the species as they were given or found."""
        check_is_fitted(self)
        return list(self.species_ if self.species is None else self.species)

    def _kinds(self, atoms: Atoms) -> NDArray[np.intp]:
        """Return the place of each atom's element among :meth:`_elements`; a ValueError if it is not among them."""
        check_species(atoms, self._symbols())
        return np.searchsorted([atomic_numbers[symbol] for symbol in self._elements()], atoms.numbers)


def midpoints(atoms: Atoms, bonds: BondList) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the midpoints of bonds, wrapped into the cell, and the vectors from their first to their second atoms.

    Both (n, 3) in Å. Translations belong to the positions as they are, so only the midpoints are wrapped.
    """
    cell = np.asarray(atoms.cell, dtype=float)
    vector = bond_vectors(atoms.positions, cell, bonds)
    return into_cell(atoms.positions[bonds.atom_i] + 0.5 * vector, cell), vector


def into_cell(points: NDArray, cell: NDArray) -> NDArray[np.float64]:
    """Return points (n, 3) in Å wrapped into a cell (3, 3)."""
    fractional = points @ np.linalg.inv(cell)
    return (fractional - np.floor(fractional)) @ cell


def check_species(atoms: Atoms, species: Sequence[str]) -> None:
    """Raise a ValueError if a structure holds an element that is not among ``species``."""
    unknown = sorted({chemical_symbols[number] for number in np.unique(atoms.numbers)} - set(species))
    if unknown:
        raise ValueError(
            f"the descriptor knows the elements {list(species)}, not {unknown}: "
            "train with structures that hold all elements to be described"
        )
