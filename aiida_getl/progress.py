"""Progress of long work, for whoever listens: a terminal, a job's output, or nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable

#: Called with the number of finished steps, of all, and what was finished.
Progress = Callable[[int, int, str], None]

LOGGER = logging.getLogger("aiida_getl.progress")


def report(done: int, total: int, what: str) -> None:
    """Tell that ``done`` of ``total`` steps are finished, the last of them ``what``."""
    LOGGER.info("%d of %d: %s", done, total, what)
