"""LAMMPS's log: thermodynamic data, warnings, errors, and whether the run came to its end.

A log may stop anywhere: what was complete is returned, and ``finished`` is false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_getl.lammps.script import THERMO

_VERSION = re.compile(r"^LAMMPS \(([^)]+)\)")
_WALL_TIME = re.compile(r"^Total wall time: (\d+):(\d\d):(\d\d)")
_LOST_ATOMS = re.compile(r"lost atoms", re.IGNORECASE)
_UNSTABLE = re.compile(r"non-numeric|out of range atoms|box dimensions|domain too large", re.IGNORECASE)
_POTENTIAL = re.compile(
    r"(unrecognized|unknown|invalid) pair style|pair[_ ]coeff|potential file|EAM|setfl|funcfl", re.IGNORECASE
)


@dataclass(frozen=True)
class LammpsLog:
    """What a log says.

    Attributes
    ----------
    thermo : dict of (n,) arrays
        All rows of all runs, by the names of :data:`aiida_getl.lammps.script.THERMO`, units there.
    finished : bool
        Whether LAMMPS came to the end of its script.
    wall_time_s : int or None
    version : str or None
        LAMMPS's date of release.
    error : str or None
        The first error message.
    warnings : tuple of str
        Each one once.
    """

    thermo: dict[str, NDArray]
    finished: bool
    wall_time_s: int | None
    version: str | None
    error: str | None
    warnings: tuple[str, ...]

    @property
    def lost_atoms(self) -> bool:
        """Whether the error is that atoms were lost."""
        return self.error is not None and _LOST_ATOMS.search(self.error) is not None

    @property
    def potential_refused(self) -> bool:
        """Whether the error is about the pair style or the potential file."""
        return self.error is not None and not self.lost_atoms and _POTENTIAL.search(self.error) is not None

    def unstable(self, temperature_limit: float) -> str | None:
        """Return why the dynamics is to be called unstable, or None.

        Parameters
        ----------
        temperature_limit : K
            No sound run of this stage is ever hotter.
        """
        if self.error is not None and _UNSTABLE.search(self.error):
            return self.error
        for name, values in self.thermo.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                return f"the {name.replace('_', ' ')} is {values[bad[0]]} at step {self.thermo['step'][bad[0]]:.0f}"
        hot = np.flatnonzero(self.thermo["temperature"] > temperature_limit)
        if len(hot):
            step, temperature = self.thermo["step"][hot[0]], self.thermo["temperature"][hot[0]]
            return f"the temperature is {temperature:.0f} K at step {step:.0f}"
        return None


def parse_log(text: str) -> LammpsLog:
    """Read a log, or LAMMPS's screen output."""
    columns = [column for _, column, _ in THERMO.values()]
    rows: list[list[float]] = []
    in_block = False
    version = error = wall_time = None
    warnings: dict[str, None] = {}
    # A line without its end may be cut inside a number.
    for line in text.splitlines(keepends=True):
        words = line.split()
        if words == columns:
            in_block = True
        elif in_block and line.endswith("\n") and (row := _row(words, len(columns))) is not None:
            rows.append(row)
        elif line.startswith("WARNING:"):
            warnings[line.removeprefix("WARNING:").strip()] = None
        elif line.startswith("ERROR"):
            error = error or line.strip()
        elif line.startswith("Loop time of"):
            in_block = False
        elif match := _VERSION.match(line):
            version = match[1]
        elif match := _WALL_TIME.match(line):
            wall_time = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
    values = np.array(rows, dtype=float).reshape(-1, len(columns))
    return LammpsLog(
        thermo=dict(zip(THERMO, values.T, strict=True)),
        finished=wall_time is not None and error is None,
        wall_time_s=wall_time,
        version=version,
        error=error,
        warnings=tuple(warnings),
    )


def _row(words: list[str], n: int) -> list[float] | None:
    if len(words) != n:
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None
