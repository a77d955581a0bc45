"""`aiida-getl trace`: where a number comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_getl.cli.completion import DATA, complete_nodes
from aiida_getl.cli.output import check_format, echo_csv, echo_json, format_options
from aiida_getl.cli.profile import with_profile
from aiida_getl.cli.proposal_text import describe_decision

if TYPE_CHECKING:
    from aiida_getl.provenance import Trace

#: Columns of the CSV: one row for each calculation, origin, code, computer and decision.
COLUMNS = ("section", "name", "pk", "uuid", "what", "time", "code", "computer", "sha256", "details")


@click.command()
@click.argument("node", shell_complete=complete_nodes(*DATA))
@click.option("--bond", type=int, help="Row of a DBI or bond of a label or prediction, counted from 0.")
@format_options
@with_profile
def trace(node: str, bond: int | None, as_json: bool, as_csv: bool) -> None:
    """Follow NODE (PK, UUID or label of a DBI, model, label or prediction) back to all that it rests on.

    \b
    Examples:
        aiida-getl trace 345
        aiida-getl trace 345 --bond 17
        aiida-getl trace 345 --bond 17 --csv > origin.csv
    """
    from aiida import orm

    from aiida_getl import provenance
    from aiida_getl.cli.nodes import find_node
    from aiida_getl.data.model import BondModelData

    check_format(as_json, as_csv)
    try:
        # A model is named like its DBI, and the way back from it leads through the DBI.
        found = provenance.trace(find_node(node, (BondModelData, orm.Data)), bond)
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    if as_json:
        echo_json(found.as_dict())
    elif as_csv:
        echo_csv(_rows(found), COLUMNS)
    else:
        _echo(found)


def _rows(found: Trace) -> list[dict[str, Any]]:
    """Return a trace as rows."""
    rows: list[dict[str, Any]] = []

    def add(section: str, item: Any, **more: Any) -> None:
        rows.append({"section": section, "pk": item.pk, "uuid": item.uuid, "what": item.what, **more})

    add("subject", found.subject, details=found.bond | found.label)
    for step in found.steps:
        shown = {name: getattr(step, name) for name in ("time", "code", "computer")}
        add("step", step, name=step.label, details={"inputs": step.inputs, "used": step.used}, **shown)
    for name, items in found.origins.items():
        for item in items:
            add("origin", item, name=name, sha256=item.sha256)
    for decision in found.decisions:
        add("decision", decision, details=decision.content)
    for section, items in (("code", found.codes), ("computer", found.computers)):
        for item in items:
            add(section, item)
    return rows


def _echo(found: Trace) -> None:
    click.echo(f"{found.subject.what} <{found.subject.pk}>  {found.subject.uuid}")
    for key, value in found.bond.items():
        click.echo(f"  {key:14s} {value}")
    if found.label:
        click.echo("\nHow the numbers were made")
        for key, value in _flat(found.label):
            click.echo(f"  {key:14s} {value}")
    click.echo("\nHow it was made, oldest first")
    for step in found.steps:
        where = f"  {step.code}" if step.code else ""
        click.echo(f"  {step.time}  <{step.pk}> {step.what}  {step.label}{where}")
        if step.inputs:
            click.echo("      from " + ", ".join(f"{name}: {value}" for name, value in step.inputs.items()))
        if step.used not in ([], ["result"]):
            click.echo("      its " + ", ".join(step.used))
    click.echo("\nWhat it rests on")
    for name, items in found.origins.items():
        shown = "; ".join(
            f"{item.what} <{item.pk}>" + (f" sha256 {item.sha256}" if item.sha256 else "") for item in items[:6]
        )
        click.echo(f"  {name:14s} {shown}" + (f"; and {len(items) - 6} more" if len(items) > 6 else ""))
        for item in items[:6]:
            for role, file in item.files.items():
                click.echo(f"  {'':14s} <{item.pk}> {role}: {file['path']} sha256 {file['sha256']}")
    if found.decisions:
        click.echo("\nWhat people decided")
        for decision in found.decisions:
            click.echo(f"  <{decision.pk}> {describe_decision(decision.content)}")
            for item in decision.content["chosen"]:
                click.echo(f"  {'':6s} {item['number']}. {item['description']}")
    click.echo("\nCodes and computers")
    for item in (*found.codes, *found.computers):
        click.echo(f"  <{item.pk}> {item.what}")


def _flat(label: dict[str, Any]) -> list[tuple[str, Any]]:
    from aiida_getl.provenance.comparison import flatten

    return [(name.removeprefix("method."), value) for name, value in flatten(label).items() if value not in (None, "")]
