"""Label work chains by the hundred through PostgreSQL, RabbitMQ, SSH and Slurm: what they cost, and that none is lost.

    OMP_NUM_THREADS=1 nice python tests/benchmarks/load.py --labels 300 --workers 2 --max-concurrent 20

Starts the services of the tests in a folder of its own, and stops them. Every label is real: pw.x and getl-cohp on a
cell of one aluminium atom. Prints a line every half minute, and in the end what docs/scale.md says.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "tests/services/services.py"
OPTIONS = {"runner.poll.interval": 5, "daemon.timeout": 60, "warnings.rabbitmq_version": "false"}
SETTINGS = {
    "ecutwfc": 15.0, "ecutrho": 90.0, "conv_thr_per_atom": 1e-4, "r_max": 3.0, "spilling_max": 1.0,
    "kpoints": {"mesh": [4, 4, 4], "offset": [0.0, 0.0, 0.0]},
}  # fmt: skip
JOB = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600, "withmpi": False}
#: Servers whose processor time is told, by the name of their log.
SERVERS = ("postgres", "rabbitmq", "mariadb", "slurmdbd", "slurmctld", "sshd")
#: Nothing ends for so long: something is stuck.
PATIENCE = 600


@contextmanager
def services() -> Iterator[tuple[Path, dict]]:
    """Start all services; stop them in the end."""
    folder = Path(tempfile.mkdtemp(prefix="getl-load-"))
    call = [sys.executable, str(SERVICES)]
    try:
        subprocess.run([*call, "start", str(folder)], check=True)
        yield folder, json.loads((folder / "services.json").read_text())
    finally:
        subprocess.run([*call, "stop", str(folder)], check=True)
        shutil.rmtree(folder)


def make_profile(folder: Path, settings: dict, slots: int) -> None:
    """Make the profile, as docs/production.md does."""
    import psycopg

    login = {"host": "127.0.0.1", "port": settings["ports"]["postgres"], "password": settings["password"]}
    with psycopg.connect(dbname="postgres", user="getl", autocommit=True, **login) as connection:
        connection.execute("CREATE DATABASE aiida ENCODING 'UTF8' TEMPLATE template0")
    commands = [
        [
            "profile", "setup", "core.psql_dos", "-n", "--profile-name=load", "--email=load@localhost",
            "--first-name=L", "--last-name=L", "--institution=L", "--database-hostname=127.0.0.1",
            f"--database-port={login['port']}", "--database-name=aiida", "--database-username=getl",
            f"--database-password={settings['password']}", f"--repository-uri=file://{folder}/repository",
            "--broker=none",
        ],
        [
            "profile", "configure-broker", "core.rabbitmq", "-f", "--broker-protocol=amqp", "--broker-host=127.0.0.1",
            f"--broker-port={settings['ports']['rabbitmq']}", f"--broker-username={settings['user']}",
            f"--broker-password={settings['password']}", "--broker-virtual-host=",
        ],
        *(["config", "set", name, str(value)] for name, value in OPTIONS.items()),
        ["config", "set", "daemon.worker_process_slots", str(slots)],
    ]  # fmt: skip
    for command in commands:
        subprocess.run(["verdi", *([] if command[1] == "setup" else ["-p", "load"]), *command], check=True)


def make_builder(folder: Path, settings: dict, n_labels: int, max_concurrent: int):
    """Return the work chain with its inputs."""
    from aiida import orm
    from load_campaign import ManyLabels

    from aiida_getl.pseudos.generate import generate_family
    from aiida_getl.setup.codes import ensure_code
    from aiida_getl.setup.engines import ROOT_MPI_ENVIRONMENT, require_engine
    from aiida_getl.setup.pseudos import store_family
    from aiida_getl.workflows.label import LabelWorkChain

    work = folder / "work"
    work.mkdir()
    (folder / "paw").mkdir()
    generate_family(require_engine("ld1.x"), folder / "paw")
    store_family(folder / "paw")
    host = settings["ssh_host"]
    computer = orm.Computer(
        label="cluster",
        hostname=host,
        transport_type="core.ssh_async",
        scheduler_type="core.slurm",
        workdir=str(work),
    ).store()
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_minimum_job_poll_interval(5.0)
    environment = {"OMP_NUM_THREADS": "1", **ROOT_MPI_ENVIRONMENT}
    computer.set_prepend_text("\n".join(f"export {name}={value}" for name, value in environment.items()))
    computer.configure(host=host, use_login_shell=False, safe_interval=0.0)
    codes = {name: ensure_code(name, require_engine(name), "load", computer)[0] for name in ("pw.x", "getl-cohp")}
    builder = ManyLabels.get_builder()
    builder.n_labels, builder.max_concurrent = n_labels, max_concurrent
    builder.label = LabelWorkChain.get_builder_from_protocol(
        codes["pw.x"], codes["getl-cohp"], elements=["Al"], overrides={"settings": SETTINGS}, options=JOB
    )
    builder.label.pop("structure", None)
    return builder


def processor_time(process: psutil.Process) -> float:
    """Return the processor time in s of a process and of what it started, ended or not."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def server_times(folder: Path) -> dict[str, float]:
    """Return the processor time of every server."""
    numbers = {name: json.loads((folder / f"{name}.pid.json").read_text())["pid"] for name in SERVERS}
    return {name: processor_time(psutil.Process(pid)) for name, pid in numbers.items()}


