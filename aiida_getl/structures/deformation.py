"""Homogeneous deformations of a cell: the fourteen that widen the range of bond lengths in a training set.

Six shears, six uniaxial deformations and two isotropic ones, as in Phys. Rev. Materials 4, 113603 (2020). Cells and
positions are row vectors: a deformation D turns the cell C into C D and a position r into r D, atoms follow the cell.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

#: Name of the sub-run that is not deformed.
AS_QUENCHED = "as_quenched"

#: The sub-run that holds each deformation in the published data; sub-run 0 is the cell as quenched.
PUBLISHED_SUBRUNS = {
    name: number
    for number, name in enumerate(
        (
            "shear_xy",
            "shear_xz",
            "shear_yx",
            "shear_yz",
            "shear_zx",
            "shear_zy",
            "tension_x",
            "compression_x",
            "tension_y",
            "compression_y",
            "tension_z",
            "compression_z",
            "isotropic_tension",
            "isotropic_compression",
        ),
        start=1,
    )
}


def deformations(
    shear: float = 0.5,
    uniaxial: tuple[float, float] = (0.02, -0.2),
    isotropic: tuple[float, float] = (0.01, -0.1),
) -> dict[str, NDArray[np.float64]]:
    """Return the fourteen deformations by name, (3, 3) each, in the order of the published sub-runs.

    ``shear_xy`` displaces atoms along y by ``shear`` times their x; ``tension_x`` and ``compression_x`` scale x;
    ``isotropic_tension`` and ``isotropic_compression`` scale all three axes. The defaults are the published amplitudes.

    Parameters
    ----------
    shear : float
        Displacement over distance.
    uniaxial, isotropic : (tension, compression)
        Relative changes in length: tension positive, compression between -1 and 0.

    Raises
    ------
    ValueError
        For amplitudes of the wrong sign, or a shear of zero.
    """
    if not (np.isfinite(shear) and shear != 0.0):
        raise ValueError(f"the amplitude of a shear is {shear}: it must be a number other than zero")
    for name, (tension, compression) in (("uniaxial", uniaxial), ("isotropic", isotropic)):
        if not (0.0 < tension < np.inf and -1.0 < compression < 0.0):
            raise ValueError(
                f"{name} amplitudes ({tension}, {compression}): tension must be positive, compression between -1 and 0"
            )

    result = {}
    for a, b in permutations(range(3), 2):
        matrix = np.eye(3)
        matrix[a, b] = shear
        result["shear_" + "xyz"[a] + "xyz"[b]] = matrix
    for a in range(3):
        for kind, amplitude in zip(("tension", "compression"), uniaxial, strict=True):
            matrix = np.eye(3)
            matrix[a, a] += amplitude
            result[kind + "_" + "xyz"[a]] = matrix
    for kind, amplitude in zip(("tension", "compression"), isotropic, strict=True):
        result["isotropic_" + kind] = np.eye(3) * (1.0 + amplitude)
    return result


def deform(atoms: Atoms, deformation: NDArray) -> Atoms:
    """Return a copy of a structure, cell and atoms deformed together by a (3, 3) matrix."""
    deformed = Atoms(atoms.numbers, positions=atoms.positions @ deformation, pbc=atoms.pbc)
    deformed.set_cell(atoms.cell[:] @ deformation)
    return deformed
