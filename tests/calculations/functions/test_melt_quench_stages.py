"""The settings of stages as nodes."""

from aiida import orm

from aiida_getl.calculations.functions.melt_quench_stages import melt_quench_stages
from aiida_getl.lammps.melt_quench import STAGES
from aiida_getl.lammps.stage import stage_from_dict
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain


def test_every_protocol_gives_valid_stages():
    for protocol in MeltQuenchWorkChain.get_available_protocols():
        parameters = orm.Dict(MeltQuenchWorkChain.get_protocol_inputs(protocol)["parameters"])
        stages = melt_quench_stages(parameters)
        assert set(stages) == set(STAGES)
        for node in stages.values():
            assert stage_from_dict(node.get_dict()).steps > 0
            assert node.creator.inputs.parameters == parameters
