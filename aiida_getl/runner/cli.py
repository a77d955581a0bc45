"""The command ``getl-learn``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from aiida_getl import __version__
from aiida_getl.runner import files
from aiida_getl.runner.tasks import TASKS, run

BAD_INPUT = 2

DESCRIPTION = """\
Train, validate or predict bond strengths from files, without AiiDA; jobs of the plugin getl.learn run it.

The folder holds job.json with the task and its settings, and the arrays that the task needs (.npz, .json). The result
is result.npz and result.json, or error.json with the reason why there is none.
"""

EPILOG = f"""\
tasks: {", ".join(TASKS)}

example
  getl-learn --folder job

exit status: 0 done; 2 bad input (the message says what is wrong, error.json too).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="getl-learn", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(), metavar="DIR", help="where the files are (default: here)"
    )
    parser.add_argument("--version", action="version", version=f"getl-learn {__version__}")
    folder = parser.parse_args(arguments).folder
    try:
        run(folder, _show)
    except ValueError as error:
        print(f"getl-learn: {error}", file=sys.stderr)
        if folder.is_dir():
            (folder / files.ERROR).write_text(json.dumps({"reason": str(error)}))
        return BAD_INPUT
    return 0


def _show(done: int, total: int, what: str) -> None:
    print(f"{done} of {total}: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
