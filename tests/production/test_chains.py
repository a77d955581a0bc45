"""Whole work chains through PostgreSQL, RabbitMQ, SSH and Slurm."""

import os

import numpy as np
import pytest
from aiida import orm
from aiida.engine import submit
from ase.build import bulk

from aiida_getl.lammps.melt_quench import STAGES
from aiida_getl.workflows.etl_model import EtlModelWorkChain
from aiida_getl.workflows.infer import InferWorkChain
from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain

#: Takes more memory than a job has that asked for little, or has two tasks, and time enough for Slurm to see it.
GREEDY = (
    "test $SLURM_MEM_PER_NODE -ge 500 -a $SLURM_NTASKS -eq 1 || "
    "python3 -c 'import time; block = bytearray(600 << 20); time.sleep(300)'"
)
#: Has LAMMPS hang in the first job that comes to a checkpoint.
HANG = """\
(while kill -0 $$; do
    if test -s checkpoint.1; then
        mkdir {marker} && pkill -STOP --session $(ps -o sid= $$) lmp
        break
    fi
    sleep 0.02
done) 2> /dev/null &
"""
#: Leaves the first pw.x, and no other, no time.
NO_TIME = "mkdir {marker} 2> /dev/null && sed -i 's/max_seconds.*/max_seconds = 0.1/' aiida.in"
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600}
#: Enough for the table of a few cells.
LEARNING = {"max_bonds": 40, "max_bonds_hyperparameters": 20, "min_bonds": 5, "max_folds": 2, "learning_curve": False}


def jobs_of(node):
    """Return the jobs of a work chain, oldest first; AiiDA gives them in no order."""
    jobs = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    return sorted(jobs, key=lambda job: job.pk)


def test_melt_quench_goes_on_after_scancel_and_out_of_memory(
    daemon, cluster_code, potential, gate, services, wait, ended
):
    parameters = {"melt_steps": 200, "quench_rate_K_per_ps": 2000.0, "equilibrate_steps": 200, "thermo_rows": 20}
    two_tasks = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 2}}
    node = submit(
        MeltQuenchWorkChain.get_builder_from_protocol(
            cluster_code("lmp"),
            "CuZr",
            potential,
            n_atoms=24,
            seed=1,
            overrides={
                "parameters": {**parameters, "frames": 4},
                "max_memory_kb": 600_000,
                "min_mpiprocs_per_machine": 1,
            },
            options={**SERIAL, **two_tasks, "max_memory_kb": 300_000, "prepend_text": f"{gate.script}\n{GREEDY}"},
        )
    )
    (victim,) = wait(lambda: jobs_of(node), "the first job")
    wait(lambda: services.jobs(victim) == [(victim.get_job_id(), "RUNNING")], "the first job to run")
    services.slurm("scancel", victim.get_job_id())
    # A moment later the script would find the gate open, between two signals.
    wait(lambda: victim.is_terminated, "the first job to end")
    gate.open()
    ended(node)
    assert node.is_finished_ok, node.exit_message
    jobs = jobs_of(node)
    assert [job.exit_status for job in jobs] == [351, 110, 110, 0, 0, 0, 0]
    assert [job.get_option("max_memory_kb") for job in jobs] == [300_000] * 2 + [600_000] * 5
    assert [job.get_option("resources")["num_mpiprocs_per_machine"] for job in jobs] == [2] * 3 + [1] * 4
    assert all(len(services.jobs(job)) == 1 for job in jobs)
    assert set(node.outputs.thermo) == set(STAGES)


@pytest.mark.slow
def test_melt_quench_goes_on_when_slurm_ends_its_time(daemon, cluster_code, potential, services, ended):
    """The shortest limit of Slurm is a minute. What was recorded before and after makes one record without a gap."""
    parameters = {"melt_steps": 20_000, "quench_rate_K_per_ps": 2000.0, "equilibrate_steps": 200, "thermo_rows": 100}
    hang = HANG.format(marker=services.folder / "hanging")
    node = submit(
        MeltQuenchWorkChain.get_builder_from_protocol(
            cluster_code("lmp"),
            "CuZr",
            potential,
            n_atoms=24,
            seed=2,
            overrides={"parameters": {**parameters, "frames": 4, "checkpoints": 10}},
            options={**SERIAL, "max_wallclock_seconds": 60, "prepend_text": hang},
        )
    )
    ended(node)
    assert node.is_finished_ok, node.exit_message
    _, late, again, *_ = jobs = jobs_of(node)
    assert [job.exit_status for job in jobs] == [0, 120, 0, 0, 0]
    assert services.jobs(late) == [(late.get_job_id(), "TIMEOUT")]
    assert again.inputs.checkpoint.uuid == late.outputs.checkpoint.uuid
    steps = node.outputs.thermo.melt.get_array("step")
    assert late.outputs.thermo.get_array("step")[-1] < steps[-1] == parameters["melt_steps"]
    np.testing.assert_array_equal(steps, np.arange(0, steps[-1] + 1, 200))


