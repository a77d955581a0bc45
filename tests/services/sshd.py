"""SSH servers on the loopback interface, with a home folder whose ``ssh cluster`` and ``ssh guest`` lead to them."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from server import LOOPBACK, Server, accepts, find_program, make_folder, run, write_private

#: What the server is called in the configuration of ssh.
HOST = "cluster"
#: That of somebody who is not root, and may not write everywhere.
GUEST_HOST = "guest"
#: Who that is where root starts it; else it is the user who does. PostgreSQL's user has a shell.
GUEST = "postgres"


def servers(folder: Path, ports: dict[str, int], environment: dict[str, str]) -> list[Server]:
    """Return the servers, whose sessions get ``environment``."""
    client = folder / "home" / ".ssh"
    as_root = os.geteuid() == 0
    logins = {HOST: ("sshd", getpass.getuser()), GUEST_HOST: ("guest", GUEST if as_root else getpass.getuser())}

    def known_hosts(name: str) -> Path:
        return client / f"known_hosts_{name}"

    def prepare_client() -> None:
        make_folder(folder / "home")
        make_folder(client)
        _make_key(client / "id_ed25519", None)
        (client / "config").write_text(
            "".join(
                f"Host {host}\n  HostName {LOOPBACK}\n  Port {ports[name]}\n  User {user}\n"
                f"  IdentityFile {client / 'id_ed25519'}\n  IdentitiesOnly yes\n"
                f"  UserKnownHostsFile {known_hosts(name)}\n  StrictHostKeyChecking yes\n"
                for host, (name, user) in logins.items()
            )
        )

    def make_server(name: str, login: str, user: str | None) -> Server:
        home = folder / name
        settings = {
            "ListenAddress": f"{LOOPBACK}:{ports[name]}",
            "HostKey": home / "host_key",
            "AuthorizedKeysFile": home / "authorized_keys",
            "AuthenticationMethods": "publickey",
            "AllowUsers": login,
            # The folders above are not ours alone where everything lies in /tmp.
            "StrictModes": "no",
            "UsePAM": "no",
            "PidFile": "none",
            "MaxStartups": 100,
            "MaxSessions": 100,
            "Subsystem": "sftp internal-sftp",
            "SetEnv": " ".join(f'{name}="{value}"' for name, value in environment.items()),
        }

        def prepare() -> None:
            prepare_client()
            make_folder(home, user)
            _make_key(home / "host_key", user)
            host_key = (home / "host_key.pub").read_text().rsplit(maxsplit=1)[0]
            known_hosts(name).write_text(f"[{LOOPBACK}]:{ports[name]} {host_key}\n")
            write_private(home / "authorized_keys", (client / "id_ed25519.pub").read_text(), user)
            configuration = "".join(f"{key} {value}\n" for key, value in settings.items())
            write_private(home / "sshd_config", configuration, user)
            if as_root:
                # Root's server insists on this empty folder, which the system makes at boot.
                Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

        return Server(
            name=name,
            folder=folder,
            command=[find_program("sshd", "openssh-server"), "-D", "-e", "-f", str(home / "sshd_config")],
            answers=lambda: accepts(ports[name]),
            prepare=prepare,
            user=user,
            with_children=True,
        )

    # A server that is not root's serves nobody but its own user, and asks for no rights.
    users = {"sshd": None, "guest": GUEST}
    return [make_server(name, login, users[name]) for name, login in logins.values()]


def _make_key(path: Path, user: str | None) -> None:
    if not path.exists():
        keygen = find_program("ssh-keygen", "openssh-client")
        run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "getl-tests", "-f", path], user)
