"""The same questions on PostgreSQL."""

import numpy as np
from aiida import orm
from aiida.manage import get_manager

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.leave_out import faulty_labels
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.provenance import trace, uses
from aiida_getl.provenance.breakdown import breakdown
from aiida_getl.provenance.comparison import compare
from aiida_getl.provenance.cost import job_costs
from aiida_getl.provenance.dependents import results_after, select_jobs
from aiida_getl.provenance.faults import COPIED_FROM, faults_of, mark, marks, unmark
from aiida_getl.structures.bonds import find_bonds

SACCT = "AllocCPUS|CPUTimeRAW|ElapsedRaw|State|\n2|7200|3600|COMPLETED|\n"


def test_questions(postgres_profile, run_job, work_chain, cluster, make_code, cell):
    assert get_manager().get_profile().storage_backend == "core.psql_dos"
    glass = orm.StructureData(ase=cell(5))
    frames = orm.TrajectoryData()
    frames.set_trajectory(symbols=["Cu"] * 5, positions=np.zeros((2, 5, 3)))
    chain = work_chain()
    attributes = {"detailed_job_info": {"stdout": SACCT}, "resources": {"tot_num_mpiprocs": 2}}
    quench = run_job(
        "lammps", {"seed": orm.Int(1)}, {"structure": glass, "trajectory": frames}, chain, "quench", **attributes
    )
    atoms = glass.get_ase()
    listed = find_bonds(atoms.positions, atoms.cell[:], 4.2)
    method = {"engine": "x", "version": "1"}
    label = BondStrengthsData.from_bonds(listed, atoms.get_chemical_symbols(), -np.exp(-listed.distance), method)
    report = orm.Dict({"timing": {"wall": 1800.0}, "threads": 4})
    job = run_job(
        "lobster", {"structure": glass}, {"bonds": label, "results": report}, chain, resources={"tot_num_mpiprocs": 1}
    )
    dbi = build_dbi(orm.Dict({}), structures={"r": {"x": glass}}, bonds={"r": {"x": label}})

    found = trace(dbi, bond=0)
    assert [step.label for step in found.steps] == ["quench", ""]
    assert [use.uuid for use in uses(quench).found] == [label.uuid, dbi.uuid]
    assert [use.uuid for use in uses(cluster).of_kind("dbi")] == [dbi.uuid]
    jobs = select_jobs(computer=cluster, codes=[make_code("lobster")], since=job.ctime, until=job.ctime)
    assert jobs == {job.pk}
    assert [use.kind for use in results_after(jobs)] == ["label", "dbi"]

    first, second = job_costs([quench.pk, job.pk])
    assert (first.core_hours, first.source, first.n_atoms) == (2.0, "accounting", 5)
    assert (second.core_hours, second.source, second.n_atoms) == (2.0, "program", len(atoms))
    summed, shares = breakdown(dbi, "label")
    assert {share.uuid: share.core_hours for share in shares}[label.uuid] == 4.0
    assert summed.n_jobs == 3

    copied = BondStrengthsData.from_bonds(listed, atoms.get_chemical_symbols(), -np.exp(-listed.distance), method)
    copy = run_job("lobster", {"structure": glass}, {"bonds": copied})
    copy.base.extras.set(COPIED_FROM, job.uuid)
    mark(job, "node failure")
    assert [each.pk for each in marks()] == [job.pk]
    assert set(faults_of([label.pk, glass.pk, copied.pk])) == {label.pk, copied.pk}
    assert list(faulty_labels([dbi])) == [label.uuid]
    unmark(job)
    assert faults_of([label.pk]) == {}
    assert compare(dbi, dbi).differences == []
