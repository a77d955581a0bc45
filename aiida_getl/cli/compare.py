"""`aiida-getl model compare`: the bond strengths of two glasses, or of one in several states."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.learning import node_or_fail, seed_option, to_dict, to_int
from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.profile import with_profile
from aiida_getl.cli.run import results_option
from aiida_getl.cli.tables import table

if TYPE_CHECKING:
    from aiida import orm

    from aiida_getl.data.bonds import BondStrengthsData


@click.command()
@click.argument("names", metavar="PREDICTION...", nargs=-1, required=True, shell_complete=complete_nodes("bonds"))
@click.option(
    "--follow",
    is_flag=True,
    help="They are states of one structure, the same atoms in the same order: follow every bond. Frames of one "
    "trajectory are followed without it.",
)
@click.option("--mixed", is_flag=True, help="Compare strengths by labels of different methods.")
@seed_option
@results_option
@with_profile(create=True)
def compare(names: tuple[str, ...], follow: bool, mixed: bool, seed: int, results: Path) -> None:
    """Compare bond strengths: each PREDICTION with the first one.

    A PREDICTION is the PK, UUID or label of what `aiida-getl model predict` made (or of a label). By bond type: the
    shift of the mean with its standard error, and how far the distributions differ. Of states of one structure, such as
    frames under strain, every bond is followed: which are kept, broken and formed, and how the kept ones change.

    \b
    Examples:
        aiida-getl model compare 78 81
        aiida-getl model compare 78 81 84 --follow
    """
    from aiida_getl.calculations.functions.compare_predictions import compare_predictions
    from aiida_getl.data.bonds import BondStrengthsData
    from aiida_getl.report.validation_figures import strength_comparison

    if len(names) < 2:
        raise click.UsageError("name two predictions or more: the others are compared with the first")
    first, *others = (find_node(name, BondStrengthsData) for name in names)
    assert isinstance(first, BondStrengthsData)
    source = _source(first)
    for number, other in zip(count(1), others):
        assert isinstance(other, BondStrengthsData)
        settings: dict[str, Any] = {"mixed_methods": True} if mixed else {}
        inputs: dict[str, Any] = {"bonds_a": first, "bonds_b": other, "seed": to_int(seed)}
        there = _source(other)
        if follow or _of_one_trajectory(source, there):
            for side, node, found in (("a", first, source), ("b", other, there)):
                if found is None:
                    raise click.ClickException(f"the structure of <{node.pk}> is not in the graph: leave out --follow")
                inputs[f"structure_{side}"] = found[0]
                if found[1] is not None:
                    settings[f"frame_{side}"] = found[1]
        outputs = node_or_fail(compare_predictions.run_get_node, settings=to_dict(settings), **inputs)
        titles = _title(first, source), _title(other, there)
        click.echo(f"{titles[1]} (b) compared with {titles[0]} (a), -ICOHP in eV\n")
        found = outputs["comparison"].get_dict()
        click.echo(_distributions(found["distributions"]))
        if found["changes"] is not None:
            click.echo("\nBonds followed from a to b: changes in length (Å) and strength (eV) of those kept\n")
            click.echo(_changes(found["changes"]))
        path = results / ("comparison.png" if len(others) == 1 else f"comparison_{number}.png")
        sides = [part for node in (first, other) for part in (node.get_bond_types(), node.get_strength())]
        click.echo(f"\nFigure      {strength_comparison(path, *sides, titles)}")
        click.echo(f"Node        <{outputs['comparison'].pk}>\n")


def _source(bonds: BondStrengthsData) -> tuple[orm.Data, int | None] | None:
    """Return the structure, and the frame of it, that bond strengths are of; None if it cannot be told."""
    from aiida import orm

    maker = bonds.creator
    if maker is None:
        return None
    links = [*maker.base.links.get_incoming().all(), *maker.base.links.get_outgoing().all()]
    nodes = {link.link_label: link.node for link in links}
    structure, settings = nodes.get("structure"), nodes.get("settings")
    if not isinstance(structure, (orm.StructureData, orm.TrajectoryData)):
        return None
    return structure, settings.get("frame") if isinstance(settings, orm.Dict) else None


def _of_one_trajectory(first: tuple[orm.Data, int | None] | None, other: tuple[orm.Data, int | None] | None) -> bool:
    return first is not None and other is not None and first[0].pk == other[0].pk


def _title(bonds: BondStrengthsData, source: tuple[orm.Data, int | None] | None) -> str:
    name = "" if source is None else source[0].label
    if source is not None and source[1] is not None:
        name += f" frame {source[1]}"
    return f"{name} <{bonds.pk}>".strip()


def _distributions(found: dict[str, dict[str, Any]]) -> str:
    keys = ("mean_a", "mean_b", "shift", "shift_error", "median_shift", "wasserstein", "ks")
    headings = ("bonds", "number a", "number b", "mean a", "mean b", "shift", "±", "median shift", "moved by", "KS")
    return table(
        headings,
        [(name, own["n_a"], own["n_b"], *(_cell(own[key]) for key in keys)) for name, own in sorted(found.items())],
    )


def _changes(found: dict[str, dict[str, Any]]) -> str:
    keys = ("distance_change", "strength_change", "strength_change_std", "strength_broken", "strength_formed")
    headings = ("bonds", "kept", "broken", "formed", "length", "strength", "its std", "sum broken", "sum formed")
    return table(
        headings,
        [
            (name, own["n_kept"], own["n_broken"], own["n_formed"], *(_cell(own[key]) for key in keys))
            for name, own in sorted(found.items())
        ],
    )


def _cell(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