def database_size() -> int:
    """Return the bytes of the database: rows, indices, and the space of rows that were replaced."""
    from aiida.manage import get_manager
    from sqlalchemy import text

    session = get_manager().get_profile_storage().get_session()
    return session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()


def workers_of(client) -> list[psutil.Process]:
    """Return the processes of the daemon's workers."""
    daemon = psutil.Process(client.get_daemon_pid())
    return [process for process in daemon.children(recursive=True) if "worker" in process.cmdline()]


def watch(node, client, folder: Path) -> dict:
    """Wait until the work chain has ended or nothing moves; return what it took."""
    from aiida import orm

    from aiida_getl.workflows.label import LabelWorkChain

    workers = workers_of(client)
    before = {"workers": sum(map(processor_time, workers)), **server_times(folder)}
    size = database_size()
    start, last, n_last, told, memory = time.monotonic(), time.monotonic(), 0, 0.0, []
    finished = orm.QueryBuilder().append(
        LabelWorkChain, filters={"attributes.process_state": {"in": ["finished", "excepted", "killed"]}}
    )
    while not node.is_terminated and time.monotonic() - last < PATIENCE:
        time.sleep(2)
        n_ended = finished.count()
        if n_ended > n_last:
            n_last, last = n_ended, time.monotonic()
        memory.append([process.memory_info().rss / 1e6 for process in workers])
        if time.monotonic() - told > 30:
            told = time.monotonic()
            sizes = ", ".join(f"{size:.0f}" for size in memory[-1])
            print(f"{told - start:6.0f} s  {n_ended} labels  load {os.getloadavg()[0]:.1f}  {sizes} MB", flush=True)
    after = {"workers": sum(map(processor_time, workers)), **server_times(folder)}
    return {
        "seconds": time.monotonic() - start,
        "processor": {name: after[name] - before[name] for name in after},
        "database": database_size() - size,
        "memory": np.array(memory),
    }


def accounting(environment: dict[str, str]) -> dict[str, dict]:
    """Return what Slurm knows of all jobs, by the folder they ran in: a list, should one have been submitted twice."""
    fields = ("WorkDir", "State", "Submit", "Start", "End", "TotalCPU")
    command = ["sacct", "-n", "-P", "-X", "--duplicates", "--starttime=now-1days", f"--format={','.join(fields)}"]
    output = subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True, text=True)
    jobs: dict[str, list] = {}
    for line in output.stdout.splitlines():
        row = dict(zip(fields, line.split("|"), strict=True))
        jobs.setdefault(row["WorkDir"], []).append(row)
    return jobs


