"""What a report says, as plain data: no node, no HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiida_getl.structures.bonds import BondList


@dataclass(frozen=True)
class Stage:
    """One step of the workflow as the report's picture shows it.

    Attributes
    ----------
    name : e.g. ``Melt-quench``
    headline : the number that matters, e.g. ``4 glasses``
    lines : what else a reader asks
    state : ``failed`` where the work stopped, ``absent`` where this subject did not need it
    """

    name: str
    headline: str
    lines: tuple[str, ...] = ()
    state: Literal["done", "running", "failed", "absent"] = "done"


@dataclass(frozen=True)
class Labels:
    """The labelled bonds of a database of interactions, or of one structure.

    Attributes
    ----------
    types : (n,) bond types
    distance : (n,) Å
    strength : (n,) eV, -ICOHP
    made_by : what made them, in a word or two
    method : the same with basis and pseudopotentials
    structures : of each, ``run``, ``sub_run``, ``composition``, ``n_bonds``, ``spilling`` (fraction or None)
    left_out : of each, ``run``, ``sub_run``, ``n_bonds`` (None: the whole structure) and ``reason``
    """

    types: NDArray[np.str_]
    distance: NDArray[np.float64]
    strength: NDArray[np.float64]
    made_by: str
    method: str
    structures: list[dict[str, Any]]
    left_out: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Model:
    """A model and how good it was on groups left out.

    Attributes
    ----------
    bond_types : that it predicts
    distance_range : by bond type, the shortest and longest training bond in Å
    untrained : by bond type, why it predicts none
    r_max : Å
    settings : of the training and descriptor, in words
    metrics : by bond type and method, see :func:`aiida_getl.learning.metrics.regression_metrics`
    parity : by bond type, arrays ``target``, ``<method>_mean``, ``<method>_std`` in eV of bonds in groups left out
    learning_curve : by bond type, points with ``n_bonds`` and ``rmse`` (eV)
    group_by, n_groups : what was left out together, and how many groups there were
    skipped : by bond type, why it was not validated
    """

    bond_types: list[str]
    distance_range: dict[str, tuple[float, float]]
    untrained: dict[str, str]
    r_max: float
    settings: dict[str, str]
    metrics: dict[str, dict[str, dict[str, Any]]]
    parity: dict[str, dict[str, NDArray]] = field(default_factory=dict)
    learning_curve: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    group_by: str = ""
    n_groups: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Bonding:
    """The bond strengths of one structure, computed or predicted.

    Attributes
    ----------
    symbols : of the atoms
    positions : (atoms, 3) Å, None where the structure is not known
    cell : (3, 3) Å
    bonds : each listed once
    types : (n,) bond types
    strength : (n,) eV, -ICOHP
    std : (n,) eV, None for labels
    flags : by name, (n,) true where a prediction is an extrapolation
    left_out : by bond type, number of bonds without a prediction
    """

    symbols: list[str]
    positions: NDArray[np.float64] | None
    cell: NDArray[np.float64] | None
    bonds: BondList
    types: NDArray[np.str_]
    strength: NDArray[np.float64]
    std: NDArray[np.float64] | None = None
    flags: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def predicted(self) -> bool:
        """Whether a model predicted them."""
        return self.std is not None


@dataclass(frozen=True)
class Card:
    """Equal steps on the way to a number, shown as one.

    Attributes
    ----------
    stage : ``Structure``, ``Label``, ``Learning``, ``Prediction`` or ``Decision``
    what : name of the calculation
    times : when they were made, ISO 8601, first and last
    nodes : PK, UUID and name of each, a bounded number
    n : how many there are
    where : codes and computers
    inputs : of the first of them, by name, in words
    """

    stage: str
    what: str
    times: tuple[str, str]
    nodes: tuple[tuple[int, str, str], ...]
    n: int
    where: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """Where one bond, or the whole subject, comes from.

    Attributes
    ----------
    name : of the choice, e.g. ``Zr-Cu 2.71 Å, 1.23 eV (run_0 as_quenched)``
    group : heading that it is listed under
    facts : the bond in words and numbers
    cards : the calculations, oldest first
    origins : by name of the input, the data that no calculation made
    codes, computers : in words
    """

    name: str
    group: str
    facts: dict[str, str]
    cards: tuple[Card, ...]
    origins: dict[str, tuple[str, ...]]
    codes: tuple[str, ...]
    computers: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """Core-hours of what led to the subject.

    Attributes
    ----------
    rows : of each kind of work, its name, where it ran, the number of jobs and their core-hours
    notes : what is missing or estimated
    """

    rows: tuple[tuple[str, str, int, float], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """One round of an active-learning loop.

    Attributes
    ----------
    number : from 0
    n_labels, n_failed : cells that were labelled in it, and that could not be
    rmse : eV, by bond type, of the model after it on groups left out
    core_hours : spent in it
    gain_expected, gain_realised : eV, by how much the target's mean uncertainty was to fall, and fell
    """

    number: int
    n_labels: int
    n_failed: int = 0
    rmse: dict[str, float] = field(default_factory=dict)
    core_hours: float | None = None
    gain_expected: float | None = None
    gain_realised: float | None = None


@dataclass(frozen=True)
class Decision:
    """What a person, or a rule, decided about a proposal."""

    when: str
    who: str
    what: str
    why: str


@dataclass(frozen=True)
class Reproduce:
    """How to get the same again.

    Attributes
    ----------
    commands : what it does, and the command
    configuration : of a campaign, as YAML
    versions : by program
    citations : what to cite, each with what for
    """

    commands: tuple[tuple[str, str], ...]
    configuration: str
    versions: dict[str, str]
    citations: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Report:
    """Everything that a page shows.

    Attributes
    ----------
    title, kind : e.g. ``Zr49Cu49Al2`` and ``campaign``
    identity : PK, UUID, label, date
    verdict : a sentence that sums it up
    stages : the picture of the workflow
    chains_note : of how many bonds the chains are a sample
    end : of a loop, how it ended and why
    """

    title: str
    kind: str
    identity: dict[str, str]
    verdict: str
    stages: tuple[Stage, ...]
    reproduce: Reproduce
    labels: Labels | None = None
    model: Model | None = None
    bonding: Bonding | None = None
    chains: tuple[Chain, ...] = ()
    chains_note: str = ""
    cost: Cost | None = None
    rounds: tuple[Round, ...] = ()
    decisions: tuple[Decision, ...] = ()
    end: str = ""
