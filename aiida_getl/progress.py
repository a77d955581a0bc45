"""Progress of long work, for whoever listens: a terminal, a job's output, or nobody."""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("aiida_getl.progress")


def report(done: int, total: int, what: str) -> None:
    """Tell that ``done`` of ``total`` steps are finished, the last of them ``what``."""
    LOGGER.info("%d of %d: %s", done, total, what)