@pytest.mark.engines
def test_label(daemon, cluster_code, paw, services, wait, ended):
    settings = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-5, "r_max": 3.0}
    node = submit(
        LabelWorkChain.get_builder_from_protocol(
            cluster_code("pw.x"),
            cluster_code("getl-cohp"),
            orm.StructureData(ase=bulk("CuZr", "cesiumchloride", 3.26)),
            cluster_code("projwfc.x"),
            protocol="fast",
            overrides={"settings": settings},
            options=SERIAL,
        )
    )
    ended(node)
    assert node.is_finished_ok, node.exit_message
    strength = node.outputs.bonds.get_strength()
    # The eight neighbours are one by symmetry, which neither the k-points nor so loose a convergence break by more.
    assert strength == pytest.approx(np.full(8, strength.mean()), abs=5e-3)
    jobs = jobs_of(node)
    assert len(jobs) == 3
    # The accounting hears of the end of a job a little later than the queue.
    wait(lambda: all(services.jobs(job) == [(job.get_job_id(), "COMPLETED")] for job in jobs), "one run of every job")
    # Cleaned after use.
    assert all(job.outputs.remote_folder.is_empty for job in jobs)


@pytest.mark.engines
def test_label_goes_on_when_pw_is_out_of_time(daemon, cluster_code, paw, services, ended):
    """pw.x stops itself before the walltime, is restarted from what it saved, and the analysis reads the last run."""
    settings = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-5, "r_max": 3.0}
    builder = LabelWorkChain.get_builder_from_protocol(
        cluster_code("pw.x"),
        cluster_code("getl-cohp"),
        orm.StructureData(ase=bulk("CuZr", "cesiumchloride", 3.26)),
        protocol="fast",
        overrides={"settings": settings},
        options=SERIAL,
    )
    builder.scf.pw.metadata.options["prepend_text"] = NO_TIME.format(marker=services.folder / "no_time")
    node = submit(builder)
    ended(node)
    assert node.is_finished_ok, node.exit_message
    jobs = jobs_of(node)
    runs = [job for job in jobs if job.process_label == "PwCalculation"]
    assert [job.exit_status for job in runs] == [400, 0]
    assert runs[1].inputs.parameters["CONTROL"]["restart_mode"] == "restart"
    assert all(len(services.jobs(job)) == 1 for job in jobs)
    strength = node.outputs.bonds.get_strength()
    assert strength == pytest.approx(np.full(8, strength.mean()), abs=5e-3)


def flatten(values, prefix=""):
    """Return the numbers of nested dictionaries by their path."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, float):
            found[f"{prefix}{key}"] = np.array(value)
    return found


def test_learning_on_the_cluster_gives_what_it_gives_here(daemon, cluster_code, labels, cell, services, ended):
    """Featurise, validate, train and predict, as jobs and as calcfunctions in the daemon: the same bit for bit.

    On other processors, or with more threads, OpenBLAS sums in another order, and they would agree to rounding.
    """
    structure = orm.StructureData(ase=cell(5))
    blas = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    found, jobs = [], []
    for code in (cluster_code("getl-learn"), None):
        builder = EtlModelWorkChain.get_builder_from_protocol(
            **labels, seed=1, protocol="fast", overrides={"settings": LEARNING}, code=code
        )
        if code is not None:
            builder.options = {**SERIAL, "withmpi": False, "environment_variables": blas}
        etl = submit(builder)
        ended(etl)
        assert etl.is_finished_ok, etl.exit_message
        inference = InferWorkChain.get_builder_from_protocol(etl.outputs.model, structure, code=code)
        if code is not None:
            inference.options = builder.options
        infer = submit(inference)
        ended(infer)
        assert infer.is_finished_ok, infer.exit_message
        nodes = (etl.outputs.dbi, etl.outputs.model, etl.outputs.parity, infer.outputs.predictions)
        arrays = {f"{k} {name}": node.get_array(name) for k, node in enumerate(nodes) for name in node.get_arraynames()}
        found.append(arrays | flatten(etl.outputs.validation.get_dict()))
        jobs.append(jobs_of(etl) + jobs_of(infer))
    there, here = found
    assert len(there) > 50
    assert there.keys() == here.keys()
    for name, values in there.items():
        np.testing.assert_array_equal(values, here[name], err_msg=name)
    assert [job.inputs.task.value for job in jobs[0]] == ["build_dbi", "validate", "train", "predict"]
    assert not jobs[1]
    assert all(services.jobs(job) == [(job.get_job_id(), "COMPLETED")] for job in jobs[0])
