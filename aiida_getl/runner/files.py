"""The files of ``getl-learn``: arrays as npz without pickle, everything else as JSON."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.exchange.predictions import BondRecords
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.model import EtlModel
from aiida_getl.structures.bonds import BondList

#: What is to be done, and with which settings.
JOB = "job.json"
#: What was found.
RESULT = "result"
#: Why nothing was found.
ERROR = "error.json"

_DESCRIPTOR = "descriptor."
_FLAG = "flag."


def write(folder: Path, name: str, arrays: Mapping[str, NDArray], attributes: Any) -> None:
    """Write ``<name>.npz`` and ``<name>.json``."""
    with (folder / f"{name}.npz").open("wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]
    (folder / f"{name}.json").write_text(json.dumps(attributes))


def read(folder: Path, name: str) -> tuple[dict[str, NDArray], Any]:
    """Return the arrays and attributes that :func:`write` wrote.

    Raises
    ------
    ValueError
        For files that are missing or damaged, naming them.
    """
    try:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        return arrays, json.loads((folder / f"{name}.json").read_text())
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as exception:
        raise ValueError(f"{name}.npz and {name}.json are missing or damaged: {exception}") from exception


def write_table(folder: Path, name: str, table: BondTable) -> None:
    """Write a table of labelled bonds."""
    own = {f.name for f in fields(BondTable)} - {"structures", "descriptors"}
    columns = {key: getattr(table, key) for key in own}
    columns |= {_DESCRIPTOR + kind: rows for kind, rows in table.descriptors.items()}
    write(folder, name, columns, table.structures)


def read_table(folder: Path, name: str) -> BondTable:
    """Return a table of labelled bonds."""
    arrays, structures = read(folder, name)
    kinds = [key for key in arrays if key.startswith(_DESCRIPTOR)]
    descriptors = {key.removeprefix(_DESCRIPTOR): arrays.pop(key) for key in kinds}
    return BondTable(**arrays, structures=structures, descriptors=descriptors)


def write_structures(folder: Path, name: str, structures: Sequence[Atoms]) -> None:
    """Write periodic structures: all atoms in one array, since there may be thousands of frames."""
    empty = Atoms()
    arrays = {
        "n_atoms": np.array([len(own) for own in structures], dtype=np.int64),
        "numbers": np.concatenate([own.numbers for own in (empty, *structures)]),
        "positions": np.concatenate([own.positions for own in (empty, *structures)]),
        "cells": np.array([own.cell[:] for own in structures], dtype=float).reshape(-1, 3, 3),
    }
    write(folder, name, arrays, len(structures))


def read_structures(folder: Path, name: str) -> list[Atoms]:
    """Return periodic structures."""
    arrays, _ = read(folder, name)
    ends = np.cumsum(arrays["n_atoms"])
    return [
        Atoms(arrays["numbers"][end - n : end], positions=arrays["positions"][end - n : end], cell=cell, pbc=True)
        for n, end, cell in zip(arrays["n_atoms"], ends, arrays["cells"], strict=True)
    ]


def write_described(
    folder: Path, name: str, bonds: BondList, rows: Mapping[str, NDArray], descriptors: list[dict[str, Any]]
) -> None:
    """Write bonds with the rows of each kind of descriptor, and the settings of these."""
    arrays = {f.name: getattr(bonds, f.name) for f in fields(BondList)}
    write(folder, name, arrays | {_DESCRIPTOR + kind: own for kind, own in rows.items()}, descriptors)


def read_described(folder: Path, name: str) -> tuple[BondList, dict[str, NDArray], list[dict[str, Any]]]:
    """Return what :func:`write_described` wrote."""
    arrays, descriptors = read(folder, name)
    rows = {key.removeprefix(_DESCRIPTOR): own for key, own in arrays.items() if key.startswith(_DESCRIPTOR)}
    return BondList(*(arrays[f.name] for f in fields(BondList))), rows, descriptors


def write_model(folder: Path, name: str, model: EtlModel) -> None:
    """Write a model."""
    write(folder, name, *model.to_arrays())


def read_model(folder: Path, name: str) -> EtlModel:
    """Return a model; it predicts the same as the one that was written, bit for bit."""
    return EtlModel.from_arrays(*read(folder, name))


def write_records(folder: Path, name: str, records: BondRecords) -> None:
    """Write predicted bonds."""
    arrays = {f.name: getattr(records.bonds, f.name) for f in fields(BondList)}
    arrays |= {key: getattr(records, key) for key in ("type", "mean", "std")}
    write(folder, name, arrays | {_FLAG + key: flag for key, flag in records.flags.items()}, {})


def read_records(folder: Path, name: str) -> BondRecords:
    """Return predicted bonds."""
    arrays, _ = read(folder, name)
    flags = {key.removeprefix(_FLAG): arrays[key] for key in arrays if key.startswith(_FLAG)}
    bonds = BondList(*(arrays[f.name] for f in fields(BondList)))
    return BondRecords(bonds, arrays["type"], arrays["mean"], arrays["std"], flags)
