"""The daemon that runs the work in the background."""

from __future__ import annotations

from pathlib import Path

import aiida_getl


def ensure_daemon(profile_name: str) -> str:
    """Start the daemon of the profile unless it runs already with today's code; return what was done.

    Its workers keep the code with which they started, so after an update of this package they are started anew.
    Jobs that run meanwhile go on, and the new workers take them up.
    """
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage.configuration import get_config_option

    client = get_daemon_client(profile_name)
    workers = get_config_option("daemon.default_workers")
    if not client.is_daemon_running:
        client.start_daemon(number_workers=workers)
        return f"started, {workers} workers"
    pid_file = Path(client.circus_pid_file)
    package = Path(aiida_getl.__file__).parent
    if max(source.stat().st_mtime for source in package.rglob("*.py")) > pid_file.stat().st_mtime:
        client.restart_daemon(wait=True)
        # A restart renews the workers only; the file has to tell the age of their code.
        pid_file.touch()
        return f"restarted with the package's new code, {workers} workers"
    return f"running, {workers} workers"
