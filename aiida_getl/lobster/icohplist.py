"""Read and write ICOHPLIST.lobster, ICOOPLIST.lobster and ICOBILIST.lobster of every version of LOBSTER.

The layout is told by the lines themselves, never by a version:

- six columns (2.x): no translation, equivalent bonds averaged, their number last;
- eight columns (3.x, 4.x): a second spin follows as a second block after a second header;
- nine columns (5.1 and later, spin-polarised): both spins in one line, under a header of two lines; without spin
  polarisation eight columns, as before.

LOBSTER 3 gives the translation of the first atom's cell relative to the second's, later versions that of the second:
measured on published calculations of 3.0.0, 4.1 and 6.0.0 with their structures. The files do not tell which, the
structure does: see :meth:`IcohpList.to_bonds`.

Orbital-wise rows (``C1_2s``) follow the row of their bond and are kept apart from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.structures.bonds import BondList, bond_vectors, canonical_direction, find_bonds

Kind = Literal["COHP", "COOP", "COBI"]
Layout = Literal[4, 6]

#: Distances are printed with five decimals (Å), but positions in files of structures often with three.
PRINTED, DISTANCE_TOLERANCE = 1e-5, 3e-3
_ATOM = re.compile(r"([A-Z][a-z]?)([1-9]\d{0,8})(?:_(\S+))?", re.A)
_COUNT = re.compile(r"\d{1,9}", re.A)
_CELL = re.compile(r"-?\d{1,6}", re.A)
_DISTANCE = re.compile(r"\d{1,9}\.\d+", re.A)
_VALUE = re.compile(r"-?\d{1,12}\.(\d+)|-?nan|-?inf", re.A)
#: decimals of a value where useDecimalPlaces does not ask for others
_DECIMALS = 5


@dataclass(frozen=True)
class OrbitalRows:
    """Contributions of pairs of orbitals.

    Attributes
    ----------
    bond : (m,)
        Row of the bond list that each belongs to.
    orbital_i, orbital_j : (m,)
        LOBSTER's names, e.g. ``2p_y``.
    icohp : (m, nspin) eV
    """

    bond: NDArray[np.int64]
    orbital_i: NDArray[np.str_]
    orbital_j: NDArray[np.str_]
    icohp: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.bond)


@dataclass(frozen=True)
class IcohpList:
    """The integrated values of the bonds, as listed: both directions of a bond between images may be there.

    Attributes
    ----------
    kind
        ``COHP`` (eV), ``COOP`` or ``COBI`` (dimensionless).
    label : (n,)
        LOBSTER's number of the interaction.
    element_i, element_j : (n,)
        Chemical symbols.
    atom_i, atom_j : (n,)
        Zero-based indices.
    translation : (n, 3) or None
        As in the file: the cell of atom_j, or minus that; None in files of LOBSTER 2.
    distance : (n,) Å
    icohp : (n, nspin)
        eV for COHP; negative is bonding there.
    n_averaged : (n,) or None
        Number of equivalent bonds averaged; only in files of LOBSTER 2.
    orbitals
        Orbital-wise rows, perhaps none.
    complete
        False if the file ends within a line or a spin; what is complete is here.
    """

    kind: Kind
    label: NDArray[np.int64]
    element_i: NDArray[np.str_]
    element_j: NDArray[np.str_]
    atom_i: NDArray[np.int64]
    atom_j: NDArray[np.int64]
    translation: NDArray[np.int64] | None
    distance: NDArray[np.float64]
    icohp: NDArray[np.float64]
    n_averaged: NDArray[np.int64] | None
    orbitals: OrbitalRows
    complete: bool

    def __len__(self) -> int:
        return len(self.label)

    @property
    def n_spins(self) -> int:
        """1, or 2 for spin-polarised calculations."""
        return self.icohp.shape[1]

    def to_bonds(self, atoms: Atoms | None = None) -> tuple[BondList, NDArray[np.float64]]:
        """Return every bond once, in the canonical direction, with its value (n, nspin); see :meth:`unique_bonds`."""
        bonds, rows, _ = self.unique_bonds(atoms)
        return bonds, self.icohp[rows]

    def unique_bonds(self, atoms: Atoms | None = None) -> tuple[BondList, NDArray[np.int64], NDArray[np.bool_]]:
        """Return every bond once, in the canonical direction, its row of the list, and whether it was turned round.

        The latter two are (n,). Of a bond turned round, the first orbital of a pair is that of the second atom.

        An atom bonded to its own image is listed with +T and -T: one of them is kept. A row of LOBSTER 2 is the average
        of the bonds of two atoms of one length: each of them gets it.

        Parameters
        ----------
        atoms
            The structure. Without it the translations are taken to be those of ``atom_j``, which is wrong for files of
            LOBSTER 3.

        Raises
        ------
        ValueError
            If the bonds are not those of the structure, and for files of LOBSTER 2, which do not say between which
            images a bond is, without a structure.
        """
        if self.translation is None:
            if atoms is not None:
                return self._averaged_bonds(atoms)
            raise ValueError(
                "this list has no translations (LOBSTER 2), so bonds between images cannot be told apart: "
                "give the structure, or run LOBSTER 3 or later"
            )
        listed = BondList(self.atom_i, self.atom_j, self.translation, self.distance)
        if atoms is not None:
            listed = _fit(listed, atoms)
        i, j, t, turned = canonical_direction(listed)
        _, first = np.unique(np.column_stack([i, j, t]), axis=0, return_index=True)
        return BondList(i[first], j[first], t[first], self.distance[first]), first, turned[first]

    def orbital_rows(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the orbital rows (m,) of bonds, by bond and then as listed, and which of the bonds (m,) each is of.

        Parameters
        ----------
        rows : (n,)
            Rows of the list; several bonds may share one in files of LOBSTER 2.
        """
        order = np.argsort(self.orbitals.bond, kind="stable")
        first, last = (np.searchsorted(self.orbitals.bond[order], rows, side) for side in ("left", "right"))
        count = last - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return order[np.repeat(first, count) + within], np.repeat(np.arange(len(rows)), count)

    def fitting(self, atoms: Atoms) -> tuple[BondList, list[NDArray[np.int64]]]:
        """Return the bonds of a structure, and for every row those of them, (k,), that are as long as it lists.

        Of two rows of the same atoms and nearly the same length, a bond belongs to the nearer one.
        """
        near = find_bonds(atoms.positions, atoms.cell[:], float(self.distance.max()) + DISTANCE_TOLERANCE)
        present: dict[tuple[int, int], list[int]] = {}
        for number, pair in enumerate(zip(near.atom_i.tolist(), near.atom_j.tolist(), strict=True)):
            present.setdefault(pair, []).append(number)
        pairs = [(min(i, j), max(i, j)) for i, j in zip(self.atom_i.tolist(), self.atom_j.tolist(), strict=True)]
        listed: dict[tuple[int, int], list[float]] = {}
        for pair, length in zip(pairs, self.distance.tolist(), strict=True):
            listed.setdefault(pair, []).append(length)
        result = []
        for pair, length in zip(pairs, self.distance, strict=True):
            mine = np.array(present.get(pair, []), dtype=np.int64)
            gap = np.abs(near.distance[mine] - length)
            least = np.abs(near.distance[mine, None] - np.array(listed[pair])).min(axis=1)
            result.append(mine[(gap < DISTANCE_TOLERANCE) & (gap <= least + PRINTED)])
        return near, result

    def _averaged_bonds(self, atoms: Atoms) -> tuple[BondList, NDArray[np.int64], NDArray[np.bool_]]:
        assert self.n_averaged is not None
        _check_atoms(self.atom_i, self.atom_j, atoms)
        near, fitting = self.fitting(atoms)
        for row, fits in enumerate(fitting):
            i, j = sorted((self.atom_i[row], self.atom_j[row]))
            count = len(fits) * (2 if i == j else 1)
            if self.n_averaged[row] not in (len(fits), count):
                raise ValueError(
                    f"atoms {i + 1} and {j + 1} have {count} bonds of {self.distance[row]:.4f} Å in the "
                    f"structure, {self.n_averaged[row]} in the list: they do not belong together"
                )
        order = np.repeat(np.arange(len(self)), [len(fits) for fits in fitting])
        return near.select(np.concatenate(fitting)), order, (self.atom_i > self.atom_j)[order]


