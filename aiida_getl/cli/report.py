"""`aiida-getl report`: one file to pass on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from aiida_getl.cli.completion import PROCESSES, complete_nodes
from aiida_getl.cli.output import check_new, force_option
from aiida_getl.cli.profile import with_profile

#: Work that takes longer than these seconds says what it does.
SILENT_FOR = 2.0


@click.command()
@click.argument("node", shell_complete=complete_nodes("model", "dbi", "bonds", *PROCESSES))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; by default report-PK.html in the current folder.",
)
@force_option
@with_profile
def report(node: str, output: Path | None, force: bool) -> None:
    """Write what there is to say of NODE as one HTML file, which needs no network and may be passed on.

    NODE is the PK, UUID or label of a model, a DBI, bond strengths (labels or a prediction), or of a work chain that
    made such: a campaign, a loop of active learning, a training.

    \b
    Examples:
        aiida-getl report 345
        aiida-getl report published --output glass.html
    """
    from aiida_getl.cli.nodes import find_node
    from aiida_getl.report.gather import gather
    from aiida_getl.report.page import render
    from aiida_getl.report.subject import REPORTABLE

    found = find_node(node, REPORTABLE)
    path = output or Path(f"report-{found.pk}.html")
    check_new(path, force)
    if not path.parent.is_dir():
        raise click.ClickException(f"there is no folder {path.parent} to write {path.name} to")
    try:
        page = render(gather(found, _saying()))
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    path.write_text(page, encoding="utf-8")
    click.echo(f"Report      {path}  ({len(page.encode()) / 1e6:.1f} MB)")


def _saying() -> Callable[[str], None]:
    """Return a function that tells what is being done, once it takes long."""
    start = time.monotonic()

    def say(what: str) -> None:
        seconds = time.monotonic() - start
        if seconds > SILENT_FOR:
            click.echo(f"{seconds:5.1f} s  {what} ...", err=True)

    return say
