"""Write predicted bond strengths for other programs: CSV, Parquet, extended XYZ and ICOHPLIST.lobster.

Frames are taken one after the other, each in as many parts as the caller likes, so that neither a long trajectory nor a
large cell has to fit into memory. A file appears under its name only when it is complete.

Units: Å and eV. Atoms are counted from 0 as in ASE and OVITO; in ICOHPLIST.lobster from 1, as there.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write
from numpy.typing import NDArray

from aiida_getl.learning.analytics import atom_bonding
from aiida_getl.lobster.icohplist import IcohpList, OrbitalRows, format_icohplist
from aiida_getl.structures.bonds import BondList, bond_types

#: Columns of the tables, with their units.
COLUMNS = {
    "frame": "",
    "bond_type": "",
    "index_i": "",
    "index_j": "",
    "translation_1": "",
    "translation_2": "",
    "translation_3": "",
    "distance_A": "Å",
    "strength_eV": "eV",
    "std_eV": "eV",
}
#: Rows of a row group of Parquet: small enough for memory, large enough for its compression.
ROW_GROUP = 500_000


@dataclass(frozen=True)
class BondRecords:
    """Predicted bonds of one frame, or of a part of it.

    Attributes
    ----------
    bonds : the bonds
    type : (n,) bond types
    mean, std : (n,) eV
        -ICOHP and its standard deviation; NaN for bonds without a prediction.
    flags : by name (n,) bool
        What there is to know about a prediction, e.g. ``outside_range``.
    """

    bonds: BondList
    type: NDArray[np.str_]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    flags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in {"type": self.type, "mean": self.mean, "std": self.std, **self.flags}.items():
            if len(column) != len(self.bonds):
                raise ValueError(f"{len(self.bonds)} predicted bonds have {len(column)} values of {name}")

    def __len__(self) -> int:
        return len(self.bonds)

    @classmethod
    def from_prediction(cls, prediction: Any) -> BondRecords:
        """Return the records of a :class:`aiida_getl.learning.model.Prediction`, with all its flags."""
        flags = {
            f.name: value
            for f in fields(prediction)
            for value in [getattr(prediction, f.name)]
            if isinstance(value, np.ndarray) and value.dtype == bool
        }
        return cls(prediction.bonds, prediction.type, prediction.mean, prediction.std, flags)

    @classmethod
    def from_arrays(
        cls,
        symbols: list[str],
        bonds: BondList,
        strength: NDArray,
        std: NDArray | None = None,
        flags: Mapping[str, NDArray] | None = None,
    ) -> BondRecords:
        """Return the records of strengths of any origin, labels included; without ``std`` it is NaN."""
        strength = np.asarray(strength, dtype=float)
        unknown = np.full(len(bonds), np.nan)
        return cls(bonds, bond_types(symbols, bonds), strength, unknown if std is None else std, flags or {})


#: A structure and its bonds, in one part or more.
Frame = tuple[Atoms, Iterable[BondRecords]]


def write_predictions(path: Path, frames: Iterable[Frame], metadata: Mapping[str, str] | None = None) -> int:
    """Write frames into a file, in the format that its name tells.

    ``.csv`` and ``.csv.gz`` (a row per bond, units in the names of the columns), ``.parquet`` (the same; units and
    metadata in its schema), ``.xyz`` and ``.extxyz`` (per atom the sum of its bond strengths and more), ``.lobster``
    (the bonds of one structure that have a prediction).

    Parameters
    ----------
    path : of the file; folders are made
    frames : structures with their bonds
    metadata : where the predictions come from; kept by Parquet and extended XYZ

    Returns
    -------
    Number of bonds written, or summed up.

    Raises
    ------
    ValueError
        For another ending, more than one frame or no prediction in a ``.lobster`` file, or flags that differ between
        parts.
    ModuleNotFoundError
        For Parquet without pyarrow.
    """
    name = path.name.lower()
    ending = ".csv.gz" if name.endswith(".csv.gz") else Path(name).suffix
    if ending not in WRITERS:
        raise ValueError(f"{path} ends with {ending!r}, which names no format: choose from {', '.join(WRITERS)}")
    with _complete(path) as partial:
        return WRITERS[ending](partial, frames, dict(metadata or {}))


@contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes the path only if nothing fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _numbered(frames: Iterable[Frame]) -> Iterator[tuple[int, BondRecords]]:
    """Go through all parts with the number of their frame, which all have the same flags."""
    expected: list[str] | None = None
    for number, (_, parts) in enumerate(frames):
        for records in parts:
            expected = list(records.flags) if expected is None else expected
            if list(records.flags) != expected:
                raise ValueError(f"frame {number} has the flags {list(records.flags)}, those before it {expected}")
            yield number, records


def _columns(frame: int, records: BondRecords) -> dict[str, NDArray]:
    bonds = records.bonds
    values = (
        np.full(len(records), frame, dtype=np.int32),
        records.type,
        bonds.atom_i.astype(np.int32),
        bonds.atom_j.astype(np.int32),
        *bonds.translation.T.astype(np.int16),
        bonds.distance,
        records.mean,
        records.std,
    )
    return {**dict(zip(COLUMNS, values, strict=True)), **records.flags}


def _write_csv(path: Path, frames: Iterable[Frame], metadata: dict[str, str]) -> int:
    return _write_rows(path.open("w", newline="", encoding="utf-8"), frames)


def _write_csv_gz(path: Path, frames: Iterable[Frame], metadata: dict[str, str]) -> int:
    return _write_rows(gzip.open(path, "wt", newline="", encoding="utf-8", compresslevel=5), frames)


def _write_rows(file: Any, frames: Iterable[Frame]) -> int:
    n, heading = 0, None
    with file:
        rows = csv.writer(file, lineterminator="\n")
        for frame, records in _numbered(frames):
            columns = _columns(frame, records)
            if heading is None:
                heading = list(columns)
                rows.writerow(heading)
            n += len(records)
            rows.writerows(zip(*map(_text, columns.values()), strict=True))
        if heading is None:
            rows.writerow(COLUMNS)
    return n


def _text(column: NDArray) -> list:
    """Return a column for CSV: five decimals as in LOBSTER's files, 0 or 1 for flags, nothing for NaN."""
    if column.dtype == bool:
        return column.astype(int).tolist()
    if column.dtype.kind == "f":
        return [f"{value:.5f}" if value == value else "" for value in column.tolist()]
    return column.tolist()


