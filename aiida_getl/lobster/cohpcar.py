"""Read and write COHPCAR.lobster, COOPCAR.lobster and COBICAR.lobster: the curves of the bonds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SITE = r"([A-Z][a-z]?)(\d+)(?:\[([^\]]+)\])?"
_HEADER = re.compile(r"\s*([1-9]\d*)\s+([12])\s+(\d+)\s+\S+\s+\S+\s+(-?\d+\.\d+(?:[eE][-+]?\d+)?)\s*", re.A)
_LABEL = re.compile(rf"No\.(\d+):{_SITE}->{_SITE}\(([\d.]+)\)")


@dataclass(frozen=True)
class CurveLabel:
    """What one curve is of.

    Attributes
    ----------
    number
        LOBSTER's number of the interaction.
    element_i, element_j
        Chemical symbols.
    atom_i, atom_j
        Zero-based indices.
    orbital_i, orbital_j
        LOBSTER's orbital names; empty for the bond as a whole.
    distance
        Å.
    """

    number: int
    element_i: str
    atom_i: int
    orbital_i: str
    element_j: str
    atom_j: int
    orbital_j: str
    distance: float

    def to_text(self) -> str:
        """Return the label as in the file."""
        sites = (
            f"{element}{atom + 1}" + (f"[{orbital}]" if orbital else "")
            for element, atom, orbital in (
                (self.element_i, self.atom_i, self.orbital_i),
                (self.element_j, self.atom_j, self.orbital_j),
            )
        )
        return f"No.{self.number}:{'->'.join(sites)}({self.distance:.5f})"


@dataclass(frozen=True)
class Cohpcar:
    """Curves of all bonds.

    Attributes
    ----------
    labels : n of them
        What each curve is of; the average is not among them.
    energies : (ne,) eV
        Relative to the Fermi energy.
    cohp, icohp : (n, nspin, ne)
        Curve, per eV, and its integral.
    average_cohp, average_icohp : (nspin, ne)
    fermi_energy : eV
    complete
        False if rows are missing at the end.
    """

    labels: tuple[CurveLabel, ...]
    energies: NDArray[np.float64]
    cohp: NDArray[np.float64]
    icohp: NDArray[np.float64]
    average_cohp: NDArray[np.float64]
    average_icohp: NDArray[np.float64]
    fermi_energy: float
    complete: bool


def read_cohpcar(source: Path | str) -> Cohpcar:
    """Read curves from a path or the text of the file.

    Raises
    ------
    ValueError
        For a file that is none of these, or has no complete row.
    """
    name = "the file" if isinstance(source, str) else str(source)
    lines = (source if isinstance(source, str) else source.read_text(errors="replace")).splitlines()
    header = _HEADER.fullmatch(lines[1]) if len(lines) > 1 else None
    if header is None:
        raise ValueError(f"{name} is not a COHPCAR.lobster: its second line has not three counts and three energies")
    n_labels, n_spins, n_energies = int(header.group(1)) - 1, int(header.group(2)), int(header.group(3))
    if len(lines) > 2 and lines[2].startswith("No."):
        raise ValueError(f"{name} has bonds of several centres (cobiBetween), whose curves are not read")
    labels = []
    for line in lines[3 : 3 + n_labels]:
        match = _LABEL.match(line.strip())
        if match is None:
            raise ValueError(f"{name} has a label that is not understood: {line!r}")
        number, element_i, atom_i, orbital_i, element_j, atom_j, orbital_j, distance = match.groups()
        labels.append(
            CurveLabel(
                int(number), element_i, int(atom_i) - 1, orbital_i or "",
                element_j, int(atom_j) - 1, orbital_j or "", float(distance),
            )
        )  # fmt: skip
    n_columns = 1 + 2 * n_spins * (n_labels + 1)
    rows = [fields for line in lines[3 + n_labels :] if (fields := line.split())]
    whole = [row for row in rows if len(row) == n_columns]
    if not whole:
        raise ValueError(f"{name} has no complete row of {n_columns} numbers")
    try:
        data = np.array(whole, dtype=float)
    except ValueError as error:
        raise ValueError(f"{name} has rows that are not of numbers ({error}): it is damaged") from None
    curves = data[:, 1:].reshape(len(whole), n_spins, n_labels + 1, 2).transpose(2, 1, 0, 3)
    return Cohpcar(
        labels=tuple(labels),
        energies=data[:, 0],
        cohp=curves[1:, ..., 0],
        icohp=curves[1:, ..., 1],
        average_cohp=curves[0, ..., 0],
        average_icohp=curves[0, ..., 1],
        fermi_energy=float(header.group(4)),
        complete=len(whole) == n_energies,
    )


def format_cohpcar(curves: Cohpcar, title: str) -> str:
    """Return the text of a COHPCAR.lobster."""
    n_spins = curves.cohp.shape[1]
    e, fermi = curves.energies, curves.fermi_energy
    window = f"{e[0] + fermi:11.5f} {e[-1] + fermi:11.5f} {fermi:11.5f}"
    lines = [
        title,
        f"{len(curves.labels) + 1:5d} {n_spins:2d} {len(e):6d} {window}",
        "Average",
        *(label.to_text() for label in curves.labels),
    ]
    cohp = np.concatenate([curves.average_cohp[None], curves.cohp])
    icohp = np.concatenate([curves.average_icohp[None], curves.icohp])
    table = np.stack([cohp, icohp], axis=-1).transpose(2, 1, 0, 3).reshape(len(e), -1)
    row = " %10.5f" * (table.shape[1] + 1)
    lines += [row % (energy, *values) for energy, values in zip(e, table, strict=True)]
    return "\n".join(lines) + "\n"
