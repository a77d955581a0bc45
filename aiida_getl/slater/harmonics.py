"""Real spherical harmonics and the integrals of three of them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import sph_harm_y


def real_harmonics(angular: int, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the real spherical harmonics of vectors (n, 3), shape (2l + 1, n).

    In QE's order (m = 0, then cosine and sine of m = 1, 2, ...: z, x, y for l = 1), with positive signs along x and y.
    The zero vector stands for the z axis, except that for l > 0 its harmonics are zero.
    """
    length = np.linalg.norm(vectors, axis=1)
    theta = np.arccos(np.clip(np.divide(vectors[:, 2], length, out=np.ones(len(vectors)), where=length > 0), -1, 1))
    phi = np.arctan2(vectors[:, 1], vectors[:, 0])
    rows = [sph_harm_y(angular, 0, theta, phi).real]
    for m in range(1, angular + 1):
        value = np.sqrt(2) * (-1) ** m * sph_harm_y(angular, m, theta, phi)
        rows += [value.real, value.imag]
    result = np.stack(rows)
    if angular:
        result[:, length == 0] = 0.0
    return result


@cache
def gaunt(first: int, second: int, third: int) -> NDArray[np.float64]:
    """Return the integrals of products of three real harmonics, shape (2 first + 1, 2 second + 1, 2 third + 1)."""
    degree = first + second + third
    cosines, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    azimuths = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    z, phi = (grid.ravel() for grid in np.meshgrid(cosines, azimuths, indexing="ij"))
    s = np.sqrt(1 - z * z)
    points = np.stack([s * np.cos(phi), s * np.sin(phi), z], axis=1)
    measure = np.repeat(weights, len(azimuths)) * 2 * np.pi / len(azimuths)
    a, b, c = (real_harmonics(angular, points) for angular in (first, second, third))
    result: NDArray[np.float64] = np.einsum("ap,bp,cp,p->abc", a, b, c, measure, optimize=True)
    return result
