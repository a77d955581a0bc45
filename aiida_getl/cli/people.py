"""Who decides, and telling the process that waits for it."""

from __future__ import annotations

import getpass
import logging
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import click
from aiida import orm

#: Seconds that a process is given to go on, which it does at once unless the daemon has just been started.
PATIENCE = 60


def signature() -> dict[str, Any]:
    """Return who says something, and when, for a statement."""
    try:
        system_user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        system_user = None
    user = orm.User.collection.get_default()
    return {
        "by": {"user": user.email if user is not None else None, "system_user": system_user},
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def wake(process: orm.ProcessNode, went_on: Callable[[], bool]) -> bool:
    """Play a process until it is seen to go on; return whether it was.

    The daemon is started if it does not run: a process that waits for a decision looks for it when it is taken up.

    :param went_on: tells whether the process, although paused, waits for something else by now.
    """
    from aiida.engine.daemon.client import DaemonException
    from aiida.manage import get_manager

    from aiida_getl.setup.daemon import ensure_daemon

    try:
        click.echo(f"The daemon is {ensure_daemon(get_manager().get_profile().name)}.")
    except DaemonException as exception:
        click.echo(f"The daemon could not be started: {exception}", err=True)
        return False
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        # Also where it is not paused yet: it may be about to be.
        _play(process)
        node = orm.load_node(process.pk)
        if node.is_terminated or not node.paused or went_on():
            return True
        time.sleep(1)
    return False


def _play(process: orm.ProcessNode) -> None:
    """Ask a process to go on; nobody may run it at this moment, which AiiDA would report as an error."""
    from aiida.engine.processes import control

    level = control.LOGGER.level
    control.LOGGER.setLevel(logging.CRITICAL)
    try:
        control.play_processes([process], timeout=5)
    finally:
        control.LOGGER.setLevel(level)