def report(node, taken: dict, jobs: dict[str, list]) -> bool:
    """Print what it took; return whether nothing was lost."""
    from aiida import orm

    from aiida_getl.workflows.label import LabelWorkChain

    labels = orm.QueryBuilder().append(LabelWorkChain).all(flat=True)
    good = [label for label in labels if label.is_finished_ok]
    calculations = orm.QueryBuilder().append(orm.CalcJobNode).all(flat=True)
    stuck = orm.QueryBuilder().append(
        orm.ProcessNode, filters={"attributes.process_state": {"in": ["created", "waiting", "running"]}}
    )
    print(f"\n{len(good)} of {node.inputs.n_labels.value} labels, {stuck.count()} processes stuck")
    print(f"{len(calculations)} jobs of ours; Slurm ran {sum(map(len, jobs.values()))}")
    before, after, waited, ran = [], [], [], []
    for calculation in calculations:
        rows = jobs.get(calculation.get_remote_workdir(), [])
        if len(rows) != 1 or rows[0]["State"] != "COMPLETED" or not calculation.is_terminated:
            print(f"  {calculation.pk} {calculation.process_state}: {rows}")
            continue
        submit, start, end = (datetime.fromisoformat(rows[0][key]).timestamp() for key in ("Submit", "Start", "End"))
        before.append(submit - calculation.ctime.timestamp())
        waited.append(start - submit)
        ran.append(end - start)
        after.append(calculation.mtime.timestamp() - end)
    hours = taken["seconds"] / 3600
    print(f"{taken['seconds']:.0f} s: {len(good) / hours:.0f} labels, {len(before) / hours:.0f} jobs an hour")
    for name, values in (
        ("made to submitted", before),
        ("waited in Slurm", waited),
        ("ran", ran),
        ("end to finished", after),
    ):
        print(f"  {name:20s} median {np.median(values):6.1f} s, 95 % below {np.percentile(values, 95):6.1f} s")
    n = max(len(good), 1)
    print("processor time per label in s:")
    for name, seconds in taken["processor"].items():
        print(f"  {name:20s} {seconds / n:6.2f}")
    print(f"the database grew by {taken['database'] / n / 1e3:.0f} kB per label")
    quarters = np.array_split(taken["memory"], 4)
    print(
        "memory of the workers in MB, mean by quarters:",
        *(np.round(part.mean(axis=0)) for part in quarters if len(part)),
    )
    complete = len(good) == node.inputs.n_labels.value and not stuck.count()
    return complete and len(before) == len(calculations) == sum(map(len, jobs.values()))


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--max-concurrent", type=int, default=20, help="labels under way at a time")
    parser.add_argument("--slots", type=int, default=200, help="processes that a worker handles")
    arguments = parser.parse_args()
    # Whoever ends it wants everything ended that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with services() as (folder, settings):
        # Before AiiDA is imported, and for the daemon: its folder, `ssh cluster`, this folder's modules, this Python's
        # programs.
        os.environ.update(
            AIIDA_PATH=str(folder),
            HOME=settings["home"],
            PYTHONPATH=str(Path(__file__).parent),
            PATH=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        )
        make_profile(folder, settings, arguments.slots)
        from aiida import load_profile
        from aiida.engine import submit
        from aiida.engine.daemon import get_daemon_client
        from aiida.manage import get_manager

        load_profile("load")
        builder = make_builder(folder, settings, arguments.labels, arguments.max_concurrent)
        client = get_daemon_client()
        client.start_daemon(number_workers=arguments.workers)
        try:
            node = submit(builder)
            taken = watch(node, client, folder)
            # The accounting hears of the end of a job a little later than the queue.
            time.sleep(10)
            whole = report(node, taken, accounting(settings["environment"]))
        finally:
            client.stop_daemon(wait=True)
            get_manager().unload_profile()  # closes its connections before the server goes
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
