"""Slurm with one node, this machine, and with accounting, so that ``sacct`` answers."""

from __future__ import annotations

import getpass
import os
import socket
import time
from pathlib import Path

from server import LOOPBACK, Server, ServiceError, accepts, find_program, make_folder, run, succeeds, write_private

_DATABASE = "slurm"
_ACCOUNT = "getl"


def address() -> str:
    """Return where Slurm's daemons listen: kept from listening everywhere, they take what this machine's name means.

    That is the loopback interface where /etc/hosts says so, as Debian's does.
    """
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError as error:
        name = socket.gethostname()
        raise ServiceError(f"Slurm needs an address for {name}: add `{LOOPBACK} {name}` to /etc/hosts") from error


def servers(folder: Path, ports: dict[str, int], password: str) -> list[Server]:
    """Return munge, MariaDB and Slurm's three daemons, in the order in which they are to be started.

    Everything runs as the user who starts it, so the jobs are theirs, too.
    """
    return [
        _munge(folder),
        _mariadb(folder, ports, password),
        _slurmdbd(folder, ports, password),
        _slurmctld(folder, ports),
        _slurmd(folder, ports),
    ]


def environment(folder: Path) -> dict[str, str]:
    """Return what makes Slurm's commands speak to this Slurm."""
    return {"SLURM_CONF": str(folder / "slurm" / "slurm.conf")}


def cancel_everything(folder: Path) -> None:
    """Cancel all jobs and wait until their processes have ended, which the scheduler's own end would not bring."""
    squeue, scancel = find_program("squeue", "slurm-client"), find_program("scancel", "slurm-client")
    run([scancel, "--full", f"--user={getpass.getuser()}"], **environment(folder))
    until = time.monotonic() + 30
    while run([squeue, "--noheader"], **environment(folder)).strip() and time.monotonic() < until:
        time.sleep(0.2)


def _socket(folder: Path) -> Path:
    return folder / "munge" / "socket"


def _munge(folder: Path) -> Server:
    home = folder / "munge"
    munge = find_program("munge", "munge")

    def prepare() -> None:
        make_folder(home)
        key = home / "key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(os.urandom(128))

    options = [
        f"--socket={_socket(folder)}",
        f"--key-file={home / 'key'}",
        f"--pid-file={home / 'pid'}",
        f"--log-file={home / 'log'}",
        f"--seed-file={home / 'seed'}",
    ]
    return Server(
        name="munge",
        folder=folder,
        # By force, because it does not trust folders below /tmp; ours can be entered by nobody else.
        command=[find_program("munged", "munge"), "--foreground", "--force", *options],
        answers=lambda: succeeds([munge, "--no-input", f"--socket={_socket(folder)}"]),
        prepare=prepare,
    )


