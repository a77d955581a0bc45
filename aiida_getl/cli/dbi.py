"""`aiida-getl dbi`: databases of interactions (DBIs)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.groups.verdi import VerdiCommandGroup

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.dbi_import import count_types, hint_mixed, import_command, keep_faulty_option, mixed_option
from aiida_getl.cli.export import export
from aiida_getl.cli.learning import code_option, listening, run_task
from aiida_getl.cli.nodes import find_node, give_label
from aiida_getl.cli.output import echo_json, echo_list, format_options, json_option
from aiida_getl.cli.profile import with_profile
from aiida_getl.cli.tables import table
from aiida_getl.data.methods import describe_method, method_name

if TYPE_CHECKING:
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.learning.dataset import BondTable


@click.group(cls=VerdiCommandGroup)
def dbi() -> None:
    """Import labels made elsewhere; list, show and merge databases of interactions (DBIs)."""


dbi.add_command(import_command)
dbi.add_command(export)


@dbi.command("list")
@format_options
@with_profile(create=True)
def list_command(as_json: bool, as_csv: bool) -> None:
    """List the DBIs of the profile.

    \b
    Examples:
        aiida-getl dbi list
        aiida-getl dbi list --json
    """
    from aiida import orm

    from aiida_getl.data.dbi import DbiData

    nodes = orm.QueryBuilder().append(DbiData).order_by({DbiData: ["ctime", "id"]}).all(flat=True)
    columns = {
        "pk": "PK",
        "label": "label",
        "structures": "structures",
        "bonds": "bonds",
        "compositions": "compositions",
        "labelled_by": "labelled by",
        "made": "made",
        "uuid": "UUID",
    }
    rows = [
        {
            "pk": node.pk,
            "label": node.label,
            "structures": node.base.attributes.get("n_structures"),
            "bonds": node.base.attributes.get("n_bonds"),
            "compositions": node.base.attributes.get("compositions")
            if as_json or as_csv
            else _shortened(node.base.attributes.get("compositions")),
            "labelled_by": method_name(node.base.attributes.get("method")),
            "made": node.ctime.strftime("%Y-%m-%d %H:%M"),
            "uuid": node.uuid,
        }
        for node in nodes
    ]
    empty = "There is no DBI yet: `aiida-getl dbi import --help` says how to make one from files."
    echo_list(rows, columns, as_json=as_json, as_csv=as_csv, empty=empty)


@dbi.command("show")
@click.argument("node", metavar="DBI", shell_complete=complete_nodes("dbi"))
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), help="Folder for a figure of the labels.")
@json_option
@with_profile(create=True)
def show_command(node: str, results: Path | None, as_json: bool) -> None:
    """Show what a DBI (PK, UUID or label) holds, what it leaves out and why.

    \b
    Examples:
        aiida-getl dbi show published --results results
        aiida-getl dbi show published --json
    """
    from aiida_getl.data.dbi import DbiData

    found = find_node(node, DbiData)
    assert isinstance(found, DbiData)
    bonds = found.get_table(descriptors=False)
    figure = None
    if results is not None:
        from aiida_getl.report.figures import strength_against_distance

        path = results / "strength_against_distance.png"
        figure = str(strength_against_distance(path, bonds.type, bonds.distance, bonds.strength))
    content = _content(found, bonds)
    if as_json:
        echo_json({**content, "figure": figure})
        return
    _echo(content)
    if figure is not None:
        click.echo(f"Figure      {figure}")


def _content(node: DbiData, bonds: BondTable) -> dict[str, Any]:
    """Return what there is to say of a DBI, distances in Å and strengths (-ICOHP) in eV."""
    types = {name: bonds.of_type(name) for name in bonds.types()}
    return {
        "pk": node.pk,
        "uuid": node.uuid,
        "label": node.label,
        "made": node.ctime.isoformat(timespec="seconds"),
        "method": node.base.attributes.get("method"),
        "descriptors": node.descriptors,
        "n_bonds": len(bonds),
        "bond_types": {
            name: {
                "n": len(part),
                "distance_A": {"min": float(part.distance.min()), "max": float(part.distance.max())},
                "strength_eV": {how: float(getattr(part.strength, how)()) for how in ("min", "mean", "max")},
            }
            for name, part in types.items()
        },
        "structures": node.structures,
        "left_out": node.left_out,
    }


def _echo(content: dict[str, Any]) -> None:
    """Print what there is to say of a DBI."""
    click.echo(f"DBI         <{content['pk']}> {content['label']}  {content['uuid']}")
    click.echo(f"Bonds       {content['n_bonds']} of {len(content['structures'])} structures")
    click.echo(f"Method      {describe_method(content['method'])}")
    for settings in content["descriptors"].values():
        rest = ", ".join(f"{key} {value}" for key, value in settings.items() if key not in ("kind", "species"))
        click.echo(f"Descriptor  {settings['kind']}: {rest}")
    click.echo()
    rows = [
        (
            name,
            own["n"],
            f"{own['distance_A']['min']:.2f}",
            f"{own['distance_A']['max']:.2f}",
            *(f"{own['strength_eV'][how]:.3f}" for how in ("min", "mean", "max")),
        )
        for name, own in content["bond_types"].items()
    ]
    click.echo(table(("bonds", "number", "d min (Å)", "d max (Å)", "-ICOHP min (eV)", "mean", "max"), rows))
    click.echo()
    counts = Counter((entry["composition"], entry["run"]) for entry in content["structures"])
    click.echo(table(("composition", "run", "structures"), [(*key, n) for key, n in sorted(counts.items())]))
    click.echo()
    click.echo(f"Left out    {len(content['left_out'])} entries")
    for entry in content["left_out"]:
        what = f"{entry['n_bonds']} bonds of " if "n_bonds" in entry else ""
        click.echo(f"            {what}{entry['run']} {entry['sub_run']}: {entry['reason']}")


@dbi.command()
@click.argument("names", metavar="DBI...", nargs=-1, required=True, shell_complete=complete_nodes("dbi"))
@click.option("--label", help="Name of the new DBI.")
@mixed_option
@keep_faulty_option
@code_option
@with_profile(create=True)
def merge(names: tuple[str, ...], label: str | None, mixed: bool, keep_faulty: bool, code: str | None) -> None:
    """Join DBIs (PKs, UUIDs or labels) into one; a label that several of them hold is taken once.

    Labels that are marked as faulty, or rest on what is, are left out; of a single DBI this makes one without them.

    \b
    Examples:
        aiida-getl dbi merge published mine --label all
        aiida-getl dbi merge published --label cleaned
    """
    from aiida.orm import Dict

    from aiida_getl.calculations.functions.merge_dbi import merge_dbi
    from aiida_getl.calculations.leave_out import faulty_labels
    from aiida_getl.data.dbi import DbiData

    nodes = [find_node(name, DbiData) for name in names]
    faulty = {} if keep_faulty else faulty_labels(nodes)
    if len({node.pk for node in nodes}) < 2 and not faulty:
        raise click.UsageError("name two DBIs or more: of a single one, there is no label that is marked as faulty")
    inputs = {"settings": Dict({"mixed_methods": True} if mixed else {})}
    inputs |= {"leave_out": Dict(faulty)} if faulty else {}
    dbis = {f"dbi_{k}": each for k, each in enumerate(nodes)}
    try:
        with listening():
            (node,) = run_task(merge_dbi, code, **inputs, **({"dbis": dbis} if code else dbis)).values()
    except click.ClickException as exception:
        raise click.ClickException(exception.message + hint_mixed(exception.message)) from exception
    if label:
        give_label(node, label)
    click.echo(f"DBI         <{node.pk}> {node.label!r} of {len(node.structures)} structures")
    click.echo(f"            {count_types(node)}")
    if faulty:
        click.echo(
            f"            without {len(faulty)} labels that are faulty: `aiida-getl dbi show {node.pk}` says why"
        )


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
