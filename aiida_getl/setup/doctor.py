"""Examining a set-up: what works, what does not, and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_getl.pseudos.generate import ELEMENTS, FAMILY_LABEL
from aiida_getl.setup.codes import CODES
from aiida_getl.setup.engines import (
    ENGINES,
    EngineError,
    engine_version,
    find_engine,
    parallel_launcher,
    require_engine,
)
from aiida_getl.setup.potentials import CUZR_POTENTIAL, find_potential
from aiida_getl.setup.profile import COMPUTER_LABEL, PROFILE_OPTIONS

if TYPE_CHECKING:
    from aiida.manage.configuration.profile import Profile

_SETUP = "run `aiida-getl setup`"
_SECONDS_TO_ANSWER = 5


@dataclass(frozen=True)
class Check:
    """One thing that was examined.

    Attributes
    ----------
    name : str
        What was examined.
    ok : bool
        Whether it works.
    detail : str
        What was found.
    remedy : str
        What to do where it does not work.
    required : bool
        Whether the workflows need it.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True


def examine(profile_name: str) -> Iterator[Check]:
    """Examine engines, potential, and all that ``aiida-getl setup`` makes in the profile; change nothing."""
    for name in ENGINES:
        yield _check_engine(name)
    yield _check_launcher()
    yield _check_potential()
    profile, check = _load(profile_name)
    yield check
    if profile is not None:
        yield _check_options(profile)
        yield _check_computer()
        for name in CODES:
            if find_engine(name) is not None:
                yield _check_code(name)
        yield _check_family()
        yield _check_daemon(profile)


def _check_engine(name: str) -> Check:
    try:
        path = require_engine(name)
        return Check(name, True, f"{engine_version(name, path)} ({path})")
    except EngineError as error:
        return Check(name, False, error.problem, f"get it with {error.remedy}", ENGINES[name].required)


def _check_launcher() -> Check:
    pw = find_engine("pw.x")
    launcher = parallel_launcher(pw) if pw else None
    if launcher is None:
        remedy = "install the mpirun of the MPI library that pw.x was built with (Debian's: openmpi-bin)"
        return Check("in parallel", False, "no mpirun runs pw.x on two cores", remedy, required=False)
    return Check("in parallel", True, f"{' '.join(launcher)} runs pw.x on two cores")


def _check_potential() -> Check:
    try:
        return Check("potential", True, str(find_potential(CUZR_POTENTIAL)))
    except FileNotFoundError as error:
        return Check("potential", False, str(error), "set LAMMPS_POTENTIALS to the folder of LAMMPS' potentials")


def _load(name: str) -> tuple[Profile | None, Check]:
    from aiida.common.exceptions import (
        ConfigurationError,
        MissingConfigurationError,
        ProfileConfigurationError,
        UnreachableStorage,
    )
    from aiida.manage import get_manager
    from aiida.manage.configuration import get_config_path, load_profile

    try:
        profile = load_profile(name, allow_switch=True)
        version = get_manager().get_profile_storage().version()
    except (MissingConfigurationError, ProfileConfigurationError) as error:
        remedy = f"{_SETUP}, with AIIDA_PATH set to the folder where it is to be (now {os.environ.get('AIIDA_PATH')})"
        return None, Check("profile", False, f"{error} ({get_config_path()})", remedy)
    except (ConfigurationError, OSError) as error:
        if isinstance(error, UnreachableStorage) and profile.storage_backend == "core.psql_dos":
            remedy = (
                "start its PostgreSQL server, or see `verdi profile show` for the one that is meant; no data is lost"
            )
        else:
            remedy = f"{_SETUP} if its folder was moved; if its files are lost, `verdi profile delete {name}` before"
        return None, Check("profile", False, f"the storage of {name} cannot be opened: {error}", remedy)
    if profile.process_control_backend is None:
        remedy = "`verdi profile configure-broker core.zeromq`"
        return profile, Check("profile", False, f"{name} has no broker, so no daemon can run", remedy)
    detail = f"{name} ({profile.storage_backend} {version}, {profile.process_control_backend})"
    return profile, Check("profile", True, detail)


