"""Start the daemon where it is not running or has lost its database. For cron, every ten minutes:

    */10 * * * *  cd CLONE && AIIDA_PATH=$PWD .venv/bin/verdi run examples/cluster/keep_running.py

A worker does not connect again when PostgreSQL was restarted below it: it drops the processes that it works on, whose
last steps stay in the database, and those it takes up later. So a daemon that is older than the database server is
stopped, the dropped processes are handed back, and a new one is started. The jobs on the cluster are not touched.
"""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
from aiida.engine.daemon import get_daemon_client
from aiida.manage import get_manager
from sqlalchemy import text

#: A broken worker may take its time to stop, and so may the broker to notice.
SECONDS = 120


def find_daemon() -> psutil.Process | None:
    """Return the daemon's process, None where none runs."""
    try:
        return psutil.Process(get_daemon_client().get_daemon_pid() or 0)
    except psutil.NoSuchProcess:
        return None


def database_start() -> float:
    """Return when the database server was started, in seconds since 1970; 0 for SQLite, which has none."""
    storage = get_manager().get_profile_storage()
    if get_manager().get_profile().storage_backend != "core.psql_dos":
        return 0.0
    return storage.get_session().execute(text("SELECT extract(epoch FROM pg_postmaster_start_time())")).scalar_one()


def verdi(*words: str, check: bool = True) -> bool:
    """Run a command of verdi for the loaded profile; return whether it ended well."""
    command = ["verdi", "-p", get_manager().get_profile().name, *words]
    return subprocess.run(command, check=check).returncode == 0


def stop(daemon: psutil.Process) -> None:
    """Stop the daemon and make sure that no worker of it is left, which would go on dropping what it is given."""
    processes = [daemon, *daemon.children(recursive=True)]
    verdi("daemon", "stop", check=False)
    _, alive = psutil.wait_procs(processes, timeout=SECONDS)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=SECONDS)


def hand_back() -> None:
    """Hand the processes that were dropped back to the broker, and look whether they arrived there."""
    until = time.monotonic() + SECONDS
    # By force, since it would ask about connections, all of which are younger than the database.
    verdi("process", "repair", "--force")
    while not verdi("process", "repair", "--dry-run", check=False):
        if time.monotonic() > until:
            sys.exit("Some processes could not be handed back: is the broker well? See `verdi status`.")
        verdi("process", "repair", "--force")


def main() -> None:
    """Look, and mend what is broken."""
    daemon = find_daemon()
    if daemon is None:
        verdi("daemon", "start")
    elif daemon.create_time() < database_start():
        print("The database was restarted below the daemon: stopping it, handing back what it dropped.", flush=True)
        workers = get_daemon_client().get_number_of_workers()
        stop(daemon)
        hand_back()
        verdi("daemon", "start", str(workers))


if __name__ == "__main__":
    main()
