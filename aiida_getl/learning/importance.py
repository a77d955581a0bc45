"""How much of a model's accuracy comes from the distance, and how much from the environment of the bond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.settings import validate_settings
from aiida_getl.learning.threads import side_by_side
from aiida_getl.learning.training import descriptor_of, methods
from aiida_getl.learning.validation import TypeSplit, split_by_type
from aiida_getl.progress import Progress

#: Bonds of similar distance, among which the environment is exchanged.
N_SIMILAR = 20

SHUFFLED = ("distance", "environment", "environment_at_distance")


@dataclass(frozen=True)
class Importance:
    """How the errors on groups left out grow when features are exchanged among their bonds.

    Attributes
    ----------
    group_by : what was left out together
    n_groups : number of groups
    values : by bond type: ``model`` with the ``rmse`` of the model, and then, by what is exchanged (:data:`SHUFFLED`),
        ``rmse`` and its standard deviation ``rmse_std`` over the permutations, in eV
    skipped : by bond type, why it could not be tested
    """

    group_by: str
    n_groups: int
    values: dict[str, dict[str, dict[str, float]]]
    skipped: dict[str, str]

    def to_attributes(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            "group_by": self.group_by,
            "n_groups": self.n_groups,
            "values": self.values,
            "skipped": self.skipped,
        }


def permutation_importance(
    table: BondTable, settings: dict[str, Any], seed: int, n_repeats: int = 5, progress: Progress | None = None
) -> Importance:
    """Exchange distances, or whole descriptors, among the bonds of groups left out, and see how the error grows.

    All features of the descriptor are exchanged together (Breiman, Mach. Learn. 45, 5 (2001); grouped as in Gregorutti
    et al., Comput. Stat. Data Anal. 90, 15 (2015)). A descriptor centred on the bond knows the distance too: with
    another bond's descriptor it contradicts the distance, and the error exceeds that of a model without it. So
    ``environment_at_distance`` exchanges descriptors only among the bonds that are nearest in distance.

    Parameters
    ----------
    table, settings, seed : as for :func:`aiida_getl.learning.training.train`
    n_repeats : number of permutations
    progress : called after each bond type

    Raises
    ------
    ValueError
        For no permutation at all.
    """
    if isinstance(n_repeats, bool) or not isinstance(n_repeats, int) or n_repeats < 1:
        raise ValueError(f"{n_repeats} permutations: at least one is needed")
    settings = validate_settings(settings)
    splits, skipped, by, n_groups = split_by_type(table, settings, seed)
    fit = methods(table, settings, seed)["model"]
    kind = descriptor_of("model", settings)
    values = {}
    for split in splits:
        values[split.name] = _of_type(split, fit, split.table.design_matrix(kind), seed, n_repeats)
        if progress is not None:
            progress(len(values), len(splits), split.name)
    return Importance(by, n_groups, values, skipped)


def _of_type(split: TypeSplit, fit: Any, X: NDArray, seed: int, n_repeats: int) -> dict[str, dict[str, float]]:
    target = split.table.strength

    def of_fold(number: int) -> tuple[float, NDArray[np.float64]]:
        test = split.folds[number]
        regressor = fit(X[~test], target[~test], split.groups[~test], split.name)
        rng = np.random.default_rng([seed, number])
        squares = np.empty((len(SHUFFLED), n_repeats))
        for row, what in enumerate(SHUFFLED):
            for repeat in range(n_repeats):
                mean = regressor.predict(_exchanged(X[test], what, rng))
                squares[row, repeat] = np.sum(np.square(mean - target[test]))
        return float(np.sum(np.square(regressor.predict(X[test]) - target[test]))), squares

    found = list(side_by_side(of_fold, range(len(split.folds)), n_bytes=X.nbytes))
    rmse = np.sqrt(np.sum([squares for _, squares in found], axis=0) / len(X))
    result = {"model": {"rmse": float(np.sqrt(sum(unchanged for unchanged, _ in found) / len(X)))}}
    for row, what in enumerate(SHUFFLED):
        result[what] = {"rmse": float(rmse[row].mean()), "rmse_std": float(rmse[row].std())}
    return result


def _exchanged(X: NDArray, what: str, rng: np.random.Generator) -> NDArray:
    """Return a copy of the design matrix with distances or descriptors of other bonds."""
    result = X.copy()
    if what == "distance":
        result[:, 0] = rng.permutation(X[:, 0])
    elif what == "environment":
        result[:, 1:] = rng.permutation(X[:, 1:])
    else:
        order = np.argsort(X[:, 0], kind="stable")
        # Boundaries between the sets differ from repeat to repeat, so that no bond always stands at one.
        starts = np.arange(int(rng.integers(N_SIMILAR)), len(order), N_SIMILAR)
        for part in np.split(order, starts):
            result[part, 1:] = X[rng.permutation(part), 1:]
    return result
