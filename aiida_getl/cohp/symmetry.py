"""Whether k-points are complete: bonds need every one, not one of each set that symmetry makes equivalent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

#: Two k-points closer than this (fractions of a reciprocal lattice vector, times 2 pi) are one.
SAME_POINT = 1e-4


def lacks_images(kpoints: NDArray[np.float64], rotations: NDArray[np.float64], cell: NDArray[np.float64]) -> bool:
    """Return whether a symmetry operation leads from a k-point to one that is missing, time reversal aside.

    Parameters
    ----------
    kpoints : (nk, 3)
        In reciprocal lattice vectors.
    rotations : (n, 3, 3)
        The crystal's point group in lattice coordinates; whether the matrices are transposed does not matter.
    cell : (3, 3)
        Lattice vectors as rows.
    """
    metric = np.linalg.inv(cell @ cell.T)  # of reciprocal lattice coordinates
    tree = cKDTree(_on_circles(np.concatenate([kpoints, -kpoints])))
    for rotation in rotations:
        keeps_lengths = np.allclose(rotation @ metric @ rotation.T, metric, rtol=1e-3, atol=1e-6 * np.abs(metric).max())
        images = kpoints @ (rotation if keeps_lengths else rotation.T)
        if (tree.query(_on_circles(images))[0] > SAME_POINT).any():
            return True
    return False


def _on_circles(kpoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return coordinates (n, 6) in which points that differ by a reciprocal lattice vector are the same."""
    angles = 2 * np.pi * kpoints
    return np.hstack([np.cos(angles), np.sin(angles)])
