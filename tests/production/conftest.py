"""A cluster on this machine: PostgreSQL, RabbitMQ, Slurm over SSH, and a daemon with two workers that works on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest

SERVICES = Path(__file__).parents[1] / "services" / "services.py"
EXAMPLES = Path(__file__).parents[2] / "examples/cluster"
#: Long enough for a busy machine; what is waited for comes much sooner.
PATIENCE = 1800
OPTIONS = {
    "runner.poll.interval": 1,
    "daemon.timeout": 300,
    # 1 s, 2 s, ... 64 s between the attempts: two minutes without a connection are survived.
    "transport.task_retry_initial_interval": 1,
    "transport.task_maximum_attempts": 8,
    "daemon.worker_process_slots": 200,
    "warnings.rabbitmq_version": False,
    "warnings.showdeprecations": False,
}
#: A second of molecular dynamics.
STAGE = {
    "kind": "npt",
    "steps": 2000,
    "timestep_ps": 0.002,
    "temperature_start_K": 300.0,
    "temperature_end_K": 300.0,
    "temperature_damping_ps": 0.2,
    "pressure_damping_ps": 2.0,
    "new_velocities": True,
    "thermo_every": 100,
    "frame_every": 1000,
    "checkpoint_every": 500,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests here."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("production")


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> object:
    """Wait until a condition is true and return its value; fail saying ``what`` did not happen."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.2)
    return value


