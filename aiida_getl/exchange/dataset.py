"""A database of interactions as files that need no AiiDA: a folder of text and tables, or an ASE database.

Folder: ``structures.extxyz`` (a frame for each structure), ``bonds.csv`` and, with pyarrow, ``bonds.parquet`` (the same
rows twice), ``metadata.json``. ASE database: a row for each structure, its bonds in the ``data`` of it, the metadata
in those of the database. Numbers are written with all their digits: what is read back is the same.

Å and eV; atoms are counted from 0.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.db import connect
from ase.io import read
from numpy.typing import NDArray

from aiida_getl.exchange.sources import identifier
from aiida_getl.structures.bonds import BondList, bond_types

FORMAT = "aiida-getl-dataset"
FORMAT_VERSION = 1
STRUCTURES, BONDS, PARQUET, METADATA = "structures.extxyz", "bonds.csv", "bonds.parquet", "metadata.json"
#: Columns of the tables of bonds, with their units.
COLUMNS = {
    "structure": "",
    "bond_type": "",
    "atom_i": "",
    "atom_j": "",
    "translation_1": "",
    "translation_2": "",
    "translation_3": "",
    "distance_A": "Å",
    "strength_eV": "eV",
}
#: What the metadata say of each label, see :class:`aiida_getl.data.bonds.BondStrengthsData`.
MADE: dict[str, type] = {"method": dict, "spilling": float, "calculation": dict}


@dataclass(frozen=True)
class LabelledStructure:
    """A structure with the strengths of its bonds.

    Attributes
    ----------
    atoms
        The translations of the bonds belong to its positions as they are.
    bonds
    strength : (n,) eV
        -ICOHP; positive is bonding.
    info
        ``run``, ``sub_run`` and what else is known, e.g. ``composition``, ``structure_id``, ``label_id``; texts.
    """

    atoms: Atoms
    bonds: BondList
    strength: NDArray[np.float64]
    info: dict[str, str]

    def __post_init__(self) -> None:
        n = len(self.atoms)
        if len(self.strength) != len(self.bonds) or not np.isfinite(self.strength).all():
            raise ValueError(f"{self.name}: every bond needs a finite strength")
        for ends in (self.bonds.atom_i, self.bonds.atom_j):
            if len(ends) and not 0 <= ends.min() <= ends.max() < n:
                raise ValueError(f"{self.name}: a bond of atom {ends.max()}, of {n} atoms counted from 0")
        if any(identifier(self.info.get(key, "")) != self.info[key] for key in ("run", "sub_run")):
            raise ValueError(f"{self.name}: run and sub_run must be of letters, digits and single underscores")

    @property
    def name(self) -> str:
        """Run and sub-run."""
        return f"{self.info.get('run', '')} {self.info.get('sub_run', '')}"


def write_folder(folder: Path, structures: list[LabelledStructure], metadata: dict[str, Any]) -> list[Path]:
    """Write a new folder and return its files; ``metadata`` are completed by format, units and checksums.

    Raises
    ------
    FileExistsError
        If there is such a folder or file already.
    """
    folder.mkdir(parents=True)
    frames = "".join(_frame(item) for item in structures)
    (folder / STRUCTURES).write_text(frames, encoding="utf-8")
    columns = _columns(structures)
    with (folder / BONDS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows(zip(*(_texts(column) for column in columns.values()), strict=True))
    files = [folder / STRUCTURES, folder / BONDS]
    if _write_parquet(folder / PARQUET, columns):
        files.append(folder / PARQUET)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    content = {**metadata, **_described(structures), "sha256": sums}
    (folder / METADATA).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [*files, folder / METADATA]


def labels_of(metadata: dict[str, Any], n_structures: int) -> list[dict[str, Any]]:
    """Return what the metadata say of how each label was made, which is :data:`MADE`; at least the method.

    Raises
    ------
    ValueError
        If they say it of another number of labels, or not in these terms.
    """
    labels = metadata.get("labels", [{}] * n_structures)
    if not isinstance(labels, list) or len(labels) != n_structures:
        raise ValueError(f"the metadata need one entry of `labels` for each of {n_structures} structures")
    found = []
    for number, label in enumerate(labels):
        made = {"method": metadata.get("method", {}), **label} if isinstance(label, dict) else {}
        for name, kind in MADE.items():
            if not isinstance(made.get(name, kind()), kind) or not made:
                raise ValueError(f"the metadata of label {number} are {label!r}: `{name}` is not of {kind.__name__}")
        found.append({name: made[name] for name in MADE if name in made})
    return found


def left_out_of(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the structures that are left out, with their reasons; bonds that labels do not list are found anew.

    Raises
    ------
    ValueError
        For entries without run, sub-run or reason.
    """
    entries = metadata.get("left_out", [])
    for entry in entries:
        if not isinstance(entry, dict) or not {"run", "sub_run", "reason"} <= set(entry):
            raise ValueError(f"the metadata have {entry!r} in `left_out`, which takes a run, a sub_run and a reason")
    return [entry for entry in entries if "n_bonds" not in entry]


