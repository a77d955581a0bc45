"""The whole tree of commands: what every one of them says of itself, and that options have one name everywhere."""

import re
import shlex

import click
import pytest
from aiida.cmdline.groups.verdi import VerdiCommandGroup

from aiida_getl.cli import main
from aiida_getl.cli.data import getl

#: What is expected of a person who looks for a task.
TASKS = ("setup", "run", "loop", "dbi", "model", "predict", "proposal", "report", "trace", "query")
#: Options that stand for one thing, with the only spelling that they may have.
SPELLINGS = {
    "--json": {"--json"},
    "--csv": {"--csv"},
    "--output": {"-o", "--output"},
    "--label": {"--label"},
    "--seed": {"--seed"},
    "--dry-run": {"--dry-run"},
    "--set": {"--set"},
    "--settings": {"--settings"},
    "--results": {"--results"},
    "--reason": {"--reason"},
    "--code": {"--code"},
    "--protocol": {"--protocol"},
}
FLAGS = {"--json", "--csv", "--dry-run"}
#: Other names for the same, which people would try in vain elsewhere.
OUTLAWED = {"--out", "--outfile", "--output-file", "--name", "--dryrun", "--random-seed", "--as-json", "--format-json"}


def walk(command, path):
    """Yield every command and group below a command, with its path."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


TREE = {" ".join(path): command for path, command in [*walk(main, ("aiida-getl",)), *walk(getl, ("verdi data getl",))]}
LEAVES = {path: command for path, command in TREE.items() if not isinstance(command, click.Group)}


def options_of(command):
    """Return the options of a command, without the verbosity that AiiDA adds."""
    return [each for each in command.params if isinstance(each, click.Option) and "--verbosity" not in each.opts]


def test_every_task_has_a_command():
    assert set(TASKS) <= set(main.list_commands(click.Context(main)))
    assert isinstance(main, VerdiCommandGroup)  # which suggests similar names
    assert TREE["aiida-getl predict"] is TREE["aiida-getl model predict"]


@pytest.mark.parametrize("path", TREE)
def test_help(path):
    command = TREE[path]
    first = (command.help or "").strip().partition("\n")[0]
    assert re.match(r"[A-Z].*[.:,]?$", first), f"{path} has no help text"
    for option in options_of(command):
        assert option.help, f"{path} {option.opts[-1]} has no help text"
        assert option.help[0].isupper(), f"{path} {option.opts[-1]}: begin the help text with a capital"


@pytest.mark.parametrize("path", LEAVES)
def test_examples_are_understood(path, understood, monkeypatch):
    """Every command shows how it is called, by calls that it understands."""
    command = LEAVES[path]
    examples = re.findall(r"^\s+((?:aiida-getl|verdi) .*)$", command.help, re.M)
    # Files need not be there for the words to be understood.
    for each in (parameter for other in LEAVES.values() for parameter in other.params):
        if isinstance(each.type, click.Path):
            monkeypatch.setattr(each.type, "exists", False)
    shown = []
    for example in examples:
        words = shlex.split(example, comments=True)
        words = words[: words.index(">")] if ">" in words else words
        if words[:3] == ["verdi", "data", "getl"] or words[0] == "aiida-getl":
            shown.append(understood(words))
    assert command in shown, f"the help text of {path} has no example of it"


@pytest.mark.parametrize("path", LEAVES)
def test_options_have_one_name(path):
    for option in options_of(LEAVES[path]):
        names = set(option.opts)
        assert not names & OUTLAWED, f"{path} {names}"
        for name, spelling in SPELLINGS.items():
            if name in names:
                assert names == spelling, f"{path}: {names}, elsewhere {spelling}"
                assert option.is_flag == (name in FLAGS)


@pytest.mark.parametrize("path", LEAVES)
def test_nodes_are_named_by_pk_uuid_or_label(path):
    """Where a node is asked for, the help text says so."""
    nodes = {"NODE", "DBI", "MODEL", "LOOP", "PROPOSAL", "PROCESS", "PREDICTION", "STRUCTURE"}
    command = LEAVES[path]
    context = click.Context(command)
    given = {
        word
        for each in command.params
        if isinstance(each, click.Argument)
        for word in re.findall(r"[A-Z]+", each.make_metavar(context))
    }
    if given & nodes:
        assert re.search(r"PKs?\b", command.help), f"{path}: say what {given & nodes} may be"
