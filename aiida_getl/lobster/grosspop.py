"""Read and write GROSSPOP.lobster: the electrons in every basis function.

Up to version 4 there is one column for Mulliken's and one for Löwdin's populations; from 5.1 on there is a second line
of headings, and two columns each for spin-polarised calculations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_getl.lobster.icohplist import Layout

_NUMBER = r"-?(?:\d+\.\d+|nan)"
_ROW = re.compile(rf"\s*(?:(\d+)\s+([A-Z][a-z]?)\s+)?(\S+)((?:\s+{_NUMBER}){{2,4}})\s*$")


@dataclass(frozen=True)
class GrossPopulations:
    """Electrons in every basis function.

    Attributes
    ----------
    elements : (atoms,)
        Chemical symbols.
    atom : (n,)
        Zero-based atom of every function; ascending.
    orbitals : (n,)
        LOBSTER's names, e.g. ``2p_y``.
    mulliken, loewdin : (n, nspin)
        Electrons; Mulliken's are nan where they could not be computed.
    complete
        False if the file ends before the last atom's total.
    """

    elements: tuple[str, ...]
    atom: NDArray[np.int64]
    orbitals: tuple[str, ...]
    mulliken: NDArray[np.float64]
    loewdin: NDArray[np.float64]
    complete: bool

    @property
    def n_spins(self) -> int:
        """1, or 2 where the file has two columns."""
        return self.loewdin.shape[1]


def read_gross_populations(source: Path | str) -> GrossPopulations:
    """Read GROSSPOP.lobster from a path or its text; of a file that was cut off, the atoms that are complete.

    Raises
    ------
    ValueError
        For a file that has no populations of a whole atom, or numbers its atoms oddly.
    """
    name = "the file" if isinstance(source, str) else str(source)
    text = source if isinstance(source, str) else source.read_text(errors="replace")
    elements: list[str] = []
    done: list[tuple[int, str, list[float]]] = []
    open_atom: list[tuple[int, str, list[float]]] = []
    is_open = False
    for line in text.splitlines():
        match = _ROW.match(line)
        if match is None:
            continue
        number, element, orbital, values = match.groups()
        if number is not None:
            if int(number) != len(elements) + 1 or is_open:
                raise ValueError(f"{name}: atom {number} follows on atom {len(elements)}, which is not how they count")
            elements.append(element)
            is_open = True
        elif not is_open:
            raise ValueError(f"{name}: {orbital} belongs to no atom")
        if orbital == "total":
            done += open_atom
            open_atom, is_open = [], False
        else:
            open_atom.append((len(elements) - 1, orbital, [float(value) for value in values.split()]))
    if not done:
        raise ValueError(f"{name} has no populations of a whole atom: it is not a GROSSPOP.lobster, or was cut off")
    if len({len(values) for _, _, values in done}) != 1 or len(done[0][2]) == 3:
        raise ValueError(f"{name} has rows of different numbers of columns: it is damaged")
    table = np.array([values for _, _, values in done])
    mulliken, loewdin = np.hsplit(table, 2)
    return GrossPopulations(
        elements=tuple(elements[: done[-1][0] + 1]),
        atom=np.array([atom for atom, _, _ in done], dtype=np.int64),
        orbitals=tuple(orbital for _, orbital, _ in done),
        mulliken=mulliken,
        loewdin=loewdin,
        complete=not is_open,
    )


def format_gross_populations(populations: GrossPopulations, layout: Layout = 6) -> str:
    """Return the text of GROSSPOP.lobster in the layout of LOBSTER 4, spins summed, or 6."""
    mulliken, loewdin = populations.mulliken, populations.loewdin
    if layout == 4:
        mulliken, loewdin = (values.sum(axis=1, keepdims=True) for values in (mulliken, loewdin))
        lines = ["  atom#    atom   basisfunction     Mulliken GP      Loewdin GP"]
        width, gap = 16, 1
    else:
        n = populations.n_spins
        lines = [
            "  atom#    atom   basisfunction" + "    Mulliken GP" * n + "     Loewdin GP" * n,
            " " * 31 + "".join(f"     For spin {spin + 1}" for _ in range(2) for spin in range(n)),
        ]
        width, gap = 15, 2
    lines = ["Mulliken and Loewdin gross orbital population ", "", *lines]
    table = np.hstack([mulliken, loewdin])
    ends = np.append(np.flatnonzero(np.diff(populations.atom)) + 1, len(populations.atom))
    for first, last in pairwise([0, *ends.tolist()]):
        atom = int(populations.atom[first])
        for row in range(first, last):
            left = f"{atom + 1:7d} {populations.elements[atom]:>7s}" if row == first else " " * 15
            lines.append(_row(left, populations.orbitals[row], table[row], width))
        lines.append(_row(" " * 15, "total", table[first:last].sum(axis=0), width))
        lines += [""] * gap
    return "\n".join(lines[: len(lines) - gap + 1]) + "\n"


def _row(left: str, orbital: str, values: Sequence[float] | NDArray[np.float64], width: int) -> str:
    return f"{left} {orbital:>14s}" + "".join(f"{value:{width}.2f}" for value in values)
