"""Melt-quench through AiiDA, with the real LAMMPS: the glass, and what can go wrong."""

import io
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase.units import _amu

from aiida_getl.lammps.melt_quench import STAGES
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain

#: Enough to pass through all stages.
SHORT = {"melt_steps": 200, "quench_rate_K_per_ps": 2000.0, "equilibrate_steps": 200, "thermo_rows": 20, "frames": 4}


@pytest.fixture
def builder(lammps_code, cuzr_potential):
    """Return a function that builds the inputs of a small Cu-Zr glass, or of the one with the changes given."""

    def build(**changes):
        arguments = {
            "code": lammps_code,
            "composition": "CuZr",
            "potential": cuzr_potential,
            "n_atoms": 16,
            "seed": 1,
            "overrides": {"parameters": SHORT},
        }
        return MeltQuenchWorkChain.get_builder_from_protocol(**(arguments | changes))

    return build


def stages(node):
    """Return the jobs of a melt-quench by stage, oldest first."""
    links = node.base.links.get_outgoing(node_class=orm.CalcJobNode).all()
    return {link.link_label: link.node for link in sorted(links, key=lambda link: link.node.pk)}


@pytest.mark.engines
def test_glass(builder):
    outputs, node = run_get_node(builder(n_atoms=32, overrides=None))
    assert node.is_finished_ok, node.exit_message
    assert set(outputs) == {"structure", "trajectory", "restart", "thermo"}
    thermo = dict(outputs["thermo"].items())
    assert set(thermo) == set(STAGES)

    atoms = outputs["structure"].get_ase()
    assert atoms.symbols.formula.count() == {"Cu": 16, "Zr": 16}
    assert find_bonds(atoms.positions, atoms.cell[:], 4.0).distance.min() > 2.0
    # 1000 atoms of this potential have 7.14 g/cm³ at this rate; 32 atoms scatter by a few per cent from seed to seed.
    density = thermo["equilibrate"].get_array("density")[100:].mean()
    assert 6.9 < density < 7.5
    assert atoms.get_masses().sum() * _amu * 1e27 / atoms.get_volume() == pytest.approx(density, rel=0.04)

    assert thermo["melt"].get_array("temperature")[100:].mean() == pytest.approx(2000.0, rel=0.07)
    assert thermo["equilibrate"].get_array("temperature")[100:].mean() == pytest.approx(300.0, rel=0.1)
    assert thermo["minimise"].get_array("temperature").max() == 0.0
    quench = thermo["quench"].get_array("temperature")
    np.testing.assert_allclose(quench.reshape(-1)[:200].reshape(4, 50).mean(axis=1), [1787, 1362, 937, 512], rtol=0.15)
    assert abs(thermo["equilibrate"].get_array("pressure")[100:].mean()) < 10000.0

    for before, after in pairwise(STAGES[1:]):
        for quantity in ("total_energy", "temperature", "volume"):
            left, right = thermo[before].get_array(quantity)[-1], thermo[after].get_array(quantity)[0]
            assert right == pytest.approx(left, rel=1e-7), f"{quantity} from {before} to {after}"
    start = thermo["melt"].get_array("potential_energy")[0]
    assert start == pytest.approx(thermo["minimise"].get_array("potential_energy")[-1], rel=1e-7)

    trajectory = outputs["trajectory"]
    assert len(trajectory.get_stepids()) == 21
    np.testing.assert_allclose(trajectory.get_times()[[0, -1]], [0.0, 10.0])
    np.testing.assert_allclose(trajectory.get_cells()[-1], atoms.cell[:])

    # The graph of the glass reaches every input, through every stage.
    jobs = stages(node)
    assert list(jobs) == list(STAGES)
    for before, after in pairwise(STAGES):
        assert jobs[after].inputs.restart == jobs[before].outputs.restart
        assert jobs[after].inputs.structure == jobs[before].outputs.structure
    assert jobs["melt"].inputs.seed == node.inputs.seed
    query = orm.QueryBuilder().append(orm.Node, filters={"uuid": outputs["structure"].uuid}, tag="glass")
    query.append(orm.Data, with_descendants="glass", project="uuid")
    ancestors = set(query.all(flat=True))
    wanted = {node.inputs[name].uuid for name in ("composition", "n_atoms", "seed", "potential", "parameters")}
    assert wanted | {node.inputs.lammps.code.uuid} <= ancestors


@pytest.mark.slow
@pytest.mark.engines
def test_the_same_seed_gives_the_same_glass(builder):
    glasses = []
    for seed in (4, 4):
        build = builder(seed=seed)
        build.lammps["metadata"]["disable_cache"] = True
        outputs, node = run_get_node(build)
        assert node.is_finished_ok, node.exit_message
        glasses.append(outputs["structure"].get_ase().positions)
    np.testing.assert_array_equal(*glasses)


