"""What the environment of the user and of the daemon holds stays out of nodes, files and logs."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms

from aiida_getl.calculations.lammps import LammpsStageCalculation

SECRET = "hunter2-correct-horse"


def texts_of(node):
    """Yield everything a node would take along into an archive."""
    yield repr(node.base.attributes.all)
    yield repr(node.base.extras.all)
    yield f"{node.label} {node.description}"
    for path in node.base.repository.glob():
        if node.base.repository.get_object(path).is_file():
            yield node.base.repository.get_object_content(path, "rb").decode(errors="replace")
    if isinstance(node, orm.ProcessNode):
        yield repr([log.message for log in orm.Log.collection.get_logs_for(node)])


@pytest.mark.engines
def test_the_environment_stays_out_of_the_graph(lammps_code, cuzr_potential, monkeypatch):
    for name in ("GETL_TEST_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    atoms = Atoms("CuZr", positions=[[0, 0, 0], [1.6, 1.6, 1.6]], cell=np.full(3, 3.3), pbc=True)
    parameters = {
        "kind": "minimise",
        "steps": 2,
        "energy_tolerance": 0.0,
        "force_tolerance_eV_per_A": 0.0,
        "thermo_every": 1,
        "frame_every": 1,
    }
    _, node = run_get_node(
        LammpsStageCalculation,
        code=lammps_code,
        structure=orm.StructureData(ase=atoms),
        potential=cuzr_potential,
        parameters=orm.Dict(parameters),
        metadata={"options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}},
    )
    assert node.is_finished_ok, node.exit_message
    links = [*node.base.links.get_incoming().all_nodes(), *node.base.links.get_outgoing().all_nodes()]
    found = [node, *links]
    assert len(found) > 6
    assert any("run 0" in text or "minimize" in text for each in found for text in texts_of(each))  # it does look
    assert not [each for each in found for text in texts_of(each) if SECRET in text]
