"""Jobs that never start, however long one waits: Slurm refuses them for good, or keeps them in its queue for ever.

AiiDA ends a job by itself only for an account that Slurm does not know. What else ``sbatch`` refuses it submits again a
few times, then it pauses the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiida import orm

#: What AiiDA gives as the reason of a pause.
PAUSED_BY_AIIDA = "Pausing after failed transport task"
_UNFINISHED = {"attributes.process_state": {"in": ["created", "waiting", "running"]}}
#: What sbatch says of what asks for things that are not there, and not of what is only not there now.
_REFUSALS = re.compile(
    r"sbatch: (?:error: )?(?:Batch job submission failed: )?("
    r"Invalid (?!.*credential).*"
    r"|Requested (?:time limit|reservation) is invalid.*"
    r"|Requested node configuration is not available"
    r"|Requested nodes not in this partition"
    r"|User's group not permitted to use this partition"
    r"|More processors requested than permitted"
    r"|(?:CPU|Node|Task) count specification invalid"
    r"|(?:QOS|Assoc)Max\w+PerJob\w*"
    r"|unrecognized option.*"
    r")",
    re.IGNORECASE,
)
#: Reasons that squeue gives for jobs that would wait until somebody changes the partition or the account.
_REASONS = re.compile(
    r"Partition(?:Config|TimeLimit|NodeLimit)|BadConstraints|(?:Invalid|\w+NotAllowed)\w*|(?:QOS|Assoc)Max\w+PerJob\w*"
)


def find_stuck(root: orm.ProcessNode | None = None) -> dict[int, str]:
    """Return why jobs will never start, by their PKs.

    :param root: look at the jobs that this process called, directly or through others; if left out, at all jobs.
    """
    found = {**dict(_refused()), **dict(_kept_in_the_queue())}
    if root is None:
        return found
    return {pk: reason for pk, reason in found.items() if _is_below(orm.load_node(pk), root)}


def describe_stuck(pk: int, reason: str) -> str:
    """Return in words why a job will not start, and what to do.

    :param pk: of the job.
    :param reason: see :func:`find_stuck`.
    """
    return (
        f"job <{pk}> will not start. {reason}. End it with `verdi process kill {pk}`, correct the options and launch "
        f"again, with caching; if the cluster was changed instead, `verdi process play {pk}`"
    )


def _refused() -> Iterator[tuple[int, str]]:
    """Yield the jobs that were paused after Slurm refused them."""
    paused = {"attributes.paused": True, "attributes.process_status": {"like": f"{PAUSED_BY_AIIDA}%"}}
    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={**_UNFINISHED, **paused}, project="*")
    for node in query.all(flat=True):
        logs = orm.Log.collection.get_logs_for(node, order_by=[{"id": "asc"}])
        # Of several attempts the last one counts: the cluster may be out of reach now.
        attempts = [log.message for log in logs if log.message.startswith("Traceback")]
        if attempts and (refusal := _REFUSALS.search(attempts[-1])):
            yield node.pk, f"Slurm refuses it for good: {refusal[1]}"


def _kept_in_the_queue() -> Iterator[tuple[int, str]]:
    """Yield the jobs that Slurm took although it will not run them."""
    query = orm.QueryBuilder().append(
        orm.CalcJobNode,
        filters={**_UNFINISHED, "attributes.scheduler_state": "queued"},
        project=["id", "attributes.last_job_info.annotation"],
    )
    for pk, reason in query.all():
        if _REASONS.fullmatch(reason or ""):
            yield pk, f"Slurm keeps it in its queue for ever: {reason}"


def _is_below(node: orm.ProcessNode, root: orm.ProcessNode) -> bool:
    """Return whether a process was called by another, directly or not."""
    caller = node.caller
    while caller is not None and caller.pk != root.pk:
        caller = caller.caller
    return caller is not None
