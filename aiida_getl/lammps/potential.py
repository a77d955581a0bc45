"""Headers of embedded-atom potentials: which elements, which cut-off, which LAMMPS pair style.

The formats are LAMMPS's (https://docs.lammps.org/pair_eam.html): funcfl, one element (``eam``); setfl, any number
(``eam/alloy``); and setfl with one electron density per pair of elements (``eam/fs``). The last two have the same
header, so the tabulated values are counted to tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_numbers, chemical_symbols


class PotentialError(ValueError):
    """The file is no potential that can be used."""


@dataclass(frozen=True)
class Potential:
    """What the header of a potential says.

    Attributes
    ----------
    pair_style : str
        ``eam``, ``eam/alloy`` or ``eam/fs``.
    elements : tuple of str
        In the order of the file.
    cutoff : float
        In Å.
    masses : tuple of float
        In u, of each element.
    """

    pair_style: str
    elements: tuple[str, ...]
    cutoff: float
    masses: tuple[float, ...]

    def check_elements(self, symbols: list[str]) -> None:
        """Raise :class:`PotentialError` if the potential lacks one of the elements."""
        missing = sorted(set(symbols) - set(self.elements))
        if missing:
            raise PotentialError(
                f"the potential has no {', '.join(missing)}, only {', '.join(self.elements)}: choose another potential "
                "or another composition"
            )


def read_potential(path: Path | str) -> Potential:
    """Read the header of a potential file, see :func:`parse_potential`."""
    try:
        return parse_potential(Path(path).read_text(encoding="utf-8", errors="replace"))
    except PotentialError as error:
        raise PotentialError(f"{path}: {error}") from None


def parse_potential(text: str) -> Potential:
    """Return the header of the potential in ``text``, after checking that its tables are complete.

    Raises
    ------
    PotentialError
        If the text is neither funcfl nor setfl, or is cut off.
    """
    lines = text.splitlines()
    potential = _funcfl(lines) or _setfl(lines)
    if potential is None:
        raise PotentialError("this is no EAM potential: expected the funcfl or setfl format (eam, eam/alloy, eam/fs)")
    return potential


def _numbers(line: str, kinds: str) -> list[float] | None:
    """Return the leading numbers of a line, integers where ``kinds`` has an ``i``; None if they are not there."""
    words = line.split()
    if len(words) < len(kinds):
        return None
    try:
        return [int(word) if kind == "i" else float(word) for word, kind in zip(words, kinds, strict=False)]
    except ValueError:
        return None


def _funcfl(lines: list[str]) -> Potential | None:
    if len(lines) < 4:
        return None
    atom, grid = _numbers(lines[1], "iff"), _numbers(lines[2], "ififf")
    if atom is None or grid is None or not 0 < atom[0] < len(chemical_symbols):
        return None
    expected = int(grid[0] + 2 * grid[2])
    found = sum(len(line.split()) for line in lines[3:])
    if found < expected:
        raise PotentialError(f"the file is cut off: {found} of {expected} tabulated values are there")
    return Potential("eam", (chemical_symbols[int(atom[0])],), grid[4], (atom[1],))


def _setfl(lines: list[str]) -> Potential | None:
    if len(lines) < 7:
        return None
    count, grid = _numbers(lines[3], "i"), _numbers(lines[4], "ififf")
    if count is None or grid is None or count[0] < 1:
        return None
    n = int(count[0])
    elements = tuple(lines[3].split()[1 : n + 1])
    if len(elements) < n or any(element not in atomic_numbers for element in elements):
        return None
    if _numbers(lines[4], "ififff") is not None:
        raise PotentialError("a sixth number after the cut-off marks the eam/he format, which is not supported")
    n_rho, n_r = int(grid[0]), int(grid[2])
    # For a single element the two formats are the same.
    for pair_style, n_densities in (("eam/alloy", 1), ("eam/fs", n)):
        masses = _walk_setfl(lines[5:], n, n_rho + n_densities * n_r, n * (n + 1) // 2 * n_r)
        if masses is not None:
            return Potential(pair_style, elements, grid[4], masses)
    raise PotentialError(
        f"the header names {', '.join(elements)}, but the tables that follow are those of neither eam/alloy nor "
        "eam/fs: the file may be cut off, or of another format"
    )


def _walk_setfl(lines: list[str], n_elements: int, n_values: int, n_pair_values: int) -> tuple[float, ...] | None:
    """Return the masses if each element has its header line and ``n_values`` values, and the pairs theirs."""
    remaining = iter(line for line in lines if line.strip())
    masses = []
    for _ in range(n_elements):
        header = next(remaining, "")
        numbers = _numbers(header, "iff")
        # Number, mass, lattice constant and the name of a lattice: the name tells it from tabulated values.
        if numbers is None or len(header.split()) < 4 or _numbers(header.split()[3], "f") is not None:
            return None
        masses.append(numbers[1])
        found = 0
        while found < n_values:
            line = next(remaining, None)
            if line is None:
                return None
            found += len(line.split())
        if found != n_values:
            return None
    return tuple(masses) if sum(len(line.split()) for line in remaining) == n_pair_values else None
