"""The charts of the bond strengths of one structure."""

from __future__ import annotations

import numpy as np

from aiida_getl.learning.analytics import AtomBonding
from aiida_getl.report.charts import Axis, Chart, Colours, Layer, Panel, colour_numbers, numbers, steps
from aiida_getl.report.content import Bonding
from aiida_getl.report.scene import wrap

#: The slab of the map is made as thick as holds about this many atoms.
ATOMS_OF_MAP = 1200


def strengths(bonding: Bonding, colours: Colours) -> Chart:
    """Draw the distribution of the strengths of each bond type."""
    word = "predicted" if bonding.predicted else "computed"
    low, high = min(0.0, float(bonding.strength.min())), float(bonding.strength.max())
    edges = np.linspace(low, high if high > low else low + 1.0, 61)
    panels = []
    for name in np.unique(bonding.types).tolist():
        own = bonding.strength[bonding.types == name]
        q05, q95 = np.quantile(own, [0.05, 0.95])
        panels.append(
            Panel(
                name,
                Axis(f"{word} −ICOHP (eV)", low=float(edges[0]), high=float(edges[-1])),
                Axis(f"bonds per {edges[1] - edges[0]:.2g} eV"),
                [steps(own, edges, colour=colours[name])],
                note=f"{len(own):,} bonds\nmean {own.mean():.3f} eV\n5 to 95 %: {q05:.2f} to {q95:.2f}",
                note_right=True,
                height=230,
            )
        )
    return Chart(
        "strengths",
        "Distribution of bond strengths",
        f"Bonds up to {bonding.bonds.distance.max():.2f} Å, so that second neighbours are among them.",
        "Histograms: " + "; ".join(f"{p.title}: {', '.join(p.note.split(chr(10)))}" for p in panels) + ".",
        panels,
    )


