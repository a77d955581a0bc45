"""The bands of one k-point in the orthonormalised basis.

With X the projections of bands on the Löwdin-orthonormalised functions, the bands in the basis are the polar factor
C = X (X^+ X)^-1/2, the unitary matrix nearest to X. Two cases need care, because an arbitrary choice among bands would
make equivalent bonds differ:

*Bands that the basis does not see.* Where symmetry keeps some of the bands out of the basis altogether, X is singular
and directions of the basis are left without a band. Any unitary completion would do and each gives other bonds; the
average over all of them is taken.

*Degenerate bands at the cut.* As many of the lowest bands are used as the basis has functions. Where this cuts through
a degenerate level, which combinations of its bands come first is chance. The directions that the lower bands leave are
as many as there are bands to choose, so the combinations of the level that reach them are unique: these are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

#: A singular value of the projections below this leaves a direction of the basis undetermined.
RANK_TOLERANCE = 1e-3
#: Eigenvalues of the Gram matrix below this cost digits, which one Newton-Schulz step brings back.
REFINE_BELOW = 1e-2
#: Bands closer than this are one level (eV): the highest bands of pw.x are converged to some 1e-4 eV.
DEGENERACY_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Frame:
    """The bands of one k-point in the basis.

    Attributes
    ----------
    c : (n, m)
        The polar factor of the projections of m >= n bands: unitary, or a partial isometry if they are rank-deficient.
    directions : (n, r)
        Orthonormal directions of the basis that no band reaches.
    bands : (s, m)
        Orthonormal combinations of bands that reach no function; s = m - n + r.
    smallest
        Singular value of the projections.
    """

    c: NDArray
    directions: NDArray
    bands: NDArray
    smallest: float

    @property
    def is_deficient(self) -> bool:
        """Whether directions of the basis are undetermined."""
        return self.directions.shape[1] > 0

    @property
    def share(self) -> NDArray[np.float64]:
        """How much of every undetermined direction each band has, on average; (m,), sum 1."""
        return (np.abs(self.bands) ** 2).mean(axis=0)

    def operator(self, diagonal: NDArray[np.float64]) -> NDArray:
        """Return the matrix (n, n) of an operator that is diagonal in the bands.

        For isometries W the completion U W V of the undetermined directions U by the unused combinations of bands V
        contributes, averaged over all W, U U^+ tr(V diag V^+) / s, and nothing mixed with the determined part.
        """
        matrix = (self.c * diagonal) @ self.c.conj().T
        if self.is_deficient:
            matrix += (self.share @ diagonal) * (self.directions @ self.directions.conj().T)
        return matrix


def polar_frame(x: NDArray) -> Frame:
    """Return the polar factor of the projections (n, m >= n), and what rank deficiency leaves undetermined.

    The eigenvectors V and eigenvalues s^2 of X^+ X give C = X V s^-1 V^+, several times faster than a singular value
    decomposition. Squaring costs digits where s is small: at the tolerance of 1e-3 ten are left, and doubled by
    W (3 - W^+ W) / 2 for W = X V s^-1.
    """
    n = len(x)
    squares, vectors = scipy.linalg.eigh(x.conj().T @ x, check_finite=False, overwrite_a=True, driver="evd")
    unseen = squares < RANK_TOLERANCE**2
    determined = vectors[:, ~unseen]
    w = x @ (determined / np.sqrt(squares[~unseen]))
    if (squares[~unseen] < REFINE_BELOW).any():
        w = 1.5 * w - 0.5 * (w @ (w.conj().T @ w))
    rank = w.shape[1]
    directions = scipy.linalg.qr(w, check_finite=False)[0][:, rank:] if rank < n else np.empty((n, 0), dtype=x.dtype)
    return Frame(
        c=w @ determined.conj().T,
        directions=directions,
        bands=vectors[:, unseen].conj().T,
        smallest=float(np.sqrt(max(squares[len(squares) - n], 0.0))),
    )


def level_at_cut(energies: NDArray[np.float64], n: int) -> tuple[int, int]:
    """Return the range of bands that are degenerate with band n, the last of the lowest n, and reach beyond it.

    Where none reaches beyond it the range is (n, n).
    """
    last = energies[n - 1]
    stop = n
    while stop < len(energies) and abs(energies[stop] - last) < DEGENERACY_TOLERANCE:
        stop += 1
    start = n
    while stop > n and start > 0 and abs(energies[start - 1] - last) < DEGENERACY_TOLERANCE:
        start -= 1
    return start, stop


def choose_from_level(x: NDArray, start: int) -> NDArray:
    """Return projections in which those of the last, degenerate bands are replaced by the combinations that count.

    Parameters
    ----------
    x : (n, stop)
        Projections of all bands up to the end of the level at the cut.
    start
        First band of the level, counted from zero.

    Returns
    -------
    (n, m >= n)
        The lower bands, then the combinations of the level that reach functions out of their reach; columns of zeros
        stand for missing ones. There are more than n columns only where the lower bands are rank-deficient themselves.
    """
    n = len(x)
    q, r, _ = scipy.linalg.qr(x[:, :start], pivoting=True, check_finite=False)
    rank = int((np.abs(np.diag(r)) > RANK_TOLERANCE).sum())
    level = x[:, start:]
    _, reach, combinations = np.linalg.svd(q[:, rank:].conj().T @ level)
    seen = level @ combinations[: int((reach > RANK_TOLERANCE).sum())].conj().T
    missing = max(0, n - start - seen.shape[1])
    return np.hstack([x[:, :start], seen, np.zeros((n, missing), dtype=x.dtype)])


def inverse_root(s: NDArray) -> NDArray:
    """Return S^-1/2 of a positive definite matrix.

    Raises
    ------
    ValueError
        If it is not.
    """
    eigenvalues, vectors = np.linalg.eigh(s)
    if eigenvalues[0] <= 0:
        raise ValueError(
            f"the overlaps of the basis are not positive definite (lowest eigenvalue {eigenvalues[0]:.1e}): "
            "the basis is linearly dependent, leave functions out"
        )
    return (vectors / np.sqrt(eigenvalues)) @ vectors.conj().T


def restrict_basis(x: NDArray, overlap: NDArray, rows: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Return projections on the orthonormalised functions ``rows`` alone, and the overlaps of those functions.

    X = S^-1/2 T holds for all functions together; the raw projections T of the functions that stay are
    orthonormalised among themselves.
    """
    eigenvalues, vectors = np.linalg.eigh(overlap)
    raw = (vectors[rows] * np.sqrt(np.clip(eigenvalues, 0.0, None))) @ (vectors.conj().T @ x)
    sub = overlap[np.ix_(rows, rows)]
    return inverse_root(sub) @ raw, sub
