"""Structures and ICOHPLIST.lobster files of any origin: a folder for each, a table of paths, or a pair."""

from __future__ import annotations

import csv
from pathlib import Path

from aiida_getl.exchange.label import ROLES
from aiida_getl.exchange.sources import Problem, Source, identifier
from aiida_getl.structures.deformation import AS_QUENCHED

#: File names of structures, the likeliest first.
_STRUCTURES = ("POSCAR", "CONTCAR", "*.extxyz", "*.xyz", "*.cif", "*.vasp", "*.scf.in")
_COLUMNS = (*ROLES, "run", "sub_run")


def pair(
    structure: Path, icohplist: Path, run: str | None = None, sub_run: str = AS_QUENCHED, **others: Path
) -> Source:
    """Return a structure with its list of ICOHPs.

    ``lobsterout`` and ``lobsterin`` are taken from the folder of the list where they are not given, and so is an only
    ``*.scf.in``.

    Parameters
    ----------
    structure : in any format of ASE
    icohplist : LOBSTER's list
    run : name of the glass; by default that of the structure's file, or of its folder for a ``POSCAR`` and the like
    sub_run : name of its deformation
    others : further files by role

    Raises
    ------
    FileNotFoundError
        For a file that is not there.
    """
    files = {"structure": structure, "icohplist": icohplist, **others}
    for role, path in files.items():
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path} ({role})")
    for role in ("lobsterout", "lobsterin"):
        beside = [icohplist.parent / f"{role}{packed}" for packed in ("", ".gz")]
        present = [path for path in beside if path.is_file()]
        if present:
            files.setdefault(role, present[0])
    inputs = sorted(icohplist.parent.glob("*.scf.in"))
    if "scf_input" not in files and len(inputs) == 1:
        files["scf_input"] = inputs[0]
    if run is None:
        stem = structure.name.removesuffix(".gz").rsplit(".", 1)[0]
        run = structure.resolve().parent.name if stem in ("POSCAR", "CONTCAR", "structure") else stem
    return Source(run=identifier(run), sub_run=identifier(sub_run), files=files)


def read_manifest(path: Path) -> list[Source]:
    """Return the structures of a CSV table with a heading.

    The columns ``structure`` and ``icohplist`` hold paths, relative to the table. ``run`` (structures of one glass are
    validated together), ``sub_run``, ``lobsterout``, ``lobsterin``, ``scf_input`` and ``scf_output`` may be there too.

    Raises
    ------
    ValueError
        For columns that are unknown or missing, an empty cell where a path must be, or two rows of the same name.
    FileNotFoundError
        For a file that is not there.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as exception:
        raise ValueError(f"{path} is no table of comma-separated values: {exception}") from exception
    if not rows:
        raise ValueError(f"{path} has no rows below its heading")
    columns = {str(name).strip() for name in rows[0]}
    missing, unknown = {"structure", "icohplist"} - columns, columns - set(_COLUMNS)
    if missing or unknown:
        raise ValueError(
            f"{path}: missing columns {sorted(missing)}, unknown {sorted(unknown)}; the heading names structure, "
            f"icohplist and perhaps {', '.join(_COLUMNS[2:])}"
        )
    sources = []
    for number, row in enumerate(rows, start=2):
        cells = {str(key).strip(): value.strip() for key, value in row.items() if isinstance(value, str)}
        if not cells.get("structure") or not cells.get("icohplist"):
            raise ValueError(f"{path}, line {number}: structure and icohplist each need a path")
        files = {role: path.parent / cells[role] for role in ROLES if cells.get(role)}
        try:
            sources.append(pair(**files, run=cells.get("run") or None, sub_run=cells.get("sub_run") or AS_QUENCHED))
        except (FileNotFoundError, ValueError) as exception:
            raise type(exception)(f"{path}, line {number}: {exception}") from exception
    refuse_repeated(sources)
    return sources


def find_pairs(directory: Path) -> tuple[list[Source], list[Problem]]:
    """Find every folder with an ICOHPLIST.lobster and a structure, in or below a folder.

    Each is a glass of its own, named after its folder.

    Returns
    -------
    The pairs, and the lists that have no structure beside them.

    Raises
    ------
    FileNotFoundError
        If there is no list at all.
    """
    lists = sorted(path for name in ("ICOHPLIST.lobster", "ICOHPLIST.lobster.gz") for path in directory.rglob(name))
    if not lists:
        raise FileNotFoundError(
            f"{directory} holds neither <composition>/c/md/lammps/<atoms>/<run>/<temperature>/<sub-run> folders, nor "
            "an ICOHPLIST.lobster with its structure, nor a .bnd database: is it the right folder?"
        )
    sources, problems = [], []
    for path in lists:
        structures = [found for name in _STRUCTURES for found in sorted(path.parent.glob(name)) if found.is_file()]
        if not structures:
            problems.append(Problem(path, f"no structure beside it: looked for {', '.join(_STRUCTURES)}"))
            continue
        relative = path.parent.relative_to(directory).as_posix()
        name = directory.resolve().name if relative == "." else relative
        sources.append(pair(structures[0], path, run=name))
    refuse_repeated(sources)
    return sources, problems


def refuse_repeated(sources: list[Source]) -> None:
    """Raise a ValueError if two structures have the same run and sub-run."""
    seen: dict[tuple[str, str], Source] = {}
    for source in sources:
        other = seen.setdefault((source.run, source.sub_run), source)
        if other is not source:
            raise ValueError(
                f"{other.files['structure']} and {source.files['structure']} are both called {source.run}, "
                f"{source.sub_run}: give them different runs or sub-runs"
            )
