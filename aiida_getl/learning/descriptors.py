"""Descriptors of bonds, as scikit-learn transformers from pairs (ase.Atoms, BondList) to one row per bond.

The rows are float32: four significant digits more than labels have, at half the memory. Periodic images are right in
cells of any shape and size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from aiida_getl.learning.density import BondDensity
from aiida_getl.learning.neighbours import Images
from aiida_getl.learning.screening import BondScreening
from aiida_getl.learning.soap import BondCentreSoap, EndAtomSoap
from aiida_getl.learning.transformer import BondDescriptor
from aiida_getl.structures.bonds import BondList

__all__ = ["BondCentreSoap", "BondDensity", "BondEnvironment", "BondScreening", "EndAtomSoap", "from_settings"]


class BondEnvironment(BondDescriptor):
    """What screens a bond, told twice: sums over single third atoms, then the SOAP of the bond's midpoint.

    Two views of one environment: models that see one of them each err differently, and their mean errs less. The sums
    are the screening and, after it, the density of third atoms in the bond's frame.

    Parameters
    ----------
    species : chemical symbols that can occur, in any structure to come; by default those that it is fitted to
    screening : settings of :class:`BondScreening` other than its defaults
    soap : settings of :class:`BondCentreSoap` other than its defaults
    density : settings of :class:`BondDensity` other than its defaults; False for none of it

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aiida_getl.structures.bonds import find_bonds
    >>> atoms = bulk("Cu")
    >>> bonds = find_bonds(atoms.positions, atoms.cell, 3.0)
    >>> BondEnvironment(["Cu"]).transform([(atoms, bonds)]).shape
    (6, 270)
    """

    kind = "bond_environment"

    def __init__(
        self,
        species: Sequence[str] | None = None,
        screening: dict[str, Any] | None = None,
        soap: dict[str, Any] | None = None,
        density: dict[str, Any] | Literal[False] | None = None,
    ) -> None:
        self.species = species
        self.screening = screening
        self.soap = soap
        self.density = density

    def describe(self, atoms: Atoms, bonds: BondList, images: Images | None = None) -> NDArray[np.float32]:
        """Return the descriptors of the bonds of one structure, shape (bonds, features)."""
        if images is None and len(bonds):
            images = self.images(atoms, float(bonds.distance.max()))
        return np.hstack([part.describe(atoms, bonds, images) for part in self._parts().values()])

    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON types, see :func:`from_settings`."""
        parts = {
            name: {key: value for key, value in part.settings().items() if key not in ("kind", "species")}
            for name, part in self._parts().items()
        }
        return {"kind": self.kind, "species": self._symbols(), **parts}

    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""
        return max(part.reach(r_max) for part in self._parts().values())

    def radius(self, r_max: float) -> float:
        """Return how far (Å) from the points that its parts look from atoms count."""
        return max(part.radius(r_max) for part in self._parts().values())

    @property
    def n_screening(self) -> int:
        """Number of features of the screening, the first ones."""
        return self._parts()["screening"].n_features

    @property
    def n_density(self) -> int:
        """Number of features of the density, between those of the screening and those of the SOAP."""
        return 0 if self.density is False else self._parts()["density"].n_features

    @property
    def n_features(self) -> int:
        """Number of features."""
        return sum(part.n_features for part in self._parts().values())

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of both parts."""
        return np.concatenate([part.get_feature_names_out() for part in self._parts().values()])

    def _parts(self) -> dict[str, BondScreening | BondDensity | BondCentreSoap]:
        symbols = self._symbols()
        parts: dict[str, BondScreening | BondDensity | BondCentreSoap] = {
            "screening": BondScreening(symbols, **(self.screening or {}))
        }
        if self.density is not False:
            parts["density"] = BondDensity(symbols, **(self.density or {}))
        return {**parts, "soap": BondCentreSoap(symbols, **(self.soap or {}))}


Descriptor: TypeAlias = BondCentreSoap | BondDensity | BondEnvironment | BondScreening | EndAtomSoap

DESCRIPTORS: dict[str, type[Descriptor]] = {
    cls.kind: cls for cls in (BondEnvironment, BondCentreSoap, BondDensity, BondScreening, EndAtomSoap)
}


def from_settings(settings: dict[str, Any]) -> Descriptor:
    """Return the descriptor that its ``settings()`` came from.

    Settings of a bond environment that do not name the density were stored before there was one: it has none.

    Raises
    ------
    ValueError
        For an unknown kind or an unknown setting.
    """
    options = dict(settings)
    kind = options.pop("kind", None)
    if kind not in DESCRIPTORS:
        raise ValueError(f"unknown descriptor {kind!r}: choose from {sorted(DESCRIPTORS)}")
    cls = DESCRIPTORS[kind]
    _check_names(kind, options, cls)
    if cls is BondEnvironment:
        options.setdefault("density", False)
        for name, part in (("screening", BondScreening), ("density", BondDensity), ("soap", BondCentreSoap)):
            _check_names(f"{kind}: {name}", {"species": (), **(options.get(name) or {})}, part)
    if not options.get("species"):
        raise ValueError(f"the descriptor {kind} needs the chemical symbols of all species")
    return cls(**options)


def _check_names(what: str, options: dict[str, Any], cls: type[BaseEstimator]) -> None:
    names = set(cls._get_param_names())
    if unknown := sorted(set(options) - names):
        raise ValueError(f"unknown settings of the descriptor {what}: {unknown}; it has {sorted(names)}")
