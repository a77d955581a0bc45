"""`aiida-getl model`: train on labels, measure, predict."""

from __future__ import annotations

from pathlib import Path

import click
from aiida.cmdline.groups.verdi import VerdiCommandGroup

from aiida_getl.cli.compare import compare
from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.export import archive
from aiida_getl.cli.learning import (
    code_option,
    dbi_argument,
    describe_validation,
    find_dbi,
    get_code,
    listening,
    node_or_fail,
    protocol_option,
    run_task,
    seed_option,
    settings_option,
    to_dict,
    to_int,
)
from aiida_getl.cli.mlflow import log_mlflow
from aiida_getl.cli.model_show import list_command, show_command, training_of
from aiida_getl.cli.nodes import find_node, give_label
from aiida_getl.cli.output import check_new, force_option
from aiida_getl.cli.profile import with_profile
from aiida_getl.cli.run import results_option
from aiida_getl.cli.tuning import importance, learning_curve, tune


@click.group(cls=VerdiCommandGroup)
def model() -> None:
    """Train models of bond strengths, measure how good they are, and predict."""


model.add_command(importance)
model.add_command(learning_curve)
model.add_command(list_command)
model.add_command(show_command)
model.add_command(tune)
model.add_command(compare)
model.add_command(archive)
model.add_command(log_mlflow)


@model.command()
@dbi_argument
@protocol_option
@settings_option
@seed_option
@click.option("--label", help="Name of the model; by default that of the DBI.")
@code_option
@results_option
@with_profile(create=True)
def train(
    source: str,
    protocol: str,
    settings: dict,
    seed: int,
    label: str | None,
    code: str | None,
    results: Path,
) -> None:
    """Train a model on DBI: a PK, UUID or label, or files that `aiida-getl dbi import` understands.

    The model is validated first: whole runs (glasses), or strains of the only one, are predicted from the others, by
    distance alone, by the published method, and by this model.

    \b
    Examples:
        aiida-getl model train published --protocol fast
        aiida-getl model train pairs.csv --set max_bonds=1000 --set selection=stratified --label mine
    """
    from aiida_getl.report.validation import draw_errors, draw_learning_curve
    from aiida_getl.workflows.etl_model import EtlModelWorkChain

    dbi = find_dbi(source)
    builder = node_or_fail(
        EtlModelWorkChain.get_builder_from_protocol,
        seed=seed,
        protocol=protocol,
        overrides={"settings": settings},
        dbi=dbi,
    )
    if code is not None:
        builder.code = get_code(code)
    click.echo(f"Training on {dbi.base.attributes.get('n_bonds')} bonds of DBI <{dbi.pk}> {dbi.label}", err=True)
    with listening():
        node = _run(builder)
    trained, validation = node.outputs.model, node.outputs.validation.get_dict()
    give_label(trained, label or dbi.label or f"model of {dbi.pk}")
    click.echo(describe_validation(validation))
    for name, reason in trained.base.attributes.get("model")["untrained"].items():
        click.echo(f"Not trained {name}: {reason}")
    click.echo(f"Model       <{trained.pk}> {trained.label!r} for {', '.join(trained.bond_types)}")
    if validation["metrics"]:
        for path in draw_errors(results, validation["metrics"], node.outputs.parity, validation["group_by"]):
            click.echo(f"Figure      {path}")
    curve = draw_learning_curve(results / "learning_curve.png", validation["learning_curve"], validation["group_by"])
    if curve is not None:
        click.echo(f"Figure      {curve}")
    click.echo(f"Next        aiida-getl model predict {trained.pk} STRUCTURE --output bonds.csv")


