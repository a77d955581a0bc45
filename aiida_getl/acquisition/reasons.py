"""Why a label is worth its cost, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aiida_getl.acquisition.candidates import Candidate
from aiida_getl.acquisition.gain import Choice
from aiida_getl.acquisition.sampling import BondSample

#: Half the range of distances (Å) that a sentence speaks of.
HALF_RANGE = 0.2
#: A second bond type is told if it has this share of the gain.
SECOND = 0.3


def reason(
    candidate: Candidate,
    choice: Choice,
    weights: Mapping[str, float],
    target: Mapping[str, BondSample],
    extrapolated: Mapping[str, NDArray[np.bool_]],
    cell: Mapping[str, BondSample],
    untrained: Mapping[str, int],
) -> str:
    """Return what labelling a candidate is expected to bring, and why.

    Parameters
    ----------
    candidate, choice : the cell, and its place in the greedy choice
    weights : of the bond types
    target, cell : sampled bonds by type, of the target and of the cell
    extrapolated : by bond type, which of the target's sampled bonds the model extrapolates to
    untrained : by bond type without a model, the number of its labelled bonds
    """
    shares = {name: weights[name] * gain for name, gain in choice.gain_by_type.items()}
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    first = ranked[0]
    multiple = candidate.n_atoms / len(candidate.atoms)
    if first in untrained:
        count = round(multiple * cell[first].n) if first in cell else 0
        text = (
            f"There is no model of {first} bonds yet ({untrained[first]} labelled): "
            f"{candidate.description} has {'about ' if candidate.surrogate else ''}{count}"
        )
    else:
        text = _of_modelled(first, candidate, choice, target[first], extrapolated[first], cell[first], multiple)
    others = [name for name in ranked[1:] if shares[name] > SECOND * sum(shares.values())]
    if others:
        text += f"; {others[0]} bonds gain too"
    if candidate.surrogate:
        text += ", as far as a stand-in for the cell can tell"
    return text + "."


def _of_modelled(
    name: str,
    candidate: Candidate,
    choice: Choice,
    target: BondSample,
    extrapolated: NDArray[np.bool_],
    cell: BondSample,
    multiple: float,
) -> str:
    before, after = choice.before[name], choice.after[name]
    distance = target.distance
    order = np.argsort(distance, kind="stable")
    share = np.cumsum(np.maximum(before - after, 0.0)[order])
    centre = round(float(distance[order][np.searchsorted(share, 0.5 * share[-1])]), 1)
    near = np.abs(distance - centre) <= HALF_RANGE
    about = "about " if candidate.surrogate else ""
    own = round(multiple * cell.n * float(np.mean(np.abs(cell.distance - centre) <= HALF_RANGE)))
    if own:
        holds = f"{about}{own} {name} bonds near {centre:.1f} Å"
    else:
        shortest, longest, count = cell.distance.min(), cell.distance.max(), round(multiple * cell.n)
        holds = (
            f"{about}{count} {name} bonds from {shortest:.1f} to {longest:.1f} Å, which tell of those near "
            f"{centre:.1f} Å too"
        )
    outside = float(extrapolated[near].mean())
    news = "the target has such bonds within what is labelled"
    if outside >= 0.01:
        news = f"{100 * outside:.0f} % of the target's such bonds lie outside the training data"
    return (
        f"{candidate.description} has {holds}: {news}; labelling it should lower their standard deviation "
        f"from {before[near].mean():.3f} to {after[near].mean():.3f} eV"
    )
