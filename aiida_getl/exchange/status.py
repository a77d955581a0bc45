"""The status files that lie beside the original databases: ND.info and DUB.info."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Third column of ND.info, "not done".
STATUS = {
    2: "the SCF did not converge",
    3: "LOBSTER did not finish, but its ICOHPs are complete",
    4: "the SCF converged; LOBSTER did not finish, but its ICOHPs are complete",
    5: "the SCF converged, but there are no ICOHPs",
    6: "there is neither a converged SCF nor an ICOHP",
}
#: Those with usable labels.
USABLE = (3, 4)

_PAIR = r"[A-Z][a-z]?\d+-[A-Z][a-z]?\d+"


@dataclass(frozen=True)
class UnseenBond:
    """A bond that the descriptor's neighbour list held and LOBSTER's did not; atoms as in the file, e.g. ``Cu3``."""

    run: int
    sub_run: int
    atoms: tuple[str, str]


def read_nd_info(text: str, name: str) -> dict[tuple[int, int], int]:
    """Return the status of each (run, sub-run) of an ``ND.info``; those that are not in it are done.

    Raises
    ------
    ValueError
        For a line that is not three integers, or a status that is not known, naming file and line.
    """
    result = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\d+)\s*", line)
        if match is None:
            raise ValueError(f"{name}, line {number}: {line!r} is not 'run sub-run status'")
        run, sub_run, status = (int(group) for group in match.groups())
        if status not in STATUS:
            raise ValueError(f"{name}, line {number}: the status {status} is none of {sorted(STATUS)}")
        result[run, sub_run] = status
    return result


def read_dub_info(text: str, name: str) -> list[UnseenBond]:
    """Return the bonds of a ``DUB.info``, each once.

    Raises
    ------
    ValueError
        For a line that is not understood, naming file and line.
    """
    result: dict[UnseenBond, None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(rf"\s*(\d+)\s+(\d+)\s+\w+:\s*({_PAIR}(?:,\s*{_PAIR})*)\s*", line)
        if match is None:
            raise ValueError(f"{name}, line {number}: {line!r} is not 'run sub-run KNF: A1-B2, A1-B3'")
        for pair in match.group(3).split(","):
            first, second = sorted(pair.strip().split("-"))
            result[UnseenBond(int(match.group(1)), int(match.group(2)), (first, second))] = None
    return list(result)
