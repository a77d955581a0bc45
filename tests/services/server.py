"""One server of the test services: started in the background, recorded, stopped by its record and nothing else."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

#: Generous, since the machine may be busy with other work.
SECONDS_TO_START = 180
SECONDS_TO_STOP = 60
LOOPBACK = "127.0.0.1"


class ServiceError(RuntimeError):
    """A service cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Server:
    """A program that serves until it is stopped.

    Attributes
    ----------
    name : str
    folder : Path
        Private folder of all services: the log and the record of the running process go there.
    command : sequence of str
        Started in the foreground; whatever it prints goes to ``<name>.log``.
    answers : callable
        Returns whether the server serves.
    prepare : callable
        Makes files and databases on the first start; called before every start.
    user : str or None
        Whom to become where we are root.
    environment : mapping
        Added to that of the server.
    stop_signal : signal
        Asks for an orderly end.
    with_children : bool
        End what it started, too: connections that would outlive it. Jobs are not to be ended with their scheduler.
    """

    name: str
    folder: Path
    command: Sequence[str]
    answers: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    with_children: bool = False

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.name}.pid.json"

    def process(self) -> psutil.Process | None:
        """Return the process that was started here, None if it is gone; another of the same number is not ours."""
        try:
            record = json.loads(self._record.read_text())
            process = psutil.Process(record["pid"])
            if process.create_time() != record["create_time"] or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return process

    def start(self) -> None:
        """Start the server where it is not running, and wait until it answers.

        Raises
        ------
        ServiceError
            If it ends or does not answer, with the end of its log.
        """
        if self.process() is not None:
            return
        self.prepare()
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_user(self.user),
            )
        record = {"pid": child.pid, "create_time": psutil.Process(child.pid).create_time()}
        self._record.write_text(json.dumps(record))
        until = time.monotonic() + SECONDS_TO_START
        while not self.answers():
            if child.poll() is not None:
                raise ServiceError(f"{self.name} ended with status {child.returncode}:\n{self._end_of_log()}")
            if time.monotonic() > until:
                self.stop()
                raise ServiceError(f"{self.name} gave no answer in {SECONDS_TO_START} s:\n{self._end_of_log()}")
            time.sleep(0.1)

    def stop(self) -> bool:
        """Stop the server, by force if need be; return whether it was running."""
        process = self.process()
        if process is None:
            self._record.unlink(missing_ok=True)
            return False
        children = process.children(recursive=True) if self.with_children else []
        process.send_signal(self.stop_signal)
        _, alive = psutil.wait_procs([process], timeout=SECONDS_TO_STOP)
        for left in [*alive, *children]:
            if left.is_running():
                left.kill()
        psutil.wait_procs([*alive, *children], timeout=SECONDS_TO_STOP)
        self._record.unlink()
        return True

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def as_user(user: str | None) -> dict[str, object]:
    """Return the arguments by which ``subprocess`` becomes ``user``; only root can and has to."""
    if user is None or os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def run(command: Sequence[str | Path], user: str | None = None, **changes: str) -> str:
    """Run a command of the preparation as ``user``, the environment changed; return what it prints.

    Raises
    ------
    ServiceError
        If it fails, with the end of what it printed.
    """
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **changes},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **as_user(user),
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-15:])
        raise ServiceError(f"`{' '.join(map(str, command))}` failed with status {done.returncode}:\n{end}")
    return done.stdout


def make_folder(path: Path, user: str | None = None) -> Path:
    """Make a folder that only ``user`` can enter (we, where we are not root)."""
    path.mkdir(mode=0o700, exist_ok=True)
    if user is not None and os.geteuid() == 0:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
    return path


def write_private(path: Path, text: str, user: str | None = None) -> None:
    """Write a file that only ``user`` can read (we, where we are not root)."""
    path.touch(mode=0o600)
    path.write_text(text)
    if user is not None and os.geteuid() == 0:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def find_program(name: str, package: str, *folders: str) -> str:
    """Return the path of a program, looked for on the PATH, where servers are kept, and in ``folders``.

    Raises
    ------
    ServiceError
        If it is missing, with the package that has it.
    """
    places = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=places)
    if found is None:
        raise ServiceError(
            f"{name} not found: get it with `bash examples/install.sh --tests` or `apt-get install {package}`"
        )
    return found


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def accepts(port: int, address: str = LOOPBACK) -> bool:
    """Return whether somebody listens on a port."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def succeeds(command: Sequence[str], user: str | None = None, **changes: str) -> bool:
    """Return whether a command ends without an error."""
    try:
        run(command, user, **changes)
    except ServiceError:
        return False
    return True


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)
