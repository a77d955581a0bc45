"""Input scripts, and that the real LAMMPS goes on exactly where it stopped."""

import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest

from aiida_getl.lammps import script
from aiida_getl.lammps.datafile import render_data_file
from aiida_getl.lammps.dump import read_dump
from aiida_getl.lammps.log import parse_log
from aiida_getl.lammps.potential import read_potential
from aiida_getl.lammps.stage import Minimisation, MolecularDynamics
from aiida_getl.structures.deformation import deform, deformations
from aiida_getl.structures.packing import random_packing

MINIMISATION = Minimisation(
    steps=200, energy_tolerance=1e-8, force_tolerance_eV_per_A=1e-4, thermo_every=10, frame_every=200
)


def dynamics(**changes):
    settings = {
        "steps": 200,
        "timestep_ps": 0.002,
        "temperature_start_K": 2000.0,
        "temperature_end_K": 1500.0,
        "temperature_damping_ps": 0.2,
        "pressure_damping_ps": 2.0,
        "thermo_every": 20,
        "frame_every": 100,
    }
    return MolecularDynamics(**(settings | changes))


@pytest.fixture
def run_lammps(engine_path, cuzr_potential_path, tmp_path):
    """Return a function that runs one stage in a common folder and returns its log and frames."""

    def run(stage, potential=cuzr_potential_path, elements=("Cu", "Zr"), **options):
        shutil.copy(potential, tmp_path / script.POTENTIAL_FILE)
        pair_style = read_potential(potential).pair_style
        (tmp_path / "input.in").write_text(script.render_script(stage, pair_style, elements, **options))
        command = [str(engine_path("lmp")), "-in", "input.in", "-log", "none"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        log = parse_log(done.stdout)
        assert log.finished, done.stdout + done.stderr
        return log, read_dump(tmp_path / script.DUMP_FILE)

    return run


def test_ramp():
    text = script.render_script(dynamics(checkpoint_every=40), "eam/alloy", ["Zr", "Cu", "Al"], start="restart")
    assert "pair_coeff * * potential.eam Zr Cu Al\n" in text
    assert "fix npt all npt temp 2000 1500 0.2 iso 0 0 2\n" in text
    assert "restart 40 checkpoint.1 checkpoint.2\n" in text
    assert "velocity" not in text
    assert text.index("read_restart") < text.index("reset_timestep") < text.index("run 200")
    assert "read_data" not in text


def test_funcfl_has_one_element():
    assert "pair_coeff * * potential.eam\n" in script.render_script(MINIMISATION, "eam", ["Cu"])
    with pytest.raises(ValueError, match="one element"):
        script.render_script(MINIMISATION, "eam", ["Cu", "Zr"])


def test_seeds():
    seeds = {script.derive_seed(seed, purpose) for seed in range(100) for purpose in ("velocities", "positions")}
    assert len(seeds) == 200
    assert all(0 < seed < 2**31 - 1 for seed in seeds)
    # A change would change every glass.
    assert script.derive_seed(1, "velocities") == script.derive_seed(1, "velocities")
    with pytest.raises(ValueError, match="negative"):
        script.derive_seed(-1, "velocities")


@pytest.mark.engines
@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("Cu_u3.eam", ["Cu"]),
        ("AlCu.eam.alloy", ["Cu", "Al"]),
        ("Al_mm.eam.fs", ["Al"]),
        ("NiAlH_jea.eam.fs", ["Al", "Ni"]),
    ],
)
def test_every_format_of_potential_runs(run_lammps, tmp_path, cuzr_potential_path, name, elements):
    atoms = random_packing(dict.fromkeys(elements, 8), 1)
    (tmp_path / script.DATA_FILE).write_text(render_data_file(atoms, elements))
    log, _ = run_lammps(MINIMISATION, cuzr_potential_path.parent / name, elements)
    energies = log.thermo["potential_energy"]
    assert energies[-1] < energies[0]
    # A metal is bound by a few eV per atom.
    assert -8.0 < energies[-1] / len(atoms) < -2.0
    # The masses are those of the potential.
    assert log.thermo["density"][0] == pytest.approx(atoms.get_masses().sum() * 1.66054 / atoms.get_volume(), rel=1e-3)


