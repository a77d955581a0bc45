"""Core-hours: every source of a wall time, what is not known, and sums over what was called or what led to data."""

import doctest

import numpy as np
import pytest
from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.provenance import cost
from aiida_getl.provenance.cost import calculations_of, core_hours, job_costs, read_accounting, total
from aiida_getl.structures.bonds import find_bonds

TWO_BY_FOUR = {"num_machines": 2, "num_mpiprocs_per_machine": 4}
SACCT = (
    "Account|AllocCPUS|CPUTimeRAW|ElapsedRaw|JobID|State|\n"
    "glass|16|57600|3600|7|COMPLETED|\n"
    "glass|16|57000|3590|7.batch|COMPLETED|\n"
)


@calcfunction
def double(x):
    return orm.Int(2 * x.value)


def only(job):
    (found,) = job_costs([job.pk])
    return found


def test_examples():
    result = doctest.testmod(cost)
    assert result.attempted >= 4
    assert result.failed == 0


def test_accounting_comes_first(run_job):
    job = run_job(
        "pw",
        outputs={"output_parameters": orm.Dict({"wall_time_seconds": 10.0, "number_of_atoms": 24})},
        resources=TWO_BY_FOUR,
        detailed_job_info={"stdout": SACCT, "stderr": "", "retval": 0},
    )
    found = only(job)
    assert (found.core_hours, found.cores, found.wall_time_s, found.source) == (16.0, 16, 3600.0, "accounting")
    assert (found.kind, found.n_atoms, found.code, found.computer) == ("pw job", 24, "pw@cluster", "cluster")
    assert (found.uuid, found.missing, found.saved) == (job.uuid, "", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AllocCPUS|CPUTimeRAW|ElapsedRaw|State|",
        "AllocCPUS|ElapsedRaw|State|\n4|60|COMPLETED|",
        "AllocCPUS|CPUTimeRAW|ElapsedRaw|State|\n4|240|60|RUNNING|",
        "AllocCPUS|CPUTimeRAW|ElapsedRaw|State|\n|||CANCELLED|",
        "sacct: error: no connection\nnothing|",
    ],
)
def test_an_accounting_that_does_not_tell(text):
    assert read_accounting(text) is None


@pytest.mark.parametrize(
    ("name", "report", "seconds"),
    [
        ("output_parameters", {"wall_time_seconds": 450.0}, 450.0),
        ("output_parameters", {"wall_time": "1h 2m"}, 3720.0),
        ("results", {"wall_time_s": 9.0}, 9.0),
        ("results", {"timing": {"wall": 18.0}}, 18.0),
    ],
    ids=["pw.x", "projwfc.x", "LAMMPS", "bond analysis"],
)
def test_programs_tell_their_wall_time(run_job, name, report, seconds):
    found = only(run_job("pw", outputs={name: orm.Dict(report)}, resources=TWO_BY_FOUR))
    assert (found.wall_time_s, found.source) == (seconds, "program")
    assert found.core_hours == pytest.approx(8 * seconds / 3600)


def test_more_threads_than_were_reserved_count(run_job):
    report = orm.Dict({"timing": {"wall": 3600.0}, "threads": 4})
    found = only(
        run_job("lobster", outputs={"results": report}, resources={"num_machines": 1, "num_mpiprocs_per_machine": 1})
    )
    assert found.core_hours == 4.0


def test_what_the_scheduler_saw_last(run_job):
    queue = {"num_cpus": 6, "wallclock_time_seconds": 1200}
    found = only(run_job("pw", resources=TWO_BY_FOUR, last_job_info=queue))
    assert (found.core_hours, found.source) == (2.0, "scheduler")


def test_a_job_without_mpi_is_one_process(run_job):
    """AiiDA takes options that tell the machines only, as those of the embedded profile do."""
    outputs = {"output_parameters": orm.Dict({"wall_time_seconds": 1800.0})}
    alone = run_job("lmp", outputs=outputs, resources={"num_machines": 1}, withmpi=False)
    found = only(alone)
    assert (found.cores, found.core_hours) == (1, 0.5)
    parallel = run_job(
        "pw",
        outputs={"output_parameters": orm.Dict({"wall_time_seconds": 9.0})},
        resources={"num_machines": 1},
        withmpi=True,
    )
    assert "number of cores" in only(parallel).missing


def test_unknown_is_not_nothing(run_job):
    silent = run_job("pw", resources=TWO_BY_FOUR)
    nowhere = run_job("pw", outputs={"output_parameters": orm.Dict({"wall_time_seconds": 5.0})}, resources={})
    under_way = run_job("pw", resources=TWO_BY_FOUR, process_state="waiting")
    found = job_costs([silent.pk, nowhere.pk, under_way.pk])
    assert [entry.core_hours for entry in found] == [None] * 3
    assert "neither the accounting" in found[0].missing
    assert "number of cores" in found[1].missing
    assert "it is waiting" in found[2].missing
    assert total(found).n_unknown == 3


def test_what_came_from_the_cache_costs_nothing_again(run_job):
    job = run_job("pw", resources=TWO_BY_FOUR, detailed_job_info={"stdout": SACCT})
    copy = run_job("pw", resources=TWO_BY_FOUR, detailed_job_info={"stdout": SACCT})
    copy.base.extras.set("_aiida_cached_from", job.uuid)
    found = total(job_costs([job.pk, copy.pk]))
    assert (found.core_hours, found.saved, found.n_cached, found.n_unknown) == (16.0, 16.0, 1, 0)


def test_a_calcfunction_takes_until_its_last_result():
    number = double(orm.Int(1))
    found = only(number.creator)
    assert found.source == "results"
    assert found.cores == 1
    assert 0 <= found.wall_time_s < 60


def test_numbers_of_atoms_without_reading_structures(run_job):
    frames = orm.TrajectoryData()
    frames.set_trajectory(symbols=["Cu"] * 5, positions=np.zeros((2, 5, 3)))
    listed = find_bonds([[0.0, 0, 0], [2.5, 0, 0]], np.eye(3) * 4.0, 4.0)
    bonds = BondStrengthsData.from_bonds(listed, ["Zr", "Cu"], -listed.distance, {"engine": "x"})
    assert only(run_job("lammps", outputs={"trajectory": frames}, resources=TWO_BY_FOUR)).n_atoms == 5
    assert only(run_job("lobster", outputs={"bonds": bonds}, resources=TWO_BY_FOUR)).n_atoms == 2


def test_of_a_process_all_that_it_called_and_of_data_all_that_led_there(run_job, work_chain):
    outer = work_chain()
    inner = work_chain(outer, "label")
    first, last = orm.Int(1), orm.Int(2)
    before = run_job("lammps", outputs={"a": first}, resources=TWO_BY_FOUR, detailed_job_info={"stdout": SACCT})
    called = run_job("pw", {"a": first}, {"b": last}, inner, resources=TWO_BY_FOUR, detailed_job_info={"stdout": SACCT})
    assert calculations_of(outer) == calculations_of(inner) == calculations_of(called) == {called.pk}
    assert calculations_of(last) == {before.pk, called.pk}
    assert core_hours(outer) == 16.0
    assert core_hours(last) == 32.0
    assert core_hours(orm.Int(3).store()) == 0.0
    assert [entry.kind for entry in job_costs(calculations_of(last))] == ["lammps job", "pw job"]
