"""`aiida-getl trace`: where a number comes from."""

from __future__ import annotations

import json

import click

from aiida_getl.cli.profile import with_profile


@click.command()
@click.argument("node")
@click.option("--bond", type=int, help="Row of a DBI or bond of a prediction, counted from 0.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_profile
def trace(node: str, bond: int | None, as_json: bool) -> None:
    """Follow NODE (PK, UUID or label of a DBI, model, label or prediction) back to all that it rests on.

    \b
    Examples:
        aiida-getl trace 345
        aiida-getl trace 345 --bond 17
    """
    from aiida import orm

    from aiida_getl import provenance
    from aiida_getl.cli.nodes import find_node

    try:
        found = provenance.trace(find_node(node, orm.Data), bond)
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    click.echo(f"{found.subject.what} <{found.subject.pk}>  {found.subject.uuid}")
    for key, value in found.bond.items():
        click.echo(f"  {key:14s} {value}")
    click.echo("\nHow it was made, oldest first")
    for step in found.steps:
        where = f"  {step.code}" if step.code else ""
        click.echo(f"  {step.time}  <{step.pk}> {step.what}  {step.label}{where}")
        if step.inputs:
            click.echo("      from " + ", ".join(f"{name}: {value}" for name, value in step.inputs.items()))
    click.echo("\nWhat it rests on")
    for name, items in found.origins.items():
        shown = "; ".join(f"{item.what} <{item.pk}>" for item in items[:6])
        click.echo(f"  {name:14s} {shown}" + (f"; and {len(items) - 6} more" if len(items) > 6 else ""))
    click.echo("\nCodes and computers")
    for item in (*found.codes, *found.computers):
        click.echo(f"  <{item.pk}> {item.what}")
