"""An SSH server on the loopback interface, with a home folder whose ``ssh cluster`` leads to it."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from server import LOOPBACK, Server, accepts, find_program, make_folder, run

#: What the server is called in the configuration of ssh.
HOST = "cluster"


def servers(folder: Path, ports: dict[str, int], environment: dict[str, str]) -> list[Server]:
    """Return the server, whose sessions get ``environment``."""
    port = ports["sshd"]
    home = folder / "sshd"
    client = folder / "home" / ".ssh"

    def prepare() -> None:
        make_folder(home)
        make_folder(folder / "home")
        make_folder(client)
        keygen = find_program("ssh-keygen", "openssh-client")
        for key in (home / "host_key", client / "id_ed25519"):
            if not key.exists():
                run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "getl-tests", "-f", key])
        host_key = (home / "host_key.pub").read_text().rsplit(maxsplit=1)[0]
        (client / "known_hosts").write_text(f"[{LOOPBACK}]:{port} {host_key}\n")
        (client / "config").write_text(
            f"Host {HOST}\n  HostName {LOOPBACK}\n  Port {port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {client / 'id_ed25519'}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {client / 'known_hosts'}\n  StrictHostKeyChecking yes\n"
        )
        settings = {
            "ListenAddress": f"{LOOPBACK}:{port}",
            "HostKey": home / "host_key",
            "AuthorizedKeysFile": client / "id_ed25519.pub",
            "AuthenticationMethods": "publickey",
            "AllowUsers": getpass.getuser(),
            # The folders above are not ours alone where everything lies in /tmp.
            "StrictModes": "no",
            "UsePAM": "no",
            "PidFile": "none",
            "MaxStartups": 100,
            "MaxSessions": 100,
            "Subsystem": "sftp internal-sftp",
            "SetEnv": " ".join(f'{name}="{value}"' for name, value in environment.items()),
        }
        (home / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        if os.geteuid() == 0:
            # Root's server insists on this empty folder, which the system makes at boot.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    return [
        Server(
            name="sshd",
            folder=folder,
            command=[find_program("sshd", "openssh-server"), "-D", "-e", "-f", str(home / "sshd_config")],
            answers=lambda: accepts(port),
            prepare=prepare,
            with_children=True,
        )
    ]
