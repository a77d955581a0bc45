"""Predict structures one after the other, sum up, and write files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms

from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.tables import table
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData
from aiida_getl.data.results import to_atoms
from aiida_getl.exchange.predictions import WRITERS, BondRecords, write_predictions
from aiida_getl.importer import import_structure_file
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.infer import InferWorkChain


def predict_all(
    model: BondModelData,
    names: tuple[str, ...],
    outputs: tuple[Path, ...],
    r_max: float | None,
    code: orm.AbstractCode | None,
) -> None:
    """Predict every frame of every structure, print a summary of each, and write the files."""
    for path in outputs:
        _check_ending(path)
    found: list[tuple[orm.Data, int, BondStrengthsData]] = []
    structures = [_structure(name) for name in names]
    _check_number(outputs, sum(_n_frames(structure) for structure in structures))
    for name, structure in zip(names, structures, strict=True):
        n_frames = _n_frames(structure)
        for frame in range(n_frames):
            bonds = _predict(model, structure, frame if n_frames > 1 else None, r_max, code)
            found.append((structure, frame, bonds))
            title = f"{name}, frame {frame}" if n_frames > 1 else name
            click.echo(f"{title}: {_summary(bonds)}")
            click.echo(_types(bonds) + "\n")
    metadata = {"model": model.uuid, "predictions": " ".join(bonds.uuid for _, _, bonds in found[:100])}
    reach = model.base.attributes.get("model")["r_max"] if r_max is None else r_max
    for path in outputs:
        try:
            n = write_predictions(path, _frames(found, reach), metadata)
        except (ValueError, OSError, ModuleNotFoundError) as exception:
            raise click.ClickException(str(exception)) from exception
        click.echo(f"Wrote       {path} ({n} bonds)")
    missing = sum(sum(_left_out(bonds).values()) for _, _, bonds in found)
    if missing and outputs:
        click.echo(
            f"            {missing} bonds have no prediction: without a strength in tables, in n_missing of atoms"
        )
    click.echo(f"Next        aiida-getl trace {found[-1][2].pk} --bond 0")
    if len(found) > 1:
        click.echo(f"            aiida-getl model compare {found[0][2].pk} {found[-1][2].pk}")


def _check_ending(path: Path) -> None:
    if not path.name.lower().endswith(tuple(WRITERS)):
        raise click.UsageError(f"--output {path}: its ending names no format; choose from {', '.join(WRITERS)}")


def _check_number(paths: tuple[Path, ...], n: int) -> None:
    for path in paths:
        if n > 1 and path.suffix.lower() == ".lobster":
            raise click.UsageError(f"--output {path}: it can hold one structure, not {n}: write .csv or .parquet")


def _n_frames(structure: orm.Data) -> int:
    return structure.numsteps if isinstance(structure, orm.TrajectoryData) else 1


def _structure(name: str) -> orm.Data:
    if Path(name).is_file():
        try:
            return import_structure_file(Path(name))
        except ValueError as exception:
            raise click.ClickException(str(exception)) from exception
    if Path(name).suffix or "/" in name:
        raise click.ClickException(f"there is no file {name}, and no node can be called so")
    return find_node(name, (orm.StructureData, orm.TrajectoryData))  # type: ignore[return-value]


def _predict(
    model: BondModelData, structure: orm.Data, frame: int | None, r_max: float | None, code: orm.AbstractCode | None
) -> BondStrengthsData:
    settings = {name: value for name, value in (("r_max", r_max), ("frame", frame)) if value is not None}
    builder = InferWorkChain.get_builder()
    builder.model, builder.structure, builder.settings = model, structure, orm.Dict(settings)
    if code is not None:
        builder.code = code
    _, node = run_get_node(builder)
    if not node.is_finished_ok:
        raise click.ClickException(f"{node.process_label} <{node.pk}>: {node.exit_message or node.exception}")
    return node.outputs.predictions


def _summary(bonds: BondStrengthsData) -> str:
    missing = "".join(f"; {count} {name} bonds not predicted" for name, count in _left_out(bonds).items())
    flagged = int(bonds.get_array("extrapolated").sum())
    return (
        f"{bonds.n_bonds} bonds of {len(bonds.symbols)} atoms <{bonds.pk}>, {flagged} beyond what the model was "
        f"trained on{missing}"
    )


def _left_out(bonds: BondStrengthsData) -> dict[str, int]:
    return bonds.base.attributes.get("left_out", {})


def _types(bonds: BondStrengthsData) -> str:
    types, strength, std = bonds.get_bond_types(), bonds.get_strength(), bonds.get_std()
    assert std is not None
    rows: list[tuple[Any, ...]] = []
    for name in sorted(set(types.tolist())):
        mine = types == name
        rows.append(
            (
                name,
                int(mine.sum()),
                f"{strength[mine].mean():.3f}",
                f"{strength[mine].min():.3f}",
                f"{strength[mine].max():.3f}",
                f"{std[mine].mean():.3f}",
            )
        )
    return table(("bonds", "number", "mean -ICOHP (eV)", "least", "most", "mean std"), rows)


def _frames(found: list[tuple[orm.Data, int, BondStrengthsData]], reach: float) -> Iterator[tuple]:
    """Go through the structures with their bonds: those of the node, in its order, then those without a prediction."""
    for structure, frame, bonds in found:
        atoms, records = to_atoms(structure, frame), records_of(bonds)
        yield atoms, [records, _unpredicted(atoms, records, reach)] if _left_out(bonds) else [records]


def _unpredicted(atoms: Atoms, predicted: BondRecords, reach: float) -> BondRecords:
    """Return the bonds of at most ``reach`` Å that have no prediction, which the node does not hold."""
    every = find_bonds(atoms.positions, atoms.cell[:], reach)
    known = set(predicted.bonds.keys())
    keys = every.keys()
    bonds = every.select(np.array([key not in known for key in keys], dtype=bool))
    flags = {name: np.zeros(len(bonds), dtype=bool) for name in predicted.flags}
    return BondRecords.from_arrays(atoms.get_chemical_symbols(), bonds, np.full(len(bonds), np.nan), flags=flags)


def records_of(bonds: BondStrengthsData) -> BondRecords:
    """Return stored bond strengths as records to write."""
    names = [*bonds.base.attributes.get("flags", {})]
    flags = {name: bonds.get_array(name) for name in names}
    return BondRecords.from_arrays(bonds.symbols, bonds.get_bonds(), bonds.get_strength(), bonds.get_std(), flags)
