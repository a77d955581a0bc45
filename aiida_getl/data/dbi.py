"""Database of interactions: the labelled bonds of many structures, ready to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.common import exceptions
from numpy.typing import NDArray

from aiida_getl.data.arrays import to_node_name
from aiida_getl.data.bonds import same_scale
from aiida_getl.learning.dataset import BondTable

COLUMNS = ("distance", "strength", "atom_i", "atom_j", "translation", "structure")
UNITS = {"distance": "Å", "strength": "eV"}


def mixture(methods: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the method of labels that were made by several, one of each scale."""
    single = [part for method in methods for part in method.get("mixed", [method])]
    parts: list[dict[str, Any]] = []
    for method in single:
        if not any(same_scale(method, part) for part in parts):
            parts.append(method)
    return {"mixed": parts}


def origin_of(entry: Mapping[str, Any]) -> str:
    """Return the UUID by which a label of ``structures`` is known in any profile.

    A label that came back from an export is a new node, whose ``origin_id`` is the UUID of the one that was exported.
    """
    return entry.get("origin_id") or entry["label_id"]


class DbiData(orm.ArrayData):
    """Labelled bonds with their descriptors, kept per bond type.

    Arrays of each bond type, e.g. ``Zr_Cu__distance``: ``distance`` (n,) in Å, ``strength`` (n,) in eV (-ICOHP),
    ``atom_i``, ``atom_j`` (n,), ``translation`` (n, 3), ``structure`` (n,) and ``descriptor_<kind>`` (n, features).
    Rows are counted from 0 through the bond types in alphabetical order.

    Attributes: ``structures`` (of each, the UUIDs of structure and label, run, sub-run and composition; see also
    :func:`origin_of`),
    ``bond_types`` (number of bonds of each), ``descriptors`` (their settings by kind), ``method`` (what made the
    labels), ``left_out`` (what is missing, each with its reason), ``n_bonds``, ``n_structures``, ``units``.
    """

    @classmethod
    def from_table(
        cls,
        table: BondTable,
        descriptors: list[dict[str, Any]],
        method: dict[str, Any],
        left_out: list[dict[str, Any]],
    ) -> DbiData:
        """Build an unstored node.

        :param table: the bonds; the metadata of each structure hold ``structure_id`` and ``label_id`` (UUIDs).
        :param descriptors: complete settings of the descriptors of the table.
        :param method: of the labels.
        :param left_out: what is missing and why.
        """
        node = cls()
        for name in table.types():
            part = table.of_type(name)
            for column in COLUMNS:
                node.set_array(to_node_name(f"{name}.{column}"), getattr(part, column))
            for kind, rows in part.descriptors.items():
                node.set_array(to_node_name(f"{name}.descriptor_{kind}"), rows)
        node.base.attributes.set_many(
            {
                "structures": table.structures,
                "bond_types": {name: int(np.sum(table.type == name)) for name in table.types()},
                "compositions": sorted({entry["composition"] for entry in table.structures}),
                "descriptors": {settings["kind"]: settings for settings in descriptors},
                "method": method,
                "left_out": left_out,
                "n_bonds": len(table),
                "n_structures": len(table.structures),
                "units": UNITS,
            }
        )
        return node

    def _validate(self) -> bool:
        super()._validate()
        bond_types = self.base.attributes.get("bond_types", {})
        if not bond_types:
            raise exceptions.ValidationError("a database of interactions needs at least one bond: use `from_table`")
        for name, count in bond_types.items():
            for column in COLUMNS:
                if len(self.get_array(to_node_name(f"{name}.{column}"))) != count:
                    raise exceptions.ValidationError(f"{name} has {count} bonds, but another number of {column}")
        return True

    def get_description(self) -> str:
        """Return what it is in a line, for `verdi node graph` and lists."""
        attributes = self.base.attributes
        compositions = attributes.get("compositions", [])
        named = ", ".join(compositions[:3]) + (f" and {len(compositions) - 3} more" if len(compositions) > 3 else "")
        counts = f"{attributes.get('n_bonds', '?')} bonds of {attributes.get('n_structures', '?')} structures"
        return f"{counts}{': ' if named else ''}{named}"

    @property
    def structures(self) -> list[dict[str, Any]]:
        """Where the bonds come from: run, sub-run, composition, and the UUIDs of structure and label."""
        return self.base.attributes.get("structures")

    @property
    def bond_types(self) -> dict[str, int]:
        """Number of bonds of each type."""
        return self.base.attributes.get("bond_types")

    @property
    def descriptors(self) -> dict[str, dict[str, Any]]:
        """Settings of the descriptors, by kind."""
        return self.base.attributes.get("descriptors")

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """What is missing, each with its reason."""
        return self.base.attributes.get("left_out")

    def get_table(self, descriptors: bool = True) -> BondTable:
        """Return the bonds, in the order of the rows.

        :param descriptors: whether to read the descriptors, which are most of the data.
        """
        names = sorted(self.bond_types)

        def join(column: str) -> NDArray:
            return np.concatenate([self.get_array(to_node_name(f"{name}.{column}")) for name in names])

        return BondTable(
            type=np.repeat(names, [self.bond_types[name] for name in names]),
            structures=self.structures,
            descriptors={kind: join(f"descriptor_{kind}") for kind in self.descriptors} if descriptors else {},
            **{column: join(column) for column in COLUMNS},
        )

    def get_row(self, row: int) -> dict[str, Any]:
        """Return one bond in words and numbers; atoms are counted from 1, as in LOBSTER's files.

        :raises ValueError: for a row that does not exist.
        """
        n_bonds = sum(self.bond_types.values())
        if not 0 <= row < n_bonds:
            raise ValueError(f"there is no row {row}: DBI <{self.pk}> holds {n_bonds} bonds, counted from 0")
        names = sorted(self.bond_types)
        ends = np.cumsum([self.bond_types[name] for name in names])
        which = int(np.searchsorted(ends, row, side="right"))
        name, index = names[which], row - int(ends[which])
        columns = {column: self.get_array(to_node_name(f"{name}.{column}"))[index] for column in COLUMNS}
        source = self.structures[int(columns["structure"])]
        return {
            "bond": name,
            "atoms": f"{columns['atom_i'] + 1} - {columns['atom_j'] + 1}",
            "translation": columns["translation"].tolist(),
            "distance_Å": float(columns["distance"]),
            "strength_eV": float(columns["strength"]),
            "run": source["run"],
            "sub_run": source["sub_run"],
            "composition": source["composition"],
            "structure": source["structure_id"],
            "label": source["label_id"],
        }
