"""Nodes as what active learning chooses from, and for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm

from aiida_getl.acquisition.sources import GlassRun, LabelledStructure, TargetStructure
from aiida_getl.data.results import to_atoms


def target_structures(targets: Mapping[str, orm.Data]) -> list[TargetStructure]:
    """Return all structures of a target, every frame of a trajectory.

    :raises ValueError: for a trajectory without cells.
    """
    return [
        TargetStructure(id=node.uuid, atoms=to_atoms(node, frame), frame=frame)
        for _, node in sorted(targets.items())
        for frame in range(node.numsteps if isinstance(node, orm.TrajectoryData) else 1)
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
    return [
        GlassRun(id=node.uuid, frames=[to_atoms(node, frame) for frame in range(node.numsteps)], run=run)
        for run, node in sorted(trajectories.items())
    ]
