"""The daemon that runs the work in the background."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import aiida_getl

if TYPE_CHECKING:
    from aiida.engine.daemon.client import DaemonClient

_SECONDS_TO_ANSWER = 5


def ensure_daemon(profile_name: str) -> str:
    """Start the daemon of the profile unless it runs already with today's code; return what was done.

    Its workers keep the code with which they started, so after an update of this package they are started anew.
    Jobs that run meanwhile go on, and the new workers take them up.

    Raises
    ------
    aiida.engine.daemon.client.DaemonException
        If the daemon runs but does not answer, or cannot be started.
    """
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage.configuration import get_config_option

    client = get_daemon_client(profile_name)
    if not _is_alive(client):
        # The workers learn and predict beside jobs that fill the cores: threads of their own would get in the way.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        workers = get_config_option("daemon.default_workers")
        client.start_daemon(number_workers=workers)
        return f"started, {_counted(workers)}"
    pid_file = Path(client.circus_pid_file)
    package = Path(aiida_getl.__file__).parent
    if max(source.stat().st_mtime for source in package.rglob("*.py")) > pid_file.stat().st_mtime:
        client.restart_daemon(wait=True)
        # A restart renews the workers only; the file has to tell the age of their code.
        pid_file.touch()
        done = "restarted with the package's new code"
    else:
        done = "running"
    # It may have been started by hand with more workers, or fewer, than is usual.
    return f"{done}, {_counted(client.get_number_of_workers(timeout=_SECONDS_TO_ANSWER))}"


def _counted(workers: int) -> str:
    return f"{workers} worker" if workers == 1 else f"{workers} workers"


def _is_alive(client: DaemonClient) -> bool:
    """Return whether the daemon answers; what AiiDA calls running may have died with the machine."""
    from aiida.engine.daemon.client import DaemonStalePidException

    if not client.is_daemon_running:
        return False
    try:
        client.get_status(timeout=_SECONDS_TO_ANSWER)
    except DaemonStalePidException:
        return False
    return True