def deviations(bonding: Bonding, colours: Colours) -> Chart:
    """Draw how sure the model is, by distance."""
    assert bonding.std is not None
    panels = []
    for name in np.unique(bonding.types).tolist():
        colour = colours[name]
        own = np.flatnonzero(bonding.types == name)
        distance, std = bonding.bonds.distance[own], bonding.std[own]
        parts = np.array_split(np.argsort(distance, kind="stable"), max(1, min(30, len(own) // 20)))
        middle = numbers([distance[part].mean() for part in parts])
        low, mid, high = (numbers([np.nanquantile(std[part], q) for part in parts]) for q in (0.05, 0.5, 0.95))
        layers = [Layer("band", middle, low, y2=high, colour=colour), Layer("line", middle, mid, colour=colour)]
        panels.append(Panel(name, Axis("distance (Å)"), Axis("standard deviation (eV)", low=0.0), layers, height=230))
    return Chart(
        "deviations",
        "How sure the predictions are",
        "Line: median standard deviation of the bonds at a distance; band: 5 to 95 % of them.",
        "Standard deviations against distance for each bond type.",
        panels,
    )


def atom_sums(bonding: Bonding, atoms: AtomBonding) -> Chart:
    """Draw the distribution of the sums of each atom's bonds, by element."""
    symbols = np.array(bonding.symbols)
    colours = colour_numbers(bonding.symbols)
    low, high = float(atoms.strength_sum.min()), float(atoms.strength_sum.max())
    edges = np.linspace(low, high if high > low else low + 1.0, 41)
    panels = []
    for name, colour in colours.items():
        own = atoms.strength_sum[symbols == name]
        panels.append(
            Panel(
                name,
                Axis("sum of an atom's bonds (eV)", low=float(edges[0]), high=float(edges[-1])),
                Axis("atoms"),
                [steps(own, edges, colour=colour)],
                note=f"{len(own):,} atoms\nmean {own.mean():.2f} eV",
                note_right=bool(own.mean() < edges.mean()),
                height=230,
            )
        )
    return Chart(
        "atom-sums",
        "How strongly atoms are bound",
        f"Sum of the strengths of all bonds of an atom up to {bonding.bonds.distance.max():.2f} Å; each bond counts at "
        "both ends.",
        "Histograms: " + "; ".join(f"{p.title}: {', '.join(p.note.split(chr(10)))}" for p in panels) + ".",
        panels,
    )


def atom_map(bonding: Bonding, atoms: AtomBonding) -> Chart:
    """Draw a slab through the middle of the cell, each atom with the sum of its bonds."""
    assert bonding.positions is not None
    assert bonding.cell is not None
    positions, _ = wrap(bonding.positions, bonding.cell, bonding.bonds)
    height = (positions @ np.linalg.inv(bonding.cell))[:, 2]
    thickness = min(1.0, ATOMS_OF_MAP / len(positions))
    inside = np.flatnonzero(np.abs(height - 0.5) <= thickness / 2)
    # Those in front are drawn last.
    inside = inside[np.argsort(height[inside], kind="stable")]
    low, high = (float(value) for value in np.quantile(atoms.strength_sum, [0.01, 0.99]))
    points = Layer(
        "points",
        numbers(positions[inside, 0]),
        numbers(positions[inside, 1]),
        text=[f"{bonding.symbols[k]}{k + 1}, {atoms.coordination[k]} bonds" for k in inside.tolist()],
        value=numbers(atoms.strength_sum[inside]),
        size=float(np.clip(90.0 / np.sqrt(max(len(inside), 1)), 3.0, 9.0)),
    )
    spread = np.ptp(positions[:, :2], axis=0)
    panel = Panel(
        "",
        Axis("x (Å)"),
        Axis("y (Å)"),
        [points],
        width=620,
        height=int(np.clip(70 + 500 * spread[1] / max(spread[0], 1e-6), 260, 700)),
        scale={"label": "sum (eV)", "low": low, "high": high if high > low else low + 1e-3},
    )
    depth = abs(np.linalg.det(bonding.cell)) / np.linalg.norm(np.cross(bonding.cell[0], bonding.cell[1])) * thickness
    return Chart(
        "atom-map",
        "Map of the atoms",
        f"A slab of {depth:.1f} Å through the middle of the cell, seen along z: {len(inside):,} of {len(positions):,} "
        "atoms, coloured by the sum of the strengths of their bonds.",
        f"Map of {len(inside)} atoms; sums from {low:.2f} to {high:.2f} eV.",
        [panel],
    )


def extrapolations(bonding: Bonding) -> Chart | None:
    """Draw the share of predictions of each type that are extrapolations, by reason; None where there is none."""
    names = sorted({str(name) for name in bonding.types})
    words = {
        "outside_range": "distance unknown",
        "novel_environment": "environment unknown",
        "extrapolated": "extrapolated",
    }
    flags = {name: flag for name, flag in bonding.flags.items() if flag.any()}
    # The sum of the others says nothing more where they are there.
    if len(flags) > 1:
        flags.pop("extrapolated", None)
    if not flags:
        return None
    layers = [
        Layer(
            "points",
            numbers([100.0 * float(flag[bonding.types == name].mean()) for name in names]),
            numbers(np.arange(len(names))),
            colour=k,
            name=words.get(reason, reason.replace("_", " ")),
            size=5.5,
        )
        for k, (reason, flag) in enumerate(flags.items())
    ]
    panel = Panel(
        "", Axis("bonds (%)", low=0.0), Axis("", categories=names), layers, width=560, height=70 + 34 * len(names)
    )
    described = "; ".join(
        f"{layer.name}: {int(flag.sum())} bonds" for layer, flag in zip(layers, flags.values(), strict=True)
    )
    return Chart(
        "extrapolations",
        "Where the model extrapolates",
        "Share of the predicted bonds that are longer or shorter than all training bonds of their type, or whose "
        "environment is far from all of theirs. Their standard deviations are less certain too.",
        f"{described}.",
        [panel],
        legend=[(layer.name, layer.colour) for layer in layers],
    )
