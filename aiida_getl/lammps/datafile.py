"""Data files: a structure as LAMMPS reads it (https://docs.lammps.org/read_data.html)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray


def standard_cell(cell: NDArray) -> NDArray[np.float64]:
    """Return a cell turned so that its first vector lies along x and its second in the xy plane, (3, 3) in Å.

    That is the only orientation LAMMPS knows. Fractional coordinates stay what they are.

    Raises
    ------
    ValueError
        For a cell without volume, or a left-handed one.
    """
    if np.linalg.det(cell) < 1e-6:
        raise ValueError(f"LAMMPS needs a right-handed cell with a volume, not {np.asarray(cell).tolist()}")
    # L of the metric tensor C Cᵀ = L Lᵀ has the lengths and angles of C, and is lower triangular.
    lower = np.linalg.cholesky(cell @ cell.T)
    # An orthogonal cell must not become a slightly tilted one.
    lower[np.abs(lower) < 1e-10] = 0.0
    return lower


def render_data_file(atoms: Atoms, elements: Sequence[str]) -> str:
    """Return a structure as the text of a data file of atom style ``atomic``.

    Atoms keep their order (ids from 1); masses are left to the potential.

    Parameters
    ----------
    atoms : Atoms
        Å.
    elements : sequence of str
        Element of atom types 1, 2, ...

    Raises
    ------
    ValueError
        For an atom of another element, or a cell LAMMPS cannot use.
    """
    missing = sorted(set(atoms.symbols) - set(elements))
    if missing:
        raise ValueError(f"no atom type for {', '.join(missing)}: the types are {', '.join(elements)}")
    cell = standard_cell(atoms.cell[:])
    positions = atoms.get_scaled_positions() @ cell
    types = [elements.index(symbol) + 1 for symbol in atoms.symbols]
    lines = [
        f"{atoms.get_chemical_formula()}, Å",
        "",
        f"{len(atoms)} atoms",
        f"{len(elements)} atom types",
        "",
        *(f"0.0 {cell[a, a]:.12f} {'xyz'[a]}lo {'xyz'[a]}hi" for a in range(3)),
    ]
    if np.any(cell[(1, 2, 2), (0, 0, 1)]):
        lines.append(f"{cell[1, 0]:.12f} {cell[2, 0]:.12f} {cell[2, 1]:.12f} xy xz yz")
    lines += ["", "Atoms # atomic", ""]
    lines += [
        f"{number} {kind} {x:.12f} {y:.12f} {z:.12f}"
        for number, (kind, (x, y, z)) in enumerate(zip(types, positions, strict=True), start=1)
    ]
    return "\n".join(lines) + "\n"
