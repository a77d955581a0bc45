"""A report of made-up numbers with every section, and hostile texts wherever a person can put one."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.report.content import (
    Bonding,
    Card,
    Chain,
    Cost,
    Decision,
    Labels,
    Model,
    Report,
    Reproduce,
    Round,
    Stage,
)
from aiida_getl.structures.bonds import bond_types, find_bonds

#: Ends a script, opens another, and breaks out of an attribute.
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'`${window.hacked=1}"


@pytest.fixture(scope="session")
def hostile() -> str:
    """A text that does harm where it is not escaped."""
    return HOSTILE


@pytest.fixture(scope="session")
def make_bonding():
    """Return a function that makes the bond strengths of a distorted lattice in a skewed cell."""

    def make(n_per_side=5, predicted=True, seed=3):
        rng = np.random.default_rng(seed)
        cell = n_per_side * 2.7 * np.array([[1.0, 0.0, 0.0], [0.15, 1.0, 0.0], [0.0, -0.1, 1.05]])
        grid = np.stack(np.meshgrid(*[np.arange(n_per_side)] * 3), -1).reshape(-1, 3) / n_per_side
        # Some atoms outside the cell, as unwrapped trajectories have them.
        positions = (grid + rng.integers(-1, 2, grid.shape)) @ cell + rng.normal(0, 0.15, grid.shape)
        symbols = rng.choice(["Cu", "Zr", "Al"], len(grid), p=[0.45, 0.45, 0.1]).tolist()
        bonds = find_bonds(positions, cell, 3.9)
        strength = np.exp(2.4 - bonds.distance) * rng.lognormal(0, 0.1, len(bonds))
        flags = {"outside_range": bonds.distance < 2.3, "novel_environment": rng.random(len(bonds)) < 0.05}
        return Bonding(
            symbols,
            positions,
            cell,
            bonds,
            np.asarray(bond_types(symbols, bonds)),
            strength,
            0.02 + 0.05 * strength if predicted else None,
            flags if predicted else {},
            {"Al-Al": 2} if predicted else {},
        )

    return make


@pytest.fixture(scope="session")
def make_labels():
    """Return a function that makes labels."""

    def make(n=400, seed=5):
        rng = np.random.default_rng(seed)
        types = rng.choice(["Cu-Cu", "Zr-Cu", "Zr-Zr"], n, p=[0.3, 0.5, 0.2])
        distance = rng.uniform(2.3, 4.0, n)
        return Labels(
            types,
            distance,
            np.exp(2.4 - distance) * rng.lognormal(0, 0.2, n),
            "LOBSTER 5.1.1",
            "LOBSTER 5.1.1; basis Cu 3d 4s",
            [
                {"run": HOSTILE, "sub_run": k, "composition": "CuZr", "n_bonds": n // 2, "spilling": 0.016 + 0.001 * k}
                for k in range(2)
            ],
            [{"run": "r", "sub_run": "x", "n_bonds": None, "reason": HOSTILE}],
        )

    return make


@pytest.fixture(scope="session")
def make_model():
    """Return a function that makes a model with its errors."""

    def make(labels, seed=7):
        rng = np.random.default_rng(seed)
        metrics, parity, curve = {}, {}, {}
        for name in np.unique(labels.types).tolist():
            target = labels.strength[labels.types == name]
            std = 0.02 + 0.05 * target
            mean = target + std * rng.normal(size=len(target))
            simple = target + 0.2 * rng.normal(size=len(target))
            metrics[name] = {
                "distance_only": regression_metrics(target, simple),
                "model": regression_metrics(target, mean, std, rng.integers(0, 4, len(target))),
            }
            parity[name] = {"target": target, "model_mean": mean, "model_std": std}
            curve[name] = [{"n_bonds": float(len(target) // k), "rmse": 0.05 * k**0.3} for k in (4, 2, 1)]
        return Model(
            sorted(metrics),
            dict.fromkeys(metrics, (2.3, 4.0)),
            {"Al-Al": HOSTILE},
            4.0,
            {"note": HOSTILE},
            metrics,
            parity,
            curve,
            "run",
            4,
        )

    return make


def _chain(number: int) -> Chain:
    cards = (
        Card("Structure", "LAMMPS", ("2026-01-02 03:04", "2026-01-02 03:09"), ((12, "u-12", "run_0"),), 3, ("lmp@c",)),
        Card("Label", "pw.x", ("2026-01-02 04:04",) * 2, ((13, "u-13", "run_0"),), 1, ("pw@c",), {"k": HOSTILE}),
    )
    return Chain(
        f"Zr-Cu 2.7{number} Å, {HOSTILE}",
        "Labelled bonds",
        {"distance": f"2.7{number} Å"},
        cards[: 1 + number % 2],
        {"potential": (f"file CuZr.eam {HOSTILE}",)},
        ("pw@c /home/marie/bin/pw.x",),
        ("cluster (login.example.org)",),
    )


@pytest.fixture(scope="session")
def make_report(make_bonding, make_labels, make_model):
    """Return a function that makes a report with every section; changes by name."""

    def make(**changes):
        labels = make_labels()
        parts = {
            "title": f"CuZr {HOSTILE}",
            "kind": "campaign",
            "identity": {"PK": "12", "label": HOSTILE},
            "verdict": f"It works. {HOSTILE}",
            "stages": (
                Stage("Melt-quench", "2 glasses", (HOSTILE,)),
                Stage("Label", "2 of 3 cells"),
                Stage("Stopped", "not finished", ("too many failed",), "failed"),
            ),
            "reproduce": Reproduce(
                (("Run it", f"aiida-getl run {HOSTILE}"),),
                f"a: {HOSTILE}",
                {"aiida-getl": "0.1"},
                (("AiiDA", "Huber"),),
            ),
            "labels": labels,
            "model": make_model(labels),
            "bonding": make_bonding(),
            "chains": tuple(_chain(k) for k in range(3)),
            "chains_note": "3 bonds",
            "cost": Cost((("pw.x", "cluster", 4, 2.5), ("LAMMPS", "cluster", 2, 0.5)), ("Wall times are measured.",)),
            "rounds": (
                Round(0, 4, 0, {"Zr-Cu": 0.08, "Cu-Cu": 0.05}, 1.0, None, None),
                Round(1, 3, 1, {"Zr-Cu": 0.06, "Cu-Cu": 0.04}, 2.0, 0.01, 0.008),
            ),
            "decisions": (Decision("2026-01-02 03:04", "marie@lab.example", "approve 3", HOSTILE),),
            "end": "It ended: target reached.",
        }
        return Report(**(parts | changes))

    return make
