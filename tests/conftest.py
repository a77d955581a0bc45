"""Fixtures for all tests: the published data, the real engines, and AiiDA in a temporary profile."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

pytest_plugins = ["aiida.tools.pytest_fixtures"]

# Not even AiiDA's import may touch the user's own configuration.
_AIIDA_PATH = tempfile.mkdtemp(prefix="getl-aiida-")
atexit.register(shutil.rmtree, _AIIDA_PATH, ignore_errors=True)
os.environ["AIIDA_PATH"] = _AIIDA_PATH
# The daemon is started by the verdi on the PATH, which has to be this environment's, activated or not.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
# Root is who one is in a container, where OpenMPI refuses to start unless told twice.
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1")

#: AiiDA waits 20 s, 40 s, ... after a failed submission, and looks for finished jobs once a minute.
TEST_OPTIONS = {
    "runner.poll.interval": 1,
    "transport.task_retry_initial_interval": 1,
    "transport.task_maximum_attempts": 2,
    # A busy machine does not start a daemon within AiiDA's 2 s.
    "daemon.timeout": 20,
    "warnings.showdeprecations": False,
}


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The published data; the tests that compare with it skip where it is absent."""
    path = Path(os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[2] / "shared" / "data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no reference data at {path}: set GETL_REFERENCE_DATA to the folder that holds prm4_113603")
    return path


# ---- real engines, without AiiDA


@pytest.fixture(scope="session")
def engine_path():
    """Return a function that gives the path of an engine (``lmp``, ``pw.x``, ...) or fails, saying how to get it."""
    from aiida_getl.setup.engines import EngineError, require_engine

    def find(name: str) -> Path:
        try:
            return require_engine(name)
        except EngineError as error:
            pytest.fail(str(error), pytrace=False)

    return find


@pytest.fixture(scope="session")
def paw_directory(engine_path, tmp_path_factory) -> Path:
    """A folder with the package's PAW datasets (Al, Cu, Zr), made by the real ld1.x."""
    from aiida_getl.pseudos.generate import generate_family

    directory = tmp_path_factory.mktemp("paw")
    generate_family(engine_path("ld1.x"), directory)
    return directory


@pytest.fixture(scope="session")
def cuzr_potential_path() -> Path:
    """LAMMPS' own Cu-Zr potential, an eam/fs file."""
    from aiida_getl.setup.potentials import CUZR_POTENTIAL, find_potential

    return find_potential(CUZR_POTENTIAL)


# ---- AiiDA: one temporary profile for the whole session, never the user's


@pytest.fixture(scope="session", autouse=True)
def aiida_profile(aiida_config, aiida_profile_factory):
    """The profile of the session: SQLite and the built-in broker; ``started_daemon_client`` starts its daemon."""
    with aiida_profile_factory(aiida_config, broker_backend="core.zeromq") as profile:
        for option, value in TEST_OPTIONS.items():
            aiida_config.set_option(option, value, scope=profile.name)
        aiida_config.store()
        yield profile


@pytest.fixture(scope="session")
def qe_launcher(engine_path) -> list[str] | None:
    """The command that starts pw.x in parallel, None if nothing does."""
    from aiida_getl.setup.engines import parallel_launcher

    return parallel_launcher(engine_path("pw.x"))


@pytest.fixture(scope="session")
def work_directory(tmp_path_factory) -> Path:
    """Where the jobs of ``getl_computer`` run."""
    return tmp_path_factory.mktemp("work")


# The nodes below are made again where a test has cleaned the profile, so they are not of session scope.


@pytest.fixture
def getl_computer(aiida_profile, qe_launcher, work_directory):
    """The tuned ``localhost``."""
    from aiida_getl.setup.profile import ensure_localhost

    return ensure_localhost(qe_launcher, work_directory)


@pytest.fixture
def engine_code(engine_path, getl_computer):
    """Return a function that gives the code of an engine on ``getl_computer``."""
    from aiida_getl.setup.codes import ensure_code

    return lambda engine: ensure_code(engine, engine_path(engine), "under test", getl_computer)[0]


@pytest.fixture
def lammps_code(engine_code):
    """``lammps@localhost``."""
    return engine_code("lmp")


@pytest.fixture
def pw_code(engine_code):
    """``pw@localhost``."""
    return engine_code("pw.x")


@pytest.fixture
def projwfc_code(engine_code):
    """``projwfc@localhost``."""
    return engine_code("projwfc.x")


@pytest.fixture
def cohp_code(engine_code):
    """``getl-cohp@localhost``."""
    return engine_code("getl-cohp")


@pytest.fixture
def paw_family(aiida_profile, paw_directory):
    """The pseudopotential family of the package's PAW datasets."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_group

    from aiida_getl.pseudos.generate import FAMILY_LABEL
    from aiida_getl.setup.pseudos import store_family

    try:
        return load_group(FAMILY_LABEL)
    except NotExistent:
        return store_family(paw_directory)


@pytest.fixture
def cuzr_potential(aiida_profile, cuzr_potential_path):
    """The Cu-Zr potential as a ``SinglefileData``."""
    from aiida.orm import SinglefileData

    return SinglefileData(cuzr_potential_path).store()


# ---- PostgreSQL


@pytest.fixture(scope="session")
def config_psql_dos(tmp_path_factory):
    """Return a function that makes a database on a temporary server and gives AiiDA's configuration for it.

    AiiDA's own fixture of this name needs an ``en_US`` locale and a user who is not root.
    """
    import psycopg

    server = _start_postgres()
    user, host, port = server.username, "localhost", server.port

    def configuration() -> dict[str, object]:
        name = f"getl-{uuid.uuid4()}"
        with psycopg.connect(host=host, port=port, user=user, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
        return {
            "database_engine": "postgresql_psycopg",
            "database_hostname": host,
            "database_port": port,
            "database_name": name,
            "database_username": user,
            "database_password": "",
            "repository_uri": tmp_path_factory.mktemp("repository").as_uri(),
        }

    yield configuration
    server.close()


def _start_postgres():
    """Return a running PostgreSQL server; for root, whom PostgreSQL refuses, it runs as user ``postgres``."""
    from pgtest.pgtest import PGTest, which

    try:
        pg_ctl = which("pg_ctl")
    except FileNotFoundError:
        pytest.skip("no PostgreSQL on this machine: `sudo apt-get install postgresql`")
    if os.geteuid() != 0:
        return PGTest()
    # Not below pytest's temporary folder, which is closed to other users.
    base = Path(tempfile.mkdtemp(prefix="getl-postgres-"))
    as_postgres = base / "pg_ctl"
    as_postgres.write_text(f'#!/bin/sh\ncd / && exec runuser -u postgres -- {pg_ctl} "$@"\n')
    as_postgres.chmod(0o755)
    for folder in (base, base / "data", base / "tmp"):
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "postgres")
    return PGTest(base_dir=str(base), pg_ctl=str(as_postgres))


@pytest.fixture
def postgres_profile(aiida_config, aiida_profile_factory, config_psql_dos):
    """A temporary profile on PostgreSQL, loaded during the test; name it before the fixtures that make nodes."""
    storage = config_psql_dos()
    with aiida_profile_factory(aiida_config, storage_backend="core.psql_dos", storage_config=storage) as profile:
        yield profile
