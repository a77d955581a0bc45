"""Parser of projwfc.x: did it end, and with which spilling. The projections themselves stay where they were made."""

from __future__ import annotations

import re

from aiida import orm
from aiida.parsers import Parser


class ProjwfcParser(Parser):
    """Reads the standard output of ``projwfc.x``; gives ``output_parameters`` (spilling, version, wall time)."""

    def parse(self, **kwargs):
        if self.node.exit_status is not None:  # the scheduler's verdict (walltime, memory) says more than ours
            return self.node.exit_code
        filename = self.node.get_option("output_filename")
        if filename not in self.retrieved.base.repository.list_object_names():
            return self.exit_codes.ERROR_OUTPUT_STDOUT_MISSING
        text = self.retrieved.base.repository.get_object_content(filename, "rb").decode(errors="replace")
        self.out("output_parameters", orm.Dict(parse_stdout(text)))
        if "JOB DONE" not in text:
            return self.exit_codes.ERROR_OUTPUT_STDOUT_INCOMPLETE
        return None


def parse_stdout(text: str) -> dict:
    """Return what a ``projwfc.x`` output tells: version, spilling (fraction), wall time as printed."""
    parsed = {}
    for key, pattern, convert in (
        ("code_version", r"Program PROJWFC v\.?(\S+)", str),
        ("spilling", r"Spilling Parameter:\s*([-\d.]+)", float),
        ("wall_time", r"PROJWFC\s*:.*CPU\s+(.*?)\s*WALL", str),
    ):
        match = re.search(pattern, text)
        if match:
            parsed[key] = convert(match.group(1))
    return parsed
