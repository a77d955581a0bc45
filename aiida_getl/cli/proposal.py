"""`aiida-getl proposal`: what a loop wants to label next, and a person's decision on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.groups.verdi import VerdiCommandGroup

from aiida_getl.cli.completion import complete_nodes, complete_proposals
from aiida_getl.cli.output import echo_json, json_option
from aiida_getl.cli.profile import with_profile

if TYPE_CHECKING:
    from aiida import orm

proposal_argument = click.argument("identifier", metavar="PROPOSAL|LOOP", shell_complete=complete_proposals)


@click.group(cls=VerdiCommandGroup)
def proposal() -> None:
    """See what a loop of active learning proposes to label, and decide on it."""


@proposal.command()
@proposal_argument
@json_option
@with_profile
def show(identifier: str, as_json: bool) -> None:
    """Show a PROPOSAL (PK or UUID), or the last one of a LOOP (PK, UUID or label), and the decision on it.

    \b
    Examples:
        aiida-getl proposal show 123
        aiida-getl proposal show 123 --json
    """
    from aiida_getl.cli.proposal_text import describe_decision, describe_proposal
    from aiida_getl.workflows.decisions import find_decision

    node, loop = find_proposal(identifier)
    decision = find_decision(node)
    if as_json:
        echo_json(
            {
                **{"pk": node.pk, "uuid": node.uuid, "loop": {"pk": loop.pk, "uuid": loop.uuid, "label": loop.label}},
                **{"proposal": node.get_dict(), "decision": decision.get_dict() if decision is not None else None},
            }
        )
        return
    click.echo(
        f"Proposal <{node.pk}> of the loop <{loop.pk}> {loop.label}".rstrip() + f", {node.ctime:%Y-%m-%d %H:%M}\n"
    )
    click.echo(describe_proposal(node.get_dict(), min(120, shutil.get_terminal_size().columns - 1)))
    if decision is not None:
        click.echo(f"\nDecided     <{decision.pk}> {describe_decision(decision.get_dict())}")
    elif loop.is_terminated:
        click.echo(f"\nNobody decided, and the loop has ended: {loop.process_state.value}.")
    else:
        click.echo(f"\nNext        aiida-getl proposal approve {node.pk} --only 1 --reason '...'")
        click.echo(f"            aiida-getl proposal reject {node.pk} --reason '...'")


@proposal.command()
@proposal_argument
@click.option("--only", metavar="NUMBERS", help="Items to label, e.g. 1,3 or 1-4,7; all of them by default.")
@click.option(
    "--add",
    "added",
    multiple=True,
    metavar="WHAT",
    shell_complete=complete_nodes("structure", files=True),
    help="Label this too: a structure (file, or PK, UUID or label of a node), or a composition to quench; repeatable.",
)
@click.option("--n-atoms", type=click.IntRange(min=1), help="Atoms of the cells of added compositions.")
@click.option("--reason", default="", help="Why; kept with the decision.")
@click.option(
    "--dry-run", is_flag=True, help="Decide nothing: print what would be labelled. Files of --add are imported."
)
@with_profile
def approve(
    identifier: str, only: str | None, added: tuple[str, ...], n_atoms: int | None, reason: str, dry_run: bool
) -> None:
    """Have a PROPOSAL (or the last one of a LOOP) carried out, all of it or some; the loop goes on by itself.

    PROPOSAL is a PK or UUID, LOOP a PK, UUID or label.

    \b
    Examples:
        aiida-getl proposal approve 123
        aiida-getl proposal approve 123 --only 1,3 --add Cu64Zr36 --reason "more copper first"
    """
    node, loop = find_proposal(identifier)
    check_open(node, loop)
    numbers = None if only is None else read_numbers(only, len(node["items"]))
    items, structures = [], {}
    for number, what in enumerate(added, start=1):
        item, structure = _added(what, node, n_atoms)
        reason_against = _why_not(loop, item, structure)
        if reason_against is not None:
            raise click.ClickException(f"--add {what}: {reason_against}")
        items.append(item)
        if structure is not None:
            structures[f"structure_{number}"] = structure
    if numbers is None and not node["items"] and not items:
        raise click.ClickException(f"the proposal <{node.pk}> is empty: there is nothing to approve")
    statement = {"action": "approve", "only": numbers, "add": items, "reason": reason}
    if dry_run:
        for item in _decided(node, statement)["chosen"]:
            cost = "not known" if item.get("cost") is None else f"{item['cost']:.3g}"
            click.echo(f"{item['number']:4d}  {item['description']}, core-hours {cost}")
        click.echo("Nothing was decided (--dry-run).")
        return
    decide_and_tell(node, loop, statement, structures)


@proposal.command()
@proposal_argument
@click.option("--reason", required=True, help="Why; kept with the decision.")
@click.option("--again", is_flag=True, help="Go on with another proposal, without these items, instead of stopping.")
@with_profile
def reject(identifier: str, reason: str, again: bool) -> None:
    """Refuse a PROPOSAL (or the last one of a LOOP): the loop ends with the model it has, or proposes something else.

    PROPOSAL is a PK or UUID, LOOP a PK, UUID or label.

    \b
    Examples:
        aiida-getl proposal reject 123 --reason "good enough for the paper"
        aiida-getl proposal reject 123 --again --reason "no strained cells, please"
    """
    node, loop = find_proposal(identifier)
    check_open(node, loop)
    if again and node.creator.process_label == "propose_start":
        raise click.ClickException(
            f"the proposal <{node.pk}> is the start, and there is no other: approve some of it (--only), add what you "
            "would rather have (--add), or reject it without --again"
        )
    decide_and_tell(node, loop, {"action": "reject", "again": again, "reason": reason}, {})


def find_proposal(identifier: str) -> tuple[orm.Dict, orm.WorkChainNode]:
    """Return the proposal that a person means, and its loop."""
    from aiida import orm

    from aiida_getl.cli.nodes import find_node
    from aiida_getl.workflows.decisions import find_loop, find_proposals

    node = find_node(identifier, (orm.WorkChainNode, orm.Dict))
    if isinstance(node, orm.Dict):
        loop = find_loop(node)
        if loop is None:
            raise click.ClickException(f"<{node.pk}> is no proposal of a loop: `aiida-getl loop status PK` names it")
        return node, loop
    check_is_loop(node)
    proposals = find_proposals(node)
    if not proposals:
        raise click.ClickException(f"the loop <{node.pk}> has proposed nothing yet: `aiida-getl loop status {node.pk}`")
    return proposals[-1], node


def check_is_loop(node: orm.Node) -> None:
    """Refuse other processes."""
    if getattr(node, "process_label", None) != "ActiveLearningWorkChain":
        name = getattr(node, "process_label", type(node).__name__)
        raise click.ClickException(f"<{node.pk}> is a {name}, not a loop of active learning")


def check_open(node: orm.Dict, loop: orm.WorkChainNode) -> None:
    """Refuse a decision that nothing would follow."""
    from aiida_getl.cli.proposal_text import describe_decision
    from aiida_getl.workflows.decisions import find_decision, find_proposals

    decision = find_decision(node)
    if decision is not None:
        raise click.ClickException(
            f"the proposal <{node.pk}> is decided already, <{decision.pk}>: {describe_decision(decision.get_dict())}"
        )
    if loop.is_terminated:
        model = f"; its last model is <{loop.outputs.model.pk}>" if "model" in loop.outputs else ""
        raise click.ClickException(
            f"the loop <{loop.pk}> has ended ({loop.process_state.value}), so nothing would follow{model}. Start "
            "another with `aiida-getl loop start`: cells that have a label already are not labelled again"
        )
    last = find_proposals(loop)[-1]
    if last.pk != node.pk:
        raise click.ClickException(f"the proposal <{node.pk}> is outdated: the loop <{loop.pk}> is at <{last.pk}>")


def decide_and_tell(
    node: orm.Dict, loop: orm.WorkChainNode, statement: dict[str, Any], structures: dict[str, orm.StructureData]
) -> None:
    """Put a decision into the graph and let the loop go on."""
    from aiida import orm

    from aiida_getl.calculations.functions.decide import decide
    from aiida_getl.cli.people import signature, wake
    from aiida_getl.cli.proposal_text import describe_decision
    from aiida_getl.workflows.decisions import find_decision, find_proposals

    statement = {**statement, **signature()}
    _decided(node, statement)  # a decision that makes no sense is not to stay in the graph
    made, process = decide.run_get_node(
        proposal=node,
        statement=orm.Dict(statement),
        metadata={"disable_cache": True},
        **structures,
    )
    if not process.is_finished_ok:
        raise click.ClickException(process.exit_message)
    first = find_decision(node)
    if first is not None and first.pk != made.pk:
        raise click.ClickException(
            f"somebody else decided a moment ago, and that holds, <{first.pk}>: {describe_decision(first.get_dict())}"
        )
    click.echo(f"Decision    <{made.pk}> {describe_decision(made.get_dict())}")
    if wake(loop, lambda: find_proposals(loop)[-1].pk != node.pk):
        click.echo(f"The loop <{loop.pk}> goes on: `aiida-getl loop status {loop.pk}`")
    else:
        click.echo(
            f"The decision is kept, but the loop <{loop.pk}> does not answer: it goes on when the daemon is started, "
            f"`verdi daemon start`, or after `verdi process play {loop.pk}`",
            err=True,
        )


def _decided(node: orm.Dict, statement: dict[str, Any]) -> dict[str, Any]:
    """Return the decision that a statement makes on a proposal."""
    from aiida_getl.acquisition.decision import decide
    from aiida_getl.acquisition.proposal import Proposal
    from aiida_getl.cli.people import signature

    try:
        return decide(Proposal.from_dict(node.get_dict()), {**signature(), **statement})
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception


def read_numbers(text: str, n_items: int) -> list[int]:
    """Return the numbers of a text such as ``1,3-5``, of so many items."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError as exception:
            raise click.UsageError(f"--only {text}: give numbers of items, e.g. 1,3 or 1-4,7") from exception
        unknown = sorted({number for number in (low, high) if not 1 <= number <= n_items})
        if unknown:  # told before a range is written out, which may be of any length
            there = f"it has 1 to {n_items}" if n_items else "it is empty"
            raise click.ClickException(f"--only {text}: the proposal has no items {unknown}: {there}")
        numbers += range(low, high + 1)
    if not numbers:
        raise click.UsageError(f"--only {text}: this names no item")
    return numbers


