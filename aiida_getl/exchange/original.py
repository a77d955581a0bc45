"""The folder layout of the published data: <composition>/c/md/lammps/<atoms>/<run>/<temperature>/<sub-run>/."""

from __future__ import annotations

import re
from pathlib import Path

from aiida_getl.exchange.loose import is_list, likeliest, structures_in
from aiida_getl.exchange.sources import Problem, Source, identifier, walk
from aiida_getl.exchange.status import STATUS, read_dub_info, read_nd_info
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

_SUB_RUN = re.compile(r"(?P<composition>[^/]+)/c/md/lammps/(?P<n_atoms>\d+)/(?P<run>\d+)/(?P<T>\d+)/(?P<sub_run>\d+)$")
_NAMES = {0: AS_QUENCHED, **{number: name for name, number in PUBLISHED_SUBRUNS.items()}}


def sub_run_name(number: int) -> str:
    """Return the name of the deformation that a published sub-run holds; others are called by their number."""
    return _NAMES.get(number, f"sub_run_{number}")


def is_layout(directory: Path) -> bool:
    """Return whether a sub-run's folder is in or below a folder."""
    return any(_SUB_RUN.search(folder.as_posix()) for folder, _, _ in walk(directory.resolve()))


def find_sources(directory: Path) -> tuple[list[Source], list[Problem]]:
    """Find every sub-run in or below a folder, which may be any folder of the layout.

    Of a sub-run that is there twice, below different folders, the first with a list is taken. Of a structure that is
    not named after the composition, see :func:`aiida_getl.exchange.loose.likeliest`.

    Parameters
    ----------
    directory : from the folder above the compositions down to a single sub-run

    Returns
    -------
    The sub-runs sorted by composition, atoms, run, temperature and number, and what is left out: lists elsewhere than
    in the folders of sub-runs, sub-runs that are there twice, status files that are not understood, and sub-runs that
    they list and of which there is no folder.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no sub-run in it.
    """
    if not directory.is_dir():
        raise FileNotFoundError(f"there is no folder {directory}")
    found: dict[tuple[str, int, int, int, int], list[Path]] = {}
    problems: list[Problem] = []
    for folder, subfolders, names in walk(directory.resolve()):
        match = _SUB_RUN.search(folder.as_posix())
        if match:
            numbers = (int(match["n_atoms"]), int(match["run"]), int(match["T"]), int(match["sub_run"]))
            found.setdefault((match["composition"], *numbers), []).append(folder)
            subfolders.clear()
        else:
            elsewhere = "not in the folder of a sub-run: import its own folder, if it is wanted"
            problems += [Problem(folder / name, elsewhere) for name in names if is_list(name)]
    if not found:
        raise FileNotFoundError(
            f"{directory} holds no folder <composition>/c/md/lammps/<atoms>/<run>/<temperature>/<sub-run>: "
            "is it the folder that holds the compositions?"
        )
    status: dict[Path, dict[tuple[int, int], int]] = {}
    unseen: dict[Path, dict[tuple[int, int], list[str]]] = {}
    sources: list[Source] = []
    there: set[tuple[Path, int, int]] = set()
    for (composition, n_atoms, run, temperature, sub_run), folders in sorted(found.items()):
        candidates = [(folder, _files(folder, composition)) for folder in sorted(folders)]
        folder, files = min(candidates, key=lambda candidate: "icohplist" not in candidate[1])
        twice = f"the same sub-run as {folder}, which is taken"
        problems += [Problem(other, twice) for other, _ in candidates if other != folder]
        root = folder.parents[7] / f"{composition}-PBSSDB"
        if root not in status:
            status[root], unseen[root] = _read_status(root, problems)
        there.add((root, run, sub_run))
        notes = [f"LOBSTER did not list the bond {pair}" for pair in unseen[root].get((run, sub_run), [])]
        if "structure" not in files and (structures := structures_in(folder)):
            files["structure"], note = likeliest(structures, files.get("icohplist"))
            notes.append(note or f"{files['structure'].name} was taken for the structure")
        sources.append(
            Source(
                run=identifier(f"{composition}_{n_atoms}_{run}_{temperature}"),
                sub_run=sub_run_name(sub_run),
                files=files,
                origin={
                    "composition": composition,
                    "n_atoms": n_atoms,
                    "run": run,
                    "temperature_K": temperature,
                    "sub_run": sub_run,
                },
                status=status[root].get((run, sub_run)),
                notes=tuple(notes),
            )
        )
    if _SUB_RUN.search(directory.resolve().as_posix()):  # one sub-run was asked for, so no other is missing
        return sources, problems
    runs = {(root, run) for root, run, _ in there}
    for root, codes in status.items():
        problems += [
            Problem(root / "ND.info", f"run {run}, sub-run {sub_run}: {STATUS[code]}, and there is no folder of it")
            for (run, sub_run), code in sorted(codes.items())
            if (root, run) in runs and (root, run, sub_run) not in there
        ]
    return sources, problems


def _read_status(
    root: Path, problems: list[Problem]
) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], list[str]]]:
    """Return what ``ND.info`` and ``DUB.info`` say, by (run, sub-run)."""
    codes: dict[tuple[int, int], int] = {}
    bonds: dict[tuple[int, int], list[str]] = {}
    path = root / "ND.info"
    try:
        if path.is_file():
            codes = read_nd_info(path.read_text(errors="replace"), path.name)
        path = root / "DUB.info"
        if path.is_file():
            for bond in read_dub_info(path.read_text(errors="replace"), path.name):
                bonds.setdefault((bond.run, bond.sub_run), []).append("-".join(bond.atoms))
    except ValueError as exception:
        problems.append(Problem(path, f"{exception}; what it says is not used"))
    return codes, bonds


def _files(folder: Path, composition: str) -> dict[str, Path]:
    """Return the files of a sub-run by their roles, also those that are packed (``.gz``), in large or small letters."""
    candidates = {
        "structure": (f"{composition}.xyz", f"{composition}.extxyz", f"{composition}.scf.in"),
        "icohplist": ("ICOHPLIST.lobster",),
        "lobsterout": ("lobsterout", f"{composition}.lb.out"),
        "lobsterin": ("lobsterin", "lobsterin-quippy"),
        "scf_input": (f"{composition}.scf.in",),
        "scf_output": (f"{composition}.scf.out",),
    }
    present = {path.name.lower(): path for path in sorted(folder.iterdir(), reverse=True) if path.is_file()}
    files = {}
    for role, names in candidates.items():
        wanted = [(name + packed).lower() for name in names for packed in ("", ".gz")]
        if found := [present[name] for name in wanted if name in present]:
            files[role] = found[0]
    return files
