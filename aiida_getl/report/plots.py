"""The charts of labels and models."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from aiida_getl.learning.metrics import error_against_std
from aiida_getl.learning.metrics import reliability as reliability_of
from aiida_getl.learning.tables import METHOD_NAMES
from aiida_getl.report.charts import Axis, Chart, Colours, Layer, Panel, numbers, steps
from aiida_getl.report.content import Labels, Model

#: More points than a screen has room for make a page slow to open.
MOST_POINTS = 4000

#: what is left out together, in words
LEFT_OUT = {"strain": "strain group", "random": "random part (leaky)", "composition": "composition", "run": "run"}

#: Fewer bonds than these in a bin tell nothing about its standard deviations.
SMALLEST_BIN = 20


def thinned(n: int, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Return the indices of at most so many of n points, evenly spread over them."""
    return np.arange(n) if n <= most else np.unique(np.linspace(0, n - 1, most).astype(np.int64))


def _thinned_note(n_all: Iterable[int]) -> str:
    if all(n <= MOST_POINTS for n in n_all):
        return ""
    return f" Of panels with more than {MOST_POINTS} bonds, so many are drawn, evenly spread over the data."


def bond_counts(labels: Labels) -> Chart:
    """Count the labelled bonds of each type."""
    names, counts = np.unique(labels.types, return_counts=True)
    order = np.argsort(counts)[::-1]
    panel = Panel(
        "",
        Axis("labelled bonds"),
        Axis("", categories=[str(names[k]) for k in order]),
        [
            Layer(
                "bars",
                numbers(counts[order], 9),
                numbers(np.arange(len(order))),
                text=[f"{counts[k]:,}" for k in order],
            )
        ],
        width=520,
        height=70 + 30 * len(order),
    )
    return Chart(
        "bonds-per-type",
        "Labelled bonds by type",
        "Types with few bonds are learnt least well.",
        f"Bars: {', '.join(f'{names[k]} {counts[k]}' for k in order)}.",
        [panel],
    )


def strength_against_distance(labels: Labels, colours: Colours) -> Chart:
    """Draw every label: strength against distance."""
    names = np.unique(labels.types).tolist()
    panels = []
    for name in names:
        own = np.flatnonzero(labels.types == name)
        shown = own[thinned(len(own))]
        points = Layer(
            "points", numbers(labels.distance[shown]), numbers(labels.strength[shown]), colour=colours[name], name=name
        )
        panels.append(
            Panel(
                name,
                Axis("distance (Å)"),
                Axis("−ICOHP (eV)"),
                [Layer("zero"), points],
                note=f"{len(own):,} bonds",
                note_right=True,
            )
        )
    counts = [int(np.sum(labels.types == name)) for name in names]
    return Chart(
        "strength-against-distance",
        "Strength against distance",
        "Each point is a labelled bond; above zero it is bonding. How far points at one distance spread is what the "
        f"environment of a bond decides.{_thinned_note(counts)}",
        "Bond strengths fall with distance, with a spread at each distance, for "
        + ", ".join(f"{name} ({count} bonds)" for name, count in zip(names, counts, strict=True))
        + ".",
        panels,
    )


def label_distances(labels: Labels, colours: Colours) -> Chart:
    """Draw the distributions of the distances of the labelled bonds."""
    low, high = float(labels.distance.min()), float(labels.distance.max())
    edges = np.linspace(low, high if high > low else low + 1.0, 41)
    panels = []
    for name in np.unique(labels.types).tolist():
        own = labels.distance[labels.types == name]
        panels.append(
            Panel(
                name,
                Axis("distance (Å)", low=float(edges[0]), high=float(edges[-1])),
                Axis(f"bonds per {edges[1] - edges[0]:.2g} Å"),
                [steps(own, edges, colour=colours[name])],
                note=f"{len(own):,} bonds\nmean {own.mean():.2f} Å",
                height=220,
            )
        )
    return Chart(
        "label-distances",
        "Distances of the labelled bonds",
        "A model is at home where these are high, and extrapolates beyond their ends.",
        "Histograms: " + "; ".join(f"{p.title}: {', '.join(p.note.split(chr(10)))}" for p in panels) + ".",
        panels,
    )


