"""Start a campaign, watch it, and tell what came of it."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.output import echo_json, json_option
from aiida_getl.cli.profile import with_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_getl.cli.config_check import Schema

DEFAULT_CODES = {
    "lammps": "lammps@localhost",
    "pw": "pw@localhost",
    "lobster": "getl-cohp@localhost",
}
#: projwfc.x is for those who want the pseudopotentials' orbitals projected on, `learn` for those whose daemon shall not
#: be blocked by the learning; another name would be of no effect.
CODES = {*DEFAULT_CODES, "large", "projwfc", "learn"}
REQUIRED = {"composition", "potential", "seed"}

process_argument = click.argument("process", shell_complete=complete_nodes("campaign"))
results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the figures.",
)


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--wait/--no-wait", default=True, show_default=True, help="Watch it until it ends, then sum up.")
@click.option("--dry-run", is_flag=True, help="Start nothing: print what would be run, and what it may cost.")
@results_option
@with_profile
def run(config: Path, wait: bool, dry_run: bool, results: Path) -> None:
    """Run the whole loop as CONFIG (YAML) says: from a composition to the bond strengths of a large glass.

    \b
    Example of a CONFIG:
        composition: Cu50Zr50
        potential: CuZr_mm.eam.fs   # a path, or a file that comes with LAMMPS
        seed: 2026
        protocol: fast
        overrides: {n_runs: 4}

    \b
    Examples:
        aiida-getl run examples/quickstart.yaml --dry-run
        aiida-getl run examples/quickstart.yaml
    """
    from aiida_getl.cli.plan import describe_campaign, launch

    settings = read_config(config)
    node = launch(config, lambda: build_campaign(config, settings), describe_campaign, dry_run=dry_run)
    if node is None:
        return
    click.echo(f"Started {node.process_label} <{node.pk}>. It runs in the daemon, also when this terminal closes;")
    click.echo(f"`aiida-getl watch {node.pk}` looks again.")
    if wait:
        watch_and_sum_up(node, results)


def build_campaign(config: Path, settings: dict[str, Any]) -> ProcessBuilder:
    """Return the builder of what a configuration file says.

    :param settings: as :func:`read_config` returns them.
    """
    from aiida_getl.workflows.getl import GetlWorkChain

    builder = GetlWorkChain.get_builder_from_protocol(
        {**DEFAULT_CODES, **settings.get("codes", {})},
        settings["composition"],
        load_potential(settings["potential"], config.parent),
        settings["seed"],
        protocol=settings.get("protocol"),
        overrides=settings.get("overrides"),
        options=settings.get("options"),
    )
    builder.metadata.label = str(settings.get("label", settings["composition"]))
    return builder


@click.command("watch")
@process_argument
@results_option
@with_profile
def watch_command(process: str, results: Path) -> None:
    """Watch the campaign PROCESS (PK, UUID or label) until it ends, then sum up.

    \b
    Example:
        aiida-getl watch 123
    """
    watch_and_sum_up(find_campaign(process), results)


@click.command()
@process_argument
@results_option
@json_option
@with_profile
def summary(process: str, results: Path, as_json: bool) -> None:
    """Sum up what the campaign PROCESS (PK, UUID or label) found, and draw its figures.

    Its DBI, model and prediction are called like it from then on, if they have no label.

    \b
    Examples:
        aiida-getl summary 123 --results results
        aiida-getl summary 123 --json
    """
    sum_up(find_campaign(process), results, as_json=as_json)


def find_campaign(identifier: str) -> orm.WorkChainNode:
    """Return the work chain that a person means."""
    from aiida.orm import WorkChainNode

    from aiida_getl.cli.nodes import find_node

    return find_node(identifier, WorkChainNode)


def watch_and_sum_up(node: orm.WorkChainNode, results: Path) -> None:
    """Report progress until the end, then sum up; exits with status 1 if the campaign failed."""
    from aiida.orm import load_node

    from aiida_getl.cli.progress import clock, watch

    start = node.ctime.timestamp()
    width = shutil.get_terminal_size().columns - 1

    def say(line: str) -> None:
        click.echo(f"[{clock(time.time() - start):>6}] {line}".ljust(width if sys.stdout.isatty() else 0))

    def working_on(names: list[str]) -> None:
        if sys.stdout.isatty():
            status = f"[{clock(time.time() - start):>6}] ... {', '.join(names)}"
            click.echo(status[:width].ljust(width) + "\r", nl=False)

    watch(node, say, working_on)
    sum_up(load_node(node.pk), results)


def name_results(node: orm.WorkChainNode) -> None:
    """Give the DBI, model and prediction of a campaign its label, where they have none."""
    from aiida_getl.cli.nodes import give_label

    for name in ("dbi", "model", "predictions"):
        if node.label and name in node.outputs and not node.outputs[name].label:
            give_label(node.outputs[name], node.label)


def sum_up(node: orm.WorkChainNode, results: Path, *, as_json: bool = False) -> None:
    """Print the summary and draw the figures; exits with status 1 if the campaign failed."""
    from aiida_getl.report.campaign import content, draw, summarise

    name_results(node)
    figures = draw(node, results)
    if as_json:
        echo_json({**content(node), "figures": [str(path) for path in figures]})
    else:
        click.echo(f"\n{summarise(node)}")
        if figures:
            click.echo("\nFigures\n" + "\n".join(f"  {path}" for path in figures))
    if not node.is_finished_ok:
        raise SystemExit(1)


def read_config(path: Path) -> dict[str, Any]:
    """Return the contents of the configuration file of a campaign.

    :raises click.ClickException: as :func:`read_yaml`.
    """
    from aiida_getl.cli.config_check import campaign_schema

    return read_yaml(path, REQUIRED, campaign_schema(CODES), "aiida-getl run")


def read_yaml(path: Path, required: set[str], schema: Mapping[str, Schema], command: str) -> dict[str, Any]:
    """Return the contents of a configuration file.

    :param schema: what it may hold, see :mod:`aiida_getl.cli.config_check`.
    :raises click.ClickException: for a file that is no YAML mapping, missing or unknown keys at any level, and values
        of another kind.
    """
    from aiida_getl.cli.config_check import check

    try:
        settings = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as exception:
        raise click.ClickException(f"{path} is not YAML: {exception}") from exception
    if not isinstance(settings, dict):
        raise click.ClickException(f"{path} must hold a mapping, see `{command} --help`")
    missing, unknown = required - set(settings), set(settings) - set(schema)
    if missing or unknown:
        raise click.ClickException(
            f"{path}: missing {sorted(missing)}, unknown {sorted(map(str, unknown))}; "
            f"it needs {sorted(required)} and may have {sorted(set(schema) - required)}"
        )
    try:
        return check(settings, schema)
    except ValueError as exception:
        raise click.ClickException(f"{path}: {exception}") from exception


def load_potential(name: str, folder: Path) -> orm.SinglefileData:
    """Return the node of a potential file: a path (relative to ``folder``), or the name of one of LAMMPS' own."""
    from aiida import orm

    from aiida_getl.setup.potentials import find_potential

    path = (folder / name).absolute()
    if not path.is_file():
        path = find_potential(name)
    node = orm.SinglefileData(path)
    # The same file is one node, so that queries by potential find everything that rests on it.
    query = orm.QueryBuilder().append(orm.SinglefileData, filters={"attributes.filename": path.name})
    for other in query.all(flat=True):
        if other.get_content("rb") == node.get_content("rb") and other.creator is None:
            return other
    return node.store()
