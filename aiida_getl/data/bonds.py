"""Bond strengths of one structure, labelled by a COHP calculation or predicted by a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.common import exceptions
from numpy.typing import ArrayLike, NDArray

from aiida_getl.structures.bonds import BondList, bond_types

UNITS = {"distance": "Å", "icohp": "eV", "std": "eV"}

#: What in a method defines the scale of the numbers; k-points and cut-offs only their accuracy. The basis set tells the
#: functions projected on, of getl-cohp ``Slater`` or ``UPF``, which ``projections`` says in words; the window, which
#: energies the ICOHPs of LOBSTER up to version 4 are of.
SCALE = ("engine", "version", "basis_set", "basis", "pseudos", "window", "mixed")


def same_scale(method: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether the strengths that two methods give can be compared and learnt from together."""
    return all((method.get(name) or None) == (other.get(name) or None) for name in SCALE)


def scale_difference(method: dict[str, Any], other: dict[str, Any]) -> str:
    """Return in words what makes the scales of two methods different, empty if nothing does."""
    parts = []
    for name in SCALE:
        values = [each.get(name) or None for each in (method, other)]
        if values[0] != values[1]:
            parts.append(f"{name} " + " and ".join("not known" if value is None else str(value) for value in values))
    return "; ".join(parts)


def common_method(methods: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what all of some methods say, e.g. of labels on one scale that differ in their k-points."""
    return {name: value for name, value in methods[0].items() if all(each.get(name) == value for each in methods)}


class BondStrengthsData(orm.ArrayData):
    """The ICOHP of every bond of one structure, in eV; negative is bonding, -ICOHP is the bond strength.

    Arrays: ``symbols`` (n_atoms,), ``atom_i``, ``atom_j`` (n,), ``translation`` (n, 3), ``distance`` (n,) in Å,
    ``icohp`` (n, n_spin) in eV. Predictions also carry ``std`` (n,) in eV and ``extrapolated`` (n,), true where the
    bond lies outside what the model was trained on.

    Attributes: ``method`` (what made the numbers: engine, version, functions projected on, basis, pseudopotentials, and
    in ``pw`` the cut-offs in Ry, smearing and k-points of pw.x, which are no matter of the scale), ``spilling`` (the
    charge spilling as a fraction, labels only), ``n_bonds``, ``n_atoms``, ``bond_types`` (number of bonds of each
    type), ``units``.
    """

    @classmethod
    def from_bonds(
        cls,
        bonds: BondList,
        symbols: list[str],
        icohp: ArrayLike,
        method: dict[str, Any],
        *,
        spilling: float | None = None,
        std: ArrayLike | None = None,
        extrapolated: ArrayLike | None = None,
    ) -> BondStrengthsData:
        """Build an unstored node; ``icohp`` is (n,) or (n, n_spin) in eV."""
        icohp = np.asarray(icohp, dtype=float)
        if icohp.ndim == 1:
            icohp = icohp[:, None]
        node = cls()
        columns: dict[str, NDArray] = {
            "symbols": np.asarray(symbols, dtype=np.str_),
            "atom_i": bonds.atom_i,
            "atom_j": bonds.atom_j,
            "translation": bonds.translation,
            "distance": bonds.distance,
            "icohp": icohp,
        }
        if std is not None:
            columns["std"] = np.asarray(std, dtype=float)
        if extrapolated is not None:
            columns["extrapolated"] = np.asarray(extrapolated, dtype=bool)
        for name, array in columns.items():
            node.set_array(name, array)
        types, counts = np.unique(bond_types(list(symbols), bonds), return_counts=True)
        node.base.attributes.set_many(
            {
                "method": method,
                "n_bonds": len(bonds),
                "n_atoms": len(symbols),
                "bond_types": {str(name): int(count) for name, count in zip(types, counts, strict=True)},
                "units": UNITS,
            }
        )
        if spilling is not None:
            node.base.attributes.set("spilling", float(spilling))
        return node

    def _validate(self) -> bool:
        super()._validate()
        missing = {"symbols", "atom_i", "atom_j", "translation", "distance", "icohp"} - set(self.get_arraynames())
        if missing:
            raise exceptions.ValidationError(f"bond strengths lack the arrays {sorted(missing)}: use `from_bonds`")
        if self.get_array("icohp").shape[0] != self.n_bonds:
            raise exceptions.ValidationError(
                f"{self.n_bonds} bonds have {self.get_array('icohp').shape[0]} ICOHPs: every bond needs one"
            )
        if not np.isfinite(self.get_array("icohp")).all():
            raise exceptions.ValidationError("an ICOHP is not a finite number: leave out bonds that have none")
        return True

    def get_description(self) -> str:
        """Return what it is in a line, for `verdi node graph` and lists."""
        attributes = self.base.attributes
        method = attributes.get("method", {})
        kind = "prediction" if method.get("engine") == "getl.model" else "label"
        made_by = "" if kind == "prediction" else f" by {method.get('engine') or 'unknown'}"
        spilling = attributes.get("spilling", None)
        spilled = "" if spilling is None else f", spilling {spilling:.1%}"
        atoms = f"{attributes.get('n_bonds', '?')} bonds of {attributes.get('n_atoms', '?')} atoms"
        return f"{kind}{made_by}: {atoms}{spilled}"

    @property
    def n_bonds(self) -> int:
        """Number of bonds."""
        return self.base.attributes.get("n_bonds")

    @property
    def method(self) -> dict[str, Any]:
        """What made the numbers."""
        return self.base.attributes.get("method")

    @property
    def symbols(self) -> list[str]:
        """Element of every atom of the structure."""
        return self.get_array("symbols").tolist()

    def get_bonds(self) -> BondList:
        """Return the bonds."""
        return BondList(*(self.get_array(name) for name in ("atom_i", "atom_j", "translation", "distance")))

    def get_bond_types(self) -> NDArray[np.str_]:
        """Return the type of each bond, (n,)."""
        return bond_types(self.symbols, self.get_bonds())

    def get_icohp(self) -> NDArray[np.float64]:
        """Return the ICOHP summed over spins, (n,), in eV."""
        return self.get_array("icohp").sum(axis=1)

    def get_strength(self) -> NDArray[np.float64]:
        """Return the bond strength -ICOHP summed over spins, (n,), in eV."""
        return -self.get_icohp()

    def get_std(self) -> NDArray[np.float64] | None:
        """Return the standard deviation of a prediction, (n,), in eV, or None for labels."""
        return self.get_array("std") if "std" in self.get_arraynames() else None

    def get_row(self, index: int) -> dict[str, Any]:
        """Return one bond in words and numbers; atoms are counted from 1, as in LOBSTER's files.

        :raises ValueError: for an index out of range.
        """
        if not 0 <= index < self.n_bonds:
            raise ValueError(f"there is no bond {index}: <{self.pk}> holds {self.n_bonds} bonds, counted from 0")
        bonds, symbols = self.get_bonds().select(np.array([index])), self.symbols
        i, j = bonds.atom_i[0], bonds.atom_j[0]
        row = {
            "bond": self.get_bond_types()[index].item(),
            "atoms": f"{symbols[i]}{i + 1} - {symbols[j]}{j + 1}",
            "translation": bonds.translation[0].tolist(),
            "distance_Å": bonds.distance[0].item(),
            "strength_eV": self.get_strength()[index].item(),
        }
        std = self.get_std()
        if std is not None:
            row["std_eV"] = std[index].item()
        return row
