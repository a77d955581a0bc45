"""What a running campaign is doing, told line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiida import orm

from aiida_getl.workflows.stuck import describe_stuck, find_stuck

ATTRIBUTES = ("process_label", "process_state", "exit_status")
ENDED = {"finished", "excepted", "killed"}


@dataclass(frozen=True)
class Process:
    """One process below the one that is watched; `path` holds the names it was called under."""

    pk: int
    path: tuple[str, ...]
    label: str
    state: str | None  # None for an instant after its creation
    exit_status: int | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.state == "finished" and self.exit_status == 0

    @property
    def is_label(self) -> bool:
        """Whether it labels a structure, as one of the steps of a campaign."""
        return self.label == "LabelWorkChain" and len(self.path) == 1


def called(root: orm.ProcessNode, depth: int = 2) -> Iterator[Process]:
    """Yield the processes that ``root`` called, level by level, oldest first."""
    paths: dict[int, tuple[str, ...]] = {root.pk: ()}
    for _ in range(depth):
        if not paths:
            return
        query = orm.QueryBuilder()
        query.append(orm.WorkflowNode, filters={"id": {"in": list(paths)}}, tag="caller", project="id")
        query.append(
            orm.ProcessNode,
            with_incoming="caller",
            edge_filters={"type": {"in": ["call_calc", "call_work"]}},
            edge_project="label",
            project=[
                "id",
                "attributes.process_label",
                "attributes.process_state",
                "attributes.exit_status",
                "ctime",
                "mtime",
            ],
        )
        query.order_by({orm.ProcessNode: "id"})
        rows = query.all()
        below = {}
        for caller, pk, process_label, state, exit_status, ctime, mtime, label in rows:
            below[pk] = (*paths[caller], label)
            yield Process(pk, below[pk], process_label, state, exit_status, (mtime - ctime).total_seconds())
        paths = below


def watch(
    root: orm.ProcessNode,
    say: Callable[[str], None],
    working_on: Callable[[list[str]], None] = lambda _: None,
    interval: float = 1.0,
) -> None:
    """Report every start and end below ``root`` until it ends, and jobs that will never start.

    :param say: called with each line.
    :param working_on: called after each look with the names of what runs.
    :param interval: seconds between two looks.
    """
    n_labels = root.inputs.n_runs.value * len(root.inputs.sub_runs) if "sub_runs" in root.inputs else 0
    seen: dict[int, str | None] = {}
    stuck: set[int] = set()
    labelled: set[int] = set()
    while True:
        # Asked before the look, so that what happened up to the end is still reported after it.
        ended = orm.load_node(root.pk).process_state.value in ENDED
        running = []
        for process in called(root):
            is_new, before = process.pk not in seen, seen.get(process.pk)
            seen[process.pk] = process.state
            name = " ".join(process.path)
            if process.path[-1].startswith(("CALL", "augment", "iteration")):
                continue
            if process.state not in ENDED:
                running += [name] if len(process.path) == 2 else []
                if is_new and len(process.path) == 2:
                    say(name)
            elif before != process.state and (len(process.path) == 1 or not process.ok):
                line = f"{name} {'done' if process.ok else how_it_ended(process)}, took {clock(process.seconds)}"
                if process.is_label:
                    labelled.add(process.pk)
                    line += f"; {len(labelled)} of {n_labels} labels"
                say(line)
        working_on(running)
        for pk, reason in find_stuck(root).items():
            if pk not in stuck:
                say(describe_stuck(pk, reason))
            stuck.add(pk)
        if ended:
            return
        time.sleep(interval)


def how_it_ended(process: Process) -> str:
    """Return how a process that did not end well ended."""
    return f"failed with exit status {process.exit_status}" if process.state == "finished" else process.state


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
