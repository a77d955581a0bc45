"""Read and write COHPCAR.lobster, COOPCAR.lobster and COBICAR.lobster: the curves of the bonds."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

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

    @property
    def is_orbital(self) -> bool:
        """Whether the curve is of a pair of orbitals, not of the bond as a whole."""
        return bool(self.orbital_i or self.orbital_j)

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
    """Curves of bonds, and of the orbitals of those that it was asked for.

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
    left_out
        Which curves of the file are not here, and why; empty if all are.
    """

    labels: tuple[CurveLabel, ...]
    energies: NDArray[np.float64]
    cohp: NDArray[np.float64]
    icohp: NDArray[np.float64]
    average_cohp: NDArray[np.float64]
    average_icohp: NDArray[np.float64]
    fermi_energy: float
    complete: bool
    left_out: str = ""


def read_cohpcar(source: Path | str | TextIO, most_bytes: float = math.inf) -> Cohpcar:
    """Read curves from a path, the text of the file, or the open file, of which no more than a line is held.

    Parameters
    ----------
    source
        Of a file that was cut off, the complete rows are read.
    most_bytes
        Where the curves would take more memory, those of orbitals are left out, and all if that is not enough.

    Raises
    ------
    ValueError
        For a file that is none of these, or has no complete row.
    """
    if isinstance(source, Path):
        with source.open(errors="replace") as file:
            return _read(file, str(source), most_bytes)
    return _read(io.StringIO(source) if isinstance(source, str) else source, "the file", most_bytes)


def _read(file: TextIO, name: str, most_bytes: float) -> Cohpcar:
    file.readline()  # the title
    header = _HEADER.fullmatch(file.readline())
    if header is None:
        raise ValueError(f"{name} is not a COHPCAR.lobster: its second line has not three counts and three energies")
    n_labels, n_spins, n_energies = int(header.group(1)) - 1, int(header.group(2)), int(header.group(3))
    if file.readline().startswith("No."):  # no average; the atoms of each label come with their cells
        labels, kept, left_out = [], np.zeros(0, dtype=bool), "its bonds have several centres (cobiBetween)"
    else:
        labels = [_parse_label(file.readline(), name) for _ in range(n_labels)]
        kept, left_out = _select(labels, 16.0 * n_spins * n_energies, most_bytes)
    shape = (n_spins, n_labels + 1, 2)
    n_columns = 1 + math.prod(shape)
    energies, rows = [], []
    if not left_out or kept.any():
        for line in file:
            fields = line.split()
            if len(fields) == n_columns:
                try:
                    row = np.array(fields, dtype=float)
                except ValueError as error:
                    raise ValueError(f"{name} has rows that are not of numbers ({error}): it is damaged") from None
                energies.append(row[0])
                rows.append(row[1:].reshape(shape)[:, np.append(True, kept)])
        if not rows:
            raise ValueError(f"{name} has no complete row of {n_columns} numbers")
    curves = np.array(rows).reshape(len(rows), n_spins, 1 + int(kept.sum()), 2).transpose(2, 1, 0, 3)
    return Cohpcar(
        labels=tuple(label for label, is_kept in zip(labels, kept, strict=True) if is_kept),
        energies=np.array(energies),
        cohp=curves[1:, ..., 0],
        icohp=curves[1:, ..., 1],
        average_cohp=curves[0, ..., 0],
        average_icohp=curves[0, ..., 1],
        fermi_energy=float(header.group(4)),
        complete=len(rows) in (n_energies, 0),
        left_out=left_out,
    )


def _parse_label(line: str, name: str) -> CurveLabel:
    match = _LABEL.match(line.strip())
    if match is None:
        raise ValueError(f"{name} has a label that is not understood: {line[:120].rstrip()!r}")
    number, element_i, atom_i, orbital_i, element_j, atom_j, orbital_j, distance = match.groups()
    return CurveLabel(
        int(number), element_i, int(atom_i) - 1, orbital_i or "",
        element_j, int(atom_j) - 1, orbital_j or "", float(distance),
    )  # fmt: skip


def _select(labels: list[CurveLabel], bytes_each: float, most_bytes: float) -> tuple[NDArray[np.bool_], str]:
    """Return which curves fit into the memory given, and what is left out."""
    if bytes_each * len(labels) <= most_bytes:
        return np.ones(len(labels), dtype=bool), ""
    of_bonds = np.array([not label.is_orbital for label in labels])
    size = f"{bytes_each * len(labels) / 1e6:.0f} MB, {most_bytes / 1e6:.0f} MB are the limit"
    if bytes_each * of_bonds.sum() <= most_bytes:
        return of_bonds, f"with the curves of {(~of_bonds).sum()} pairs of orbitals it takes {size}"
    return np.zeros(len(labels), dtype=bool), f"its {len(labels)} curves take {size}"


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
