"""Summarise the bond strengths of a structure."""

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.learning.analytics import atom_bonding, type_statistics


@calcfunction
def analyse(bonds):
    """Return statistics per bond type (``summary``) and sums per atom (``atoms``); energies in eV.

    :param bonds: ``getl.bonds``, labels or predictions.
    """
    strength, std = bonds.get_strength(), bonds.get_std()
    n_atoms = len(bonds.symbols)
    atoms = atom_bonding(bonds.get_bonds(), strength, n_atoms)
    summary = {
        "units": {"strength": "eV", "distance": "Å"},
        "n_atoms": n_atoms,
        "n_bonds": bonds.n_bonds,
        "r_max": float(bonds.get_bonds().distance.max()),
        "bond_types": type_statistics(bonds.get_bond_types(), strength),
        "atoms": {
            element: {
                "n": int(mine.sum()),
                "strength_sum_mean": float(atoms.strength_sum[mine].mean()),
                "coordination_mean": float(atoms.coordination[mine].mean()),
            }
            for element in sorted(set(bonds.symbols))
            for mine in [np.array(bonds.symbols) == element]
        },
    }
    if std is not None:
        summary["std_mean"] = float(std.mean())
        summary["n_extrapolated"] = int(bonds.get_array("extrapolated").sum())
    node = orm.ArrayData({"strength_sum": atoms.strength_sum, "coordination": atoms.coordination})
    node.base.attributes.set("units", {"strength_sum": "eV"})
    return {"summary": orm.Dict(summary), "atoms": node}
