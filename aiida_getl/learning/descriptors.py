"""Descriptors of bonds, as scikit-learn transformers from pairs (ase.Atoms, BondList) to one row per bond.

The rows are float32: four significant digits more than labels have, at half the memory. Periodic images are right in
cells of any shape and size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from aiida_getl.learning.screening import BondScreening
from aiida_getl.learning.soap import BondCentreSoap, EndAtomSoap
from aiida_getl.learning.transformer import BondDescriptor
from aiida_getl.structures.bonds import BondList

__all__ = ["BondCentreSoap", "BondEnvironment", "BondScreening", "EndAtomSoap", "from_settings"]


class BondEnvironment(BondDescriptor):
    """What screens a bond, told twice: features with a meaning, then the SOAP of the bond's midpoint.

    Two views of one environment: models that see one of them each err differently, and their mean errs less.

    Parameters
    ----------
    species : chemical symbols that can occur, in any structure to come
    screening : settings of :class:`BondScreening` other than its defaults
    soap : settings of :class:`BondCentreSoap` other than its defaults

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aiida_getl.structures.bonds import find_bonds
    >>> atoms = bulk("Cu")
    >>> bonds = find_bonds(atoms.positions, atoms.cell, 3.0)
    >>> BondEnvironment(["Cu"]).transform([(atoms, bonds)]).shape
    (6, 163)
    """

    kind = "bond_environment"

    def __init__(
        self,
        species: Sequence[str],
        screening: dict[str, Any] | None = None,
        soap: dict[str, Any] | None = None,
    ) -> None:
        self.species = species
        self.screening = screening
        self.soap = soap

    def describe(self, atoms: Atoms, bonds: BondList) -> NDArray[np.float32]:
        """Return the descriptors of the bonds of one structure, shape (bonds, features)."""
        return np.hstack([part.describe(atoms, bonds) for part in self._parts()])

    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON types, see :func:`from_settings`."""
        parts = []
        for part in self._parts():
            own = part.settings()
            parts.append({name: value for name, value in own.items() if name not in ("kind", "species")})
        return {"kind": self.kind, "species": list(self.species), "screening": parts[0], "soap": parts[1]}

    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""
        return max(part.reach(r_max) for part in self._parts())

    @property
    def n_screening(self) -> int:
        """Number of features of the screening; those of the SOAP follow them."""
        return self._parts()[0].n_features

    @property
    def n_features(self) -> int:
        """Number of features."""
        return sum(part.n_features for part in self._parts())

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of both parts."""
        return np.concatenate([part.get_feature_names_out() for part in self._parts()])

    def _parts(self) -> tuple[BondScreening, BondCentreSoap]:
        return (
            BondScreening(self.species, **(self.screening or {})),
            BondCentreSoap(self.species, **(self.soap or {})),
        )


Descriptor: TypeAlias = BondCentreSoap | BondEnvironment | BondScreening | EndAtomSoap

DESCRIPTORS: dict[str, type[Descriptor]] = {
    cls.kind: cls for cls in (BondEnvironment, BondCentreSoap, BondScreening, EndAtomSoap)
}


def from_settings(settings: dict[str, Any]) -> Descriptor:
    """Return the descriptor that its ``settings()`` came from.

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
        for name, part in (("screening", BondScreening), ("soap", BondCentreSoap)):
            _check_names(f"{kind}: {name}", {"species": (), **(options.get(name) or {})}, part)
    if not options.get("species"):
        raise ValueError(f"the descriptor {kind} needs the chemical symbols of all species")
    return cls(**options)


def _check_names(what: str, options: dict[str, Any], cls: type[BaseEstimator]) -> None:
    names = set(cls._get_param_names())
    if unknown := sorted(set(options) - names):
        raise ValueError(f"unknown settings of the descriptor {what}: {unknown}; it has {sorted(names)}")
