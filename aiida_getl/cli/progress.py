"""What a running campaign is doing, told line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiida import orm

ENDED = {"finished", "excepted", "killed"}


@dataclass(frozen=True)
class Process:
    """One process below the one that is watched; `path` holds the names it was called under."""

    pk: int
    path: tuple[str, ...]
    state: str
    exit_status: int | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.state == "finished" and self.exit_status == 0


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
            project=["id", "attributes.process_state", "attributes.exit_status", "ctime", "mtime"],
        )
        query.order_by({orm.ProcessNode: "id"})
        rows = query.all()
        below = {}
        for caller, pk, state, exit_status, ctime, mtime, label in rows:
            below[pk] = (*paths[caller], label)
            yield Process(pk, below[pk], state, exit_status, (mtime - ctime).total_seconds())
        paths = below


def watch(root: orm.ProcessNode, say: Callable[[str], None], interval: float = 1.0) -> None:
    """Report every start and end below ``root`` until it ends.

    :param say: called with each line.
    :param interval: seconds between two looks.
    """
    seen: dict[int, str] = {}
    while True:
        # Asked before the look, so that what happened up to the end is still reported after it.
        ended = orm.load_node(root.pk).process_state.value in ENDED
        for process in called(root):
            before, seen[process.pk] = seen.get(process.pk), process.state
            if before == process.state or process.path[-1].startswith(("CALL", "augment", "iteration")):
                continue
            if process.state in ENDED:
                if len(process.path) == 1 or not process.ok:
                    how = "done" if process.ok else f"{process.state} with exit status {process.exit_status}"
                    say(f"{' '.join(process.path):32s} {how}, took {clock(process.seconds)}")
            elif before is None and len(process.path) == 2:
                say(" ".join(process.path))
        if ended:
            return
        time.sleep(interval)


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
