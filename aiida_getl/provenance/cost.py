"""What calculations cost: core-hours, from the best source that the graph has for each.

A job costs its wall time times the cores that it kept from others, whether it used them or not. The wall time is that
of the scheduler's accounting (Slurm's ``sacct``), or else that which the program printed at its end, or else that which
the scheduler told last, short of the end by up to a polling interval. Where there is none of these the cost is not
known, and said to be so: a sum over such jobs is a lower bound. A calcfunction costs the time from its start to its
last result, on one core. What was taken from the cache costs nothing again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida_quantumespresso.parsers.parse_raw.base import convert_qe_time_to_sec

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.provenance.graph import calculations_behind, calculations_under
from aiida_getl.provenance.reading import incoming, outgoing, read, rows, uncollected

#: Where a job's wall time is from.
ACCOUNTING, PROGRAM, SCHEDULER, RESULTS, CACHE, UNKNOWN = (
    "accounting",
    "program",
    "scheduler",
    "results",
    "cache",
    "unknown",
)
#: Dictionaries in which parsers leave the program's own wall time.
REPORTS = ("output_parameters", "results", "misc")


@dataclass(frozen=True)
class JobCost:
    """The cost of one calculation.

    ``kind`` is the name of its class or function; ``source`` says where the wall time is from; ``core_hours`` is None
    where that is unknown, with the reason in ``missing``. What came from the cache has 0, and in ``saved`` what the
    original took, if that is known.
    """

    pk: int
    uuid: str
    time: str
    kind: str
    n_atoms: int | None
    code: str
    computer: str
    cores: int | None
    wall_time_s: float | None
    core_hours: float | None
    source: str
    missing: str = ""
    saved: float | None = None


@dataclass(frozen=True)
class Total:
    """A sum of costs: core-hours of the jobs whose cost is known, how many are not, and what the cache saved."""

    core_hours: float
    n_jobs: int
    n_unknown: int
    n_cached: int
    saved: float


def core_hours(node: orm.Node) -> float:
    """Return what a process with all that it called, or all that led to some data, has cost as far as it is known."""
    return total(job_costs(calculations_of(node), sizes=False)).core_hours


def total(costs: Iterable[JobCost]) -> Total:
    """Add costs."""
    costs = list(costs)
    return Total(
        core_hours=sum(cost.core_hours or 0.0 for cost in costs),
        n_jobs=len(costs),
        n_unknown=sum(cost.core_hours is None for cost in costs),
        n_cached=sum(cost.source == CACHE for cost in costs),
        saved=sum(cost.saved or 0.0 for cost in costs),
    )


def calculations_of(node: orm.Node | None) -> set[int]:
    """Return the calculations that a process is or called, or that led to some data; None for all of the profile."""
    if node is None:
        return {pk for (pk,) in rows(orm.QueryBuilder().append(orm.CalculationNode, project="id"))}
    if isinstance(node, orm.ProcessNode):
        return calculations_under(node)
    return calculations_behind([node.pk])


@uncollected
def job_costs(calculations: Iterable[int], *, sizes: bool = True) -> list[JobCost]:
    """Return the cost of calculations (PKs), oldest first.

    :param sizes: whether to look up the numbers of atoms, which takes some of the time.
    """
    pks = set(calculations)
    functions = list(read(orm.CalcFunctionNode, pks, _COLUMNS))
    jobs = list(read(orm.CalcJobNode, pks, _COLUMNS + _JOB_COLUMNS))
    own = {pk for pk, *_ in jobs}
    codes, atoms = _codes(own), _numbers_of_atoms(own) if sizes else {}
    computers = dict(orm.QueryBuilder().append(orm.Computer, project=["id", "label"]).iterall())
    ends = _last_results({pk for pk, *_ in functions})
    found = []
    unaccounted = {}
    for pk, uuid, start, kind, *job in [*functions, *jobs]:
        computer, accounting = job or (None, None)
        cost = JobCost(
            pk=pk,
            uuid=str(uuid),
            time=start.isoformat(timespec="seconds"),
            kind=kind or "",
            n_atoms=atoms.get(pk),
            code=codes.get(pk, ""),
            computer=computers.get(computer, ""),
            cores=None,
            wall_time_s=None,
            core_hours=None,
            source=UNKNOWN,
        )
        if job:
            accounted = read_accounting(accounting or "")
            if accounted is None:
                unaccounted[pk] = cost
            else:
                cores, seconds, core_seconds = accounted
                hours = core_seconds / 3600
                cost = replace(cost, cores=cores, wall_time_s=seconds, core_hours=hours, source=ACCOUNTING)
        elif pk in ends:
            cost = _with_time(replace(cost, cores=1), max(0.0, (ends[pk] - start).total_seconds()), RESULTS)
        else:
            cost = replace(cost, missing="it left no results")
        found.append((start, pk, cost))
    reports = _reports(set(unaccounted))
    queued = list(read(orm.CalcJobNode, unaccounted, _QUEUE_COLUMNS))
    serial = _serial({pk for pk, _, resources, _ in queued if reserved_cores(resources or {}) is None})
    complete = {
        pk: _with_job(unaccounted[pk], state, (resources or {}) | serial.get(pk, {}), queue or {}, reports.get(pk, {}))
        for pk, state, resources, queue in queued
    }
    cached = _cached(pks)
    costs = [complete.get(pk, cost) for _, pk, cost in sorted(found, key=lambda entry: entry[:2])]
    return [_from_cache(cost) if cost.pk in cached else cost for cost in costs]


#: Columns of every calculation, of jobs, and of jobs that no accounting tells of: each value of a row takes its time.
_COLUMNS = ("id", "uuid", "ctime", "attributes.process_label")
_JOB_COLUMNS = ("dbcomputer_id", "attributes.detailed_job_info.stdout")
_QUEUE_COLUMNS = ("id", "attributes.process_state", "attributes.resources", "attributes.last_job_info")


def _serial(pks: set[int]) -> dict[int, dict[str, int]]:
    """Return, for jobs without MPI, that they are one process on each machine, which their options need not say."""
    jobs = read(orm.CalcJobNode, pks, ("id", "attributes.withmpi"))
    return {pk: {"num_mpiprocs_per_machine": 1} for pk, with_mpi in jobs if with_mpi is not None and not with_mpi}


def _cached(pks: set[int]) -> set[int]:
    """Return the calculations that came from the cache."""
    filters = {"extras": {"has_key": "_aiida_cached_from"}}
    return {pk for (pk,) in read(orm.CalculationNode, pks, ("id",), filters)}


def _from_cache(cost: JobCost) -> JobCost:
    return replace(cost, core_hours=0.0, saved=cost.core_hours, source=CACHE, missing="")


def _with_job(
    cost: JobCost, state: str | None, resources: dict[str, Any], queue: dict[str, Any], report: dict[str, Any]
) -> JobCost:
    """Return the cost of a job, given what scheduler and program said."""
    cores = queue.get("num_cpus") or reserved_cores(resources)
    if cores is not None:
        # Where nothing is reserved, as on one's own machine, a program may take more threads than it was given.
        cores = max(int(cores), int(report.get("threads") or 1))
    cost = replace(cost, cores=cores)
    if report.get("wall_time_s") is not None:
        return _with_time(cost, report["wall_time_s"], PROGRAM)
    if state not in ("finished", "excepted", "killed"):
        return replace(cost, missing=f"it is {state or 'not started'}: no wall time yet")
    if queue.get("wallclock_time_seconds"):
        return _with_time(cost, float(queue["wallclock_time_seconds"]), SCHEDULER)
    return replace(cost, missing="neither the accounting, nor the program, nor the scheduler left a wall time")


def _with_time(cost: JobCost, seconds: float, source: str) -> JobCost:
    if cost.cores is None:
        return replace(cost, wall_time_s=seconds, missing="the number of cores is not known")
    return replace(cost, wall_time_s=seconds, core_hours=cost.cores * seconds / 3600, source=source)


def reserved_cores(resources: dict[str, Any]) -> int | None:
    """Return the cores that a job asked for by AiiDA's ``resources``, None if they do not tell.

    Examples
    --------
    >>> reserved_cores({"num_machines": 2, "num_mpiprocs_per_machine": 16, "num_cores_per_mpiproc": 4})
    128
    >>> reserved_cores({"parallel_env": "mpi", "tot_num_mpiprocs": 8})
    8
    """
    machines = resources.get("num_machines") or 1
    if resources.get("num_cores_per_machine"):
        return machines * resources["num_cores_per_machine"]
    tasks = resources.get("tot_num_mpiprocs")
    if not tasks and resources.get("num_mpiprocs_per_machine"):
        tasks = machines * resources["num_mpiprocs_per_machine"]
    return tasks * (resources.get("num_cores_per_mpiproc") or 1) if tasks else None


def read_accounting(text: str) -> tuple[int, float, float] | None:
    """Return (cores, wall time in s, core-seconds) of the job in Slurm's accounting; None if it does not tell.

    :param text: output of ``sacct --parsable``; its first row is the whole job.

    Examples
    --------
    >>> read_accounting("AllocCPUS|CPUTimeRAW|ElapsedRaw|State|\\n4|240|60|COMPLETED|\\n4|236|59|COMPLETED|\\n")
    (4, 60.0, 240.0)
    >>> read_accounting("slurmdbd is not there") is None
    True
    """
    lines = text.splitlines()
    if len(lines) < 2:
        return None
    row = dict(zip(lines[0].split("|"), lines[1].split("|"), strict=False))
    try:
        cores, seconds, core_seconds = (int(row[name]) for name in ("AllocCPUS", "ElapsedRaw", "CPUTimeRAW"))
    except (KeyError, ValueError):
        return None
    # The accounting may have been asked before it heard of the end.
    if row.get("State", "").startswith(("RUNNING", "PENDING")) or not cores:
        return None
    return cores, float(seconds), float(core_seconds)


def _codes(pks: set[int]) -> dict[int, str]:
    """Return the full labels of the codes that ran."""
    by_job = {job: code for job, _, code in incoming(pks, LinkType.INPUT_CALC, labels=["code"])}
    labels = {pk: orm.load_node(pk).full_label for pk in set(by_job.values())}
    return {job: labels[code] for job, code in by_job.items()}


def _reports(pks: set[int]) -> dict[int, dict[str, Any]]:
    """Return what programs said of themselves: ``wall_time_s``, ``threads``, ``n_atoms``."""
    columns = ("wall_time_seconds", "wall_time_s", "timing.wall", "wall_time", "threads", "number_of_atoms")
    jobs = {result: job for job, _, result in outgoing(pks, LinkType.CREATE, labels=REPORTS)}
    found: dict[int, dict[str, Any]] = {}
    for pk, *times, threads, n_atoms in read(orm.Dict, jobs, ("id", *(f"attributes.{name}" for name in columns))):
        seconds = next((time for time in map(_seconds, times) if time is not None), None)
        report = {"wall_time_s": seconds, "threads": threads, "n_atoms": n_atoms}
        known = {name: value for name, value in report.items() if value is not None}
        found.setdefault(jobs[pk], {}).update(known)
    return found


def _seconds(time: float | str | None) -> float | None:
    """Return a wall time in seconds; Quantum ESPRESSO prints e.g. 1h12m or 3m24.51s."""
    if time is None or isinstance(time, (int, float)):
        return time
    try:
        return float(convert_qe_time_to_sec(time))
    except ValueError:
        return None


def _numbers_of_atoms(pks: set[int]) -> dict[int, int]:
    """Return the number of atoms that jobs had, from results that hold it: a structure itself takes long to read."""
    makers = {result: maker for maker, _, result in outgoing(pks, LinkType.CREATE)}
    found: dict[int, int] = {}
    for node_class, key in (
        (orm.Dict, "number_of_atoms"),
        (BondStrengthsData, "n_atoms"),
        (orm.TrajectoryData, "array|positions"),
    ):
        for pk, size in read(node_class, makers, ("id", f"attributes.{key}"), {"attributes": {"has_key": key}}):
            found[makers[pk]] = size[1] if isinstance(size, list) else size  # of an array of positions, the shape
    return found


def _last_results(pks: set[int]) -> dict[int, Any]:
    """Return when the last result of each calculation was made."""
    makers = {result: maker for maker, _, result in outgoing(pks, LinkType.CREATE)}
    ends: dict[int, Any] = {}
    for pk, time in read(orm.Data, makers, ("id", "ctime")):
        ends[makers[pk]] = max(time, ends.get(makers[pk], time))
    return ends