def test_protocols(builder):
    assert MeltQuenchWorkChain.get_default_protocol() == "fast"
    assert set(MeltQuenchWorkChain.get_available_protocols()) == {"fast", "balanced", "stringent"}
    build = builder(
        composition={"Cu": 1, "Zr": 1},
        protocol="balanced",
        overrides={"parameters": {"melt_steps": 7}},
        options={"max_wallclock_seconds": 60},
    )
    parameters = build.parameters.get_dict()
    assert (parameters["melt_steps"], parameters["quench_rate_K_per_ps"]) == (7, 1.0)
    options = build.lammps["metadata"]["options"]
    assert (options["max_wallclock_seconds"], options["resources"]["num_machines"]) == (60, 1)
    assert build.composition.get_dict() == {"Cu": 1, "Zr": 1}


def test_a_potential_is_accepted_as_a_path(builder, cuzr_potential_path):
    assert builder(potential=cuzr_potential_path).potential.filename == "CuZr_mm.eam.fs"
    assert builder(potential=str(cuzr_potential_path)).potential.filename == "CuZr_mm.eam.fs"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"composition": "Cu50Qq50"}, "'Qq' in composition 'Cu50Qq50' is no chemical element"),
        ({"composition": "copper"}, "'copper' is no composition"),
        ({"composition": {"Cu": -1, "Zr": 2}}, "amount of Cu is -1"),
        ({"n_atoms": 1}, "1 atoms are fewer than the 2 elements"),
        ({"composition": "Cu98Zr2"}, "none of Zr: 50 atoms are enough"),
        ({"composition": "Zr49Cu49Al2", "n_atoms": 100}, "the potential has no Al, only Cu, Zr"),
        ({"seed": -3}, "the seed is -3"),
        ({"overrides": {"parameters": {"quench_rate_K_per_ps": -1.0}}}, "quench_rate_K_per_ps is -1.0"),
        ({"overrides": {"parameters": {"melt_step": 10}}}, "unknown settings of a melt-quench: melt_step"),
        ({"overrides": {"parameters": {"melt_temperature_K": "hot"}}}, "melt_temperature_K is 'hot'"),
    ],
    ids=str,
)
def test_bad_inputs_are_refused_at_launch(builder, changes, message):
    with pytest.raises(ValueError, match=message):
        run_get_node(builder(**changes))


def test_a_file_that_is_no_potential_is_refused_at_launch(builder):
    with pytest.raises(ValueError, match=r"notes\.txt: this is no EAM potential"):
        run_get_node(builder(potential=orm.SinglefileData(io.BytesIO(b"dear diary\n" * 9), filename="notes.txt")))


@pytest.mark.engines
def test_interrupted_stages_are_taken_up_from_their_checkpoints(builder, tmp_path):
    """Every job is killed when it has used a second of processor time: no message, as from a node that is lost."""
    parameters = {
        "melt_steps": 30000,
        "quench_rate_K_per_ps": 2000.0,
        "equilibrate_steps": 30000,
        "thermo_rows": 600,
        "frames": 300,
        "checkpoints": 30,
    }
    build = builder(
        n_atoms=32,
        overrides={"parameters": parameters, "max_restarts": 30},
        options={"prepend_text": "ulimit -t 1"},
    )
    outputs, node = run_get_node(build)
    assert node.is_finished_ok, node.exit_message
    melts = [job for name, job in stages(node).items() if name.startswith("melt")]
    assert len(melts) >= 2
    assert [job.exit_status for job in melts] == [400] * (len(melts) - 1) + [0]
    for before, after in pairwise(melts):
        # From the last checkpoint of the job before, nothing computed twice but what followed it; no new velocities.
        start = after.outputs.thermo.get_array("step")[0]
        assert after.inputs.checkpoint == before.outputs.checkpoint
        assert 0 < start <= before.outputs.thermo.get_array("step")[-1] < start + 2 * 1000
        assert "velocity" not in after.base.repository.get_object_content("input.in")

    for name in STAGES[1:]:
        thermo = outputs["thermo"][name]
        steps = thermo.get_array("step")
        every = steps[1] - steps[0]
        # Gapless, each step once.
        np.testing.assert_array_equal(steps, np.arange(0, steps[-1] + 1, every))
        assert thermo.base.attributes.get("units")["pressure"] == "bar"
    melt = outputs["thermo"]["melt"]
    assert len(melt.get_array("step")) == 601
    for after in melts[1:]:
        row = np.flatnonzero(melt.get_array("step") == after.outputs.thermo.get_array("step")[0])[0]
        # Positions and velocities go on where they were: nothing jumps where parts meet.
        for quantity in ("total_energy", "volume"):
            values = melt.get_array(quantity)
            assert abs(values[row] - values[row - 1]) <= 1.5 * np.abs(np.diff(values)).max()
            assert values[row] == pytest.approx(before_row(melts, after, quantity), rel=1e-6), (
                f"{quantity} where job {after.pk} begins"
            )
    assert melt.get_array("temperature")[100:].mean() == pytest.approx(2000.0, rel=0.15)

    trajectory = outputs["trajectory"]
    np.testing.assert_array_equal(trajectory.get_stepids(), np.arange(0, 30001, 100))
    np.testing.assert_allclose(trajectory.get_times(), 0.002 * trajectory.get_stepids())
    # Unwrapped positions go on, too: no atom crosses a cell within 100 steps.
    assert np.abs(np.diff(trajectory.get_positions(), axis=0)).max() < 4.0
    np.testing.assert_allclose(trajectory.get_cells()[-1], outputs["structure"].cell)


