"""The parser of `getl.lammps` on outputs of the real LAMMPS, complete, cut and failed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import ParserFactory

from aiida_getl.structures.packing import random_packing

OUTPUTS = Path(__file__).parent / "lammps"
DYNAMICS = {
    "kind": "npt",
    "steps": 100,
    "timestep_ps": 0.002,
    "temperature_start_K": 2000.0,
    "temperature_end_K": 2000.0,
    "temperature_damping_ps": 0.2,
    "pressure_damping_ps": 2.0,
    "new_velocities": True,
    "thermo_every": 20,
    "frame_every": 50,
}
MINIMISATION = {
    "kind": "minimise",
    "steps": 20,
    "energy_tolerance": 1e-6,
    "force_tolerance_eV_per_A": 1e-3,
    "thermo_every": 5,
    "frame_every": 20,
}


@pytest.fixture
def parse(aiida_localhost, tmp_path):
    """Return a function that parses a folder of outputs as those of a job with the given settings."""

    def run(case, parameters=DYNAMICS, without=(), scheduler_status=None, structure=None):
        temporary = tmp_path / "temporary"
        shutil.copytree(OUTPUTS / case, temporary)
        for name in without:
            (temporary / name).unlink()
        node = orm.CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:getl.lammps")
        node.set_option("resources", {"num_machines": 1})
        node.set_option("output_filename", "lammps.out")
        structure = structure or orm.StructureData(ase=random_packing({"Cu": 4, "Zr": 4}, 3))
        for name, data in (("structure", structure), ("parameters", orm.Dict(parameters))):
            node.base.links.add_incoming(data.store(), LinkType.INPUT_CALC, name)
        if scheduler_status:
            node.set_exit_status(scheduler_status)
        node.store()
        retrieved = orm.FolderData()
        if "lammps.out" not in without:
            retrieved.base.repository.put_object_from_file(temporary / "lammps.out", "lammps.out")
        retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        retrieved.store()
        parser = ParserFactory("getl.lammps")
        return parser.parse_from_node(node, store_provenance=False, retrieved_temporary_folder=str(temporary))

    return run


def test_finished(parse):
    outputs, node = parse("finished")
    assert node.is_finished_ok, node.exit_message
    assert set(outputs) == {"results", "thermo", "trajectory", "structure", "restart"}
    results = outputs["results"].get_dict()
    assert results["finished"]
    assert results["steps"] == 100
    assert results["lammps_version"].startswith("22 Jul 2025")
    assert results["warnings"] == []
    thermo = outputs["thermo"]
    assert thermo.get_array("step").tolist() == [0, 20, 40, 60, 80, 100]
    assert thermo.base.attributes.get("units")["pressure"] == "bar"
    temperatures = thermo.get_array("temperature")
    assert temperatures[0] == pytest.approx(2000.0)
    assert results["average_of_last_half"]["temperature"] == pytest.approx(temperatures[3:].mean())
    assert results["final"]["total_energy"] == thermo.get_array("total_energy")[-1]
    np.testing.assert_allclose(
        thermo.get_array("total_energy"), thermo.get_array("potential_energy") + thermo.get_array("kinetic_energy")
    )

    trajectory, structure = outputs["trajectory"], outputs["structure"]
    assert trajectory.get_stepids().tolist() == [0, 50, 100]
    np.testing.assert_allclose(trajectory.get_times(), [0.0, 0.1, 0.2])
    assert trajectory.symbols == ["Cu"] * 4 + ["Zr"] * 4
    np.testing.assert_allclose(np.linalg.det(trajectory.get_cells()), thermo.get_array("volume")[[0, -3, -1]], rtol=0.3)
    np.testing.assert_allclose(np.linalg.det(trajectory.get_cells()[-1]), thermo.get_array("volume")[-1], rtol=1e-9)
    atoms = structure.get_ase()
    np.testing.assert_allclose(atoms.cell[:], trajectory.get_cells()[-1])
    shift = (trajectory.get_positions()[-1] - atoms.positions) @ np.linalg.inv(atoms.cell[:])
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-8)
    assert np.all((atoms.get_scaled_positions(wrap=False) > -1e-6) & (atoms.get_scaled_positions(wrap=False) < 1.0))
    assert outputs["restart"].get_content(mode="rb") == (OUTPUTS / "finished" / "end.restart").read_bytes()


def test_first_frame_is_the_input(parse):
    structure = orm.StructureData(ase=random_packing({"Cu": 4, "Zr": 4}, 3))
    outputs, _ = parse("finished", structure=structure)
    np.testing.assert_allclose(outputs["trajectory"].get_positions()[0], structure.get_ase().positions, atol=1e-8)


def test_minimisation_has_no_times(parse):
    outputs, node = parse("minimised", MINIMISATION)
    assert node.is_finished_ok, node.exit_message
    assert "times" not in outputs["trajectory"].get_arraynames()
    assert outputs["results"]["final"]["potential_energy"] < outputs["thermo"].get_array("potential_energy")[0]


def test_killed_keeps_what_was_complete(parse):
    parameters = {**DYNAMICS, "steps": 1000000, "thermo_every": 500, "frame_every": 1000, "checkpoint_every": 2000}
    outputs, node = parse("killed", parameters)
    assert node.exit_status == 400
    assert node.exit_message == ("LAMMPS was stopped without a message: the last step it reported is 29000 of 1000000.")
    assert set(outputs) == {"results", "thermo", "trajectory", "checkpoint"}
    assert not outputs["results"]["finished"]
    assert outputs["thermo"].get_array("step").tolist() == list(range(0, 29001, 500))
    assert outputs["trajectory"].get_stepids().tolist() == list(range(0, 29001, 1000))
    # Written at 2000, 4000, ... in turn: the one of step 28000 is the 14th.
    assert outputs["checkpoint"].get_content(mode="rb") == (OUTPUTS / "killed" / "checkpoint.2").read_bytes()


def test_killed_before_the_first_checkpoint_has_none(parse):
    outputs, node = parse("killed", {**DYNAMICS, "steps": 1000000, "checkpoint_every": 40000})
    assert node.exit_status == 400
    assert "checkpoint" not in outputs


@pytest.mark.parametrize(
    ("case", "parameters", "status", "message"),
    [
        ("lost_atoms", DYNAMICS, 410, "Atoms left the simulation: ERROR: Lost atoms: original 8 current 4"),
        ("non_numeric", DYNAMICS, 411, "The dynamics is unstable: ERROR: Non-numeric pressure"),
        ("not_finite", MINIMISATION, 411, "the pressure is nan at step 0"),
        ("too_hot", DYNAMICS, 411, "the temperature is 198273 K at step 20"),
        ("potential_refused", DYNAMICS, 310, "refused the pair style or the potential: ERROR on proc 0: Not a valid"),
        ("error", DYNAMICS, 309, "ERROR: Unknown command: timestap 0.002"),
        ("cut_frames", DYNAMICS, 354, "the last of its frames is cut off"),
    ],
)
def test_failures(parse, case, parameters, status, message):
    outputs, node = parse(case, parameters)
    assert node.exit_status == status
    assert message in node.exit_message
    assert "results" in outputs
    assert not {"structure", "restart"} & set(outputs)


def test_cut_frames_are_left_out(parse):
    outputs, _ = parse("cut_frames")
    assert outputs["trajectory"].get_stepids().tolist() == [0, 50]


@pytest.mark.parametrize(
    ("missing", "status"), [("lammps.out", 351), ("frames.dump", 353), ("end.restart", 355)], ids=str
)
def test_missing_files(parse, missing, status):
    outputs, node = parse("finished", without=[missing])
    assert node.exit_status == status
    assert ("thermo" in outputs) == (missing != "lammps.out")


def test_frames_of_other_atoms_are_refused(parse):
    outputs, node = parse("finished", structure=orm.StructureData(ase=random_packing({"Cu": 3, "Zr": 5}, 3)))
    assert node.exit_status == 353
    assert "not those of the structure" in node.exit_message
    assert "trajectory" not in outputs


@pytest.mark.parametrize("status", [110, 120])
def test_what_the_scheduler_reported_is_kept(parse, status):
    parameters = {**DYNAMICS, "steps": 1000000, "thermo_every": 500, "frame_every": 1000, "checkpoint_every": 2000}
    outputs, node = parse("killed", parameters, scheduler_status=status)
    # The engine keeps the scheduler's exit status exactly if the parser returns none of its own.
    assert node.exit_status == 0
    assert {"thermo", "trajectory", "checkpoint"} < set(outputs)