def _check_options(profile: Profile) -> Check:
    from aiida.manage.configuration import get_config

    option = "runner.poll.interval"
    seconds = get_config().get_option(option, scope=profile.name)
    if seconds > PROFILE_OPTIONS[option]:
        remedy = f"`verdi -p {profile.name} config set {option} {PROFILE_OPTIONS[option]}`"
        return Check("options", False, f"finished steps are noticed after {seconds} s", remedy, required=False)
    return Check("options", True, f"finished steps are noticed after {seconds} s")


def _check_computer() -> Check:
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_computer

    try:
        computer = load_computer(COMPUTER_LABEL)
        folder = Path(computer.get_workdir())
        with computer.get_transport() as transport:
            transport.makedirs(str(folder), ignore_existing=True)
            status, output, complaint = transport.exec_command_wait(f"test -w '{folder}' && echo works")
    except NotExistent as error:
        return Check("computer", False, str(error), _SETUP)
    except OSError as error:
        return Check("computer", False, f"{COMPUTER_LABEL} cannot write to its work folder: {error}", _SETUP)
    if (status, output.strip()) != (0, "works"):
        detail = f"{COMPUTER_LABEL} does not run commands that write to {folder} {complaint.strip()}"
        return Check("computer", False, detail, "make room and give yourself the right to write there")
    return Check("computer", True, f"{COMPUTER_LABEL} runs commands in {folder}")


def _check_code(engine: str) -> Check:
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_code

    label = f"{CODES[engine].label}@{COMPUTER_LABEL}"
    try:
        code = load_code(label)
    except NotExistent:
        return Check("code", False, f"there is no {label}", _SETUP)
    if not os.access(code.filepath_executable, os.X_OK):
        return Check("code", False, f"{label} stands for {code.filepath_executable}, which is gone", _SETUP)
    return Check("code", True, f"{label}: {code.description}")


def _check_family() -> Check:
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_group

    name = "pseudopotentials"
    try:
        family = load_group(FAMILY_LABEL)
    except NotExistent:
        return Check(name, False, f"there is no family {FAMILY_LABEL}", _SETUP)
    missing = [element for element in ELEMENTS if element not in family.elements]
    if missing:
        return Check(name, False, f"{FAMILY_LABEL} has no dataset for {', '.join(missing)}", _SETUP)
    not_paw = [e for e in ELEMENTS if 'pseudo_type="PAW"' not in family.get_pseudo(e).get_content()]
    if not_paw:
        return Check(name, False, f"{FAMILY_LABEL} has no PAW dataset for {', '.join(not_paw)}", _SETUP)
    return Check(name, True, f"{FAMILY_LABEL}: PAW datasets of {', '.join(sorted(family.elements))}")


def _check_daemon(profile: Profile) -> Check:
    from aiida.engine.daemon.client import DaemonException, DaemonStalePidException, get_daemon_client

    restart = f"`verdi -p {profile.name} daemon restart`, and `verdi daemon logshow` if that does not help"
    if profile.process_control_backend is None:
        return Check("daemon", False, "cannot run without a broker", "give the profile a broker first")
    client = get_daemon_client(profile.name)
    if not client.is_daemon_running:
        return Check("daemon", False, "does not run", f"{_SETUP} or `verdi -p {profile.name} daemon start`")
    try:
        workers = client.get_number_of_workers(timeout=_SECONDS_TO_ANSWER)
    except DaemonStalePidException:
        return Check("daemon", False, "died without taking leave, as when the machine goes down", _SETUP)
    except DaemonException as error:
        return Check("daemon", False, f"does not answer: {error}", restart)
    return Check("daemon", workers > 0, f"runs with {workers} workers", restart)
