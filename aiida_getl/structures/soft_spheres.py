"""Atoms pushed apart as soft spheres, until no pair is closer than it should be."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray
from scipy.optimize import minimize

#: Evaluations of the energy at most.
MAX_EVALUATIONS = 100


def push_apart(atoms: Atoms, contact: NDArray, mobile: NDArray[np.bool_] | None = None) -> Atoms:
    """Return a copy near a minimum of Σ (1 - r/D)² over all pairs closer than their contact distance D.

    Without pairs closer than D nothing moves. Periodic images are counted, in a cell of any shape and size.

    Parameters
    ----------
    atoms : periodic in all directions
    contact : (n, n) Å, D of each pair of atoms
    mobile : (n,) which atoms may move; all by default
    """
    mobile = np.ones(len(atoms), dtype=bool) if mobile is None else mobile
    reach, cell = float(contact.max()), np.asarray(atoms.cell, dtype=float)

    def energy(moved: NDArray) -> tuple[float, NDArray]:
        positions = atoms.positions.copy()
        positions[mobile] = moved.reshape(-1, 3)
        i, j, r, vector = primitive_neighbor_list("ijdD", (True,) * 3, cell, positions, reach)
        overlap = np.maximum(1.0 - r / contact[i, j], 0.0)
        # Every pair is listed twice. Two atoms in one place are pushed nowhere: better so than at random.
        slope = (2.0 * overlap / (contact[i, j] * np.maximum(r, 1e-6)))[:, None] * vector
        gradient = np.zeros_like(positions)
        np.add.at(gradient, i, slope)
        return 0.5 * float(overlap @ overlap), gradient[mobile].ravel()

    result = atoms.copy()
    if mobile.any():
        found = minimize(
            energy,
            atoms.positions[mobile].ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxfun": MAX_EVALUATIONS, "maxiter": MAX_EVALUATIONS, "ftol": 1e-9, "gtol": 1e-3},
        )
        result.positions[mobile] = found.x.reshape(-1, 3)
    return result
