"""The daemon of the built-in broker runs jobs on the tuned computer."""

import pytest
from aiida.engine import submit


@pytest.mark.engines
def test_daemon_runs_lammps(submit_and_await, lammps_code):
    from aiida.orm import SinglefileData
    from aiida.plugins import CalculationFactory

    builder = CalculationFactory("lammps.raw").get_builder()
    builder.code = lammps_code
    builder.script = SinglefileData.from_string("units metal\nprint 'it runs'\n", filename="in.lmp")
    builder.metadata.options.resources = {"num_machines": 1}
    node = submit_and_await(submit(builder), timeout=900)
    assert "it runs" in node.outputs.retrieved.get_object_content("lammps.out")