def before_row(jobs, after, quantity):
    """Return a quantity at the step at which a job begins, as the job before it recorded it."""
    before = jobs[jobs.index(after) - 1].outputs.thermo
    step = after.outputs.thermo.get_array("step")[0]
    return before.get_array(quantity)[before.get_array("step") == step].item()


@pytest.mark.engines
def test_a_stage_without_a_checkpoint_starts_over(builder, tmp_path):
    """The first jobs cannot write what they have to: a quota of the file system."""
    once = f"test -e {tmp_path}/once || {{ touch {tmp_path}/once; ulimit -f 4; }}"
    _, node = run_get_node(builder(options={"prepend_text": once}))
    assert node.is_finished_ok, node.exit_message
    jobs = stages(node)
    (again,) = [name for name in jobs if name.endswith("_restart_1")]
    assert jobs[again.removesuffix("_restart_1")].exit_status == 400
    assert "checkpoint" not in jobs[again].inputs


@pytest.mark.engines
def test_restarts_are_limited(builder):
    _, node = run_get_node(
        builder(overrides={"parameters": SHORT, "max_restarts": 1}, options={"prepend_text": "ulimit -t 0"})
    )
    assert node.exit_status == 401
    assert "stopped without a message: the last step it reported is none of" in node.exit_message
    assert "It was taken up 1 times, as often as `max_restarts` allows" in node.exit_message
    assert list(stages(node)) == ["minimise", "minimise_restart_1"]


@pytest.mark.engines
@pytest.mark.parametrize(
    ("parameters", "options", "status", "words"),
    [
        ({"timestep_ps": 1.0}, {}, 402, ("dynamics is unstable", "Domain too large")),
        ({"timestep_ps": 0.03}, {}, 402, ("Atoms left the simulation",)),
        ({}, {"append_text": "truncate -s -20 frames.dump"}, 401, ("the last of its frames is cut off",)),
        ({}, {"append_text": "rm frames.dump"}, 401, ("frames are missing",)),
        ({}, {"append_text": "rm end.restart"}, 401, ("restart file is missing",)),
        ({}, {"append_text": "head -c 3000 /dev/urandom > lammps.out"}, 401, ("stopped without a message",)),
    ],
    ids=["exploding", "lost atoms", "cut frames", "no frames", "no restart file", "rubbish"],
)
def test_what_is_wrong_is_told(builder, parameters, options, status, words):
    _, node = run_get_node(
        builder(overrides={"parameters": {**SHORT, **parameters}, "max_restarts": 0}, options=options)
    )
    assert node.exit_status == status, node.exit_message
    for word in words:
        assert word in node.exit_message
    assert not {"structure", "restart", "trajectory"} & set(node.outputs)


@pytest.mark.engines
def test_a_killed_job_names_its_stage(builder, work_directory):
    parameters = {"melt_steps": 10_000_000, "checkpoints": 9999, "thermo_rows": 10000}
    build = builder(overrides={"parameters": parameters, "max_restarts": 0})
    victims = []

    def kill_the_melt():
        """Kill LAMMPS itself, of all processes that work below our folder, once it wrote a checkpoint."""
        until = time.monotonic() + 1800
        while not victims and time.monotonic() < until:
            for process in psutil.process_iter(["name", "cwd"]):
                folder = Path(process.info["cwd"] or "/")
                if process.info["name"] != "lmp" or not folder.is_relative_to(work_directory.resolve()):
                    continue
                if (folder / "checkpoint.2").exists():
                    process.kill()
                    victims.append(process)
            time.sleep(0.1)

    killer = threading.Thread(target=kill_the_melt)
    killer.start()
    _, node = run_get_node(build)
    killer.join()
    assert victims
    assert node.exit_status == 402
    assert "The stage `melt` failed in job" in node.exit_message
    assert "stopped without a message" in node.exit_message
    melt = stages(node)["melt"]
    assert melt.exit_status == 400
    assert {"thermo", "trajectory", "checkpoint"} <= set(melt.outputs)
    assert not {"structure", "restart"} & set(melt.outputs)
    assert list(node.outputs.thermo) == ["minimise"]