def _write_parquet(path: Path, frames: Iterable[Frame], metadata: dict[str, str]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Parquet files need pyarrow: pip install 'aiida-getl[parquet]'") from error
    n, waiting = 0, []

    def schema(columns: dict[str, NDArray]) -> pa.Schema:
        own = [
            pa.field(key, pa.string() if a.dtype.kind == "U" else pa.from_numpy_dtype(a.dtype)).with_metadata(
                {"unit": COLUMNS.get(key, "")}
            )
            for key, a in columns.items()
        ]
        units = {key: unit for key, unit in COLUMNS.items() if unit}
        return pa.schema(own, {**metadata, "units": json.dumps(units, ensure_ascii=False)})

    none, integers = np.empty(0), np.empty(0, dtype=np.int64)
    nothing = BondRecords(BondList(integers, integers, integers.reshape(0, 3), none), none.astype(np.str_), none, none)
    numbered = iter(_numbered(frames))
    first = next(numbered, (0, nothing))
    own_schema = schema(_columns(*first))
    with parquet.ParquetWriter(path, own_schema, compression="zstd") as writer:
        for frame, records in itertools.chain([first], numbered):
            waiting.append(pa.table(_columns(frame, records), schema=own_schema))
            n += len(records)
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return n


def _write_extxyz(path: Path, frames: Iterable[Frame], metadata: dict[str, str]) -> int:
    n = 0
    with path.open("w", encoding="utf-8") as file:
        for number, (atoms, parts) in enumerate(frames):
            n_own, arrays = _per_atom(len(atoms), parts)
            n += n_own
            annotated = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            for name, array in arrays.items():
                annotated.set_array(name, array)
            annotated.info = {"frame": number, "units": "Angstrom eV", **metadata}
            write(file, annotated, format="extxyz")
    return n


def _per_atom(n_atoms: int, parts: Iterable[BondRecords]) -> tuple[int, dict[str, NDArray]]:
    """Return the number of bonds of a frame and what they sum up to at each atom.

    The standard deviation of a sum takes the errors of the bonds of an atom as independent.
    """
    n, strength, variance = 0, np.zeros(n_atoms), np.zeros(n_atoms)
    coordination, missing, flagged = (np.zeros(n_atoms, dtype=np.int64) for _ in range(3))
    for records in parts:
        n += len(records)
        sums = atom_bonding(records.bonds, records.mean, n_atoms, std=records.std)
        strength += sums.strength_sum
        variance += np.square(sums.strength_std)
        coordination += sums.coordination
        missing += sums.n_missing
        any_flag = np.any([*records.flags.values(), np.zeros(len(records), dtype=bool)], axis=0)
        flagged += atom_bonding(records.bonds.select(any_flag), records.mean[any_flag], n_atoms).coordination
    return n, {
        "bond_strength_sum": strength,
        "bond_strength_std": np.sqrt(variance),
        "coordination": coordination,
        "n_missing": missing,
        "n_flagged": flagged,
    }


def _write_icohplist(path: Path, frames: Iterable[Frame], metadata: dict[str, str]) -> int:
    n = 0
    with path.open("w", encoding="utf-8") as file:
        for number, (atoms, parts) in enumerate(frames):
            if number:
                raise ValueError(f"{path.name} can hold one structure, and there are more: write .csv or .parquet")
            symbols = np.array(atoms.get_chemical_symbols())
            for records in parts:
                known = np.isfinite(records.mean)
                lines = format_icohplist(_as_icohplist(symbols, records, known, n), layout=4)
                file.write(lines if not n else lines.split("\n", 1)[1])
                n += int(known.sum())
    if not n:
        raise ValueError("no bond has a prediction, and an ICOHPLIST without bonds is none")
    return n


def _as_icohplist(symbols: NDArray, records: BondRecords, known: NDArray, n_before: int) -> IcohpList:
    bonds = records.bonds.select(known)
    nothing = np.empty(0, dtype=np.str_)
    return IcohpList(
        kind="COHP",
        label=n_before + np.arange(1, len(bonds) + 1),
        element_i=symbols[bonds.atom_i],
        element_j=symbols[bonds.atom_j],
        atom_i=bonds.atom_i,
        atom_j=bonds.atom_j,
        translation=bonds.translation,
        distance=bonds.distance,
        icohp=-records.mean[known][:, None],
        n_averaged=None,
        orbitals=OrbitalRows(np.empty(0, dtype=np.int64), nothing, nothing, np.empty((0, 1))),
        complete=True,
    )


#: What writes each ending.
WRITERS: dict[str, Callable[[Path, Iterable[Frame], dict[str, str]], int]] = {
    ".csv": _write_csv,
    ".csv.gz": _write_csv_gz,
    ".parquet": _write_parquet,
    ".xyz": _write_extxyz,
    ".extxyz": _write_extxyz,
    ".lobster": _write_icohplist,
}
