"""Settings of stages, and those of a melt-quench that become stages."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import aiida_getl.workflows
from aiida_getl.lammps.melt_quench import STAGES, MeltQuench
from aiida_getl.lammps.stage import Minimisation, MolecularDynamics, stage_from_dict, stage_to_dict

MINIMISATION = Minimisation(
    steps=10, energy_tolerance=0.0, force_tolerance_eV_per_A=1e-8, thermo_every=3, frame_every=10
)
DYNAMICS = MolecularDynamics(
    steps=100,
    timestep_ps=0.002,
    temperature_start_K=2000.0,
    temperature_end_K=300.0,
    temperature_damping_ps=0.2,
    pressure_damping_ps=2.0,
    thermo_every=10,
    frame_every=50,
    checkpoint_every=20,
)
QUENCH = MeltQuench(
    melt_temperature_K=2000.0,
    final_temperature_K=300.0,
    timestep_ps=0.002,
    melt_steps=1000,
    quench_rate_K_per_ps=85.0,
    equilibrate_steps=501,
    pressure_bar=0.0,
    temperature_damping_ps=0.2,
    pressure_damping_ps=2.0,
    minimise_steps=100,
    minimise_energy_tolerance=1e-6,
    minimise_force_tolerance_eV_per_A=1e-3,
    thermo_rows=50,
    frames=7,
    checkpoints=4,
)


@pytest.mark.parametrize("stage", [MINIMISATION, DYNAMICS], ids=["minimise", "npt"])
def test_round_trip(stage):
    assert stage_from_dict(stage_to_dict(stage)) == stage


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "nve"}, "'nve'.*minimise, npt"),
        ({"kind": ["npt"]}, "kind of the stage is"),
        ({"temperature": 300}, "temperature unknown"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 100.0}, "steps is 100.0"),
        ({"timestep_ps": -0.002}, "timestep_ps is -0.002.*ps"),
        ({"temperature_start_K": float("nan")}, "temperature_start_K is nan"),
        ({"pressure_bar": "1 atm"}, "pressure_bar is '1 atm'"),
        ({"new_velocities": 1}, "new_velocities is 1"),
        ({"frame_every": 30}, "frame_every is 30.*100 steps"),
        ({"checkpoint_every": 25}, "checkpoint_every is 25.*multiple of thermo_every, 10"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        stage_from_dict({**stage_to_dict(DYNAMICS), **changes})


def test_missing_settings_are_named():
    with pytest.raises(ValueError, match=r"steps, timestep_ps missing"):
        stage_from_dict({k: v for k, v in stage_to_dict(DYNAMICS).items() if k not in ("steps", "timestep_ps")})
    with pytest.raises(ValueError, match=r"missing settings of a melt-quench: .*quench_rate_K_per_ps"):
        MeltQuench.from_dict({"melt_steps": 1})
    with pytest.raises(ValueError, match="unknown settings of a melt-quench: rate"):
        MeltQuench.from_dict({"rate": 1})


def test_stages_of_a_melt_quench():
    stages = QUENCH.stages()
    assert tuple(stages) == STAGES
    melt, quench, equilibrate = (stages[name] for name in STAGES[1:])
    assert (melt.temperature_start_K, melt.temperature_end_K, melt.steps) == (2000.0, 2000.0, 1000)
    assert (quench.temperature_start_K, quench.temperature_end_K, quench.steps) == (2000.0, 300.0, 10000)
    assert (equilibrate.temperature_start_K, equilibrate.temperature_end_K) == (300.0, 300.0)
    assert [stage.new_velocities for stage in (melt, quench, equilibrate)] == [True, False, False]
    # 501 steps in 50 rows are 46 rows of 11 steps; 7 frames have 7 rows each: 539 steps.
    assert (equilibrate.thermo_every, equilibrate.frame_every, equilibrate.steps) == (11, 77, 539)
    assert (melt.frame_every, quench.frame_every) == (1000, 10000)
    assert quench.checkpoint_every == 2000


@pytest.mark.parametrize(
    "changes",
    [
        {"final_temperature_K": 2500.0},
        {"quench_rate_K_per_ps": 0.0},
        {"melt_steps": 0},
        {"frames": 60},
        {"checkpoints": -1},
        {"timestep_ps": 0.0},
    ],
    ids=str,
)
def test_bad_melt_quenches_are_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(QUENCH, **changes)


def test_stringent_is_the_published_simulation():
    protocols = yaml.safe_load((Path(aiida_getl.workflows.__file__).parent / "protocols/melt_quench.yaml").read_text())
    settings = protocols["default_inputs"]["parameters"] | protocols["protocols"]["stringent"]["parameters"]
    stages = MeltQuench.from_dict(settings).stages()
    assert [stages[name].steps for name in STAGES[1:]] == [1_000_000, 100_000_000, 1_000_000]
    assert {stages[name].timestep_ps for name in STAGES[1:]} == {0.002}
    assert {stages[name].temperature_damping_ps for name in STAGES[1:]} == {0.2}
    assert (stages["equilibrate"].frame_every, stages["quench"].thermo_every) == (500, 50_000)
    rate = (2000.0 - 300.0) / (stages["quench"].steps * 0.002e-12)
    assert rate == pytest.approx(8.5e9)