class Services:
    """The running services: commands of Slurm, and faults."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.settings = json.loads((folder / "services.json").read_text())
        self.home = Path(self.settings["home"])

    def stop(self, *names: str) -> None:
        """Stop services by name."""
        _services("stop", self.folder, *names)

    def start(self, *names: str) -> None:
        """Start services by name."""
        _services("start", self.folder, *names)

    def restart(self, *names: str) -> None:
        """Stop services and start them again."""
        _services("restart", self.folder, *names)

    def slurm(self, *command: str) -> str:
        """Run a command of Slurm and return what it prints."""
        environment = {**os.environ, **self.settings["environment"]}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def jobs(self, node) -> list[tuple[str, str]]:
        """Return number and state of every job that was ever submitted for a calculation, known by its folder."""
        lines = self.slurm(
            "sacct", "--allocations", "--noheader", "--parsable2", "--starttime=now-1days", f"--name=aiida-{node.pk}",
            "--duplicates", "--format=WorkDir,JobID,State",
        )  # fmt: skip
        rows = [line.split("|") for line in lines.splitlines()]
        return [(number, state) for folder, number, state in rows if folder == node.get_remote_workdir()]

    def accounted(self, node) -> bool:
        """Return whether every job that was submitted for a calculation has ended in the accounting."""
        states = [state for _, state in self.jobs(node)]
        return bool(states) and not {"PENDING", "RUNNING", "COMPLETING", "RESIZING", "REQUEUED"} & set(states)

    def queue(self) -> dict[str, str]:
        """Return the states of the jobs in the queue by number."""
        lines = self.slurm("squeue", "--noheader", "--format=%i %T", "--states=PENDING,RUNNING,COMPLETING,SUSPENDED")
        return dict(line.split() for line in lines.splitlines())


def _services(command: str, folder: Path, *names: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SERVICES), command, str(folder), *names], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(done.stderr.strip(), pytrace=False)


@pytest.fixture(scope="session")
def services() -> Iterable[Services]:
    """All services, started for the session."""
    # Not below pytest's folder, which other users cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="getl-services-"))
    try:
        _services("start", folder)
        yield Services(folder)
    finally:
        _services("stop", folder)
        shutil.rmtree(folder)


def is_worker(process: psutil.Process) -> bool:
    """Return whether a process is a worker of a daemon; not if it is gone, as what workers start soon is."""
    try:
        return "worker" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


class Daemon:
    """The daemon of a profile, and its deaths."""

    def __init__(self, profile):
        from aiida.engine.daemon import get_daemon_client

        self.client = get_daemon_client(profile.name)

    def start(self, workers: int = 2) -> None:
        """Start workers, where none are; a killed daemon leaves its number behind, which is no sign of life."""
        if not self._all():
            self.client.start_daemon(number_workers=workers)
        wait_for(lambda: len(self.workers()) == workers, f"{workers} workers")

    def workers(self) -> list[psutil.Process]:
        """Return the processes of the workers."""
        return [process for process in self._all() if is_worker(process)]

    def kill_workers(self, number: int) -> None:
        """Kill workers, as the kernel does when memory runs out; the daemon starts new ones."""
        victims = self.workers()[:number]
        assert len(victims) == number
        for process in victims:
            process.kill()
        psutil.wait_procs(victims, timeout=PATIENCE)

    def kill(self) -> None:
        """Kill the daemon and everything it started, as a power cut does."""
        processes = self._all()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=PATIENCE)

    def stop(self) -> None:
        """Stop it in an orderly way; what answers that it stops may still be there for a moment."""
        if processes := self._all():
            self.client.stop_daemon(wait=False)  # asked to wait, it may stop without an answer
            psutil.wait_procs(processes, timeout=PATIENCE)

    def log(self) -> str:
        """Return the end of what the workers logged."""
        return "\n".join(Path(self.client.daemon_log_file).read_text().splitlines()[-60:])

    def _all(self) -> list[psutil.Process]:
        try:
            master = psutil.Process(self.client.get_daemon_pid() or 0)
            return [master, *master.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@pytest.fixture(scope="session")
def production_profile(services, aiida_config, aiida_profile, aiida_profile_factory):
    """A profile on PostgreSQL and RabbitMQ; its daemon, once started, runs until the session ends."""
    import psycopg
    from aiida.manage.configuration import profile_context

    settings = services.settings
    login = {"host": "127.0.0.1", "port": settings["ports"]["postgres"], "password": settings["password"]}
    with psycopg.connect(dbname="postgres", user="getl", autocommit=True, **login) as connection:
        connection.execute("CREATE DATABASE aiida ENCODING 'UTF8' TEMPLATE template0")
    storage = {
        "database_engine": "postgresql_psycopg",
        "database_hostname": login["host"],
        "database_port": login["port"],
        "database_username": "getl",
        "database_password": login["password"],
        "database_name": "aiida",
        "repository_uri": (services.folder / "repository").as_uri(),
    }
    broker = {
        "broker_protocol": "amqp",
        "broker_host": "127.0.0.1",
        "broker_port": settings["ports"]["rabbitmq"],
        "broker_username": settings["user"],
        "broker_password": settings["password"],
        "broker_virtual_host": "",
    }
    with aiida_profile_factory(
        aiida_config,
        storage_backend="core.psql_dos",
        storage_config=storage,
        broker_backend="core.rabbitmq",
        broker_config=broker,
        name="production",
    ) as profile:
        # RabbitMQ forgets the tasks of a test profile when its daemon stops.
        profile.is_test_profile = False
        aiida_config.update_profile(profile)
        for option, value in OPTIONS.items():
            aiida_config.set_option(option, value, scope=profile.name)
        # Making a profile makes it the default one.
        aiida_config.set_default_profile(aiida_profile.name, overwrite=True)
        aiida_config.store()
    try:
        yield profile
    finally:
        with profile_context(profile, allow_switch=True):
            Daemon(profile).stop()


@pytest.fixture
def production(production_profile, services, monkeypatch):
    """The profile of production, loaded during the test, with ``ssh cluster`` leading to the cluster."""
    from aiida.manage.configuration import profile_context

    monkeypatch.setenv("HOME", str(services.home))
    with profile_context(production_profile, allow_switch=True) as profile:
        yield profile


@pytest.fixture
def daemon(production) -> Daemon:
    """The daemon of production, running."""
    daemon = Daemon(production)
    daemon.start()
    return daemon


@pytest.fixture
def cluster(production, services, qe_launcher):
    """The computer that is reached over SSH and has Slurm."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    from aiida_getl.setup.engines import ROOT_MPI_ENVIRONMENT

    try:
        return Computer.collection.get(label="cluster")
    except NotExistent:
        pass
    work = services.folder / "work"
    work.mkdir(exist_ok=True)
    computer = Computer(
        label="cluster",
        hostname=services.settings["ssh_host"],
        transport_type="core.ssh_async",
        scheduler_type="core.slurm",
        workdir=str(work),
    ).store()
    computer.set_mpirun_command([*(qe_launcher or ["mpirun"]), "-np", "{tot_num_mpiprocs}"])
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_minimum_job_poll_interval(1.0)
    environment = {"OMP_NUM_THREADS": "1", **ROOT_MPI_ENVIRONMENT}
    computer.set_prepend_text("\n".join(f"export {name}={value}" for name, value in environment.items()))
    computer.configure(host=services.settings["ssh_host"], use_login_shell=False, safe_interval=0.0)
    return computer


