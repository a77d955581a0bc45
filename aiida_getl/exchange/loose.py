"""Structures and ICOHPLIST.lobster files of any origin: a folder for each, a table of paths, or a pair."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from aiida_getl.exchange.label import ROLES, read_label
from aiida_getl.exchange.sources import Problem, Source, identifier, walk
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

#: Names of lists. What stands before, as in ``glass1.ICOHPLIST.lobster``, is that of the structure beside it.
_LIST = re.compile(r"(?:(?P<stem>.+)[._-])?ICOHPLIST\.lobster(?:\.gz)?", re.IGNORECASE)
#: File names of structures, in large or small letters, the likeliest first.
_STRUCTURES = (
    *("POSCAR", "CONTCAR", "*.extxyz", "*.xyz", "*.cif", "*.vasp", "*.poscar", "*scf.in", "*pw.in", "*.pwi"),
    *("POSCAR*", "CONTCAR*", "*.lmp", "*.data"),
)
#: Names of the folder or file of a deformation, after that of the glass, if it is there.
_DEFORMED = re.compile(rf"(?:(?P<glass>.+)[ _.-])?(?P<sub_run>{'|'.join((AS_QUENCHED, *PUBLISHED_SUBRUNS))})")
_COLUMNS = (*ROLES, "run", "sub_run")
#: Of the cells of a table: a spreadsheet writes semicolons where the comma is the decimal sign.
_SEPARATORS = ",;\t"


def pair(
    structure: Path, icohplist: Path, run: str | None = None, sub_run: str = AS_QUENCHED, **others: Path
) -> Source:
    """Return a structure with its list of ICOHPs.

    ``lobsterout``, ``lobsterin`` and an only ``*.scf.in`` are taken from the folder of the list where they are not
    given; where the folder has other lists, too, those named like the list are: ``a.lobsterout``, ``a.scf.in``.

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
    files = _beside(icohplist) | files
    if run is None:
        stem = _stem(structure)
        run = structure.resolve().parent.name if stem in ("POSCAR", "CONTCAR", "structure") else stem
    return Source(run=identifier(run), sub_run=identifier(sub_run), files=files)


def _beside(icohplist: Path) -> dict[str, Path]:
    """Return what belongs to a list in its folder, by role."""
    match = _LIST.fullmatch(icohplist.name)
    prefix = icohplist.name[: match.end("stem") + 1] if match and match["stem"] else ""
    alone = not prefix or sum(is_list(path.name) for path in icohplist.parent.iterdir()) == 1
    inputs = sorted(icohplist.parent.glob("*.scf.in"))
    files = {"scf_input": inputs[0]} if alone and len(inputs) == 1 else {}
    for role, name in (("lobsterout", "lobsterout"), ("lobsterin", "lobsterin"), ("scf_input", "scf.in")):
        named = [f"{prefix}{name}", f"{prefix}{name}.gz"] if prefix else []
        plain = [name, f"{name}.gz"] if alone else []
        present = [path for path in (icohplist.parent / other for other in (*named, *plain)) if path.is_file()]
        if present:
            files[role] = present[0]
    return files


