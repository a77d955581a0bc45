"""`aiida-getl query`: what depends on something, what it cost, what differs, what is faulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.groups.verdi import VerdiCommandGroup

from aiida_getl.cli.completion import DATA, PROCESSES, complete_codes, complete_computers, complete_nodes
from aiida_getl.cli.output import check_format, echo_csv, echo_json, echo_rows, format_options
from aiida_getl.cli.profile import with_profile

if TYPE_CHECKING:
    from aiida_getl.provenance import Uses

#: Labels that are listed in the terminal.
MOST_LABELS = 20
USE_COLUMNS = {"pk": "PK", "kind": "kind", "label": "label", "time": "made", "uuid": "UUID"}
SHARE_COLUMNS = {
    "name": "{by}",
    "pk": "PK",
    "core_hours": "core-hours",
    "n_jobs": "jobs",
    "n_unknown": "unknown",
    "n_cached": "cached",
}
JOB_COLUMNS = {
    "pk": "PK",
    "time": "started",
    "kind": "kind",
    "n_atoms": "atoms",
    "code": "code",
    "computer": "computer",
    "cores": "cores",
    "wall_time_s": "wall time (s)",
    "core_hours": "core-hours",
    "source": "known from",
    "missing": "missing",
}
DIFFERENCE_COLUMNS = {"section": "", "name": "what", "a": "A", "b": "B"}
MARK_COLUMNS = {"pk": "PK", "what": "what", "reason": "reason", "who": "who", "when": "when"}
BY = ("kind", "label", "model", "composition", "computer", "code", "job")


@click.group(cls=VerdiCommandGroup)
def query() -> None:
    """Ask the provenance graph: what depends on what, what it cost, what differs, what is faulty."""


@query.command()
@click.argument("node", shell_complete=complete_nodes(*DATA, *PROCESSES, codes=True))
@format_options
@with_profile
def uses(node: str, as_json: bool, as_csv: bool) -> None:
    """List the labels, DBIs, models and predictions that depend on NODE.

    NODE is a PK, UUID or label of anything (label, structure, pseudopotential, potential, process), a code
    (LABEL@COMPUTER), or the label of a computer.

    \b
    Examples:
        aiida-getl query uses 123
        aiida-getl query uses pw@cluster
        aiida-getl query uses cluster --csv
    """
    from aiida_getl import provenance
    from aiida_getl.cli.nodes import find_subject

    check_format(as_json, as_csv)
    found = provenance.uses(find_subject(node))
    if as_json:
        echo_json(found.as_dict())
        return
    if not as_csv:
        click.echo(f"{found.subject.what} <{found.subject.pk}> is used by")
    _echo_uses(found, as_csv)


def _echo_uses(found: Uses, as_csv: bool) -> None:
    """Print what depends on something; the terminal is spared thousands of labels."""
    labels = found.of_kind("label")
    spared = set() if as_csv else set(labels[MOST_LABELS:])
    shown = [use for use in found.found if use not in spared]
    echo_rows([asdict(use) for use in shown], USE_COLUMNS, as_csv=as_csv, empty="  nothing")
    if spared:
        click.echo(f"and {len(spared)} more labels (--csv lists all)")


def _results_command(kind: str, plural: str) -> click.Command:
    """Return the command that lists the results of a kind by the jobs that they depend on."""

    def command(
        computer: str | None, code: str | None, since: datetime | None, until: datetime | None, **formats: bool
    ) -> None:
        from aiida_getl.cli.nodes import find_codes, find_computer
        from aiida_getl.provenance.dependents import results_after, select_jobs

        check_format(**formats)
        if since is not None and until is not None and since > until:
            raise click.UsageError(f"--from {since:%Y-%m-%d %H:%M} is after --to {until:%Y-%m-%d %H:%M}")
        jobs = select_jobs(
            computer=None if computer is None else find_computer(computer),
            codes=None if code is None else find_codes(code),
            since=since and since.astimezone(),
            until=until and until.astimezone(),
        )
        found = [asdict(use) for use in results_after(jobs) if use.kind == kind]
        if formats["as_json"]:
            echo_json(found)
            return
        echo_rows(found, USE_COLUMNS, as_csv=formats["as_csv"], empty=f"There are no such {plural}.")

    command.__doc__ = f"""List the {plural} that depend on a job run on a computer, with a code, between two times.

    Without options, all {plural} that any job led to. All conditions hold for one job: {plural} that rest on a
    label of which a job ran there, with that code, started between these times. Dates are those of this machine's
    time zone.

    \b
    Example:
        aiida-getl query {plural} --computer cluster --code pw --from 2026-03-01 --to 2026-03-31
    """
    for option in reversed(_job_options()):
        command = option(command)
    return click.command(plural)(format_options(with_profile(command)))


def _job_options() -> list[Callable[..., Any]]:
    formats = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
    moment = click.DateTime(formats)
    return [
        click.option("--computer", metavar="LABEL", shell_complete=complete_computers, help="Where the job ran."),
        click.option(
            "--code",
            metavar="CODE",
            shell_complete=complete_codes(),
            help="PK, UUID, LABEL, or LABEL@COMPUTER of what ran.",
        ),
        click.option("--from", "since", type=moment, metavar="DATE", help="Started on this day or time, or later."),
        click.option("--to", "until", type=_EndOfDay(formats), metavar="DATE", help="Started on it, or before."),
    ]


class _EndOfDay(click.DateTime):
    """A time, or a day, which lasts until midnight."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        time = super().convert(value, param, ctx)
        is_day = isinstance(value, str) and len(value.strip()) == len("2026-03-31")
        return time.replace(hour=23, minute=59, second=59, microsecond=999_999) if is_day else time


