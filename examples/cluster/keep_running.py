"""Start the daemon where it is not running or has lost its database. For cron, every ten minutes:

    */10 * * * *  cd CLONE && AIIDA_PATH=$PWD .venv/bin/verdi run examples/cluster/keep_running.py

A worker does not connect again when PostgreSQL was restarted below it: it drops the processes that it works on, whose
last steps stay in the database, and those it takes up later. So a daemon that is older than the database server is
stopped, the dropped processes are handed back, and a new one is started. The jobs on the cluster are not touched.
"""

from __future__ import annotations

import subprocess

import psutil
from aiida.engine.daemon import get_daemon_client
from aiida.manage import get_manager
from sqlalchemy import text


def daemon_start() -> float | None:
    """Return when the daemon was started, in seconds since 1970, or None where none runs."""
    try:
        return psutil.Process(get_daemon_client().get_daemon_pid() or 0).create_time()
    except psutil.NoSuchProcess:
        return None


def database_start() -> float:
    """Return when the database server was started, in seconds since 1970; 0 for SQLite, which has none."""
    storage = get_manager().get_profile_storage()
    if get_manager().get_profile().storage_backend != "core.psql_dos":
        return 0.0
    return storage.get_session().execute(text("SELECT extract(epoch FROM pg_postmaster_start_time())")).scalar_one()


def verdi(*words: str) -> None:
    """Run a command of verdi for the loaded profile."""
    subprocess.run(["verdi", "-p", get_manager().get_profile().name, *words], check=True)


def main() -> None:
    """Look, and mend what is broken."""
    started = daemon_start()
    if started is not None and started > database_start():
        return
    if started is not None:
        print("The database was restarted below the daemon: stopping it, handing back what it dropped.")
        workers = get_daemon_client().get_number_of_workers()
        verdi("daemon", "stop")
        # By force, since it would ask about connections, all of which are younger than the database.
        verdi("process", "repair", "--force")
        verdi("daemon", "start", str(workers))
    else:
        verdi("daemon", "start")


if __name__ == "__main__":
    main()
