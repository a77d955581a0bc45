"""Which cells to label next: the greedy choice by expected gain per cost.

The gain of a cell is the reduction of the target's mean standard deviation, in eV: per bond type the mean over a sample
of the target's bonds, over types the weighted mean. Each choice is made as if everything chosen before were labelled
already, so near copies of a chosen cell lose their gain, and a batch is diverse.

A bond type without a model has no posterior. For it the standard deviation is taken to fall from u₀, that of all labels
of all types, to u₁, the mean standard deviation of the types that have a model, with the number
n of its labelled bonds: u(n)² = u₁² + (u₀² - u₁²) m / (n + m), m the number of bonds that a model needs. n counts
correlated bonds of one cell as fewer, like all labels here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_getl.acquisition.posterior import EnsemblePosterior
from aiida_getl.acquisition.sampling import BondSample
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.model import EtlModel

#: u₁ in units of u₀ where no type has a model yet.
WITHOUT_ANY_MODEL = 0.2


class _TypePosterior(Protocol):
    def std(self, cell: int | None = None) -> NDArray[np.float64]: ...

    def add(self, cell: int) -> None: ...


@dataclass
class Unmodelled:
    """A bond type without a model: one standard deviation for all its bonds, from the number of labels.

    Attributes
    ----------
    start, end : u₀ and u₁ in eV
    needed : m, bonds that a model needs
    known : n, independent labelled bonds
    counts : independent bonds in each candidate cell
    """

    start: float
    end: float
    needed: float
    known: float
    counts: Sequence[float]

    def std(self, cell: int | None = None) -> NDArray[np.float64]:
        """Return the standard deviation (1,) in eV, with the cell's labels too."""
        n = self.known + (0.0 if cell is None else self.counts[cell])
        low, high = min(self.start, self.end) ** 2, self.start**2
        return np.sqrt([low + (high - low) * self.needed / (n + self.needed)])

    def add(self, cell: int) -> None:
        """Take the cell as labelled."""
        self.known += self.counts[cell]


@dataclass(frozen=True)
class Choice:
    """One cell chosen.

    Attributes
    ----------
    cell : its number
    gain : eV, weighted mean over the bond types
    gain_by_type : eV
    before, after : by bond type, standard deviations of the target's sampled bonds in eV
    """

    cell: int
    gain: float
    gain_by_type: dict[str, float]
    before: dict[str, NDArray[np.float64]]
    after: dict[str, NDArray[np.float64]]


def independent_bonds(n: float, independent: float) -> float:
    """Return how many independent labels n labels of one cell are worth, see :class:`EnsemblePosterior`."""
    return n / (1.0 + (n - 1.0) / independent) if n >= 1.0 else n


def unmodelled_std(model: EtlModel, table: BondTable, std_of_types: Mapping[str, float]) -> tuple[float, float]:
    """Return (u₀, u₁) in eV, see above.

    Parameters
    ----------
    model, table : the model, and the labelled bonds it was trained on
    std_of_types : mean standard deviation of the target's bonds of each type that has a model, eV
    """
    start = float(np.std(table.strength))
    values = [value for name, value in std_of_types.items() if name in model.regressors]
    return start, float(np.mean(values)) if values else WITHOUT_ANY_MODEL * start


def posteriors(
    model: EtlModel,
    table: BondTable,
    target: Mapping[str, BondSample],
    cells: Sequence[Mapping[str, BondSample]],
    multiples: Sequence[float],
    weights: Mapping[str, float],
    independent: float,
) -> dict[str, _TypePosterior]:
    """Return the joint posteriors of target and cells, of the bond types that count.

    Parameters
    ----------
    model, table : the model, and the labelled bonds it was trained on
    target : sampled bonds by type
    cells : of each candidate cell, sampled bonds by type
    multiples : number of atoms that each cell has, relative to the structure that its sample is from
    weights : by bond type
    independent : see :class:`EnsemblePosterior`
    """
    counts = {
        name: [m * cell[name].n if name in cell else 0.0 for cell, m in zip(cells, multiples, strict=True)]
        for name in weights
    }
    result: dict[str, _TypePosterior] = {}
    for name, weight in weights.items():
        if weight > 0.0 and name in model.regressors and len(target[name]):
            nothing = target[name].X[:0]
            rows = [cell[name].X if name in cell else nothing for cell in cells]
            result[name] = EnsemblePosterior(model.regressors[name], target[name].X, rows, counts[name], independent)
    start, end = unmodelled_std(model, table, {name: float(own.std().mean()) for name, own in result.items()})
    for name, weight in weights.items():
        if weight > 0.0 and name not in result:
            per_structure = np.bincount(table.structure[table.type == name]) if len(table) else np.zeros(0)
            known = sum(independent_bonds(float(n), independent) for n in per_structure)
            own = [independent_bonds(n, independent) for n in counts[name]]
            result[name] = Unmodelled(start, end, float(model.settings.get("min_bonds", 30)), known, own)
    return result


def greedy(
    types: Mapping[str, _TypePosterior],
    weights: Mapping[str, float],
    n_cells: int,
    score: Callable[[int, float], float],
    max_items: int,
) -> list[Choice]:
    """Choose one cell after the other, always the one of the highest score.

    Parameters
    ----------
    types : by bond type; changed, the cells chosen are taken as labelled
    weights : by bond type
    n_cells : number of candidates
    score : of (cell, gain in eV); none is chosen with a score that is not positive
    max_items : choices at most
    """
    left = list(range(n_cells))
    choices: list[Choice] = []
    while left and len(choices) < max_items:
        before = {name: own.std() for name, own in types.items()}
        gains = [_gain_of(types, weights, before, cell) for cell in left]
        scores = [score(cell, own[0]) for cell, own in zip(left, gains, strict=True)]
        best = int(np.argmax(scores))
        if not scores[best] > 0.0:
            break
        cell = left.pop(best)
        after = {name: own.std(cell) for name, own in types.items()}
        choices.append(Choice(cell, *gains[best], before, after))
        for own in types.values():
            own.add(cell)
    return choices


def _gain_of(
    types: Mapping[str, _TypePosterior], weights: Mapping[str, float], before: Mapping[str, NDArray], cell: int
) -> tuple[float, dict[str, float]]:
    by_type = {name: float(np.mean(before[name] - own.std(cell))) for name, own in types.items()}
    return sum(weights[name] * value for name, value in by_type.items()), by_type