@model.command()
@click.argument("subject", metavar="MODEL|DBI", shell_complete=complete_nodes("model", "dbi", files=True))
@click.option(
    "--on",
    "labels",
    metavar="DBI",
    shell_complete=complete_nodes("dbi", files=True),
    help="Labels to test MODEL on: a DBI, or files to import.",
)
@settings_option
@seed_option
@code_option
@results_option
@with_profile(create=True)
def evaluate(
    subject: str,
    labels: str | None,
    settings: dict,
    seed: int,
    code: str | None,
    results: Path,
) -> None:
    """Measure errors: of MODEL on labels that it has not seen, or on groups of DBI that are left out in turn.

    MODEL and DBI are PKs, UUIDs or labels, or files for a DBI. The distance alone and the published method, trained on
    the same bonds, stand beside the model. z std is the spread of error over standard deviation: 1 is right, more is
    over-confident.

    \b
    Examples:
        aiida-getl model evaluate published --set group_by=strain
        aiida-getl model evaluate 123 --on other_glass.csv
    """
    from aiida_getl.calculations.functions.evaluate import evaluate as evaluate_model
    from aiida_getl.calculations.functions.validate import validate
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.data.model import BondModelData
    from aiida_getl.report.validation import draw_errors

    # A model is named like its DBI unless told otherwise.
    classes = (DbiData, BondModelData) if labels is None else (BondModelData, DbiData)
    node = find_dbi(subject) if Path(subject).exists() else find_node(subject, classes)
    if isinstance(node, DbiData):
        if labels is not None:
            raise click.UsageError(f"--on is for a model, and {subject} is a DBI")
        with listening():
            outputs = run_task(validate, code, dbi=node, settings=to_dict(settings), seed=to_int(seed))
        found = outputs["validation"].get_dict()
        click.echo(describe_validation(found))
    else:
        if labels is None:
            raise click.UsageError(
                f"say by --on which labels to test the model on; `aiida-getl model show {subject}` has its validation"
            )
        training = training_of(node)
        inputs = {"model": node, "dbi": find_dbi(labels)} | ({} if training is None else {"training": training})
        with listening():
            outputs = run_task(evaluate_model, code, **inputs)
        found = outputs["metrics"].get_dict()
        left = f"; {found['n_seen']} that it was trained on are left out" if found["n_seen"] else ""
        click.echo(f"Tested on {found['n_unseen']} structures{left}")
        click.echo(describe_validation(found))
    if found["metrics"]:
        for path in draw_errors(results, found["metrics"], outputs["parity"], found.get("group_by")):
            click.echo(f"Figure      {path}")


@model.command()
@click.argument("name", metavar="MODEL", shell_complete=complete_nodes("model"))
@click.argument(
    "structures",
    metavar="STRUCTURE...",
    nargs=-1,
    required=True,
    shell_complete=complete_nodes("structure", "trajectory", files=True),
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .csv, .csv.gz, .parquet, .xyz or .extxyz, .lobster; repeatable.",
)
@force_option
@click.option("--r-max", type=click.FloatRange(min=0, min_open=True), help="Longest bond in Å; by default the model's.")
@code_option
@with_profile(create=True)
def predict(
    name: str,
    structures: tuple[str, ...],
    outputs: tuple[Path, ...],
    force: bool,
    r_max: float | None,
    code: str | None,
) -> None:
    """Predict the strength of every bond of each STRUCTURE: a PK, UUID or label, or a file of any format of ASE.

    All frames of a file are predicted. The format of --output follows from its ending: rows of bonds (.csv, .csv.gz,
    .parquet), sums per atom for OVITO and the like (.xyz, .extxyz), or LOBSTER's list (.lobster, one structure).
    `aiida-getl predict` and `aiida-getl model predict` are the same.

    \b
    Examples:
        aiida-getl predict published glass.xyz --output bonds.csv --output atoms.extxyz
        aiida-getl model predict 123 456
    """
    from aiida_getl.cli.predict import predict_all
    from aiida_getl.data.model import BondModelData

    found = find_node(name, BondModelData)
    for path in outputs:
        check_new(path, force)
    with listening():
        predict_all(found, structures, outputs, r_max, None if code is None else get_code(code))


def _run(builder):
    """Run a work chain here and now; a failure ends the command."""
    from aiida.engine import run_get_node

    _, node = run_get_node(builder)
    if not node.is_finished_ok:
        raise click.ClickException(
            f"{node.process_label} <{node.pk}>: {node.exit_message or node.exception or 'it was killed'}"
        )
    return node
