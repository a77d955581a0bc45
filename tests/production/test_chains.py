"""Whole work chains through PostgreSQL, RabbitMQ, SSH and Slurm."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import submit
from ase.build import bulk

from aiida_getl.lammps.melt_quench import STAGES
from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain

#: Takes more memory than a job has that asked for little, and time enough for Slurm to see it.
GREEDY = "test $SLURM_MEM_PER_NODE -ge 500 || python3 -c 'import time; block = bytearray(600 << 20); time.sleep(60)'"
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600}


@pytest.fixture
def paw(production, paw_directory):
    """The family of the package's PAW datasets, in the profile of production."""
    from aiida_getl.setup.pseudos import store_family

    return store_family(paw_directory)


def test_melt_quench_goes_on_after_scancel_and_out_of_memory(
    daemon, cluster_code, potential, gate, services, wait, ended
):
    parameters = {"melt_steps": 200, "quench_rate_K_per_ps": 2000.0, "equilibrate_steps": 200, "thermo_rows": 20}
    node = submit(
        MeltQuenchWorkChain.get_builder_from_protocol(
            cluster_code("lmp"),
            "CuZr",
            potential,
            n_atoms=24,
            seed=1,
            overrides={"parameters": {**parameters, "frames": 4}, "max_memory_kb": 2_000_000},
            options={**SERIAL, "max_memory_kb": 300_000, "prepend_text": f"{gate.script}\n{GREEDY}"},
        )
    )
    (victim,) = wait(lambda: [job for job in node.called if isinstance(job, orm.CalcJobNode)], "the first job")
    wait(lambda: services.jobs(victim) == [(victim.get_job_id(), "RUNNING")], "the first job to run")
    services.slurm("scancel", victim.get_job_id())
    # A moment later the script would find the gate open, between two signals.
    wait(lambda: victim.is_terminated, "the first job to end")
    gate.open()
    ended(node)
    assert node.is_finished_ok, node.exit_message
    jobs = [job for job in node.called if isinstance(job, orm.CalcJobNode)]
    assert [job.exit_status for job in jobs] == [351, 110, 0, 0, 0, 0]
    assert [job.get_option("max_memory_kb") for job in jobs] == [300_000] * 2 + [600_000] * 4
    assert all(len(services.jobs(job)) == 1 for job in jobs)
    assert set(node.outputs.thermo) == set(STAGES)


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
    ended(node, seconds=600)
    assert node.is_finished_ok, node.exit_message
    strength = node.outputs.bonds.get_strength()
    # The eight neighbours are one by symmetry, which neither the k-points nor so loose a convergence break by more.
    assert strength == pytest.approx(np.full(8, strength.mean()), abs=5e-3)
    jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
    assert len(jobs) == 3
    # The accounting hears of the end of a job a little later than the queue.
    wait(lambda: all(services.jobs(job) == [(job.get_job_id(), "COMPLETED")] for job in jobs), "one run of every job")
    # Cleaned after use.
    assert all(job.outputs.remote_folder.is_empty for job in jobs)
