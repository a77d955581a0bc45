"""What the commands of `aiida-getl model` share: options, settings, progress, and calls that may fail."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from aiida_getl.cli.completion import complete_codes, complete_nodes
from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.progress import clock
from aiida_getl.progress import LOGGER

if TYPE_CHECKING:
    from aiida import orm

    from aiida_getl.data.dbi import DbiData

#: Endings that no label of a node should have.
FILE_ENDINGS = {".csv", ".db", ".bnd", ".yaml", ".gz", ".zip"}
#: Plugin of the codes that learn.
LEARN = "getl.learn"

protocol_option = click.option(
    "--protocol",
    type=click.Choice(["fast", "balanced", "stringent"]),
    default="balanced",
    show_default=True,
    help="Settings to begin with; --settings and --set go over them.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of every random choice."
)
dbi_argument = click.argument("source", metavar="DBI", shell_complete=complete_nodes("dbi", files=True))
code_option = click.option(
    "--code",
    metavar="CODE",
    shell_complete=complete_codes(LEARN),
    help="Compute in a job of this code (plugin getl.learn) instead of here, e.g. getl-learn@cluster.",
)


def settings_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameter ``settings``, a dictionary: what ``--set`` says over what the file says."""

    @click.option(
        "--settings",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML file with settings of the learning, such as `model tune` writes.",
    )
    @click.option(
        "--set",
        "texts",
        multiple=True,
        metavar="NAME=VALUE",
        help="Setting of the learning, e.g. max_bonds=1000 or group_by=run, over that of the file; repeatable.",
    )
    @functools.wraps(function)
    def wrapper(*args: Any, file: Path | None, texts: tuple[str, ...], **kwargs: Any) -> Any:
        settings = ({} if file is None else read_yaml(file, dict)) | read_settings(texts)
        return function(*args, settings=settings, **kwargs)

    return wrapper