def _added(what: str, node: orm.Dict, n_atoms: int | None) -> tuple[dict[str, Any], orm.StructureData | None]:
    """Return the item that a person adds, and its structure where it is one."""
    from aiida_getl.acquisition.decision import added_run, added_structure
    from aiida_getl.structures.composition import parse_composition

    if Path(what).is_file() or not _is_composition(what):
        structure = _structure(what)
        return added_structure(structure.uuid, structure.label or what, len(structure.sites)), structure
    parse_composition(what)
    sizes = [item["n_atoms"] for item in node["items"]]
    if n_atoms is None and not sizes:
        raise click.UsageError(f"--add {what}: say by --n-atoms how large its cell is to be")
    return added_run(what, n_atoms or max(set(sizes), key=sizes.count), _seed(what, node)), None


def _why_not(loop: orm.WorkChainNode, item: dict[str, Any], structure: orm.StructureData | None) -> str | None:
    """Return why a loop cannot carry out an item that a person adds, None if it can."""
    from aiida_getl.workflows.feasible import why_no_label, why_no_run

    if structure is not None:
        return why_no_label(loop.inputs, structure.get_kind_names())
    return why_no_run(loop.inputs, item["recipe"]["composition"], item["n_atoms"])


def _is_composition(text: str) -> bool:
    from aiida_getl.structures.composition import parse_composition

    try:
        parse_composition(text)
    except ValueError:
        return False
    return True


def _seed(composition: str, node: orm.Dict) -> int:
    """Return a seed for an added run: the same for the same composition and proposal, another for others."""
    import zlib

    import numpy as np

    sequence = np.random.SeedSequence([node["seed"], len(node["items"]), zlib.crc32(composition.encode())])
    return int(sequence.generate_state(1)[0] % 899_999_999) + 1


def _structure(what: str) -> orm.StructureData:
    from aiida import orm

    from aiida_getl.cli.nodes import find_node
    from aiida_getl.importer import import_structure_file

    if Path(what).is_file():
        try:
            node: orm.Node = import_structure_file(Path(what))
        except ValueError as exception:
            raise click.ClickException(str(exception)) from exception
        if not isinstance(node, orm.StructureData):
            raise click.ClickException(f"{what} holds several frames: give the one to label as a file of its own")
        return node
    if Path(what).suffix or "/" in what:
        raise click.ClickException(f"there is no file {what}, and no node can be called so")
    return find_node(what, orm.StructureData)  # type: ignore[return-value]
