"""PostgreSQL in a private folder; it refuses to run as root, who becomes ``postgres``."""

from __future__ import annotations

import signal
from pathlib import Path

from server import LOOPBACK, Server, find_program, make_folder, run, succeeds, write_private

USER = "postgres"


def servers(folder: Path, ports: dict[str, int], password: str) -> list[Server]:
    """Return the server; its superuser is ``getl``."""
    port = ports["postgres"]
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    home = folder / "postgres"
    data = home / "data"

    def prepare() -> None:
        make_folder(home, USER)
        if (data / "PG_VERSION").exists():
            return
        secret = home / "password"
        write_private(secret, password, USER)
        initdb = find_program("initdb", "postgresql", *folders)
        options = ["--username=getl", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        run([initdb, f"--pgdata={data}", f"--pwfile={secret}", *options], USER)

    ready = find_program("pg_isready", "postgresql", *folders)
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": str(home),
        # Written to disk all the same, but not waited for: power cuts are not tested.
        "fsync": "off",
        "max_connections": "200",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [
        Server(
            name="postgres",
            folder=folder,
            command=[find_program("postgres", "postgresql", *folders), "-D", str(data), *options],
            answers=lambda: succeeds([ready, "-h", LOOPBACK, "-p", str(port)]),
            prepare=prepare,
            user=USER,
            # Fast shutdown: sessions are ended, not waited for.
            stop_signal=signal.SIGINT,
        )
    ]
