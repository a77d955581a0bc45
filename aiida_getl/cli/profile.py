"""Loading the profile for the commands that need one."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def with_profile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Load the profile of ``aiida-getl -p NAME``, or AiiDA's default one, before the command ``function`` runs."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from aiida.common.exceptions import ConfigurationError
        from aiida.manage.configuration import load_profile

        let_daemon_find_this_environment()
        try:
            load_profile(click.get_current_context().obj.profile_name, allow_switch=True)
        except ConfigurationError as error:
            raise click.ClickException(
                f"{error}. Run `aiida-getl setup` first, with AIIDA_PATH set to where the profile is to be."
            ) from error
        return function(*args, **kwargs)

    return wrapper


def let_daemon_find_this_environment() -> None:
    """Put this Python's folder first on the PATH: AiiDA starts its daemon by the ``verdi`` it finds there."""
    folder = str(Path(sys.executable).parent)
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if folder not in parts:
        os.environ["PATH"] = os.pathsep.join((folder, *parts))
