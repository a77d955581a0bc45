"""Which bonds to train on, when not all of them can be.

Every method returns an order: its first n bonds are its choice of n, so that one call serves a whole learning curve.
Choices are determined by the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method = Literal["random", "stratified", "farthest_point", "leverage", "uncertainty"]
METHODS: tuple[str, ...] = get_args(Method)

#: Rows converted to double precision at a time.
CHUNK = 8192
#: Principal components that distances between environments are measured in.
N_COMPONENTS = 32
#: Bins of equal width in distance, and in strength, for the stratified choice.
N_STRATA = 12
#: Refits of the choice by uncertainty each add this share of the bonds chosen before.
GROWTH = 0.5
#: Bonds to start the choice by uncertainty from, and whose standard deviations are compared at most.
N_START, N_CANDIDATES = 50, 20_000

#: Fits a model to (X, y) of the bonds at these indices and returns what predicts the standard deviations of a design
#: matrix, in eV.
FitStd = Callable[[NDArray[np.int64]], Callable[[NDArray], NDArray]]


def select(
    method: Method,
    X: NDArray,
    n: int,
    seed: int,
    strength: ArrayLike | None = None,
    fit_std: FitStd | None = None,
) -> NDArray[np.int64]:
    """Return the indices of n bonds, in the order in which they are chosen.

    Memory stays a small multiple of that of X.

    Parameters
    ----------
    method : one of :data:`METHODS`
    X : (bonds, 1 + features) design matrix, distance in Å in column 0
    n : number of bonds to choose; all if there are fewer
    seed : of everything that is drawn
    strength : (bonds,) eV, for ``stratified``
    fit_std : for ``uncertainty``

    Raises
    ------
    ValueError
        For an unknown method, a number below one, no bonds, or a method without what it needs.
    """
    if method not in METHODS:
        raise ValueError(f"training bonds cannot be selected by {method!r}: choose from {list(METHODS)}")
    if n < 1 or not len(X):
        raise ValueError(f"{n} of {len(X)} bonds cannot be selected: at least one of at least one is needed")
    n = min(n, len(X))
    if method == "random":
        return np.random.default_rng(seed).permutation(len(X))[:n]
    if method == "stratified":
        if strength is None:
            raise ValueError("the stratified selection needs the strengths of the bonds")
        return stratified(X[:, 0], strength, seed)[:n]
    if method == "farthest_point":
        return farthest_points(reduced_features(X), n, seed)
    if method == "leverage":
        return by_leverage(reduced_features(X), n, seed)
    if fit_std is None:
        raise ValueError("the selection by uncertainty needs a model: give fit_std")
    return by_uncertainty(X, n, seed, fit_std)


def reduced_features(X: NDArray, n_components: int = N_COMPONENTS) -> NDArray[np.float32]:
    """Return distance and leading principal components of the descriptor, (bonds, 1 + components), float32.

    Distance and environment get equal weight: each has a total variance of one before the components are cut off.

    Parameters
    ----------
    X : (bonds, 1 + features) design matrix
    """
    distance = X[:, 0].astype(float)
    result = np.zeros((len(X), 1 + min(n_components, X.shape[1] - 1)), dtype=np.float32)
    result[:, 0] = (distance - distance.mean()) / (distance.std() or 1.0)
    if X.shape[1] == 1:
        return result
    mean = X[:, 1:].mean(axis=0, dtype=float)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(X), CHUNK):
        centred = X[start : start + CHUNK, 1:].astype(float) - mean
        covariance += centred.T @ centred
    covariance /= len(X)
    axes = np.linalg.eigh(covariance)[1][:, ::-1][:, : result.shape[1] - 1]
    # The sign of an eigenvector is arbitrary; the largest component decides it, so that seeds mean the same everywhere.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    total = np.sqrt(np.trace(covariance)) or 1.0
    for start in range(0, len(X), CHUNK):
        part = slice(start, start + CHUNK)
        result[part, 1:] = (X[part, 1:].astype(float) - mean) @ axes / total
    return result


def stratified(distance: ArrayLike, strength: ArrayLike, seed: int, n_strata: int = N_STRATA) -> NDArray[np.int64]:
    """Return all bonds in an order that takes from every occupied cell of (distance, strength) in turn.

    So the rare bonds, the strongest and the shortest, are not outnumbered by the common ones.

    Parameters
    ----------
    distance, strength : (bonds,) Å and eV
    """
    rng = np.random.default_rng(seed)
    cell = _bin(distance, n_strata) * n_strata + _bin(strength, n_strata)
    shuffled = rng.permutation(len(cell))
    by_cell = shuffled[np.argsort(cell[shuffled], kind="stable")]
    # Number of each bond within its cell.
    counts = np.bincount(cell, minlength=n_strata**2)
    turn = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    return by_cell[np.lexsort((rng.random(len(cell)), turn))]


def _bin(values: ArrayLike, n: int) -> NDArray[np.int64]:
    values = np.asarray(values, dtype=float)
    width = np.ptp(values) / n or 1.0
    return np.minimum(((values - values.min()) / width).astype(np.int64), n - 1)


def farthest_points(features: NDArray, n: int, seed: int) -> NDArray[np.int64]:
    """Return n points, each farthest from those before it; the first is drawn.

    One pass over the features for each point: 2000 of 10⁵ bonds with 33 features take three seconds.

    Parameters
    ----------
    features : (bonds, k)
    """
    squares = np.einsum("ij,ij->i", features, features)
    chosen = np.empty(n, dtype=np.int64)
    chosen[0] = np.random.default_rng(seed).integers(len(features))
    nearest = np.full(len(features), np.inf, dtype=features.dtype)
    for k in range(n):
        if k:
            chosen[k] = nearest.argmax()
        point = chosen[k]
        np.minimum(nearest, squares - 2.0 * (features @ features[point]) + squares[point], out=nearest)
        nearest[point] = -np.inf  # never twice, even among equal points
    return chosen


def by_leverage(features: NDArray, n: int, seed: int) -> NDArray[np.int64]:
    """Return n bonds drawn with probabilities proportional to their statistical leverage.

    The row selection of the CUR decomposition (Mahoney & Drineas, PNAS 106, 697 (2009), eq. 3), without replacement.

    Parameters
    ----------
    features : (bonds, k), principal components
    """
    rows = features.astype(float)
    gram = rows.T @ rows
    leverage = np.einsum("ij,ij->i", rows @ np.linalg.pinv(gram, hermitian=True), rows)
    # The largest of u^(1/w) are a sample without replacement (Efraimidis & Spirakis, Inf. Process. Lett. 97 (2006)).
    u = np.random.default_rng(seed).random(len(rows))
    return np.argsort(np.log(u) / np.maximum(leverage, 1e-300))[::-1][:n]


def by_uncertainty(X: NDArray, n: int, seed: int, fit_std: FitStd) -> NDArray[np.int64]:
    """Return n bonds, each batch the least certain ones of the model trained on those before it.

    A batch holds the farthest points of the three times as many least certain bonds: these alone are near copies of
    each other.

    Parameters
    ----------
    X : (bonds, 1 + features) design matrix
    """
    rng = np.random.default_rng(seed)
    features = reduced_features(X)
    chosen = rng.permutation(len(X))[: min(N_START, n)]
    while len(chosen) < n:
        size = min(n - len(chosen), max(1, int(GROWTH * len(chosen))))
        rest = np.setdiff1d(np.arange(len(X)), chosen)
        candidates = np.sort(rng.permutation(rest)[:N_CANDIDATES])
        std = fit_std(chosen)(X[candidates])
        least = candidates[np.argsort(-std, kind="stable")[: 3 * size]]
        batch = least[farthest_points(features[least], min(size, len(least)), int(rng.integers(2**31)))]
        chosen = np.concatenate([chosen, batch])
    return chosen
