"""Options of jobs that a work chain may raise when it starts them again, up to the limits that it is given."""

from __future__ import annotations

from aiida import orm

#: By how much an option is raised that was too low.
RAISE = 2
#: Options that may be raised.
LIMITS = ("max_memory_kb", "max_wallclock_seconds")


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
        help="Up to what `max_memory_kb` and `max_wallclock_seconds` may be raised; not at all where not given.",
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
