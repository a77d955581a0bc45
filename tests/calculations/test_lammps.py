"""Inputs of `getl.lammps`: the files it writes, and what it refuses."""

import io

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory

from aiida_getl.structures.packing import random_packing

PARAMETERS = {
    "kind": "npt",
    "steps": 20,
    "timestep_ps": 0.002,
    "temperature_start_K": 300.0,
    "temperature_end_K": 300.0,
    "temperature_damping_ps": 0.2,
    "pressure_damping_ps": 2.0,
    "new_velocities": True,
    "thermo_every": 10,
    "frame_every": 10,
}


@pytest.fixture
def inputs(lammps_code, cuzr_potential):
    return {
        "code": lammps_code,
        "structure": orm.StructureData(ase=random_packing({"Zr": 4, "Cu": 4}, 0)),
        "potential": cuzr_potential,
        "parameters": orm.Dict(PARAMETERS),
        "seed": orm.Int(5),
        "metadata": {"options": {"resources": {"num_machines": 1}}},
    }


@pytest.fixture
def submit(sandbox):
    """Return a function that writes a job's files and returns its ``CalcInfo``."""

    def prepare(inputs):
        process = instantiate_process(get_manager().get_runner(), CalculationFactory("getl.lammps"), **inputs)
        return process.prepare_for_submission(sandbox)

    return prepare


@pytest.fixture
def sandbox():
    from aiida.common.folders import SandboxFolder

    with SandboxFolder() as folder:
        yield folder


def test_starts_from_a_structure(inputs, submit, sandbox):
    calcinfo = submit(inputs)
    text = sandbox.get_content_list()
    assert sorted(text) == ["input.in", "structure.data"]
    with sandbox.open("input.in") as handle:
        script = handle.read()
    assert "pair_style eam/fs\npair_coeff * * potential.eam Zr Cu\n" in script
    assert "velocity all create 300 " in script
    assert [entry[2] for entry in calcinfo.local_copy_list] == ["potential.eam"]
    assert calcinfo.retrieve_list == ["lammps.out"]
    assert "frames.dump" in calcinfo.retrieve_temporary_list
    assert calcinfo.codes_info[0].cmdline_params == ["-in", "input.in", "-log", "none"]


def test_starts_from_a_restart(inputs, submit, sandbox):
    restart = orm.SinglefileData(io.BytesIO(b"binary"), filename="end.restart").store()
    parameters = orm.Dict({**PARAMETERS, "new_velocities": False})
    del inputs["seed"]
    calcinfo = submit({**inputs, "restart": restart, "parameters": parameters})
    assert sandbox.get_content_list() == ["input.in"]
    assert (restart.uuid, "end.restart", "start.restart") in calcinfo.local_copy_list
    with sandbox.open("input.in") as handle:
        assert "velocity" not in handle.read()


def refused(inputs, message, **changes):
    changed = {name: value for name, value in {**inputs, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        instantiate_process(get_manager().get_runner(), CalculationFactory("getl.lammps"), **changed)


def test_refuses_bad_inputs(inputs):
    text = orm.SinglefileData(io.BytesIO(b"not a potential\n" * 20), filename="notes.txt")
    restart = orm.SinglefileData(io.BytesIO(b"binary"), filename="end.restart")
    refused(inputs, "notes.txt: this is no EAM potential", potential=text)
    refused(inputs, "has no Al, only Cu, Zr", structure=orm.StructureData(ase=random_packing({"Cu": 4, "Al": 4}, 0)))
    refused(inputs, "steps is -1", parameters=orm.Dict({**PARAMETERS, "steps": -1}))
    refused(inputs, "`seed` is missing", seed=None)
    refused(inputs, "not both", restart=restart, checkpoint=restart)
    refused(inputs, "script", script=restart)
    slab = random_packing({"Zr": 4, "Cu": 4}, 0)
    slab.pbc = (True, True, False)
    refused(inputs, "periodic in all directions", structure=orm.StructureData(ase=slab))


@pytest.mark.engines
def test_runs(inputs):
    # Dynamics without a minimisation before it would tear the random start apart.
    inputs["parameters"] = orm.Dict(
        {
            "kind": "minimise",
            "steps": 20,
            "energy_tolerance": 0.0,
            "force_tolerance_eV_per_A": 0.0,
            "thermo_every": 10,
            "frame_every": 10,
        }
    )
    outputs, node = run_get_node(CalculationFactory("getl.lammps"), **inputs)
    assert node.is_finished_ok, node.exit_message
    assert outputs["trajectory"].get_stepids().tolist() == [0, 10, 20]
    # The dump lives on in the trajectory only.
    assert outputs["retrieved"].base.repository.list_object_names() == [
        "_scheduler-stderr.txt",
        "_scheduler-stdout.txt",
        "lammps.out",
    ]