def read_manifest(path: Path) -> list[Source]:
    """Return the structures of a CSV table with a heading, separated by commas, semicolons or tabs.

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
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        separator = max(_SEPARATORS, key=(lines or [""])[0].count)
        rows = list(csv.DictReader(lines, skipinitialspace=True, delimiter=separator))
    except (UnicodeDecodeError, csv.Error) as exception:
        raise ValueError(f"{path} is no table of comma-separated values in UTF-8: {exception}") from exception
    if not rows:
        raise ValueError(f"{path} has no rows below its heading")
    columns = {str(name).strip() for name in rows[0]}
    missing, unknown = {"structure", "icohplist"} - columns, columns - set(_COLUMNS)
    if missing or unknown:
        raise ValueError(
            f"{path}: missing columns {sorted(missing)}, unknown {sorted(unknown)}; the heading of a table names "
            f"structure, icohplist and perhaps {', '.join(_COLUMNS[2:])}. A structure by itself is given by "
            "--structure and --icohplist, and .bnd databases by their folder"
        )
    sources = []
    for number, row in enumerate(rows, start=2):
        cells = {str(key).strip(): value.strip() for key, value in row.items() if isinstance(value, str)}
        if not any(cells.values()):
            continue
        if not cells.get("structure") or not cells.get("icohplist"):
            raise ValueError(f"{path}, line {number}: structure and icohplist each need a path")
        files = {role: path.parent / cells[role] for role in ROLES if cells.get(role)}
        try:
            sources.append(pair(**files, run=cells.get("run") or None, sub_run=cells.get("sub_run") or AS_QUENCHED))
        except (FileNotFoundError, ValueError) as exception:
            raise type(exception)(f"{path}, line {number}: {exception}") from exception
    refuse_repeated(sources)
    return sources


def write_manifest(sources: list[Source], path: Path) -> None:
    """Write structures as a table that :func:`read_manifest` reads, paths relative to it."""
    roles = [role for role in ROLES if any(role in source.files for source in sources)]
    folder = path.resolve().parent
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([*roles, "run", "sub_run"])
        for source in sources:
            paths = [
                os.path.relpath(source.files[role].resolve(), folder) if role in source.files else "" for role in roles
            ]
            rows.writerow([*paths, source.run, source.sub_run])


def find_pairs(directory: Path) -> tuple[list[Source], list[Problem]]:
    """Find every ICOHPLIST.lobster with a structure beside it, in or below a folder.

    A folder holds one list, or several that are named like their structures (``a.xyz``, ``a.ICOHPLIST.lobster``). Each
    structure is a glass of its own, named after its folder or file, unless that name ends with a deformation
    (``glass_shear_xy``, ``glass/shear_xy``): then it is a sub-run of the glass named before. Names that would be the
    same get the start of a checksum of the path. Links are followed, hidden files are not looked at.

    Returns
    -------
    The pairs, and what is left out: lists without a structure, and structures in folders without a list.

    Raises
    ------
    FileNotFoundError
        If there is no list at all.
    """
    folders = [(folder, files) for folder, _, files in walk(directory)]
    if not any(is_list(name) for _, files in folders for name in files):
        raise FileNotFoundError(
            f"{directory} holds neither <composition>/c/md/lammps/<atoms>/<run>/<temperature>/<sub-run> folders, nor "
            "an ICOHPLIST.lobster with its structure, nor a .bnd database: is it the right folder?"
        )
    sources, problems = [], []
    for folder, files in sorted(folders):
        structures = structures_in(folder)
        lists = {name: match["stem"] for name in files if (match := _LIST.fullmatch(name))}
        if structures and not lists:
            problems.append(Problem(structures[0], "no ICOHPLIST.lobster beside it"))
        for name, stem in lists.items():
            path = folder / name
            if name.removesuffix(".gz") != name and name.removesuffix(".gz") in lists:
                continue  # the same list, packed
            mine = [found for found in structures if stem in (None, _stem(found))]
            if not mine:
                looked_for = ", ".join(_STRUCTURES) if stem is None else f"a structure called {stem}"
                problems.append(Problem(path, f"no structure beside it: looked for {looked_for}"))
                continue
            parts = [*folder.relative_to(directory).parts, *([stem] if stem else [])]
            sub_run = AS_QUENCHED
            if parts and (deformed := _DEFORMED.fullmatch(parts[-1])):
                sub_run = deformed["sub_run"]
                parts[-1:] = [deformed["glass"]] if deformed["glass"] else []
            structure, note = likeliest(mine, path)
            try:
                source = pair(structure, path, run="_".join(parts) or directory.resolve().name, sub_run=sub_run)
            except ValueError as exception:
                problems.append(Problem(path, str(exception)))
                continue
            sources.append(replace(source, notes=(note,) if note else ()))
    return _told_apart(sources, directory), problems


def is_list(name: str) -> bool:
    """Return whether a file name is that of a list of ICOHPs."""
    return _LIST.fullmatch(name) is not None


def structures_in(folder: Path) -> list[Path]:
    """Return the structure files of a folder, the likeliest first."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    plain = {name: name.lower().removesuffix(".gz") for name in names}
    found = [folder / name for kind in _STRUCTURES for name in names if fnmatch(plain[name], kind.lower())]
    return list(dict.fromkeys(found))


def likeliest(structures: list[Path], icohplist: Path | None) -> tuple[Path, str]:
    """Return the structure that a list is of, and a note on the others if there are any.

    That is the first one that the bonds of the list fit, such as the ``CONTCAR`` of a relaxation, or the first at all.
    """
    if len(structures) == 1:
        return structures[0], ""
    fitting = (found for found in structures if icohplist is not None and _fits(found, icohplist))
    chosen = next(fitting, structures[0])
    others = ", ".join(found.name for found in structures if found != chosen)
    return chosen, f"{chosen.name} was taken for the structure, not {others}"


def _fits(structure: Path, icohplist: Path) -> bool:
    try:
        read_label({"structure": structure, "icohplist": icohplist})
    except ValueError:
        return False
    return True


def _told_apart(sources: list[Source], directory: Path) -> list[Source]:
    """Return the structures with the start of a checksum of the path in names that would be the same."""
    counts = Counter((source.run, source.sub_run) for source in sources)
    result = []
    for source in sources:
        if counts[source.run, source.sub_run] > 1:
            path = source.files["icohplist"].relative_to(directory).as_posix()
            source = replace(source, run=f"{source.run}_{hashlib.sha256(path.encode()).hexdigest()[:8]}")
        result.append(source)
    return result


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


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