for _kind, _plural in (("label", "labels"), ("dbi", "dbis"), ("model", "models"), ("prediction", "predictions")):
    query.add_command(_results_command(_kind, _plural))


@query.command()
@click.argument("node", shell_complete=complete_nodes(*DATA, *PROCESSES, codes=True))
@click.option("--reason", default="", help="Why; without one nothing is marked.")
@click.option("--undo", is_flag=True, help="Take the mark off.")
@click.option("--dry-run", is_flag=True, help="List what depends on it, and mark nothing.")
@format_options
@with_profile
def invalidate(node: str, reason: str, undo: bool, dry_run: bool, as_json: bool, as_csv: bool) -> None:
    """Mark NODE (PK, UUID or label; or LABEL@COMPUTER of a code) as faulty, and list all that depends on it.

    New DBIs leave out faulty labels, and those that rest on a faulty structure, pseudopotential or run, and say why;
    what there is already stays as it is. A calculation is no longer taken from the cache. A DBI cannot be marked: mark
    its faulty labels.

    \b
    Examples:
        aiida-getl query invalidate 123 --reason "crystallised during the quench"
        aiida-getl query invalidate 123 --undo
    """
    from aiida_getl.cli.nodes import find_node, one_code
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.provenance import faults
    from aiida_getl.provenance.dependents import uses as uses_of

    check_format(as_json, as_csv)
    found = one_code(node) if "@" in node else find_node(node)
    if not (undo or dry_run or reason.strip()):
        raise click.UsageError("say by --reason why it is faulty: those who miss it in their data will ask")
    try:
        if undo and not dry_run:
            faults.unmark(found, reason)
        elif not dry_run:
            faults.mark(found, reason)
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    after = uses_of(found)
    if as_json:
        echo_json({**after.as_dict(), "history": faults.history(found)})
        return
    if not as_csv:
        said = "would be marked" if dry_run else "is no longer marked" if undo else "is marked"
        marked = "" if isinstance(found, DbiData) and not undo else f" {said} as faulty"
        click.echo(f"{after.subject.what} <{found.pk}>{marked}. On it depend")
    _echo_uses(after, as_csv)
    if isinstance(found, DbiData) and not (as_csv or undo):
        click.echo(f"A DBI is not marked itself: {faults.MARK_LABELS.format(pk=found.pk)}")
        return
    if not (as_csv or undo) and after.of_kind("dbi"):
        dbi = after.of_kind("dbi")[-1]
        click.echo(f"Next        aiida-getl dbi merge {dbi.pk} --label NAME   makes a DBI without the faulty labels")


@query.command()
@format_options
@with_profile
def marks(as_json: bool, as_csv: bool) -> None:
    """List what is marked as faulty: by whom, when and why.

    \b
    Example:
        aiida-getl query marks
    """
    from aiida_getl.provenance import faults

    check_format(as_json, as_csv)
    found = [asdict(each) for each in faults.marks()]
    if as_json:
        echo_json(found)
    else:
        echo_rows(found, MARK_COLUMNS, as_csv=as_csv, empty="Nothing is marked as faulty.")