def _mariadb(folder: Path, ports: dict[str, int], password: str) -> Server:
    home = folder / "mariadb"
    client = [find_program("mariadb", "mariadb-server"), "--no-defaults", "--protocol=tcp", f"--host={LOOPBACK}"]
    user = f"--user={getpass.getuser()}"

    def prepare() -> None:
        make_folder(home)
        if (home / "data" / "mysql").exists():
            return
        install = find_program("mariadb-install-db", "mariadb-server")
        options = [f"--datadir={home / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        run([install, "--no-defaults", user, *options])
        statements = (
            "FLUSH PRIVILEGES;"
            f"CREATE DATABASE {_DATABASE};"
            f"CREATE USER 'slurm'@'{LOOPBACK}' IDENTIFIED BY '{password}';"
            f"GRANT ALL ON {_DATABASE}.* TO 'slurm'@'{LOOPBACK}';"
            # Nobody but ourselves gets at the socket, but the port is open to every user of this machine.
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';"
        )
        write_private(home / "init.sql", statements.replace(";", ";\n"))

    options = {
        "datadir": home / "data",
        "socket": home / "socket",
        "port": ports["mariadb"],
        "bind-address": LOOPBACK,
        "pid-file": home / "pid",
        "init-file": home / "init.sql",
        "skip-name-resolve": "ON",
        "innodb-flush-log-at-trx-commit": 0,
        # What slurmdbd advises.
        "innodb-lock-wait-timeout": 900,
    }
    return Server(
        name="mariadb",
        folder=folder,
        command=[
            find_program("mariadbd", "mariadb-server"),
            "--no-defaults",
            user,
            *(f"--{name}={value}" for name, value in options.items()),
        ],
        answers=lambda: succeeds(
            [*client, f"--port={ports['mariadb']}", "--user=slurm", "--execute=SELECT 1", _DATABASE], MYSQL_PWD=password
        ),
        prepare=prepare,
    )


def _slurmdbd(folder: Path, ports: dict[str, int], password: str) -> Server:
    home = folder / "slurm"
    configuration = folder / "slurm" / "slurmdbd.conf"

    def prepare() -> None:
        make_folder(home)
        settings = {
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={_socket(folder)}",
            "CommunicationParameters": "NoInAddrAny,NoCtldInAddrAny",
            "DbdHost": socket.gethostname(),
            "DbdAddr": address(),
            "DbdPort": ports["slurmdbd"],
            "SlurmUser": getpass.getuser(),
            "StorageType": "accounting_storage/mysql",
            "StorageHost": LOOPBACK,
            "StoragePort": ports["mariadb"],
            "StorageUser": "slurm",
            "StoragePass": password,
            "StorageLoc": _DATABASE,
            "PidFile": home / "slurmdbd.pid",
        }
        write_private(configuration, "".join(f"{name}={value}\n" for name, value in settings.items()))
        _write_configuration(folder, ports)

    return Server(
        name="slurmdbd",
        folder=folder,
        command=[find_program("slurmdbd", "slurmdbd"), "-D"],
        answers=lambda: accepts(ports["slurmdbd"], address()),
        prepare=prepare,
        environment={"SLURM_CONF": str(configuration)},
    )


def _slurmctld(folder: Path, ports: dict[str, int]) -> Server:
    scontrol, sacctmgr = find_program("scontrol", "slurm-client"), find_program("sacctmgr", "slurm-client")
    ours = environment(folder)

    def prepare() -> None:
        make_folder(folder / "slurm" / "state")
        if "getl" not in run([sacctmgr, "--noheader", "--parsable2", "show", "cluster", "format=cluster"], **ours):
            run([sacctmgr, "--immediate", "add", "cluster", "getl"], **ours)
        # Limits of users are those of their accounts.
        if not run([sacctmgr, "--noheader", "show", "account", _ACCOUNT], **ours).strip():
            run([sacctmgr, "--immediate", "add", "account", _ACCOUNT], **ours)
            user = [getpass.getuser(), f"account={_ACCOUNT}", f"defaultaccount={_ACCOUNT}"]
            run([sacctmgr, "--immediate", "add", "user", *user], **ours)

    return Server(
        name="slurmctld",
        folder=folder,
        command=[find_program("slurmctld", "slurmctld"), "-D"],
        answers=lambda: succeeds([scontrol, "ping"], **ours),
        prepare=prepare,
        environment=ours,
    )


def _slurmd(folder: Path, ports: dict[str, int]) -> Server:
    sinfo = find_program("sinfo", "slurm-client")
    ours = environment(folder)

    return Server(
        name="slurmd",
        folder=folder,
        command=[find_program("slurmd", "slurmd"), "-D", "-N", socket.gethostname()],
        answers=lambda: (
            run([sinfo, "--noheader", "--format=%t"], **ours).strip() in ("idle", "mix", "alloc", "drain", "drng")
        ),
        prepare=lambda: make_folder(folder / "slurm" / "spool"),
        environment=ours,
    )


def _write_configuration(folder: Path, ports: dict[str, int]) -> None:
    home = folder / "slurm"
    name = socket.gethostname()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    settings = {
        "ClusterName": "getl",
        "SlurmctldHost": f"{name}({address()})",
        "SlurmctldPort": ports["slurmctld"],
        "SlurmdPort": ports["slurmd"],
        "SlurmUser": getpass.getuser(),
        "SlurmdUser": getpass.getuser(),
        "StateSaveLocation": home / "state",
        "SlurmdSpoolDir": home / "spool",
        "SlurmctldPidFile": home / "slurmctld.pid",
        "SlurmdPidFile": home / "slurmd.pid",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={_socket(folder)}",
        "CredType": "cred/munge",
        "CommunicationParameters": "NoInAddrAny,NoCtldInAddrAny",
        "MpiDefault": "none",
        "SwitchType": "switch/none",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU_Memory",
        "SchedulerParameters": "batch_sched_delay=0,sched_interval=1",
        "ReturnToService": 2,
        "SlurmctldTimeout": 30,
        "SlurmdTimeout": 60,
        "KillWait": 2,
        # As on clusters without control groups: memory is looked at now and then, and who uses more than they asked
        # for is stopped.
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=1",
        "JobAcctGatherParams": "OverMemoryKill",
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageEnforce": "limits,qos",
        "AccountingStorageHost": address(),
        "AccountingStoragePort": ports["slurmdbd"],
        "AccountingStoragePass": _socket(folder),
        # Jobs wait for each other no more than they have to: four at a time, on however many cores there are.
        "SlurmdParameters": "config_overrides",
    }
    lines = [f"{key}={value}\n" for key, value in settings.items()]
    lines.append(f"NodeName={name} NodeAddr={address()} CPUs=4 RealMemory={memory} State=UNKNOWN\n")
    lines.append(f"PartitionName=main Nodes={name} Default=YES MaxTime=INFINITE DefMemPerCPU=1000 State=UP\n")
    # What asks for more time than this is taken, and left in the queue.
    lines.append(f"PartitionName=short Nodes={name} MaxTime=5 DefMemPerCPU=1000 State=UP\n")
    (home / "slurm.conf").write_text("".join(lines))