def errors_by_method(model: Model) -> Chart:
    """Compare the errors of distance alone, the published method and this model."""
    names = sorted(model.metrics, key=lambda name: -model.metrics[name]["model"]["n"])
    methods = [name for name in METHOD_NAMES if any(name in own for own in model.metrics.values())]
    colours = {"distance_only": 4, "published": 1, "model": 0}
    layers = []
    for method in methods:
        known = [k for k, name in enumerate(names) if method in model.metrics[name]]
        rmse = [model.metrics[names[k]][method]["rmse"] for k in known]
        layers.append(
            Layer("points", numbers(rmse), numbers(known), colour=colours[method], name=METHOD_NAMES[method], size=5.5)
        )
    panel = Panel(
        "",
        Axis(f"RMSE (eV), each {LEFT_OUT.get(model.group_by, model.group_by)} left out in turn", low=0.0),
        Axis("", categories=names),
        layers,
        width=560,
        height=70 + 34 * len(names),
    )
    described = "; ".join(
        f"{name} "
        + ", ".join(
            f"{METHOD_NAMES[method]} {own[method]['rmse']:.3f}"
            for method in methods
            if method in (own := model.metrics[name])
        )
        for name in names
    )
    return Chart(
        "errors-by-method",
        "Errors beside simpler methods",
        "Further left is better. Distance only: a curve through strength against distance; published: the method of "
        "Phys. Rev. Materials 4, 113603 (2020), trained on the same bonds.",
        f"RMSE in eV: {described}.",
        [panel],
        legend=[(METHOD_NAMES[method], colours[method]) for method in methods],
    )


def parity(model: Model, colours: Colours) -> Chart:
    """Draw predicted against computed strengths of bonds in groups left out."""
    panels = []
    for name in sorted(model.parity):
        columns = model.parity[name]
        shown = thinned(len(columns["target"]))
        points = Layer(
            "points",
            numbers(columns["target"][shown]),
            numbers(columns["model_mean"][shown]),
            colour=colours[name],
            text=[f"standard deviation {std:.3f} eV" for std in columns["model_std"][shown]],
        )
        own = model.metrics[name]["model"]
        panels.append(
            Panel(
                name,
                Axis("computed −ICOHP (eV)"),
                Axis("predicted (eV)"),
                [Layer("diagonal"), points],
                note=f"RMSE {own['rmse']:.3f} eV\nR² {own['r2']:.3f}\n{len(columns['target']):,} bonds",
                height=340,
                square=True,
            )
        )
    return Chart(
        "parity",
        "Predicted against computed",
        f"Every bond is predicted by a model that has not seen its {LEFT_OUT.get(model.group_by, model.group_by)}."
        + _thinned_note(len(columns["target"]) for columns in model.parity.values()),
        "Points lie along the diagonal; " + "; ".join(f"{p.title}: {', '.join(p.note.split(chr(10)))}" for p in panels),
        panels,
    )


