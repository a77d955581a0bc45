"""The settings of each stage of a melt-quench."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.lammps.melt_quench import MeltQuench
from aiida_getl.lammps.stage import stage_to_dict


@calcfunction
def melt_quench_stages(parameters: orm.Dict) -> dict[str, orm.Dict]:
    """Return the settings of the stages by their names, see `aiida_getl.lammps.melt_quench`.

    :param parameters: the settings of the melt-quench.
    """
    stages = MeltQuench.from_dict(parameters.get_dict()).stages()
    return {name: orm.Dict(stage_to_dict(stage)) for name, stage in stages.items()}
