"""Answers as a table to read, or as JSON or CSV to go on with."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from aiida_getl.cli.tables import table

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
force_option = click.option("-f", "--force", is_flag=True, help="Replace a file that is there.")


def check_new(path: Path, force: bool) -> None:
    """Refuse to replace a file that is there, unless forced."""
    if path.exists() and not force:
        raise click.ClickException(f"{path} is there already: choose another name, or --force to replace it")


def format_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` and ``--csv`` to a command, as the parameters ``as_json`` and ``as_csv``."""
    function = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")(function)
    return json_option(function)


def check_format(as_json: bool, as_csv: bool) -> None:
    """Refuse two formats at once."""
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")


def echo_json(content: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def echo_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str], file: TextIO | None = None) -> None:
    """Print CSV with a heading, to a file if one is given; what is no text or number is written as JSON."""
    writer = csv.DictWriter(file or sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row.get(name)) for name in columns})


def echo_rows(rows: Sequence[dict[str, Any]], columns: dict[str, str], *, as_csv: bool, empty: str) -> None:
    """Print rows: as CSV, or as a table with the headings of ``columns``, or ``empty`` in place of an empty table.

    :param columns: heading of the table by name of the column.
    """
    if as_csv:
        echo_csv(rows, list(columns))
    elif rows:
        click.echo(table(list(columns.values()), [[_short(row.get(name)) for name in columns] for row in rows]))
    else:
        click.echo(empty)


def echo_list(
    rows: Sequence[dict[str, Any]], columns: dict[str, str], *, as_json: bool, as_csv: bool, empty: str
) -> None:
    """Print rows in the format asked for, see :func:`echo_rows`; UUIDs are for programs, not for the table."""
    check_format(as_json, as_csv)
    if as_json:
        echo_json(rows)
    else:
        shown = {name: heading for name, heading in columns.items() if as_csv or name != "uuid"}
        echo_rows(rows, shown, as_csv=as_csv, empty=empty)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _short(value: Any) -> Any:
    """Return a value for the terminal."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = _cell(value)
    if isinstance(text, str) and len(text) > 60:
        return text[:57] + "..."
    return None if text == "" else text
