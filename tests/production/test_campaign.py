"""A whole campaign on the cluster, from a composition to the bond strengths of a glass that nobody has labelled."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import submit

from aiida_getl.workflows.getl import GetlWorkChain

#: Enough to pass through every step.
SHORT = {"melt_steps": 200, "quench_rate_K_per_ps": 2000.0, "equilibrate_steps": 200, "thermo_rows": 20, "frames": 4}
CHEAP = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-3, "r_max": 3.4, "spilling_max": 0.5}
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600}


@pytest.mark.engines
def test_campaign(daemon, cluster_code, paw, potential, services, ended):
    node = submit(
        GetlWorkChain.get_builder_from_protocol(
            {"lammps": cluster_code("lmp"), "pw": cluster_code("pw.x"), "lobster": cluster_code("getl-cohp")},
            "CuZr",
            potential,
            seed=5,
            protocol="fast",
            overrides={
                "n_runs": 2,
                "n_atoms": 8,
                "large_n_atoms": 32,
                "sub_runs": ["as_quenched"],
                "max_concurrent": 2,
                "failures_max": 0,
                "melt_quench": {"parameters": SHORT},
                "large": {"parameters": SHORT},
                "label": {"settings": CHEAP},
                "etl_model": {"settings": {"r_max": 3.4, "min_bonds": 5, "learning_curve": False}},
                "infer": {"settings": {"r_max": 3.4}},
            },
            options={"lammps": SERIAL, "label": SERIAL},
        )
    )
    ended(node)
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.predictions.n_bonds > 32
    assert np.isfinite(node.outputs.predictions.get_strength()).all()
    jobs = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    assert len(jobs) == 3 * 4 + 2 * 2
    assert all(services.jobs(job) == [(job.get_job_id(), "COMPLETED")] for job in jobs)
