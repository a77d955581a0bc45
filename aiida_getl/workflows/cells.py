"""Names and sources of the cells that a loop labels: what belongs to which glass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm

from aiida_getl.structures.deformation import AS_QUENCHED

#: The part of a recipe that names the node a cell is made from.
SOURCES = {"deform": "parent", "frame": "run", "cut": "target", "given": "structure"}


def glasses_of(structures: Sequence[Mapping[str, Any]]) -> dict[str, orm.TrajectoryData]:
    """Return the sampled frames of the melt-quench runs that labelled cells come from, by the name of the run.

    :param structures: those of a database of interactions.
    """
    runs = {entry["structure_id"]: entry["run"] for entry in structures if entry["sub_run"] == AS_QUENCHED}
    runs.pop(None, None)  # databases in the original format hold no structures
    if not runs:
        return {}
    query = orm.QueryBuilder()
    query.append(orm.StructureData, filters={"uuid": {"in": list(runs)}}, tag="glass", project="uuid")
    query.append(
        orm.WorkChainNode,
        filters={"attributes.process_label": "MeltQuenchWorkChain"},
        with_outgoing="glass",
        tag="run",
    )
    query.append(orm.TrajectoryData, with_incoming="run", edge_filters={"label": "trajectory"}, project="*")
    return {runs[uuid]: trajectory for uuid, trajectory in query.iterall()}


def new_prefix(structures: Sequence[Mapping[str, Any]]) -> str:
    """Return a start for the names of glasses that none in a database has: ``loop1``, or the next."""
    taken = {entry["run"].split("_")[0] for entry in structures}
    number = 1
    while f"loop{number}" in taken:
        number += 1
    return f"loop{number}"


def names_of_cells(
    items: Sequence[Mapping[str, Any]],
    structures: Sequence[Mapping[str, Any]],
    glasses: Mapping[str, orm.TrajectoryData],
    prefix: str,
) -> dict[int, tuple[str, str]]:
    """Return run and sub-run of the cells of a decision, by the number of the item.

    A deformed cell and a further frame belong to the glass that they come from, so that validation leaves them out
    together with it. All cells cut from the target make one group, since they may hold the same atoms.

    :param items: of the decision.
    :param structures: those of the database so far.
    :param glasses: frames by run, see :func:`glasses_of`.
    :param prefix: start of the names of new glasses.
    """
    known = {entry["structure_id"]: entry["run"] for entry in structures}
    runs = {trajectory.uuid: run for run, trajectory in glasses.items()}
    taken = {(entry["run"], entry["sub_run"]) for entry in structures}
    names: dict[int, tuple[str, str]] = {}
    for item in items:
        recipe, number = item["recipe"], item["number"]
        own = f"{prefix}_{number}"
        if recipe["operation"] == "deform":
            name = (known[recipe["parent"]], recipe["deformation"]["name"])
        elif recipe["operation"] == "frame":
            name = (runs[recipe["run"]], f"frame_{recipe['frame']}")
        elif recipe["operation"] == "cut":
            name = (f"{prefix.split('_')[0]}_cut", own)
        else:
            name = (own, AS_QUENCHED)
        if name in taken:
            name = (name[0], f"{name[1]}_{own}")
        taken.add(name)
        names[number] = name
    return names
