"""Fixtures for all tests: the published data, the real engines, and AiiDA in a temporary profile."""

from __future__ import annotations

import atexit
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from threadpoolctl import threadpool_limits

pytest_plugins = ["aiida.tools.pytest_fixtures"]

# Not even AiiDA's import may touch the user's own configuration.
_AIIDA_PATH = tempfile.mkdtemp(prefix="getl-aiida-")
atexit.register(shutil.rmtree, _AIIDA_PATH, ignore_errors=True)
os.environ["AIIDA_PATH"] = _AIIDA_PATH
# The daemon is started by the verdi on the PATH, which has to be this environment's, activated or not.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
# Root is who one is in a container, where OpenMPI refuses to start unless told twice.
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1")
# numpy is loaded already, with as many threads as there are processors; on a busy machine these wait for each other.
threadpool_limits(1)

#: AiiDA waits 20 s, 40 s, ... after a failed submission, and looks for finished jobs once a minute.
TEST_OPTIONS = {
    "runner.poll.interval": 1,
    "transport.task_retry_initial_interval": 1,
    "transport.task_maximum_attempts": 2,
    # A busy machine does not start a daemon within AiiDA's 2 s.
    "daemon.timeout": 120,
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
def run_program(engine_path):
    """Return a function that runs a QE program on an input text in a folder."""

    def run(program: str, text: str, folder: Path) -> None:
        command = [str(engine_path(program))]
        result = subprocess.run(command, input=text, cwd=folder, capture_output=True, text=True)
        assert "Error in routine" not in result.stdout, result.stdout[-2000:]
        assert result.returncode == 0, result.stdout[-2000:]

    return run


@pytest.fixture(scope="session")
def carbon_upf(run_program, tmp_path_factory) -> Path:
    """A PAW dataset of carbon made by ld1.x."""
    folder = tmp_path_factory.mktemp("carbon")
    run_program("ld1.x", (Path(__file__).parent / "C.in").read_text(), folder)
    path = folder / "C.UPF"
    lines = []
    for line in path.read_text().splitlines():
        fields = line.split()
        if len(line) > 1000 and "<" not in line:  # pw.x 6.7 cannot read such long lines, though ld1.x writes them
            lines += [" ".join(fields[n : n + 4]) for n in range(0, len(fields), 4)]
        else:
            lines.append(line)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def run_qe(run_program, carbon_upf, tmp_path_factory):
    """Return a function that runs pw.x and, unless told not to, projwfc.x on an input; it returns the .save folder."""

    def run(text: str, prefix: str, projwfc: bool = True) -> Path:
        folder = tmp_path_factory.mktemp(prefix)
        shutil.copy(carbon_upf, folder)
        run_program("pw.x", text, folder)
        if projwfc:
            settings = f"prefix='{prefix}', outdir='./tmp', lsym=.false., lwrite_overlaps=.true."
            run_program("projwfc.x", f"&projwfc\n {settings}\n/\n", folder)
        return folder / "tmp" / f"{prefix}.save"

    return run


@pytest.fixture(scope="session")
def cuzr_potential_path() -> Path:
    """LAMMPS' own Cu-Zr potential, an eam/fs file."""
    from aiida_getl.setup.potentials import CUZR_POTENTIAL, find_potential

    return find_potential(CUZR_POTENTIAL)


# ---- labels made elsewhere: small trees in the layout of the published data

LOBSTERIN = """\
COHPstartEnergy -100.0
COHPendEnergy 40.0
basisSet Bunge
basisfunctions Cu 3s 4s 3p 3d
basisfunctions Zr 4s 5s 4p 4d
cohpGenerator from 1.80 to 4.20
"""
LOBSTEROUT = """\
LOBSTER v3.0.0 (g++ 5.4.0)
detecting used PAW program... Quantum Espresso
setting up CO interactions... found {n} interactions.
abs. charge spilling:   1.60%
finished in 0 h 10 min 28 s  97 ms of wall time
"""
SCF_INPUT = """\
 &CONTROL
   calculation = 'scf'
 /
 &SYSTEM
   ibrav = 0, nat = 8, ntyp = 2, ecutwfc = 70, ecutrho = 560
 /
 &ELECTRONS
 /
CELL_PARAMETERS {{angstrom}}
{cell}
ATOMIC_SPECIES
   Cu  63.5463   Cu.UPF
   Zr  91.2240   Zr.UPF
ATOMIC_POSITIONS {{crystal}}
{positions}
K_POINTS automatic
  2 2 2   1 1 1
"""
CONVERGED = "Program PWSCF v.6.2\n     iteration #  7     ecut\n     convergence has been achieved in   7 iterations\n"
STOPPED = "Program PWSCF v.6.2\n     iteration # 80     ecut\n     Davidson diagonalization"


def _make_atoms(seed, strain=0.0):
    """A distorted B2 cell of eight atoms."""
    atoms = Atoms(["Cu", "Zr"], scaled_positions=[[0, 0, 0], [0.5] * 3], cell=[3.3] * 3, pbc=True).repeat((2, 2, 1))
    atoms.rattle(0.15, seed=seed)
    atoms.set_cell(atoms.cell[:] * [1 + strain, 1, 1], scale_atoms=True)
    return atoms


def _icohplist_text(atoms, r_max=4.2, sign=1, layout=4):
    """LOBSTER's list of a made-up law; sign -1 counts translations as LOBSTER 3 does."""
    from aiida_getl.lobster.icohplist import IcohpList, OrbitalRows, format_icohplist
    from aiida_getl.structures.bonds import find_bonds

    bonds = find_bonds(atoms.positions, atoms.cell[:], r_max)
    symbols = np.array(atoms.get_chemical_symbols())
    none = np.array([], dtype=str)
    values = IcohpList(
        kind="COHP",
        label=np.arange(1, len(bonds) + 1),
        element_i=symbols[bonds.atom_i],
        element_j=symbols[bonds.atom_j],
        atom_i=bonds.atom_i,
        atom_j=bonds.atom_j,
        translation=sign * bonds.translation,
        distance=bonds.distance,
        icohp=-np.exp(2.5 - bonds.distance)[:, None],
        n_averaged=None,
        orbitals=OrbitalRows(np.array([], dtype=int), none, none, np.empty((0, 1))),
        complete=True,
    )
    return format_icohplist(values, layout), len(bonds)


@pytest.fixture(scope="session")
def write_sub_run():
    """Return a function that writes one sub-run and returns its folder."""

    def make(root, sub_run=0, run=1, composition="Cu50Zr50", converged=True, labelled=True, packed=False, sign=-1):
        folder = root / composition / "c" / "md" / "lammps" / "8" / str(run) / "2000" / str(sub_run)
        folder.mkdir(parents=True)
        atoms = _make_atoms(run, 0.02 * sub_run)
        write(folder / f"{composition}.xyz", atoms, format="extxyz")
        text, n_bonds = _icohplist_text(atoms, sign=sign)
        files = {
            "lobsterin": LOBSTERIN,
            f"{composition}.scf.in": SCF_INPUT.format(
                cell="\n".join(" ".join(f"{x:.6f}" for x in row) for row in atoms.cell[:]),
                positions="\n".join(f"{atom.symbol} {atom.a:.8f} {atom.b:.8f} {atom.c:.8f}" for atom in atoms),
            ),
            f"{composition}.scf.out": CONVERGED if converged else STOPPED,
        }
        if labelled:
            files |= {"ICOHPLIST.lobster": text, "lobsterout": LOBSTEROUT.format(n=n_bonds)}
        for name, content in files.items():
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
            else:
                (folder / name).write_text(content)
        return folder

    return make


@pytest.fixture(scope="session")
def cell():
    """Return the function that makes the structures of the tree."""
    return _make_atoms


@pytest.fixture(scope="session")
def icohplist():
    """Return the function that makes their lists: (text, number of bonds)."""
    return _icohplist_text


# ---- glasses with a made-up law of bond strengths


@pytest.fixture(scope="session")
def make_cell():
    """Factory of random cells, by seed; by default eight atoms each of Cu and Zr."""

    def random_cell(seed, symbols=("Cu",) * 8 + ("Zr",) * 8, length=6.4):
        rng = np.random.default_rng(seed)
        cell = np.diag([length] * 3) + rng.uniform(-0.3, 0.3, (3, 3))
        points = []
        while len(points) < len(symbols):  # atoms do not overlap
            trial = rng.uniform(0, 1, 3)
            delta = np.array([trial - p for p in points]).reshape(-1, 3)
            delta -= np.round(delta)
            if not len(delta) or np.linalg.norm(delta @ cell, axis=1).min() > 2.1:
                points.append(trial)
        return Atoms(symbols, scaled_positions=np.array(points), cell=cell, pbc=True)

    return random_cell


@pytest.fixture(scope="session")
def law():
    """The law, (atoms, bonds) to strengths in eV: they decay with distance, atoms near the middle screen them."""
    from aiida_getl.structures.bonds import bond_vectors

    def screened_strength(atoms, bonds):
        middle = atoms.positions[bonds.atom_i] + 0.5 * bond_vectors(atoms.positions, np.asarray(atoms.cell), bonds)
        images = np.stack(np.meshgrid(*[range(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ np.asarray(atoms.cell)
        everywhere = (atoms.positions[:, None] + images).reshape(-1, 3)
        gap = np.linalg.norm(middle[:, None] - everywhere, axis=2)
        screening = np.exp(-np.square(gap / 2.0)).sum(axis=1)
        return 2.0 * np.exp((2.4 - bonds.distance) / 0.5) * np.exp(-0.5 * screening)

    return screened_strength


# ---- AiiDA: one temporary profile for the whole session, never the user's


@pytest.fixture(scope="session", autouse=True)
def aiida_profile(aiida_config, aiida_profile_factory):
    """The profile of the session: SQLite and the built-in broker; ``started_daemon_client`` starts its daemon."""
    with aiida_profile_factory(aiida_config, broker_backend="core.zeromq") as profile:
        # Whatever the poll interval, workers look after the children of a test profile without a pause.
        profile.is_test_profile = False
        aiida_config.update_profile(profile)
        for option, value in TEST_OPTIONS.items():
            aiida_config.set_option(option, value, scope=profile.name)
        aiida_config.store()
        yield profile


def _stop_daemon(client) -> None:
    """Stop a daemon if one runs, and wait until it has.

    Asked to answer once it has stopped, it may stop without an answer, which AiiDA takes for an error.
    """
    from aiida.engine.daemon.client import DaemonException

    if client.is_daemon_running:
        with suppress(DaemonException):
            client.stop_daemon(wait=False)
    until = time.monotonic() + 600
    while client.is_daemon_running and time.monotonic() < until:
        time.sleep(0.1)


@pytest.fixture(scope="session")
def stop_daemon():
    """Return the function that stops a daemon, given its client."""
    return _stop_daemon


@pytest.fixture(scope="session")
def daemon_client(aiida_profile):
    """The client of the daemon of the session's profile, which is stopped at the end."""
    from aiida.engine.daemon import get_daemon_client

    client = get_daemon_client(aiida_profile.name)
    yield client
    _stop_daemon(client)


@pytest.fixture(scope="module", autouse=True)
def _empty_profile(aiida_profile):
    """Each file begins with nothing in the profile, whichever files its process ran before."""
    from aiida import orm
    from aiida.engine.daemon import get_daemon_client

    kinds = (orm.Node, orm.Computer, orm.Group)
    if any(orm.QueryBuilder().append(kind).limit(1).count() for kind in kinds):
        _stop_daemon(get_daemon_client(aiida_profile.name))
        aiida_profile.reset_storage()


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


@pytest.fixture
def labels(aiida_profile, cell):
    """Structures and labels by run and sub-run, without the engines that would make them."""
    from aiida.orm import StructureData

    from aiida_getl.data.bonds import BondStrengthsData
    from aiida_getl.structures.bonds import find_bonds

    structures, bonds = {}, {}
    for run in range(2):
        atoms = cell(run)
        listed = find_bonds(atoms.positions, atoms.cell[:], 4.0)
        method = {"engine": "getl-cohp", "version": "1"}
        label = BondStrengthsData.from_bonds(listed, list(atoms.symbols), -np.exp(2.5 - listed.distance), method)
        structures[f"run_{run}"] = {"as_quenched": StructureData(ase=atoms).store()}
        bonds[f"run_{run}"] = {"as_quenched": label.store()}
    return {"structures": structures, "bonds": bonds}


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