def residuals(model: Model, colours: Colours) -> Chart:
    """Draw errors against computed strength, with their root mean square and what the model says it is."""
    panels = []
    for name in sorted(model.parity):
        target, mean, std = (model.parity[name][column] for column in ("target", "model_mean", "model_std"))
        shown = thinned(len(target))
        n_bins = max(1, min(12, len(target) // SMALLEST_BIN))
        parts = np.array_split(np.argsort(target, kind="stable"), n_bins)
        middle = [float(target[part].mean()) for part in parts]
        found, stated = (
            np.array([np.sqrt(np.mean(values[part] ** 2)) for part in parts]) for values in (mean - target, std)
        )
        layers = [
            Layer("band", numbers(middle), numbers(-stated), y2=numbers(stated), colour=6),
            Layer("zero"),
            Layer("points", numbers(target[shown]), numbers((mean - target)[shown]), colour=colours[name]),
        ]
        if n_bins > 1:
            layers += [Layer("line", numbers(middle), numbers(sign * found), colour=6) for sign in (1.0, -1.0)]
        panels.append(Panel(name, Axis("computed −ICOHP (eV)"), Axis("error (eV)"), layers))
    return Chart(
        "residuals",
        "Errors against strength",
        "Lines: root mean square error of bonds of similar strength, above and below zero; band: what the predicted "
        "standard deviations say it is. Lines outside the band: the model is too sure of itself there.",
        "Errors scatter around zero; their root mean square and the stated standard deviation are drawn over them.",
        panels,
    )


def calibration(model: Model, colours: Colours) -> Chart | None:
    """Draw whether standard deviations are right: on average, and bond by bond; None with too few bonds."""
    panels = []
    for name in sorted(model.parity):
        target, mean, std = (model.parity[name][column] for column in ("target", "model_mean", "model_std"))
        if len(target) < SMALLEST_BIN or not (np.isfinite(std).all() and (std > 0).all()):
            continue
        level, share = reliability_of(target, mean, std)
        curve = Layer("line", numbers(100 * level), numbers(100 * share), colour=colours[name])
        panels.append(
            Panel(
                f"{name}: on average",
                Axis("confidence (%)", low=0.0, high=100.0),
                Axis("labels inside (%)", low=0.0, high=100.0),
                [Layer("diagonal"), curve],
                note="above: too wide",
            )
        )
        n_bins = len(target) // SMALLEST_BIN
        if n_bins > 2:
            stated, found, _ = error_against_std(target, mean, std, min(10, n_bins))
            bins = Layer("points", numbers(stated), numbers(found), colour=colours[name], size=4)
            panels.append(
                Panel(
                    f"{name}: bond by bond",
                    Axis("predicted std (eV)", log=True),
                    Axis("RMS error (eV)", log=True),
                    [Layer("diagonal"), bins],
                    square=True,
                )
            )
    if not panels:
        return None
    return Chart(
        "calibration",
        "Are the standard deviations right?",
        "Right ones lie on the diagonals. On average: the share of labels inside the interval of each confidence. Bond "
        "by bond: errors of bonds with similar standard deviations.",
        "For each bond type the share of labels inside the predicted intervals against confidence, and root mean "
        "square errors against predicted standard deviations, with the diagonals.",
        panels,
    )


def learning_curve(model: Model, colours: Colours) -> Chart | None:
    """Draw how errors fall with the number of training bonds; None where no type has two points."""
    layers = [
        Layer(
            "line",
            numbers([point["n_bonds"] for point in own]),
            numbers([point["rmse"] for point in own]),
            colour=colours[name],
            name=name,
        )
        for name, own in sorted(model.learning_curve.items())
        if len(own) > 1
    ]
    if not layers:
        return None
    panel = Panel(
        "", Axis("bonds in the training set", log=True), Axis("RMSE (eV)", log=True), layers, width=560, height=320
    )
    return Chart(
        "learning-curve",
        "Would more labels help?",
        f"Errors on each {LEFT_OUT.get(model.group_by, model.group_by)} left out, with more of the others to learn "
        "from. A line that still falls at its end says yes.",
        "; ".join(f"{layer.name}: from {layer.y[0]} to {layer.y[-1]} eV" for layer in layers) + ".",
        [panel],
    )


def known_distances(model: Model) -> Chart:
    """Draw the distances that each bond type was trained on."""
    names = sorted(model.distance_range)
    low, high = (numbers([model.distance_range[name][k] for name in names]) for k in range(2))
    panel = Panel(
        "",
        Axis("distance (Å)"),
        Axis("", categories=names),
        [
            Layer(
                "ranges",
                low,
                numbers(np.arange(len(names))),
                x2=high,
                text=[f"{model.distance_range[name][0]:.2f} to {model.distance_range[name][1]:.2f}" for name in names],
            )
        ],
        width=560,
        height=70 + 30 * len(names),
    )
    return Chart(
        "known-distances",
        "Where the model is at home",
        "The distances of the training bonds; beyond them, and near elements it has not met, a prediction is marked as "
        "an extrapolation.",
        "; ".join(
            f"{name}: {model.distance_range[name][0]:.2f} to {model.distance_range[name][1]:.2f} Å" for name in names
        ),
        [panel],
    )
