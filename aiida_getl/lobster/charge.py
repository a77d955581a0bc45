"""Read and write CHARGE.lobster: the charges of the atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"(-?\d+\.\d+|-?nan)"
_ROW = re.compile(rf"\s*(\d+)\s+([A-Z][a-z]?)\s+{_NUMBER}\s+{_NUMBER}\s*", re.A)


@dataclass(frozen=True)
class Charges:
    """Charges in units of e, positive where electrons are missing.

    Attributes
    ----------
    elements : (n,)
        Chemical symbols.
    mulliken, loewdin : (n,)
        Mulliken charges are nan where they could not be computed.
    complete
        False if the file ends before the line of totals.
    """

    elements: NDArray[np.str_]
    mulliken: NDArray[np.float64]
    loewdin: NDArray[np.float64]
    complete: bool

    def __len__(self) -> int:
        return len(self.elements)


def read_charges(source: Path | str) -> Charges:
    """Read CHARGE.lobster from a path or its text.

    Raises
    ------
    ValueError
        For a file that has no charges.
    """
    name = "the file" if isinstance(source, str) else str(source)
    text = source if isinstance(source, str) else source.read_text(errors="replace")
    rows = [match.groups() for line in text.splitlines() if (match := _ROW.fullmatch(line))]
    if not rows:
        raise ValueError(f"{name} has no charges: it is not a CHARGE.lobster, or was cut off")
    if [int(row[0]) for row in rows] != list(range(1, len(rows) + 1)):
        raise ValueError(f"{name} does not number its atoms from 1 to {len(rows)}")
    return Charges(
        elements=np.array([row[1] for row in rows]),
        mulliken=np.array([float(row[2]) for row in rows]),
        loewdin=np.array([float(row[3]) for row in rows]),
        complete=re.search(r"^\s*total\s", text, re.M) is not None,
    )


def format_charges(charges: Charges) -> str:
    """Return the text of CHARGE.lobster."""
    lines = [
        "MULLIKEN and LOEWDIN POPULATION ANALYSIS ",
        "",
        "  atom#    atom      Mulliken charge       Loewdin charge",
    ]
    for n, (element, mulliken, loewdin) in enumerate(
        zip(charges.elements, charges.mulliken, charges.loewdin, strict=True), start=1
    ):
        lines.append(f"{n:7d} {element:>7s} {mulliken:19.2f} {loewdin:19.2f} ")
    lines += ["", f"          total {charges.mulliken.sum():19.2f} {charges.loewdin.sum():19.2f} "]
    return "\n".join(lines) + "\n"
