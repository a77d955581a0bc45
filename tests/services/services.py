"""Services of a cluster for tests, on the loopback interface and in one private folder: nothing in /etc, none in /var.

    python tests/services/services.py start FOLDER [NAME ...]
    python tests/services/services.py stop FOLDER [NAME ...]
    python tests/services/services.py restart FOLDER NAME ...
    python tests/services/services.py status FOLDER

PostgreSQL, RabbitMQ (with epmd), munge, MariaDB, slurmdbd, slurmctld, slurmd and two sshd, one of them for somebody
who is not root. ``start`` picks free ports and writes ``FOLDER/services.json``, which says where everything is.
``stop`` ends what ``start`` started, and no other process: each is known by its number and the time it was created.
Without names, all are meant.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import postgres
import rabbitmq
import slurm
import sshd
from server import Server, ServiceError, free_port, say, write_private

_PORTS = (
    "postgres",
    "rabbitmq",
    "rabbitmq_distribution",
    "epmd",
    "mariadb",
    "slurmdbd",
    "slurmctld",
    "slurmd",
    "sshd",
    "guest",
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("start", "stop", "restart", "status"))
    parser.add_argument("folder", type=lambda text: Path(text).absolute())
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        return _run(options.command, options.folder, options.names)
    except ServiceError as error:
        say(f"services: {error}")
        return 1


def _run(command: str, folder: Path, names: list[str]) -> int:
    if command == "start":
        _check_folder(folder)
    elif not (folder / "services.json").exists():
        raise ServiceError(f"no services were started in {folder}")
    servers = {server.name: server for server in _servers(folder, _settings(folder))}
    unknown = sorted(set(names) - set(servers))
    if unknown:
        raise ServiceError(f"unknown services {', '.join(unknown)}: there are {', '.join(servers)}")
    chosen = [server for name, server in servers.items() if not names or name in names]

    if command == "status":
        for server in chosen:
            process = server.process()
            state = f"process {process.pid}" if process else "stopped"
            print(f"{server.name:10s} {state}{', answers' if process and server.answers() else ''}")
        return 0 if all(server.process() for server in chosen) else 3
    if command in ("stop", "restart"):
        _stop(folder, servers, chosen, everything=not names)
    if command in ("start", "restart"):
        if not slurm.address().startswith("127."):
            say(f"services: Slurm listens on {slurm.address()}, the address of this machine, not on loopback only")
        for server in chosen:
            server.start()
    return 0


def _stop(folder: Path, servers: dict[str, Server], chosen: list[Server], everything: bool) -> None:
    if everything and all(servers[name].process() for name in ("munge", "slurmctld", "slurmd")):
        slurm.cancel_everything(folder)
    # Side by side, since some take their time, and none needs another to stop.
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.stop, chosen))


def _settings(folder: Path) -> dict:
    path = folder / "services.json"
    if not path.exists():
        settings = {
            "ports": {name: free_port() for name in _PORTS},
            "password": secrets.token_hex(16),
            "user": "getl",
            "ssh_host": sshd.HOST,
            "home": str(folder / "home"),
            "environment": slurm.environment(folder),
        }
        write_private(path, json.dumps(settings, indent=2) + "\n")
    return json.loads(path.read_text())


def _servers(folder: Path, settings: dict) -> list[Server]:
    """Return all servers in the order in which they are started."""
    ports, password = settings["ports"], settings["password"]
    return [
        *postgres.servers(folder, ports, password),
        *rabbitmq.servers(folder, ports, password),
        *slurm.servers(folder, ports, password),
        *sshd.servers(folder, ports, settings["environment"]),
    ]


def _check_folder(folder: Path) -> None:
    """Make the folder; refuse one of others, one that the servers' users cannot pass, and too long names of sockets."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / "services.json").exists():
        raise ServiceError(f"{folder} has other things in it: take an empty folder, or one that does not exist yet")
    if os.geteuid() == 0:
        folder.chmod(0o755)
        closed = [str(path) for path in folder.parents if not path.stat().st_mode & stat.S_IXOTH]
        if closed:
            raise ServiceError(f"PostgreSQL and RabbitMQ do not run as root, and others cannot enter {closed[0]}")
    if len(str(folder)) > 60:
        raise ServiceError(
            f"{folder}: sockets below it would have names that are too long; take a folder like /tmp/getl"
        )


if __name__ == "__main__":
    sys.exit(main())
