"""The profile that needs no service (SQLite, built-in broker), and the computer that is this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_getl.setup.engines import ROOT_MPI_ENVIRONMENT

if TYPE_CHECKING:
    from aiida.manage.configuration.profile import Profile
    from aiida.orm import Computer

PROFILE_NAME = "getl"
COMPUTER_LABEL = "localhost"
#: A finished step is noticed after the poll interval: AiiDA's 60 s would make a chain of short jobs take minutes.
PROFILE_OPTIONS = {
    "runner.poll.interval": 1,
    # A busy machine does not start a daemon within AiiDA's 2 s.
    "daemon.timeout": 20,
    "caching.default_enabled": True,
    "warnings.showdeprecations": False,
    "warnings.rabbitmq_version": False,
}


def ensure_profile(name: str = PROFILE_NAME) -> tuple[Profile, bool]:
    """Load the profile ``name``, creating it if need be; return it and whether it is new.

    It lives where ``AIIDA_PATH`` says, and becomes the default profile where there is none yet.
    """
    from aiida.common.log import override_log_level
    from aiida.manage.configuration import create_profile, get_config, load_profile
    from aiida.plugins import BrokerFactory

    config = get_config(create=True)
    is_new = name not in config.profile_names
    if is_new:
        with override_log_level():
            create_profile(
                config,
                name=name,
                email="getl@localhost",
                storage_backend="core.sqlite_dos",
                storage_config={},
                broker_backend="core.zeromq",
                broker_config=BrokerFactory("core.zeromq").get_default_config(),
            )
        # Calculation functions block their worker, so one worker alone would also stop looking after the jobs.
        for option, value in (PROFILE_OPTIONS | {"daemon.default_workers": min(2, os.cpu_count() or 1)}).items():
            config.set_option(option, value, scope=name)
        config.set_default_profile(name, overwrite=False)
        config.store()
    elif _follow_moved_storage(config.get_profile(name), Path(config.dirpath)):
        config.store()
    return load_profile(name, allow_switch=True), is_new


def _follow_moved_storage(profile: Profile, config_directory: Path) -> bool:
    """Correct the path of a storage that was moved or copied together with the folder around it.

    A copy must not go on writing to the storage of its original, so what lies here goes before what is recorded.
    """
    recorded = Path(profile.storage_config.get("filepath", ""))
    here = config_directory / "repository" / recorded.name
    if profile.storage_backend != "core.sqlite_dos" or recorded == here or not here.is_dir():
        return False
    profile.set_storage(profile.storage_backend, {**profile.storage_config, "filepath": str(here)})
    return True


def ensure_localhost(launcher: Sequence[str] | None, workdir: Path, label: str = COMPUTER_LABEL) -> Computer:
    """Return the computer ``label`` for this machine in the loaded profile, created or brought up to date.

    Parameters
    ----------
    launcher : sequence of str or None
        The command that starts Quantum ESPRESSO in parallel (:func:`~aiida_getl.setup.engines.parallel_launcher`);
        None if it runs on one core only.
    workdir : Path
        Where the jobs run.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import Computer

    try:
        computer = Computer.collection.get(label=label)
    except NotExistent:
        computer = Computer(
            label=label,
            hostname="localhost",
            description="This machine, set up by aiida-getl.",
            transport_type="core.local",
            scheduler_type="core.direct",
            workdir=str(workdir),
        ).store()
    computer.set_workdir(str(workdir))
    computer.set_mpirun_command([*launcher, "-np", "{tot_num_mpiprocs}"] if launcher else [])
    # Labels run side by side, one core each: more ranks a job are asked for in its options.
    computer.set_default_mpiprocs_per_machine(1)
    # Two workers that ask without a pause take up half a core, and the jobs need it.
    computer.set_minimum_job_poll_interval(1.0)
    computer.set_prepend_text(_prepend_text())
    computer.configure(use_login_shell=False, safe_interval=0)
    return computer


def _prepend_text() -> str:
    environment = {"OMP_NUM_THREADS": "1"} | (ROOT_MPI_ENVIRONMENT if os.geteuid() == 0 else {})
    return "\n".join(f"export {name}={value}" for name, value in environment.items())