@pytest.mark.engines
def test_a_restart_goes_on_where_the_stage_before_stopped(run_lammps, tmp_path):
    (tmp_path / script.DATA_FILE).write_text(render_data_file(random_packing({"Cu": 8, "Zr": 8}, 1), ["Cu", "Zr"]))
    logs, frames = [], []
    for stage, start in (
        (MINIMISATION, "structure"),
        (dynamics(temperature_end_K=2000.0, new_velocities=True), "restart"),
        (dynamics(), "restart"),
    ):
        log, sampled = run_lammps(stage, seed=1, start=start)
        logs.append(log.thermo)
        frames.append(sampled)
        (tmp_path / script.END_RESTART_FILE).rename(tmp_path / script.START_RESTART_FILE)
    for before, after in pairwise(logs):
        assert after["step"][0] == 0
        assert after["potential_energy"][0] == pytest.approx(before["potential_energy"][-1], abs=1e-7)
        assert after["volume"][0] == pytest.approx(before["volume"][-1], abs=1e-9)
    assert logs[2]["total_energy"][0] == pytest.approx(logs[1]["total_energy"][-1], abs=1e-7)
    assert logs[1]["temperature"][0] == pytest.approx(2000.0)
    for before, after in pairwise(frames):
        np.testing.assert_allclose(before.positions[-1], after.positions[0], atol=1e-8)


@pytest.mark.engines
def test_a_checkpoint_is_taken_to_the_end_of_the_ramp(run_lammps, tmp_path):
    (tmp_path / script.DATA_FILE).write_text(render_data_file(random_packing({"Cu": 8, "Zr": 8}, 1), ["Cu", "Zr"]))
    run_lammps(MINIMISATION)
    (tmp_path / script.END_RESTART_FILE).rename(tmp_path / script.START_RESTART_FILE)
    stage = dynamics(new_velocities=True, checkpoint_every=120)
    whole, _ = run_lammps(stage, seed=1, start="restart")
    (tmp_path / script.CHECKPOINT_FILES[0]).rename(tmp_path / script.START_RESTART_FILE)
    rest, frames = run_lammps(stage, seed=1, start="checkpoint")
    assert rest.thermo["step"].tolist() == [120, 140, 160, 180, 200]
    assert frames.steps.tolist() == [200]
    assert rest.thermo["total_energy"][0] == pytest.approx(whole.thermo["total_energy"][6], abs=1e-6)
    # The mass of LAMMPS's barostat follows from the temperature at which a run starts: close, not equal.
    np.testing.assert_allclose(rest.thermo["temperature"], whole.thermo["temperature"][-5:], rtol=0.02)
    np.testing.assert_allclose(rest.thermo["volume"], whole.thermo["volume"][-5:], rtol=0.01)


@pytest.mark.engines
def test_sheared_cells_have_the_energy_of_the_turned_ones(run_lammps, tmp_path):
    atoms = random_packing({"Cu": 8, "Zr": 8}, 1)
    energies = []
    single = Minimisation(steps=1, energy_tolerance=0.0, force_tolerance_eV_per_A=0.0, thermo_every=1, frame_every=1)
    # A shear of one cell length is the same crystal in another cell.
    for deformed in (atoms, deform(atoms, deformations(shear=0.3)["shear_yx"])):
        cell = deformed.cell[:]
        for transformation in (np.eye(3), np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])):
            deformed.set_cell(transformation @ cell)
            (tmp_path / script.DATA_FILE).write_text(render_data_file(deformed, ["Cu", "Zr"]))
            log, frames = run_lammps(single)
            energies.append(log.thermo["potential_energy"][0])
            np.testing.assert_allclose(
                np.linalg.norm(frames.cells[0], axis=1), np.linalg.norm(deformed.cell[:], axis=1), atol=1e-9
            )
    assert energies[0] == pytest.approx(energies[1], abs=1e-7)
    assert energies[2] == pytest.approx(energies[3], abs=1e-7)
    assert abs(energies[0] - energies[2]) > 1e-3