def is_exported(path: Path) -> bool:
    """Return whether a path looks like what :func:`write_folder` or :func:`write_database` wrote."""
    if path.is_file():
        return path.suffix == ".db"
    return all((path / name).is_file() for name in (STRUCTURES, BONDS, METADATA))


def read_folder(folder: Path) -> tuple[list[LabelledStructure], dict[str, Any]]:
    """Return the structures and metadata of a folder.

    Raises
    ------
    ValueError
        For files that are not those that the metadata have checksums of, or that are not understood.
    """
    try:
        metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder / METADATA} is no JSON: {error}") from None
    _check_format(metadata, folder / METADATA)
    for name in (STRUCTURES, BONDS):
        stated = metadata.get("sha256", {}).get(name)
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != stated:
            raise ValueError(
                f"{folder / name} is not the file that {METADATA} has the checksum of: it was cut off or changed; if "
                f"that was meant, write its SHA-256 into {METADATA}"
            )
    frames = read(folder / STRUCTURES, index=":", format="extxyz")
    with (folder / BONDS).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        columns = {name: [row[name] for row in rows] for name in COLUMNS}
        structure = np.array(columns["structure"], dtype=np.int64)
        bonds = BondList(
            np.array(columns["atom_i"], dtype=np.int64),
            np.array(columns["atom_j"], dtype=np.int64),
            np.array([columns[f"translation_{k}"] for k in (1, 2, 3)], dtype=np.int64).T.reshape(-1, 3),
            np.array(columns["distance_A"], dtype=float),
        )
        strength = np.array(columns["strength_eV"], dtype=float)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{folder / BONDS} has no such column, or what is no number in it: {error}") from None
    if len(rows) and not 0 <= structure.min() <= structure.max() < len(frames):
        raise ValueError(f"{folder / BONDS} names structure {structure.max()}, {STRUCTURES} holds {len(frames)}")
    result = []
    for number, atoms in enumerate(frames):
        mine = np.flatnonzero(structure == number)
        info = {key: str(value) for key, value in atoms.info.items()}
        result.append(LabelledStructure(_plain(atoms), bonds.select(mine), strength[mine], info))
    return result, metadata