@pytest.fixture
def cluster_code(cluster, engine_path):
    """Return a function that gives the code of an engine on the cluster."""
    from aiida_getl.setup.codes import ensure_code

    return lambda engine: ensure_code(engine, engine_path(engine), "under test", cluster)[0]


@pytest.fixture
def paw(production, paw_directory):
    """The family of the package's PAW datasets, in the profile of production, which keeps it from test to test."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_group

    from aiida_getl.pseudos.generate import FAMILY_LABEL
    from aiida_getl.setup.pseudos import store_family

    try:
        return load_group(FAMILY_LABEL)
    except NotExistent:
        return store_family(paw_directory)


@pytest.fixture
def potential(production, cuzr_potential_path):
    """The Cu-Zr potential as a node of the profile."""
    from aiida.orm import SinglefileData

    return SinglefileData(cuzr_potential_path)


@pytest.fixture
def keep_running(production):
    """Return a function that does what cron does, and returns what it printed."""

    def run() -> str:
        command = ["verdi", "-p", production.name, "run", str(EXAMPLES / "keep_running.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def change_options(daemon, production, aiida_config):
    """Return a function that starts the daemon anew with other options, and so many workers."""

    def restart(options, workers):
        for option, value in options.items():
            aiida_config.set_option(option, value, scope=production.name)
        aiida_config.store()
        daemon.stop()
        daemon.start(workers)

    yield restart
    restart(OPTIONS, 2)


class Gate:
    """Keeps jobs running until it is opened, at no cost: the fault comes while they run, however slow the machine."""

    def __init__(self, path: Path):
        self.path = path
        #: For the start of a job's script.
        self.script = f"until test -e {path}; do sleep 0.2; done"

    def open(self) -> None:
        """Let the jobs go on."""
        self.path.touch()


@pytest.fixture
def gate(services) -> Iterable[Gate]:
    """A gate that is opened at the latest when the test ends."""
    gate = Gate(Path(tempfile.mktemp(prefix="gate-", dir=services.folder)))
    yield gate
    gate.open()


@pytest.fixture
def stage(cluster_code, potential, gate):
    """Return a function that builds a short stage of molecular dynamics for the cluster, which waits at the gate."""
    from aiida.orm import Dict, Int, StructureData
    from aiida.plugins import CalculationFactory

    from aiida_getl.structures.packing import random_packing

    def build(seed: int = 0, **options):
        builder = CalculationFactory("getl.lammps").get_builder()
        builder.code = cluster_code("lmp")
        builder.structure = StructureData(ase=random_packing({"Zr": 12, "Cu": 12}, seed))
        builder.potential = potential
        builder.parameters = Dict(STAGE)
        builder.seed = Int(seed)
        builder.metadata.options = {
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            "max_wallclock_seconds": 600,
            "max_memory_kb": 500_000,
            "withmpi": False,
            "prepend_text": gate.script,
            **options,
        }
        return builder

    return build


@pytest.fixture
def wait():
    """Return :func:`wait_for`."""
    return wait_for


@pytest.fixture
def ended(services, daemon):
    """Return a function that waits until processes have ended, and tells what the daemon logged where they do not."""
    from aiida.orm import CalcJobNode

    def wait_until_ended(*nodes, seconds=PATIENCE):
        until = time.monotonic() + seconds
        while not all(node.is_terminated for node in nodes):
            if time.monotonic() > until:
                states = [(node.pk, node.process_state, node.process_status, node.paused) for node in nodes]
                pytest.fail(f"no end after {seconds} s: {states}\n{services.queue()}\n{daemon.log()}")
            time.sleep(0.2)
        jobs = [one for node in nodes for one in (node, *node.called_descendants) if isinstance(one, CalcJobNode)]
        # The accounting hears of the end of a job a little later than the queue.
        wait_for(lambda: all(services.accounted(job) for job in jobs), "the end of the jobs in Slurm's accounting")

    return wait_until_ended