def _check_atoms(atom_i: NDArray[np.int64], atom_j: NDArray[np.int64], atoms: Atoms) -> None:
    highest = int(max(atom_i.max(), atom_j.max()))
    if highest >= len(atoms):
        raise ValueError(f"atom {highest + 1} is bonded, but the structure has {len(atoms)} atoms")


def _fit(listed: BondList, atoms: Atoms) -> BondList:
    """Return the bonds with the translations turned round if that is how they fit the structure."""
    _check_atoms(listed.atom_i, listed.atom_j, atoms)
    both = (listed, replace(listed, translation=-listed.translation))
    lengths = [np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], bonds), axis=1) for bonds in both]
    deviation = np.abs(np.array(lengths) - listed.distance)
    better = int(deviation.max(axis=1).argmin())
    worst = int(deviation[better].argmax())
    if deviation[better, worst] < DISTANCE_TOLERANCE:
        return both[better]
    raise ValueError(
        f"the bond of atoms {listed.atom_i[worst] + 1} and {listed.atom_j[worst] + 1} is "
        f"{listed.distance[worst]:.4f} Å long in the list and {lengths[better][worst]:.4f} Å in the structure: "
        "they do not belong together"
    )


@dataclass(frozen=True)
class _Row:
    label: int
    element_i: str
    atom_i: int
    orbital_i: str
    element_j: str
    atom_j: int
    orbital_j: str
    distance: float
    translation: tuple[int, int, int] | None
    values: list[float]
    n_averaged: int | None
    decimals: int

    def key(self) -> tuple:
        return self.label, self.atom_i, self.orbital_i, self.atom_j, self.orbital_j, self.translation


