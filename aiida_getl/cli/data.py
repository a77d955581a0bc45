"""`verdi data getl`: list, show, export and plot bond strengths, databases of interactions and models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.utils import decorators

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.output import (
    check_format,
    check_new,
    echo_csv,
    echo_json,
    echo_rows,
    force_option,
    format_options,
    json_option,
)

if TYPE_CHECKING:
    from aiida import orm

KINDS = ("bonds", "dbi", "model")
LIST_COLUMNS = {"pk": "PK", "kind": "kind", "label": "label", "what": "what", "time": "made", "uuid": "UUID"}
#: Columns of exported bonds; a database names the structure of each.
BOND_COLUMNS = ["type", "atom_i", "atom_j", "t_x", "t_y", "t_z", "distance_A", "strength_eV"]
SOURCE_COLUMNS = ["composition", "run", "sub_run", "structure_uuid", "label_uuid"]


node_argument = click.argument("node", shell_complete=complete_nodes("model", "dbi", "bonds"))


@click.group()
def getl() -> None:
    """Bond strengths (labels, predictions), databases of interactions and models of aiida-getl."""


@getl.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only these; by default all three.")
@click.option("--past-days", "-p", type=click.IntRange(min=0), help="Only those made in the last so many days.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The latest so many.")
@format_options
@decorators.with_dbenv()
def list_command(kind: str | None, past_days: int | None, limit: int, as_json: bool, as_csv: bool) -> None:
    """List what there is, the latest last.

    \b
    Example:
        verdi data getl list --kind model
    """
    from datetime import timedelta

    from aiida import orm
    from aiida.common import timezone

    check_format(as_json, as_csv)
    filters = {} if past_days is None else {"ctime": {">=": timezone.now() - timedelta(days=past_days)}}
    classes = _classes()
    wanted = tuple(classes.values()) if kind is None else (classes[kind],)
    query = orm.QueryBuilder().append(wanted, filters=filters, tag="data")
    query.order_by({"data": [{"ctime": "desc"}, {"id": "desc"}]})  # those of an archive got their numbers at random
    n_found = query.count()
    nodes = query.limit(limit).all(flat=True)[::-1]
    kinds = {cls: name for name, cls in classes.items()}
    rows = [
        {
            "pk": node.pk,
            "uuid": node.uuid,
            "kind": kinds[type(node)],
            "label": node.label,
            "what": node.get_description(),
            "time": node.ctime.isoformat(timespec="seconds"),
        }
        for node in nodes
    ]
    if as_json:
        echo_json(rows)
        return
    echo_rows(rows, LIST_COLUMNS, as_csv=as_csv, empty="There is nothing yet: `aiida-getl --help` says how to begin.")
    if not as_csv and n_found > len(rows):
        click.echo(f"{n_found - len(rows)} older ones are not shown (--limit)")


@getl.command()
@node_argument
@json_option
@decorators.with_dbenv()
def show(node: str, as_json: bool) -> None:
    """Show what NODE (PK, UUID or label) is: its attributes, of long lists only the length, which --json has in full.

    \b
    Examples:
        verdi data getl show 345
        verdi data getl show 345 --json
    """
    from aiida_getl.provenance.comparison import flatten

    found = _find(node)
    attributes = {name: value for name, value in found.base.attributes.all.items() if not name.startswith("array|")}
    arrays = {name: list(found.get_shape(name)) for name in sorted(found.get_arraynames())}
    if as_json:
        item = {name: getattr(found, name) for name in ("pk", "uuid", "label")}
        echo_json({**item, "class": type(found).__name__, "attributes": attributes, "array_shapes": arrays})
        return
    click.echo(f"{type(found).__name__} <{found.pk}> {found.label}  {found.uuid}")
    click.echo(found.get_description())
    for name, value in flatten(attributes).items():
        text = f"{len(value)} entries" if isinstance(value, list) and len(value) > 12 else value
        click.echo(f"  {name:30s} {text}")
    for name, shape in arrays.items():
        click.echo(f"  {name:30s} array {tuple(shape)}")


@getl.command()
@node_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .csv or .json; else the screen. [default: CSV of bonds, JSON of a model]",
)
@force_option
@decorators.with_dbenv()
def export(node: str, output: Path | None, force: bool) -> None:
    """Write the bonds of NODE (PK, UUID or label) as rows, or the parameters and errors of a model.

    Atoms are counted from 0, strengths are -ICOHP in eV, distances in Å.

    \b
    Examples:
        verdi data getl export 345 --output bonds.csv
        verdi data getl export my-model --output model.json
    """
    from aiida_getl.data.model import BondModelData

    found = _find(node)
    is_model = isinstance(found, BondModelData)
    ending = (".json" if is_model else ".csv") if output is None else output.suffix
    if ending not in ((".json",) if is_model else (".csv", ".json")):
        raise click.UsageError(f"--output {output}: choose .json" + ("" if is_model else " or .csv"))
    if output is not None:
        check_new(output, force)
    if is_model:
        names = ("model", "validation", "labelled_by", "dbi", "bond_types")
        content: Any = {"uuid": found.uuid} | {name: found.base.attributes.get(name) for name in names}
    else:
        rows, columns = _bonds(found)
        content = {
            "uuid": found.uuid,
            "method": found.base.attributes.get("method"),
            "conventions": "strength is -ICOHP; atoms are counted from 0; t_x, t_y, t_z is the translation of atom_j",
            "bonds": rows,
        }
    if output is None:
        echo_json(content) if ending == ".json" else echo_csv(rows, columns)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        if ending == ".json":
            json.dump(content, file, indent=1, ensure_ascii=False)
        else:
            echo_csv(rows, columns, file)
    click.echo(f"Wrote       {output}")


@getl.command()
@node_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Picture to write: .png, .pdf or .svg.",
)
@force_option
@decorators.with_dbenv()
def plot(node: str, output: Path, force: bool) -> None:
    """Draw NODE: labels and DBIs as strength against distance, predictions as distributions, models as learning curve.

    NODE is a PK, UUID or label.

    \b
    Example:
        verdi data getl plot 345 --output bonds.png
    """
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.data.model import BondModelData
    from aiida_getl.report import figures
    from aiida_getl.report.validation import draw_learning_curve

    found = _find(node)
    if output.suffix not in (".png", ".pdf", ".svg"):
        raise click.UsageError(f"--output {output}: choose .png, .pdf or .svg")
    check_new(output, force)
    if isinstance(found, BondModelData):
        points, left_out = (found.validation.get(name) for name in ("learning_curve", "group_by"))
        if draw_learning_curve(output, points or {}, left_out or "run") is None:
            raise click.ClickException(
                f"<{found.pk}> has no learning curve: `aiida-getl model learning-curve` measures one"
            )
    elif isinstance(found, DbiData):
        bonds = found.get_table(descriptors=False)
        figures.strength_against_distance(output, bonds.type, bonds.distance, bonds.strength)
    elif found.get_std() is None:
        bonds = found.get_bonds()
        figures.strength_against_distance(output, found.get_bond_types(), bonds.distance, found.get_strength())
    else:
        figures.strength_distribution(output, found.get_bond_types(), found.get_strength())
    click.echo(f"Figure      {output}")


def _classes() -> dict[str, type[orm.Data]]:
    from aiida_getl.data.bonds import BondStrengthsData
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.data.model import BondModelData

    return dict(zip(KINDS, (BondStrengthsData, DbiData, BondModelData), strict=True))


def _find(identifier: str) -> Any:
    from aiida_getl.cli.nodes import find_node

    # Models are often called like their databases: those are searched last.
    return find_node(identifier, tuple(reversed(_classes().values())))


def _bonds(node: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the bonds as rows, and the names of their columns."""
    from aiida_getl.data.dbi import DbiData

    if isinstance(node, DbiData):
        bonds = node.get_table(descriptors=False)
        columns = {"type": bonds.type, "strength_eV": bonds.strength}
    else:
        bonds = node.get_bonds()
        columns = {"type": node.get_bond_types(), "strength_eV": node.get_strength()}
        if node.get_std() is not None:
            columns["std_eV"] = node.get_std()
            columns["extrapolated"] = node.get_array("extrapolated")
    columns |= {"atom_i": bonds.atom_i, "atom_j": bonds.atom_j, "distance_A": bonds.distance}
    columns |= {name: bonds.translation[:, k] for k, name in enumerate(("t_x", "t_y", "t_z"))}
    names = BOND_COLUMNS + [name for name in ("std_eV", "extrapolated") if name in columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*(columns[name].tolist() for name in names), strict=True)]
    if isinstance(node, DbiData):
        sources = [
            {
                **{name: entry[name] for name in ("composition", "run", "sub_run")},
                "structure_uuid": entry["structure_id"],
                "label_uuid": entry["label_id"],
            }
            for entry in bonds.structures
        ]
        rows = [row | sources[k] for row, k in zip(rows, bonds.structure.tolist(), strict=True)]
        names = names + SOURCE_COLUMNS
    return rows, names
