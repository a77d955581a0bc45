"""The original databases of interactions: ``.bnd``, ``.info`` and the pickled SOAP vectors of their atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_getl.exchange.label import read_bytes, read_text
from aiida_getl.exchange.original import sub_run_name
from aiida_getl.exchange.sources import identifier
from aiida_getl.exchange.status import STATUS, USABLE, read_nd_info
from aiida_getl.exchange.unpickle import load_arrays
from aiida_getl.learning.dataset import BondTable
from aiida_getl.structures.bonds import bond_type

#: Mean of the SOAP vectors of both ends as they are in the files, made by quippy.
SOAP = "quippy_end_atom_soap"

_NAME = re.compile(r"(?:.*[_/])?([A-Z][a-z]?)-([A-Z][a-z]?)\.bnd(?:\.gz)?$")
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,9}(\.\d*)?(e-?\d{1,2})?", re.ASCII | re.IGNORECASE)
#: It is shown in tables and files, and must not be taken for more than a name there.
_COMPOSITION = re.compile(r"\w[\w .()-]*")


@dataclass(frozen=True)
class BondDatabase:
    """The interactions of one bond type.

    Attributes
    ----------
    bond_type : e.g. ``Zr-Cu``
    composition : (n,) str
    run, sub_run : (n,) int
    atom_i, atom_j : (n,) int
        Zero-based indices in the structure of the sub-run. Between which images the bond is, the file does not say.
    distance : (n,) Å
    strength : (n,) eV
        -ICOHP.
    soaps : by ``run-sub_run-atom``, atoms counted from 1, the SOAP vector of an atom; empty where there is no such file
    """

    bond_type: str
    composition: NDArray[np.str_]
    run: NDArray[np.int64]
    sub_run: NDArray[np.int64]
    atom_i: NDArray[np.int64]
    atom_j: NDArray[np.int64]
    distance: NDArray[np.float64]
    strength: NDArray[np.float64]
    soaps: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.run)

    def mean_soaps(self) -> NDArray[np.float32] | None:
        """Return (A + B) / 2 of the normalised vectors of both ends, (n, features), or None if one is missing."""
        ends = []
        for atoms in (self.atom_i, self.atom_j):
            keys = [f"{r}-{s}-{a + 1}" for r, s, a in zip(self.run, self.sub_run, atoms, strict=True)]
            if not keys or any(key not in self.soaps for key in keys):
                return None
            vectors = np.array([self.soaps[key] for key in keys])
            ends.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        return (0.5 * (ends[0] + ends[1])).astype(np.float32)


def find_databases(directory: Path) -> list[Path]:
    """Return the ``.bnd`` files of a folder; of one that is there packed, too, the plain one."""
    packed_first = sorted((path for path in directory.iterdir() if _NAME.match(path.name)), reverse=True)
    return sorted({path.name.removesuffix(".gz"): path for path in packed_first if path.is_file()}.values())


def beside(path: Path) -> dict[str, Path]:
    """Return the files that belong to a ``.bnd`` file, itself among them: ``bnd``, ``info``, ``soaps``."""
    name = path.name.removesuffix(".gz").removesuffix(".bnd")
    files = {"bnd": path}
    for role, other in (("info", f"{name}.info"), ("soaps", f"{name}-SOAPS.vec")):
        both = [path.parent / (other + packed) for packed in ("", ".gz")]
        present = [found for found in both if found.is_file()]
        if present:
            files[role] = present[0]
    return files


def read_database(files: dict[str, Path], composition: str | None = None) -> BondDatabase:
    """Read the database of one bond type.

    Parameters
    ----------
    files : as of :func:`beside`
    composition : of databases of a single one; by default what stands before ``-PBSSDB`` in the name of the folder

    Raises
    ------
    ValueError
        For lines that are not understood, naming file and line; numbers of interactions other than the ``.info`` says;
        a SOAP file that is damaged or hostile.
    """
    path = files["bnd"]
    match = _NAME.match(path.name)
    if match is None:
        raise ValueError(f"{path.name} names no bond type: it must end in e.g. Zr-Cu.bnd")
    name = bond_type(*match.groups())
    rows: list[list[str]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.split()
        if not (
            len(fields) in (6, 7)
            and all(_COUNT.fullmatch(field) for field in fields[:-2])
            and all(_NUMBER.fullmatch(field) for field in fields[-2:])
            and (not rows or len(rows[0]) == len(fields))
        ):
            raise ValueError(
                f"{path.name}, line {number}: {line!r} is not '[composition] run sub-run A B distance -ICOHP' "
                "like the lines before"
            )
        rows.append(fields)
    if not rows:
        raise ValueError(f"{path.name} has no interaction")
    table = np.array(rows, dtype=float)
    whole = table[:, :-2].astype(np.int64)
    if len(rows[0]) == 7:
        names = _compositions(files, whole[:, 0], name)
        whole = whole[:, 1:]
    else:
        single = composition or path.resolve().parent.name.removesuffix("-PBSSDB")
        names = np.full(len(rows), single)
    for each in np.unique(names):
        if not _COMPOSITION.fullmatch(str(each)):
            raise ValueError(f"{path.name} is of {str(each)!r}: a composition begins with a letter and has no signs")
    if (whole[:, 2:] < 1).any():
        raise ValueError(f"{path.name} names an atom 0: atoms are counted from 1")
    soaps = load_arrays(read_bytes(files["soaps"]), files["soaps"].name) if "soaps" in files else {}
    if len({vector.shape for vector in soaps.values()}) > 1:
        raise ValueError(f"{files['soaps'].name} holds vectors of different lengths")
    return BondDatabase(
        name,
        names,
        whole[:, 0],
        whole[:, 1],
        whole[:, 2] - 1,
        whole[:, 3] - 1,
        table[:, -2],
        table[:, -1],
        soaps,
    )


def to_table(
    directory: Path, composition: str | None = None
) -> tuple[BondTable, list[dict[str, Any]], list[dict[str, Any]]]:
    """Read all databases of a folder.

    Parameters
    ----------
    directory : with ``.bnd`` files, and perhaps ``ND.info``
    composition : as for :func:`read_database`

    Returns
    -------
    table : of all bond types; translations, which the files do not hold, are zero
    descriptors : settings of the SOAP vectors, if every atom of every database has one, else nothing
    left_out : sub-runs that ``ND.info`` says have no labels

    Raises
    ------
    ValueError
        As :func:`read_database`.
    """
    databases = [read_database(beside(path), composition) for path in find_databases(directory)]
    soaps = [database.mean_soaps() for database in databases]
    lengths = {rows.shape[1] for rows in soaps if rows is not None}
    complete = len(lengths) == 1 and all(rows is not None for rows in soaps)
    keys = [
        key
        for each in databases
        for key in zip(each.composition.tolist(), each.run.tolist(), each.sub_run.tolist(), strict=True)
    ]
    number = {key: k for k, key in enumerate(sorted(set(keys)))}

    def join(name: str) -> NDArray:
        return np.concatenate([getattr(database, name) for database in databases])

    table = BondTable(
        type=np.repeat([database.bond_type for database in databases], [len(database) for database in databases]),
        **{name: join(name) for name in ("distance", "strength", "atom_i", "atom_j")},
        translation=np.zeros((len(keys), 3), dtype=np.int64),
        structure=np.array([number[key] for key in keys], dtype=np.int64),
        structures=[
            {"run": _run(name, run), "sub_run": sub_run_name(sub_run), "composition": name}
            for name, run, sub_run in number
        ],
        descriptors={SOAP: np.concatenate([rows for rows in soaps if rows is not None])} if complete else {},
    )
    elements = sorted({element for database in databases for element in database.bond_type.split("-")})
    settings = [{"kind": SOAP, "species": elements, "n_features": lengths.pop()}] if complete else []
    left_out = []
    if (directory / "ND.info").is_file() and composition is not None:
        codes = read_nd_info((directory / "ND.info").read_text(errors="replace"), "ND.info")
        left_out = [
            {"run": _run(composition, run), "sub_run": sub_run_name(sub_run), "reason": STATUS[code]}
            for (run, sub_run), code in sorted(codes.items())
            if code not in USABLE
        ]
    return table, settings, left_out


def _run(composition: str, run: int) -> str:
    return identifier(f"{composition}_run_{run}")


def _compositions(files: dict[str, Path], index: NDArray[np.int64], name: str) -> NDArray[np.str_]:
    """Return the composition of each row by its number, from the ``.info`` that lists them with their counts."""
    if "info" not in files:
        raise ValueError(f"{files['bnd'].name} numbers its compositions, and the .info that names them is not there")
    path = files["info"]
    lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    if len(lines) < 2 or any(len(fields) != 2 or not fields[1].isdigit() for fields in lines[1:]):
        raise ValueError(f"{path.name} must hold a heading and lines of 'composition number'")
    names = np.array([fields[0] for fields in lines[1:]])
    if index.max() >= len(names):
        raise ValueError(f"{files['bnd'].name} names composition {index.max()}, {path.name} holds {len(names)}")
    counts = np.bincount(index, minlength=len(names))
    stated = np.array([int(fields[1]) for fields in lines[1:]])
    if (counts != stated).any():
        k = int(np.flatnonzero(counts != stated)[0])
        raise ValueError(
            f"{files['bnd'].name} holds {counts[k]} {name} interactions of {names[k]}, {path.name} says {stated[k]}: "
            "one of them is not complete"
        )
    return names[index]