def read_icohplist(source: Path | str) -> IcohpList:
    """Read a list of integrated values.

    Parameters
    ----------
    source
        A path, or the text of the file. Of a file that was cut off, what is complete is read.

    Raises
    ------
    ValueError
        For a file that is none of these, is damaged other than at its end, or has not a single complete line.
    """
    name = "the list" if isinstance(source, str) else str(source)
    text = source if isinstance(source, str) else source.read_text(errors="replace")
    lines = text.split("\n")
    kind = re.match(r"\s*(COHP|COOP|COBI)#", lines[0])
    if kind is None:
        raise ValueError(f"{name} is not a list of LOBSTER: it does not start with COHP#, COOP# or COBI#")
    spins: list[list[_Row]] = []
    n_columns = 0
    complete = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if "#" in line:
            spins.append([])
        elif "spin" in line:  # the second line of a header
            n_columns = line.count("spin")
        elif (row := _parse(line)) is not None and (number < len(lines) or _is_whole(row, spins[0], n_columns)):
            spins[-1].append(row)
        elif number == len(lines):
            complete = False
        else:
            raise ValueError(f"{name}, line {number} is not understood: {line[:120]!r}")
    if len(spins) > 2:
        raise ValueError(f"{name} has {len(spins)} headers, there are two spins at most: it is several lists in one")
    rows = spins[0]
    if not any(not row.orbital_i for row in rows):
        raise ValueError(f"{name} has no complete line: the run that wrote it was stopped, or found no interaction")
    if any(len(row.values) != len(rows[0].values) for block in spins for row in block):
        raise ValueError(f"{name} has lines of one and of two spins: it is damaged, run the analysis again")
    if any((row.translation is None) != (rows[0].translation is None) for block in spins for row in block):
        raise ValueError(f"{name} has lines with and without translations: it is damaged, run the analysis again")
    if len(spins) == 2:
        second = {row.key(): row.values for row in spins[1]}
        both = [row for row in rows if row.key() in second]
        if not any(not row.orbital_i for row in both):
            raise ValueError(f"{name} has no complete line of the second spin: the run that wrote it was stopped")
        complete = complete and len(both) == len(rows)
        rows = [replace(row, values=row.values + second[row.key()]) for row in both]
    return _assemble(kind.group(1), rows, complete, name)  # type: ignore[arg-type]


def _parse(line: str) -> _Row | None:
    """Return the row, or None if it is none."""
    fields = line.split()
    if len(fields) < 6 or not _COUNT.fullmatch(fields[0]) or not _DISTANCE.fullmatch(fields[3]):
        return None
    left, right = _ATOM.fullmatch(fields[1]), _ATOM.fullmatch(fields[2])
    if left is None or right is None or (left.group(3) is None) != (right.group(3) is None):
        return None
    if len(fields) == 6 and _COUNT.fullmatch(fields[5]):
        translation, values, n_averaged = None, fields[4:5], int(fields[5])
    elif len(fields) in (8, 9) and all(_CELL.fullmatch(cell) for cell in fields[4:7]):
        translation = (int(fields[4]), int(fields[5]), int(fields[6]))
        values, n_averaged = fields[7:], None
    else:
        return None
    if not all(_VALUE.fullmatch(value) for value in values):
        return None
    return _Row(
        label=int(fields[0]),
        element_i=left.group(1),
        atom_i=int(left.group(2)) - 1,
        orbital_i=left.group(3) or "",
        element_j=right.group(1),
        atom_j=int(right.group(2)) - 1,
        orbital_j=right.group(3) or "",
        distance=float(fields[3]),
        translation=translation,
        values=[float(value) for value in values],
        n_averaged=n_averaged,
        decimals=min((len(value.split(".")[1]) for value in values if "." in value), default=_DECIMALS),
    )


