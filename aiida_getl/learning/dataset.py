"""Labelled bonds of many structures in one table: what is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from aiida_getl.learning.descriptors import from_settings
from aiida_getl.structures.bonds import BondList, bond_types


@dataclass(frozen=True)
class BondTable:
    """Labelled bonds; every row knows the structure it came from.

    Attributes
    ----------
    type : (n,) str
        Bond type, e.g. ``Zr-Cu``.
    distance : (n,) Å
    strength : (n,) eV
        Bond strength -ICOHP; positive is bonding.
    atom_i, atom_j : (n,) int
        Zero-based indices in the structure.
    translation : (n, 3) int
        Lattice translation of ``atom_j``.
    structure : (n,) int
        Index into ``structures``.
    structures : list of dict
        One for each structure: ``run`` (the glass), ``sub_run`` (name of its deformation), and what else is known, e.g.
        ``composition``, ``structure_id``, ``label_id``.
    descriptors : dict of (n, features) float32
        By the name of the descriptor.
    """

    type: NDArray[np.str_]
    distance: NDArray[np.float64]
    strength: NDArray[np.float64]
    atom_i: NDArray[np.int64]
    atom_j: NDArray[np.int64]
    translation: NDArray[np.int64]
    structure: NDArray[np.int64]
    structures: list[dict[str, Any]]
    descriptors: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.type)
        columns = {name: getattr(self, name) for name in ("distance", "strength", "atom_i", "atom_j", "structure")}
        for name, column in {**columns, **self.descriptors, "translation": self.translation}.items():
            if len(column) != n:
                raise ValueError(f"a bond table of {n} bonds has {len(column)} values of {name}")
        if n and not 0 <= self.structure.min() <= self.structure.max() < len(self.structures):
            raise ValueError(f"a bond table refers to structures beyond its {len(self.structures)}")

    def __len__(self) -> int:
        return len(self.type)

    def select(self, index: NDArray) -> BondTable:
        """Return the rows at ``index`` (integers or a mask); the list of structures stays as it is."""
        return BondTable(
            type=self.type[index],
            distance=self.distance[index],
            strength=self.strength[index],
            atom_i=self.atom_i[index],
            atom_j=self.atom_j[index],
            translation=self.translation[index],
            structure=self.structure[index],
            structures=self.structures,
            descriptors={name: rows[index] for name, rows in self.descriptors.items()},
        )

    def of_type(self, bond_type: str) -> BondTable:
        """Return the bonds of one type."""
        return self.select(self.type == bond_type)

    def types(self) -> list[str]:
        """Return the bond types that occur, sorted."""
        return sorted({str(name) for name in np.unique(self.type)})

    def design_matrix(self, descriptor: str) -> NDArray[np.float32]:
        """Return the rows (distance, descriptor) that the kernels take, (n, 1 + features)."""
        if descriptor not in self.descriptors:
            raise ValueError(f"the bond table has no descriptor {descriptor!r}; it has {sorted(self.descriptors)}")
        return np.hstack([self.distance[:, None].astype(np.float32), self.descriptors[descriptor]])


def table_of_structure(
    atoms: Atoms,
    bonds: BondList,
    strength: ArrayLike,
    metadata: dict[str, Any],
    descriptors: Sequence[dict[str, Any]] = (),
) -> BondTable:
    """Return the table of the labelled bonds of one structure.

    Parameters
    ----------
    atoms : the structure; the translations of ``bonds`` belong to its positions as they are
    bonds : the labelled bonds
    strength : (n,) -ICOHP in eV
    metadata : at least ``run``
    descriptors : settings of the descriptors to add, see :func:`aiida_getl.learning.descriptors.from_settings`

    Raises
    ------
    ValueError
        For a strength that is not finite, or metadata without a run.
    """
    values = np.asarray(strength, dtype=float)
    if values.shape != (len(bonds),) or not np.isfinite(values).all():
        raise ValueError(f"{len(bonds)} bonds need as many finite strengths: leave unlabelled bonds out of both")
    if "run" not in metadata:
        raise ValueError("the metadata of a structure need its 'run': validation leaves out whole runs")
    return BondTable(
        type=bond_types(atoms.get_chemical_symbols(), bonds),
        distance=bonds.distance,
        strength=values,
        atom_i=bonds.atom_i,
        atom_j=bonds.atom_j,
        translation=bonds.translation,
        structure=np.zeros(len(bonds), dtype=np.int64),
        structures=[dict(metadata)],
        descriptors={s["kind"]: from_settings(s).describe(atoms, bonds) for s in descriptors},
    )


def concatenate(tables: Sequence[BondTable]) -> BondTable:
    """Join tables; only descriptors that all of them have are kept.

    Raises
    ------
    ValueError
        For no table at all, or descriptors of different lengths.
    """
    if not tables:
        raise ValueError("no bond table to join")
    offsets = np.cumsum([0, *(len(table.structures) for table in tables[:-1])])
    common = set.intersection(*(set(table.descriptors) for table in tables))
    for name in common:
        lengths = {table.descriptors[name].shape[1] for table in tables}
        if len(lengths) > 1:
            raise ValueError(f"the descriptor {name!r} has {sorted(lengths)} features in different tables")

    def join(name: str) -> NDArray:
        return np.concatenate([getattr(table, name) for table in tables])

    return BondTable(
        type=join("type"),
        distance=join("distance"),
        strength=join("strength"),
        atom_i=join("atom_i"),
        atom_j=join("atom_j"),
        translation=join("translation"),
        structure=np.concatenate([table.structure + k for table, k in zip(tables, offsets, strict=True)]),
        structures=[entry for table in tables for entry in table.structures],
        descriptors={name: np.concatenate([table.descriptors[name] for table in tables]) for name in sorted(common)},
    )
