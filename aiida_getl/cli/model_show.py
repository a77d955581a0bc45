"""`aiida-getl model list` and `show`: which models there are, and what each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.learning import describe_validation
from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.output import echo_json, echo_list, format_options, json_option
from aiida_getl.cli.profile import with_profile

if TYPE_CHECKING:
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.data.model import BondModelData


@click.command("list")
@format_options
@with_profile(create=True)
def list_command(as_json: bool, as_csv: bool) -> None:
    """List the models of the profile.

    \b
    Examples:
        aiida-getl model list
        aiida-getl model list --json
    """
    from aiida import orm

    from aiida_getl.data.methods import method_name
    from aiida_getl.data.model import BondModelData

    nodes = orm.QueryBuilder().append(BondModelData).order_by({BondModelData: ["ctime", "id"]}).all(flat=True)
    columns = {"pk": "PK", "label": "label", "bonds": "bonds", "labels_by": "labels by", "made": "made", "uuid": "UUID"}
    rows = [
        {
            "pk": node.pk,
            "label": node.label,
            "bonds": ", ".join(node.bond_types),
            "labels_by": method_name(node.labelled_by),
            "made": node.ctime.strftime("%Y-%m-%d %H:%M"),
            "uuid": node.uuid,
        }
        for node in nodes
    ]
    empty = "There is no model yet: `aiida-getl model train --help` says how to make one."
    echo_list(rows, columns, as_json=as_json, as_csv=as_csv, empty=empty)


@click.command("show")
@click.argument("name", metavar="MODEL", shell_complete=complete_nodes("model"))
@json_option
@with_profile(create=True)
def show_command(name: str, as_json: bool) -> None:
    """Show what a model (PK, UUID or label) was trained on and how good it was on groups left out.

    \b
    Examples:
        aiida-getl model show published
        aiida-getl model show published --json
    """
    from aiida_getl.data.methods import describe_method
    from aiida_getl.data.model import BondModelData

    node = find_node(name, BondModelData)
    assert isinstance(node, BondModelData)
    training = training_of(node)
    found = _content(node, training)
    if as_json:
        echo_json(found)
        return
    click.echo(f"Model       <{node.pk}> {node.label}  {node.uuid}")
    click.echo(f"Trained on  DBI {'that is gone' if training is None else f'<{training.pk}> {training.label}'}")
    click.echo(f"Labels      {describe_method(found['labelled_by'])}")
    click.echo(f"Elements    {', '.join(found['elements'])}, bonds up to {found['r_max_A']} Å")
    click.echo(f"Seed        {found['seed']}")
    for bond, (shortest, longest) in sorted(found["distance_range_A"].items()):
        click.echo(f"            {bond}: {shortest:.2f} to {longest:.2f} Å")
    for bond, reason in found["not_trained"].items():
        click.echo(f"Not trained {bond}: {reason}")
    click.echo(describe_validation(found["validation"]))


def _content(node: BondModelData, training: DbiData | None) -> dict[str, Any]:
    """Return what there is to say of a model; distances in Å, errors in eV."""
    attributes = node.base.attributes.get("model")
    return {
        "pk": node.pk,
        "uuid": node.uuid,
        "label": node.label,
        "made": node.ctime.isoformat(timespec="seconds"),
        "dbi": {
            "uuid": node.base.attributes.get("dbi"),
            "pk": None if training is None else training.pk,
            "label": None if training is None else training.label,
        },
        "labelled_by": node.labelled_by,
        "elements": attributes["descriptor"]["species"],
        "bond_types": node.bond_types,
        "r_max_A": attributes["r_max"],
        "distance_range_A": attributes["distance_range"],
        "not_trained": attributes["untrained"],
        "seed": attributes["seed"],
        "settings": attributes["settings"],
        "validation": node.validation,
    }


def training_of(node: BondModelData) -> DbiData | None:
    """Return the DBI that a model was trained on, None if it is not in this profile."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        return orm.load_node(node.base.attributes.get("dbi"))
    except (NotExistent, ValueError):
        return None
