"""RabbitMQ in a private folder, with its own name service (epmd), all on the loopback interface."""

from __future__ import annotations

import socket
from pathlib import Path

from server import LOOPBACK, Server, accepts, find_program, make_folder, write_private

USER = "rabbitmq"
_LIBRARY = "/usr/lib/rabbitmq/bin"


def servers(folder: Path, ports: dict[str, int], password: str) -> list[Server]:
    """Return epmd and the broker; the broker's user is ``getl``."""
    home = folder / "rabbitmq"
    environment = {
        "HOME": str(home),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "RABBITMQ_NODENAME": f"getl-{ports['rabbitmq']}@localhost",
        "RABBITMQ_DIST_PORT": str(ports["rabbitmq_distribution"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "rabbitmq.pid"),
    }

    def prepare() -> None:
        make_folder(home, USER)
        files = {
            "rabbitmq.conf": f"listeners.tcp.1 = {LOOPBACK}:{ports['rabbitmq']}\n"
            f"default_user = getl\ndefault_pass = {password}\n",
            # AiiDA acknowledges a process when it has finished, which may take weeks.
            "advanced.config": "[{rabbit, [{consumer_timeout, undefined}]}].\n",
            "enabled_plugins": "[].\n",
            "rabbitmq-env.conf": "",
        }
        for name, text in files.items():
            write_private(home / name, text, USER)

    epmd = find_program("epmd", "rabbitmq-server")
    return [
        Server(
            name="epmd",
            folder=folder,
            command=[epmd, "-address", LOOPBACK, "-port", str(ports["epmd"])],
            answers=lambda: accepts(ports["epmd"]),
            user=USER,
            environment=environment,
        ),
        Server(
            name="rabbitmq",
            folder=folder,
            command=[find_program("rabbitmq-server", "rabbitmq-server", _LIBRARY)],
            answers=lambda: _speaks_amqp(ports["rabbitmq"]),
            prepare=prepare,
            user=USER,
            environment=environment,
            with_children=True,
        ),
    ]


def _speaks_amqp(port: int) -> bool:
    """Return whether the broker greets back; it opens the port when everything else has started."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(1))
    except OSError:
        return False
