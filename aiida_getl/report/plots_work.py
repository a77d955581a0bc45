"""The charts of what work cost and brought."""

from __future__ import annotations

import numpy as np

from aiida_getl.report.charts import Axis, Chart, Colours, Layer, Panel, numbers
from aiida_getl.report.content import Cost, Round


def cost(spent: Cost) -> Chart:
    """Draw the core-hours of each kind of work."""
    rows = sorted(spent.rows, key=lambda row: -row[3])
    panel = Panel(
        "",
        Axis("core-hours"),
        Axis("", categories=[f"{what}, {where}" if where else what for what, where, _, _ in rows]),
        [
            Layer(
                "bars",
                numbers([hours for *_, hours in rows]),
                numbers(np.arange(len(rows))),
                text=[f"{hours:.3g} h, {n} jobs" if n != 1 else f"{hours:.3g} h" for _, _, n, hours in rows],
            )
        ],
        width=640,
        height=70 + 30 * len(rows),
    )
    return Chart(
        "cost",
        "Core-hours by kind of work",
        "Cores times wall time of every job on the way.",
        "; ".join(f"{what} {hours:.3g} core-hours in {n} jobs" for what, _, n, hours in rows) + ".",
        [panel],
    )


def rounds(loop: tuple[Round, ...], colours: Colours) -> Chart | None:
    """Draw how the errors of an active-learning loop fell with the cells labelled in it; None for a single round."""
    total = np.cumsum([each.n_labels for each in loop])
    names = sorted({name for each in loop for name in each.rmse})
    layers = []
    for name in names:
        own = [k for k, each in enumerate(loop) if name in each.rmse]
        rmse = [loop[k].rmse[name] for k in own]
        layers.append(Layer("line", numbers(total[own]), numbers(rmse), colour=colours[name], name=name))
    if len(loop) < 2 or not layers:
        return None
    panel = Panel("", Axis("cells labelled in the loop"), Axis("RMSE (eV)", low=0.0), layers, width=560, height=320)
    return Chart(
        "rounds",
        "Errors round by round",
        "Errors on groups left out, of the model after each round.",
        "; ".join(f"{layer.name}: from {layer.y[0]} to {layer.y[-1]} eV" for layer in layers) + ".",
        [panel],
    )


def gains(loop: tuple[Round, ...]) -> Chart | None:
    """Compare by how much rounds were expected to lower the target's uncertainty, and did; None where none was."""
    own = [
        (each.number, each.gain_expected, each.gain_realised)
        for each in loop
        if each.gain_expected is not None and each.gain_realised is not None
    ]
    if not own:
        return None
    expected, realised = numbers([gain for _, gain, _ in own]), numbers([gain for _, _, gain in own])
    rows = numbers(np.arange(len(own)))
    panel = Panel(
        "",
        Axis(
            "fall of the mean uncertainty of the target (eV)",
            low=min(0.0, *(gain for _, *both in own for gain in both)),
        ),
        Axis("", categories=[f"round {number}" for number, _, _ in own]),
        [
            Layer("points", expected, rows, colour=4, name="expected", size=5.5),
            Layer("points", realised, rows, colour=0, name="realised", size=5.5),
        ],
        width=560,
        height=70 + 34 * len(own),
    )
    return Chart(
        "gains",
        "Did the labels help as expected?",
        "What the labels of each round were expected to bring, and brought.",
        "; ".join(f"round {number}: expected {wanted:.3g} eV, realised {got:.3g} eV" for number, wanted, got in own)
        + ".",
        [panel],
        legend=[("expected", 4), ("realised", 0)],
    )