@query.command()
@click.argument("node", required=False, shell_complete=complete_nodes(*DATA, *PROCESSES))
@click.option("--by", type=click.Choice(BY), default="kind", show_default=True, help="What the costs are told by.")
@format_options
@with_profile
def cost(node: str | None, by: str, as_json: bool, as_csv: bool) -> None:
    """Tell the core-hours of NODE: of a process with all that it called, or of all that led to some data.

    NODE is a PK, UUID or label; without it, of the whole profile. What several labels share, as the melt-quench run of
    a glass and its deformations, is split evenly among them. A job of which no wall time is known counts as unknown,
    not as nothing.

    \b
    Examples:
        aiida-getl query cost 345 --by label
        aiida-getl query cost --by computer --csv
        aiida-getl query cost 345 --by job
    """
    from aiida_getl.cli.nodes import find_node
    from aiida_getl.provenance.breakdown import breakdown
    from aiida_getl.provenance.cost import calculations_of, job_costs, total

    check_format(as_json, as_csv)
    found = None if node is None else find_node(node)
    columns = {name: heading.format(by=by) for name, heading in SHARE_COLUMNS.items()}
    if by == "job":
        jobs = job_costs(calculations_of(found))
        summed, rows, columns = total(jobs), [asdict(job) for job in jobs], JOB_COLUMNS
    else:
        summed, shares = breakdown(found, by)
        rows = [
            {
                **asdict(share.total),
                "name": share.name,
                "pk": share.pk,
                "uuid": share.uuid,
                "core_hours": share.core_hours,
            }
            for share in shares
        ]
    if as_json:
        echo_json({"total": asdict(summed), "by": by, "shares": rows})
        return
    if not as_csv:
        click.echo(f"{summed.core_hours:.6g} core-hours of {summed.n_jobs} calculations")
        if summed.n_unknown:
            click.echo(
                f"of {summed.n_unknown} of them it is not known, so that this is a lower bound (--by job says why)"
            )
        if summed.n_cached:
            click.echo(f"{summed.n_cached} came from the cache and cost nothing; they took {summed.saved:.6g} before")
        click.echo()
    echo_rows(rows, columns, as_csv=as_csv, empty="  nothing was computed")


@query.command()
@click.argument("a", shell_complete=complete_nodes("model", "dbi", "bonds"))
@click.argument("b", shell_complete=complete_nodes("model", "dbi", "bonds"))
@format_options
@with_profile
def compare(a: str, b: str, as_json: bool, as_csv: bool) -> None:
    """Tell what differs between two models, DBIs or predictions A and B (PKs, UUIDs or labels).

    \b
    Examples:
        aiida-getl query compare published cleaned
        aiida-getl query compare 345 678 --json
    """
    from aiida_getl.cli.nodes import find_node
    from aiida_getl.data.bonds import BondStrengthsData
    from aiida_getl.data.dbi import DbiData
    from aiida_getl.data.model import BondModelData
    from aiida_getl.provenance.comparison import compare as compare_nodes

    check_format(as_json, as_csv)
    classes = (BondModelData, DbiData, BondStrengthsData)
    try:
        found = compare_nodes(*(find_node(name, classes) for name in (a, b)))
    except ValueError as exception:
        raise click.ClickException(str(exception)) from exception
    if as_json:
        echo_json(found.as_dict())
        return
    rows = [asdict(difference) for difference in found.differences]
    if as_csv:
        echo_csv(rows, list(DIFFERENCE_COLUMNS))
        return
    click.echo(f"A  {found.a.what} <{found.a.pk}>\nB  {found.b.what} <{found.b.pk}>\n")
    echo_rows(rows, DIFFERENCE_COLUMNS, as_csv=False, empty="They do not differ in inputs, settings, data or results.")
    only = len(found.labels_only_in_a), len(found.labels_only_in_b)
    click.echo(f"\nLabels      {found.labels_in_both} in both, {only[0]} only in A, {only[1]} only in B")
    for name, labels in (("A", found.labels_only_in_a), ("B", found.labels_only_in_b)):
        for entry in labels[:10]:
            click.echo(f"  only in {name}  {entry['composition']} {entry['run']} {entry['sub_run']}  {entry['label']}")
        if len(labels) > 10:
            click.echo(f"  only in {name}  and {len(labels) - 10} more (--json lists all)")