def write_database(path: Path, structures: list[LabelledStructure], metadata: dict[str, Any]) -> None:
    """Write a new ASE database (``.db``).

    Raises
    ------
    FileExistsError
        If there is such a file already.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already: name a new file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with connect(path, type="db") as database:
        database.metadata = {**metadata, **_described(structures)}
        for item in structures:
            columns = {
                "atom_i": item.bonds.atom_i,
                "atom_j": item.bonds.atom_j,
                "translation": item.bonds.translation,
                "distance_A": item.bonds.distance,
                "strength_eV": item.strength,
            }
            database.write(item.atoms, data={"bonds": columns, "info": item.info})


def read_database(path: Path) -> tuple[list[LabelledStructure], dict[str, Any]]:
    """Return the structures and metadata of an ASE database that :func:`write_database` wrote.

    Raises
    ------
    ValueError
        For another database.
    """
    try:
        with connect(path, type="db") as database:
            metadata = dict(database.metadata)
            _check_format(metadata, path)
            result = [_labelled(row, path) for row in database.select()]
    except sqlite3.Error as error:
        raise ValueError(f"{path.name} is no ASE database, or a damaged one ({error}): export it again") from error
    return result, metadata


def _labelled(row: Any, path: Path) -> LabelledStructure:
    try:
        columns, info = row.data["bonds"], dict(row.data["info"])
        bonds = BondList(*(np.asarray(columns[n]) for n in ("atom_i", "atom_j", "translation", "distance_A")))
        strength = np.asarray(columns["strength_eV"], dtype=float)
    except KeyError as error:
        raise ValueError(f"{path.name}, row {row.id} has no {error}: it is no labelled structure") from None
    return LabelledStructure(_plain(row.toatoms()), bonds, strength, info)


def _check_format(metadata: Any, path: Path) -> None:
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(f"{path.name} does not say 'format: {FORMAT}': it was not written by `aiida-getl dbi export`")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{path.name} is of version {metadata.get('format_version')!r} of the format, and this package reads "
            f"{FORMAT_VERSION}: use the version of aiida-getl that wrote it"
        )


def _described(structures: list[LabelledStructure]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "n_structures": len(structures),
        "n_bonds": sum(len(item.bonds) for item in structures),
        "columns": {name: {"unit": unit} for name, unit in COLUMNS.items()},
        "units": {"positions": "Å", "distance": "Å", "strength": "eV"},
        "conventions": "strength is -ICOHP; atoms and structures are counted from 0; translation is that of atom_j",
    }


def _frame(item: LabelledStructure) -> str:
    """Return a frame of extended XYZ; ASE's own writer would round to eight decimals."""
    cell = " ".join(repr(float(x)) for x in np.asarray(item.atoms.cell).ravel())
    pbc = " ".join("T" if periodic else "F" for periodic in item.atoms.pbc)
    info = " ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in item.info.items())
    lines = [str(len(item.atoms)), f'Lattice="{cell}" Properties=species:S:1:pos:R:3 pbc="{pbc}" {info}']
    for symbol, position in zip(item.atoms.get_chemical_symbols(), item.atoms.positions.tolist(), strict=True):
        lines.append(f"{symbol} " + " ".join(map(repr, position)))
    return "\n".join(lines) + "\n"


def _plain(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def _columns(structures: list[LabelledStructure]) -> dict[str, NDArray]:
    def join(parts: list[NDArray]) -> NDArray:
        return np.concatenate(parts) if parts else np.empty(0)

    values = (
        np.repeat(np.arange(len(structures)), [len(item.bonds) for item in structures]),
        join([bond_types(item.atoms.get_chemical_symbols(), item.bonds) for item in structures]),
        join([item.bonds.atom_i for item in structures]),
        join([item.bonds.atom_j for item in structures]),
        *(join([item.bonds.translation[:, k] for item in structures]) for k in range(3)),
        join([item.bonds.distance for item in structures]),
        join([item.strength for item in structures]),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _texts(column: NDArray) -> list:
    return [repr(value) for value in column.tolist()] if column.dtype.kind == "f" else column.tolist()


def _write_parquet(path: Path, columns: dict[str, NDArray]) -> bool:
    """Write the columns with their units; return whether pyarrow is there to do it."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        return False
    fields = [
        pa.field(name, pa.string() if array.dtype.kind == "U" else pa.from_numpy_dtype(array.dtype)).with_metadata(
            {"unit": COLUMNS[name]}
        )
        for name, array in columns.items()
    ]
    parquet.write_table(pa.table(columns, schema=pa.schema(fields)), path, compression="zstd")
    return True