def _is_whole(row: _Row, rows: list[_Row], n_columns: int) -> bool:
    """Whether the last line of a file, which ends without a newline, was not cut off."""
    if row.n_averaged is not None:  # its last number may have had more digits
        return False
    decimals = rows[0].decimals if rows else _DECIMALS
    return row.decimals >= decimals and len(row.values) == (n_columns or 1)


def _assemble(kind: Kind, rows: list[_Row], complete: bool, name: str) -> IcohpList:
    bonds = [row for row in rows if not row.orbital_i]
    number = {row.label: n for n, row in enumerate(bonds)}
    orbitals = [row for row in rows if row.orbital_i]
    if len(number) < len(bonds):
        raise ValueError(f"{name} numbers two bonds alike: it is damaged, run the analysis again")
    if lost := [row.label for row in orbitals if row.label not in number]:
        raise ValueError(f"{name} has orbitals of bond {lost[0]}, but not that bond: it is damaged")
    with_cells = rows[0].translation is not None
    n_spins = len(rows[0].values)
    return IcohpList(
        kind=kind,
        label=np.array([row.label for row in bonds], dtype=np.int64),
        element_i=np.array([row.element_i for row in bonds], dtype=str),
        element_j=np.array([row.element_j for row in bonds], dtype=str),
        atom_i=np.array([row.atom_i for row in bonds], dtype=np.int64),
        atom_j=np.array([row.atom_j for row in bonds], dtype=np.int64),
        translation=np.array([row.translation for row in bonds], dtype=np.int64).reshape(-1, 3) if with_cells else None,
        distance=np.array([row.distance for row in bonds], dtype=float),
        icohp=np.array([row.values for row in bonds], dtype=float).reshape(-1, n_spins),
        n_averaged=None if with_cells else np.array([row.n_averaged for row in bonds], dtype=np.int64),
        orbitals=OrbitalRows(
            bond=np.array([number[row.label] for row in orbitals], dtype=np.int64),
            orbital_i=np.array([row.orbital_i for row in orbitals], dtype=str),
            orbital_j=np.array([row.orbital_j for row in orbitals], dtype=str),
            icohp=np.array([row.values for row in orbitals], dtype=float).reshape(-1, n_spins),
        ),
        complete=complete,
    )


def format_icohplist(values: IcohpList, layout: Layout = 6) -> str:
    """Return the text of a list in the layout of LOBSTER 4 or 6.

    Raises
    ------
    ValueError
        If there are no translations.
    """
    if values.translation is None:
        raise ValueError("a list without translations cannot be written in the layouts of LOBSTER 3 and later")
    spins = range(values.n_spins)
    if layout == 6:
        heading = f"  {values.kind}#          atomMU          atomNU   distance   translation"
        heading += "".join(f"   I{values.kind} (at) eF " for _ in spins)
        lines = [heading, " " * 57 + "".join(f"       for spin {spin + 1} " for spin in spins)]
        lines += _format_rows(values, spins)
    else:
        lines = []
        for spin in spins:
            lines.append(
                f"  {values.kind}#          atomMU          atomNU     distance     translation      "
                f"I{values.kind} (at) eF   for spin  {spin + 1}"
            )
            lines += _format_rows(values, [spin])
    return "\n".join(lines) + "\n"


def _format_rows(values: IcohpList, spins: Sequence[int]) -> list[str]:
    assert values.translation is not None
    orbitals: dict[int, list[int]] = {}
    for row, bond in enumerate(values.orbitals.bond):
        orbitals.setdefault(int(bond), []).append(row)
    lines = []
    for n in range(len(values)):
        left = f"{values.element_i[n]}{values.atom_i[n] + 1}"
        right = f"{values.element_j[n]}{values.atom_j[n] + 1}"
        t = values.translation[n]
        middle = f"{values.distance[n]:11.5f}{t[0]:6d}{t[1]:4d}{t[2]:4d}"
        lines.append(_line(values.label[n], left, right, middle, values.icohp[n], spins))
        for row in orbitals.get(n, []):
            names = (f"{left}_{values.orbitals.orbital_i[row]}", f"{right}_{values.orbitals.orbital_j[row]}")
            lines.append(_line(values.label[n], *names, middle, values.orbitals.icohp[row], spins))
    return lines


def _line(label: int, left: str, right: str, middle: str, icohp: NDArray[np.float64], spins: Sequence[int]) -> str:
    return f"{label:7d} {left:>15s} {right:>15s}{middle}" + "".join(f"{icohp[spin]:17.5f}" for spin in spins)
