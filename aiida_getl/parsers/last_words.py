"""What programs and schedulers say when a job ends early, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiida import orm

#: What is said -> end of the name of an exit code; the first that fits counts.
LAST_WORDS = (
    (r"no space left on device|disk quota exceeded|file too large|file size limit|SIGXFSZ", "CANNOT_WRITE"),
    (r"read-only file system|\[Errno 13\] permission denied", "CANNOT_WRITE"),
    (r"time limit|walltime .*exceeded|CANCELLED AT .* DUE TO TIME", "SCHEDULER_OUT_OF_WALLTIME"),
    (
        r"oom[-_ ]kill|out of memory|bad_alloc|MemoryError|cannot allocate memory|failed to map segment"
        r"|unable to allocate|insufficient (?:virtual )?memory|allocation would exceed memory limit",
        "SCHEDULER_OUT_OF_MEMORY",
    ),
    (
        r"(?:line \d+: |execve\(\): |execvp error).*(?:no such file|command not found|permission denied|cannot execute)"
        r"|^executable: \S|error while loading shared libraries",  # as OpenMPI says it
        "NOT_STARTED",
    ),
    (r"segmentation fault|SIGSEGV|core dumped|Traceback \(most recent call last\)", "CRASHED"),
    (r"\bkilled\b|SIGKILL|SIGTERM|\bterminated\b", "KILLED"),
)


def find_cause(lines: Iterable[str]) -> tuple[str, str] | None:
    """Return the end of the name of an exit code and the line that tells it; None if no line does."""
    lines = list(lines)
    for pattern, name in LAST_WORDS:
        for line in lines:
            if re.search(pattern, line.strip(), re.IGNORECASE):
                return name, line.strip()[:300]
    return None


def read_end(folder: orm.FolderData, name: str, n_bytes: int) -> str:
    """Return the last bytes of a retrieved file as text, empty if it is not there; rubbish is replaced."""
    repository = folder.base.repository
    if name not in repository.list_object_names():
        return ""
    with repository.open(name, "rb") as file:
        file.seek(max(0, repository.get_object_size(name) - n_bytes))
        return file.read(n_bytes).decode(errors="replace")
