"""Nodes as what active learning chooses from, and for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from ase import Atoms

from aiida_getl.acquisition.sources import GlassRun, LabelledStructure, TargetStructure


def target_structures(targets: Mapping[str, orm.Data]) -> list[TargetStructure]:
    """Return all structures of a target, every frame of a trajectory.

    :raises ValueError: for a trajectory without cells.
    """
    return [
        TargetStructure(id=node.uuid, atoms=atoms, frame=frame)
        for _, node in sorted(targets.items())
        for frame, atoms in enumerate(frames_of(node))
    ]


def labelled_structures(structures: Sequence[Mapping[str, Any]]) -> list[LabelledStructure]:
    """Return the structures of a database of interactions; those in the original format hold none."""
    return [
        LabelledStructure(
            id=entry["structure_id"],
            atoms=orm.load_node(entry["structure_id"]).get_ase(),
            run=entry["run"],
            sub_run=entry["sub_run"],
        )
        for entry in structures
        if entry["structure_id"] is not None
    ]


def glass_runs(trajectories: Mapping[str, orm.TrajectoryData]) -> list[GlassRun]:
    """Return melt-quench runs by name with their frames."""
    return [GlassRun(id=node.uuid, frames=frames_of(node), run=run) for run, node in sorted(trajectories.items())]


def frames_of(node: orm.StructureData | orm.TrajectoryData) -> list[Atoms]:
    """Return all frames of a trajectory, whose files are read once, or the one structure.

    :raises ValueError: for a trajectory without cells.
    """
    if isinstance(node, orm.StructureData):
        return [node.get_ase()]
    positions, cells = node.get_positions(), node.get_cells()
    if cells is None:
        raise ValueError(f"the trajectory <{node.pk}> has no cells: bonds between periodic images need them")
    first = Atoms(node.symbols, positions=positions[0], cell=cells[0], pbc=True)
    frames = [first.copy() for _ in positions]
    for frame, places, cell in zip(frames, positions, cells, strict=True):
        frame.set_cell(cell)
        frame.set_positions(places)
    return frames