def read_settings(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return settings given as NAME=VALUE, the values as in YAML."""
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"--set {text}: give NAME=VALUE, e.g. max_bonds=1000")
        try:
            settings[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as exception:
            raise click.UsageError(f"--set {text}: the value is not understood") from exception
        _check_storable(settings, f"--set {text}")
    return settings


def read_yaml(path: Path, kind: type) -> Any:
    """Return the dictionary or list of a YAML file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exception:
        raise click.UsageError(f"{path} cannot be read as YAML: {exception}") from exception
    if not isinstance(content, kind):
        wanted = "settings, a line `name: value` for each" if kind is dict else "a list, each item beginning with `-`"
        raise click.UsageError(f"{path} must hold {wanted}; it holds {type(content).__name__}")
    _check_storable(content, str(path))
    return content


def _check_storable(content: Any, where: str) -> None:
    """Refuse what YAML knows and JSON does not: dates, and numbers that are none or infinite."""
    try:
        json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as exception:
        raise click.UsageError(f"{where}: give plain numbers, words and lists ({exception})") from exception


def find_dbi(source: str) -> DbiData:
    """Return the DBI that a person means: a PK, UUID or label, or files, which are imported."""
    from aiida_getl.cli.dbi_import import import_files
    from aiida_getl.data.dbi import DbiData

    if Path(source).exists():
        return import_files(Path(source))
    refuse_missing_file(source)
    return find_node(source, DbiData)  # type: ignore[return-value]


def refuse_missing_file(name: str) -> None:
    """Refuse what can only be a file, and is none.

    :raises click.ClickException: so.
    """
    if not Path(name).exists() and ("/" in name or Path(name).suffix in FILE_ENDINGS):
        raise click.ClickException(f"there is no file {name}, and no node can be called so")


def get_code(identifier: str) -> orm.AbstractCode:
    """Return the code that a person means to learn with.

    :raises click.ClickException: if there is none, several, or one of another program.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_code

    try:
        code = load_code(identifier)
    except (NotExistent, MultipleObjectsError, ValueError) as exception:
        raise click.ClickException(
            f"{exception}. `verdi code list` shows the codes there are; docs/data.md says how to make one"
        ) from exception
    if code.default_calc_job_plugin not in (None, LEARN):
        raise click.ClickException(
            f"--code {identifier}: this is a code of the plugin {code.default_calc_job_plugin}, and what learns is of "
            f"{LEARN}; `aiida-getl setup` makes getl-learn@localhost"
        )
    return code


def run_task(task: Callable[..., Any], code: str | None, **inputs: orm.Data) -> dict[str, orm.Data]:
    """Return the outputs of a calcfunction of the learning, run here or, given a code, in a job of it.

    The only output of a calcfunction has the name ``result``, in a job too.
    """
    from aiida import orm
    from aiida.engine import run_get_node

    from aiida_getl.calculations.learn import LearnCalculation

    if code is None:
        outputs = node_or_fail(task.run_get_node, **inputs)  # type: ignore[attr-defined]
        return {"result": outputs} if isinstance(outputs, orm.Node) else outputs
    given = {"code": get_code(code), "task": orm.Str(task.__name__), **inputs}
    click.echo(f"Computing in a job of {given['code'].full_label} ...", err=True)
    made = node_or_fail(run_get_node, LearnCalculation, **given)
    outputs = {name: node for name, node in made.items() if name not in ("remote_folder", "retrieved")}
    return {"result": next(iter(outputs.values()))} if len(outputs) == 1 else outputs


def node_or_fail(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a builder or ``calcfunction.run_get_node`` gives; a failure ends the command with its message."""
    try:
        result = function(*args, **kwargs)
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    if isinstance(result, tuple):
        outputs, node = result
        if not node.is_finished_ok:
            raise click.ClickException(f"{node.process_label} <{node.pk}>: {node.exit_message}")
        return outputs
    return result


@contextmanager
def listening() -> Iterator[None]:
    """Print progress on standard error while the block runs: a line a second, fewer as it takes longer."""
    start = time.monotonic()

    class Printer(logging.Handler):
        last = start

        def emit(self, record: logging.LogRecord) -> None:
            now = time.monotonic()
            if now - self.last >= max(1.0, 0.05 * (now - start)):
                self.last = now
                click.echo(f"[{clock(now - start):>6}] {record.getMessage()}", err=True)

    printer = Printer()
    LOGGER.addHandler(printer)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(printer)


#: Bonds of a large database agree with others by chance, a few in a thousand.
SHARE_BY_CHANCE = 0.01


def describe_validation(validation: dict[str, Any]) -> str:
    """Return the table of a validation or evaluation, with what it could not test."""
    from aiida_getl.learning.tables import format_comparison

    lines = []
    if "group_by" in validation:
        leaky = "; LEAKY: near copies of tested bonds were trained on" if validation.get("leaky") else ""
        lines.append(
            f"Each of {validation['n_groups']} groups (by {validation['group_by']}) predicted from the others{leaky}"
        )
    if validation.get("metrics"):
        lines += ["RMSE in eV of distance only, the published method and this model, and more of this model", ""]
        lines += [format_comparison(validation["metrics"]), ""]
    lines += [f"Not tested  {name}: {reason}" for name, reason in validation.get("skipped", {}).items()]
    lines += [
        f"Repeated    {share:.0%} of the {name} bonds stand in another group too: is a structure there twice?"
        for name, share in validation.get("shared", {}).items()
        if share > 0.0
    ]
    lines += [
        f"Repeated    {share:.0%} of the {name} bonds stand in the training data too: is a structure there twice?"
        for name, share in validation.get("repeated", {}).items()
        if share >= SHARE_BY_CHANCE
    ]
    return "\n".join(lines)


def to_dict(settings: dict[str, Any]):
    """Return settings as a node."""
    from aiida.orm import Dict

    return Dict(settings)


def to_int(value: int):
    """Return a number as a node."""
    from aiida.orm import Int

    return Int(value)
