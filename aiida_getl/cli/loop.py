"""`aiida-getl loop`: active learning, from its start to its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from aiida.cmdline.groups.verdi import VerdiCommandGroup

from aiida_getl.cli.completion import complete_nodes
from aiida_getl.cli.output import echo_json, json_option
from aiida_getl.cli.profile import with_profile
from aiida_getl.cli.run import results_option

if TYPE_CHECKING:
    from aiida import orm

loop_argument = click.argument("identifier", metavar="LOOP", shell_complete=complete_nodes("loop"))


@click.group(cls=VerdiCommandGroup)
def loop() -> None:
    """Label what teaches most, round by round, until a target is reached; a person may decide on every round."""


@loop.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Start nothing: print what would be run, and what it may cost.")
@with_profile
def start(config: Path, dry_run: bool) -> None:
    """Start a loop as CONFIG (YAML) says; it runs in the daemon.

    \b
    Example of a CONFIG:
        dbi: published            # PK, UUID or label; or compositions: [Cu50Zr50], to start from nothing
        target: [Cu64Zr36, glass.xyz]   # compositions to quench, files, or PK, UUID or label of structures
        goal: {quantity: std, limit: 0.05}      # eV: std on the target's bonds, or rmse on glasses left out
        potential: CuZr_mm.eam.fs # without it no new glasses are made
        mode: ask                 # or auto
        max_core_hours: 20
        seed: 2026

    \b
    Example:
        aiida-getl loop start examples/active_learning/loop.yaml --dry-run
    """
    from aiida_getl.cli.loop_config import build_loop, read_loop_config
    from aiida_getl.cli.loop_text import describe_plan
    from aiida_getl.cli.plan import launch

    settings = read_loop_config(config)
    node = launch(config, lambda: build_loop(config, settings), describe_plan, dry_run=dry_run)
    if node is not None:
        click.echo(f"Started the loop <{node.pk}> {node.label}: `aiida-getl loop status {node.pk}`")


@loop.command()
@loop_argument
@json_option
@with_profile
def status(identifier: str, as_json: bool) -> None:
    """Tell what a LOOP (PK, UUID or label) does at this moment, what it spent, and whether it waits for a decision.

    \b
    Examples:
        aiida-getl loop status 123
        aiida-getl loop status 123 --json
    """
    from aiida_getl.cli.loop_text import describe_status, status_of

    found = status_of(find_loop(identifier))
    if as_json:
        echo_json(found)
    else:
        click.echo(describe_status(found))


@loop.command()
@loop_argument
@results_option
@json_option
@with_profile
def report(identifier: str, results: Path, as_json: bool) -> None:
    """Tabulate and draw what every iteration of a LOOP asked for, what was decided, what it cost and brought.

    LOOP is a PK, UUID or label.

    \b
    Examples:
        aiida-getl loop report 123 --results results
        aiida-getl loop report 123 --json
    """
    from aiida_getl.cli.loop_text import describe_iterations, ending_of
    from aiida_getl.report.loop import draw_iterations
    from aiida_getl.workflows.decisions import find_records

    node = find_loop(identifier)
    records = find_records(node)
    figure = draw_iterations(records, results / "active_learning.png")
    if as_json:
        path = None if figure is None else str(figure)
        echo_json({"pk": node.pk, "uuid": node.uuid, "iterations": records, **ending_of(node), "figure": path})
        return
    click.echo(describe_iterations(node))
    if figure is not None:
        click.echo(f"Figure      {figure}")


@loop.command()
@loop_argument
@click.option("--reason", required=True, help="Why; kept in the graph.")
@with_profile
def stop(identifier: str, reason: str) -> None:
    """End a LOOP well: what is under way is finished and learnt from, nothing more is labelled.

    LOOP is a PK, UUID or label. A proposal that waits for a decision is rejected.

    \b
    Example:
        aiida-getl loop stop 123 --reason "the deadline is tomorrow"
    """
    from aiida import orm

    from aiida_getl.calculations.functions.request_stop import request_stop
    from aiida_getl.cli.people import signature
    from aiida_getl.cli.proposal import decide_and_tell
    from aiida_getl.workflows.decisions import find_decision, find_proposals, find_stop_request

    node = find_loop(identifier)
    if node.is_terminated:
        raise click.ClickException(f"the loop <{node.pk}> has ended already: {node.process_state.value}")
    if not reason.strip():
        raise click.ClickException("say why by --reason: it is kept in the graph")
    request = find_stop_request(node)
    if request is not None:
        raise click.ClickException(f"{request['by']['user']} has asked for that already: {request['reason']}")
    proposals = find_proposals(node)
    if proposals and find_decision(proposals[-1]) is None:
        decide_and_tell(proposals[-1], node, {"action": "reject", "again": False, "reason": reason}, {})
        return
    made = request_stop(orm.Dict({"loop": node.uuid, "reason": reason.strip(), **signature()}))
    click.echo(f"Asked to stop, <{made.pk}>: what is under way is finished and learnt from, nothing more is started.")


def find_loop(identifier: str) -> orm.WorkChainNode:
    """Return the loop that a person means."""
    from aiida.orm import WorkChainNode

    from aiida_getl.cli.nodes import find_node
    from aiida_getl.cli.proposal import check_is_loop

    node = find_node(identifier, WorkChainNode)
    check_is_loop(node)
    return node  # type: ignore[return-value]
