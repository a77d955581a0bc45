"""Loading the profile for the commands that need one."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click


def with_profile(function: Callable[..., Any] | None = None, *, create: bool = False) -> Callable[..., Any]:
    """Load the profile of ``aiida-getl -p NAME``, or AiiDA's default one, before the command ``function`` runs.

    :param create: make the embedded profile where there is none at all, for commands that need no engine.
    """
    if function is None:
        return functools.partial(with_profile, create=create)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with told_outages():
            load(create=create)
            return function(*args, **kwargs)

    return wrapper


@contextlib.contextmanager
def told_outages() -> Iterator[None]:
    """Tell that the storage or the daemon does not answer, in place of a traceback.

    :raises click.ClickException: then.
    """
    from aiida.common.exceptions import UnreachableStorage
    from aiida.engine.daemon.client import DaemonException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except (UnreachableStorage, OperationalError) as error:
        reason = str(error.orig if isinstance(error, OperationalError) else error).strip()
        raise click.ClickException(
            f"the storage of the profile is not reached: {reason}. Nothing is lost by that: start its server or mount "
            "its disk, and try again; `aiida-getl setup --check` examines it"
        ) from error
    except DaemonException as error:
        raise click.ClickException(
            f"the daemon does not answer: {str(error).strip() or type(error).__name__}. See `verdi daemon status` and "
            "`verdi daemon logshow`; `verdi daemon stop` and `verdi daemon start` take the work up where it is"
        ) from error


def load(*, create: bool = False) -> None:
    """Load the profile, see :func:`with_profile`."""
    from aiida.common.exceptions import ConfigurationError, UnreachableStorage
    from aiida.manage.configuration import load_profile

    let_daemon_find_this_environment()
    name = click.get_current_context().obj.profile_name
    try:
        if create:
            _create_profile(name)
        load_profile(name, allow_switch=True)
    except UnreachableStorage:  # is one, and the profile is there
        raise
    except ConfigurationError as error:
        there = "`verdi profile list` shows those there are. " if name is not None else ""
        raise click.ClickException(
            f"{str(error).rstrip('.')}. {there}Run `aiida-getl setup` first, with AIIDA_PATH set to where the profile "
            "is to be."
        ) from error


def _create_profile(name: str | None) -> None:
    """Make the embedded profile if there is none at all."""
    from aiida.manage.configuration import get_config

    from aiida_getl.setup.profile import PROFILE_NAME, ensure_profile

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Creating AiiDA configuration folder")
        config = get_config(create=True)
    if not config.profile_names:
        profile, _ = ensure_profile(name or PROFILE_NAME)
        click.echo(f"Made the profile {profile.name!r} in {config.dirpath}, which will hold all data.", err=True)


def let_daemon_find_this_environment() -> None:
    """Put this Python's folder first on the PATH: AiiDA starts its daemon by the ``verdi`` it finds there."""
    folder = str(Path(sys.executable).parent)
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if folder not in parts:
        os.environ["PATH"] = os.pathsep.join((folder, *parts))
