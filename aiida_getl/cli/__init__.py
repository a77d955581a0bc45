"""The ``aiida-getl`` command: one module for each task, imported when the task is asked for."""

from __future__ import annotations

import importlib
import os
import warnings

import click
from click.shell_completion import add_completion_class

from aiida_getl import __version__
from aiida_getl.cli.completion import BashWords, complete_profiles

with warnings.catch_warnings():
    # AiiDA makes its folder as soon as it is imported, and says so on a terminal where a key was pressed.
    warnings.filterwarnings("ignore", "Creating AiiDA configuration folder")
    from aiida.cmdline.groups.verdi import VerdiCommandGroup

if "_AIIDA_GETL_COMPLETE" in os.environ:
    add_completion_class(BashWords)

#: Command by name, as module:attribute. A new task is a module with a click command, and a line here.
COMMANDS = {
    "setup": "aiida_getl.cli.setup:setup",
    "run": "aiida_getl.cli.run:run",
    "watch": "aiida_getl.cli.run:watch_command",
    "summary": "aiida_getl.cli.run:summary",
    "loop": "aiida_getl.cli.loop:loop",
    "proposal": "aiida_getl.cli.proposal:proposal",
    "dbi": "aiida_getl.cli.dbi:dbi",
    "model": "aiida_getl.cli.model:model",
    # The same command as `model predict`: it is what a model is for.
    "predict": "aiida_getl.cli.model:predict",
    "report": "aiida_getl.cli.report:report",
    "trace": "aiida_getl.cli.trace:trace",
    "query": "aiida_getl.cli.query:query",
}


class TaskGroup(VerdiCommandGroup):
    """A group of commands that are imported only when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command ``cmd_name``, or fail with similar names."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module, attribute = COMMANDS[cmd_name].split(":")
            self.add_command(getattr(importlib.import_module(module), attribute), cmd_name)
        return super().get_command(ctx, cmd_name)


@click.group("aiida-getl", cls=TaskGroup, context_settings={"help_option_names": ["--help", "-h"]})
@click.option(
    "-p",
    "--profile",
    metavar="NAME",
    shell_complete=complete_profiles,
    help="AiiDA profile to use instead of the default one.",
)
@click.version_option(__version__, package_name="aiida-getl", message="aiida-getl %(version)s")
@click.pass_context
def main(ctx: click.Context, profile: str | None) -> None:
    """Bond strengths of metallic glasses: generate structures, label them, learn from them, predict.

    Start with `aiida-getl setup`; `aiida-getl COMMAND --help` explains each command with an example.
    """
    ctx.obj.profile_name = profile
