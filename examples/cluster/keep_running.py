"""Keep the daemon of a profile at work. For cron, every ten minutes, CLONE being the folder of this clone:

    SHELL=/bin/bash
    */10 * * * *  cd CLONE && . examples/activate.sh && verdi -p production run examples/cluster/keep_running.py

- It is started where it is not running.
- A worker does not connect again when PostgreSQL was restarted below it: it drops the processes that it works on, whose
  last steps stay in the database, and those it takes up later. So a daemon that is older than the database server is
  stopped, the dropped processes are handed back, and a new one is started.
- Where more processes are unfinished than the workers have slots for, the last ones would wait for ever for a slot that
  their own parents hold: workers are added.
- Processes that AiiDA paused because the cluster was out of reach, or took no more jobs, are taken up again; those that
  a person paused are left alone, and so are jobs that Slurm would refuse again: it is told what to do about them.

The jobs on the cluster are not touched.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import psutil
from aiida.engine.daemon import get_daemon_client
from aiida.manage import get_config_option, get_manager
from aiida.orm import ProcessNode, QueryBuilder
from sqlalchemy import text

from aiida_getl.workflows.stuck import PAUSED_BY_AIIDA, describe_stuck, find_stuck

#: A broken worker may take its time to stop, and so may the broker to notice.
SECONDS = 120
#: Share of the slots that may be taken before a worker is added.
LOAD_MAX = 0.9
#: Each takes about 250 MB.
WORKERS_MAX = 16
UNFINISHED = {"attributes.process_state": {"in": ["created", "waiting", "running"]}}


def find_daemon() -> psutil.Process | None:
    """Return the daemon's process, None where none runs.

    After a restart of the machine the number that the daemon left behind may be that of any other process.
    """
    client = get_daemon_client()
    try:
        process = psutil.Process(client.get_daemon_pid() or 0)
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    # Circus may call itself circusd; else the command is still that with which AiiDA started it for the profile.
    mine = "circusd" in words or ("start-circus" in words and client.profile.name in words)
    return process if mine else None


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


def add_workers() -> None:
    """Add workers where the processes would fill the slots of those there are."""
    slots, workers = get_config_option("daemon.worker_process_slots"), get_daemon_client().get_number_of_workers()
    unfinished = QueryBuilder().append(ProcessNode, filters=UNFINISHED).count()
    needed = math.ceil(unfinished / (LOAD_MAX * slots))
    if needed > WORKERS_MAX:
        print(f"{unfinished} processes for {WORKERS_MAX} workers: raise daemon.worker_process_slots, now {slots}.")
        needed = WORKERS_MAX
    if needed > workers:
        print(f"{unfinished} processes for {workers * slots} slots: adding {needed - workers} workers.", flush=True)
        verdi("daemon", "incr", str(needed - workers))


def play_paused() -> None:
    """Take up what AiiDA paused, but for what would fail again."""
    stuck = find_stuck()
    for pk, reason in stuck.items():
        print(describe_stuck(pk, reason), flush=True)
    paused = {"attributes.paused": True, "attributes.process_status": {"like": f"{PAUSED_BY_AIIDA}%"}}
    found = QueryBuilder().append(ProcessNode, filters={**UNFINISHED, **paused}, project="id").all(flat=True)
    numbers = [pk for pk in found if pk not in stuck]
    if numbers:
        print(f"{len(numbers)} processes had failed to reach the cluster, or to submit: trying again.", flush=True)
        verdi("process", "play", "--timeout", "60", *map(str, numbers), check=False)


def main() -> None:
    """Look, and mend what is broken."""
    daemon = find_daemon()
    if daemon is None:
        # Where the number became that of another profile's daemon, AiiDA would take that for this one.
        Path(get_daemon_client().circus_pid_file).unlink(missing_ok=True)
        verdi("daemon", "start")
    elif daemon.create_time() < database_start():
        print("The database was restarted below the daemon: stopping it, handing back what it dropped.", flush=True)
        workers = get_daemon_client().get_number_of_workers()
        stop(daemon)
        hand_back()
        verdi("daemon", "start", str(workers))
    else:
        add_workers()
        play_paused()


if __name__ == "__main__":
    main()
