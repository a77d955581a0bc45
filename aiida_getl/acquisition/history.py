"""Models of cost from what runs and labels have cost before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida_getl.acquisition.candidates import OPERATIONS
from aiida_getl.acquisition.cost import CostModel

#: Rows of a history: what was done, with how many atoms, in how many core-hours.
LABEL, MELT_QUENCH = "label", "melt_quench"


def cost_models(rows: Iterable[Mapping[str, Any]], n_atoms: float) -> dict[str, CostModel]:
    """Return the model of the cost of each kind of candidate.

    The cost of a label is a power law of the number of atoms. Where a melt-quench run comes first, the cost of one of
    ``n_atoms`` atoms is added: runs of all sizes that are labelled cost little beside their label.

    Parameters
    ----------
    rows : each with ``what`` (``label`` or ``melt_quench``), ``n_atoms`` and ``core_hours``
    n_atoms : typical size of a cell to be labelled

    Raises
    ------
    ValueError
        For a row that is incomplete or of another kind, or values that make no sense.
    """
    past: dict[str, list[tuple[float, float]]] = {LABEL: [], MELT_QUENCH: []}
    for row in rows:
        if set(row) != {"what", "n_atoms", "core_hours"} or row["what"] not in past:
            raise ValueError(f"a past cost has what ({' or '.join(past)}), n_atoms and core_hours, not {dict(row)}")
        past[row["what"]].append((row["n_atoms"], row["core_hours"]))
    label = CostModel.fit(past[LABEL])
    run = CostModel.fit(past[MELT_QUENCH])
    extra = run(n_atoms) if run.n_observations else 0.0
    with_run = CostModel.fit(past[LABEL], constant=extra)
    return {kind: with_run if operation == "melt_quench" else label for kind, operation in OPERATIONS.items()}
