"""The records of a stage that was interrupted and taken up again, as one."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.lammps.joined import join_by_step


@calcfunction
def join_parts(**parts: orm.ArrayData) -> orm.ArrayData:
    """Return the thermodynamic data, or the frames, of all jobs of a stage; each step once, see `join_by_step`.

    :param parts: outputs `thermo`, or outputs `trajectory`, of the jobs; their order is that of their names.
    """
    nodes = [node for _, node in sorted(parts.items())]
    step = "steps" if isinstance(nodes[0], orm.TrajectoryData) else "step"
    joined = join_by_step([dict(node.get_iterarrays()) for node in nodes], step)
    if not isinstance(nodes[0], orm.TrajectoryData):
        thermo = orm.ArrayData(joined)
        thermo.base.attributes.set("units", nodes[0].base.attributes.get("units"))
        return thermo
    trajectory = orm.TrajectoryData()
    trajectory.set_trajectory(
        symbols=nodes[0].symbols,
        positions=joined["positions"],
        stepids=joined["steps"],
        cells=joined["cells"],
        times=joined.get("times"),
        pbc=nodes[0].pbc,
    )
    return trajectory
