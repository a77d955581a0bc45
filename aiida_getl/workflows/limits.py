"""Options of jobs that a work chain may change when it starts them again, within the limits that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

#: By how much an option is raised that was too low.
RAISE = 2
#: Down to how many tasks may share the memory of a machine.
MIN_TASKS = "min_mpiprocs_per_machine"
#: Options that may be raised, and tasks that may be taken away.
LIMITS = ("max_memory_kb", "max_wallclock_seconds", MIN_TASKS)


def validate_limits(node, _) -> str | None:
    """Refuse unknown options and values that are no limits."""
    for key, value in node.get_dict().items():
        if key not in LIMITS:
            return f"limit {key!r} is unknown: there are {', '.join(LIMITS)}"
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            return f"limit {key!r} is {value!r}: give a whole number above 0"
    return None


def define_limits(spec) -> None:
    """Add the input ``limits`` to a work chain's specification."""
    spec.input(
        "limits",
        valid_type=orm.Dict,
        required=False,
        validator=validate_limits,
        serializer=orm.to_aiida_type,
        help="Up to what `max_memory_kb` and `max_wallclock_seconds` may be raised; not at all where not given. Down "
        f"to how many tasks on a machine pw.x may go where memory may not be raised: `{MIN_TASKS}`.",
    )


def raise_option(process, option: str) -> str | None:
    """Raise an option of the next job of a work chain; return why not, None if it was raised."""
    options = process.ctx.inputs.metadata.options
    now = options.get(option)
    limit = process.inputs.limits.get_dict().get(option) if "limits" in process.inputs else None
    if now is None or limit is None or now >= limit:
        return f"{option} is {now}, its limit {limit}"
    options[option] = min(RAISE * now, limit)
    process.report(f"{option} raised from {now} to {options[option]}")
    return None


def relieve_memory(process) -> str | None:
    """Give the next job of a work chain more memory, or fewer tasks to share it; return why not, None if it has."""
    problem = raise_option(process, "max_memory_kb")
    limits = process.inputs.limits if "limits" in process.inputs else {}
    if problem is None or MIN_TASKS not in limits:
        return problem
    options = process.ctx.inputs.metadata.options
    computer = process.ctx.inputs.code.computer
    resources = fewer_tasks(options["resources"], limits[MIN_TASKS], computer.get_default_mpiprocs_per_machine())
    if resources is None:
        return f"{problem}; {MIN_TASKS} is {limits[MIN_TASKS]}"
    options["resources"] = resources
    process.report(f"{problem}; going on with {resources['num_mpiprocs_per_machine']} tasks on a machine")
    return None


def fewer_tasks(resources: Mapping[str, Any], least: int, default: int | None = None) -> dict[str, Any] | None:
    """Return resources with half as many tasks on a machine, None if there are too few.

    :param resources: option of a job.
    :param least: tasks on a machine.
    :param default: the computer's number of tasks on a machine.
    """
    machines, total = resources.get("num_machines", 1), resources.get("tot_num_mpiprocs")
    now = resources.get("num_mpiprocs_per_machine") or (total // machines if total else default)
    if now is None or now <= least:
        return None
    kept = {name: value for name, value in resources.items() if name != "tot_num_mpiprocs"}
    return {**kept, "num_machines": machines, "num_mpiprocs_per_machine": max(now // 2, least)}
