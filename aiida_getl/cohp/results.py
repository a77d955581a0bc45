"""The files of results: those of an earlier run go, and every new one appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

from aiida_getl.cohp.curves import KINDS
from aiida_getl.lobster.lobsterout import OWN_ENGINE

#: All files that a run may write.
RESULTS = (
    "lobsterout",
    f"{OWN_ENGINE}.json",
    *(f"{kind}CAR.lobster" for kind in KINDS),
    *(f"I{kind}LIST.lobster" for kind in KINDS),
    "NcICOBILIST.lobster",
    "CHARGE.lobster",
    "GROSSPOP.lobster",
    "POSCAR.lobster.vasp",
)


def remove_results(folder: Path) -> None:
    """Remove the results of an earlier run, and what a run that was killed had half written.

    Raises
    ------
    OSError
        Where that is not allowed.
    """
    for name in RESULTS:
        (folder / name).unlink(missing_ok=True)
        _unfinished(folder / name).unlink(missing_ok=True)


def write_result(path: Path, text: str) -> None:
    """Write a file under another name first, so that a file of this name is never a part of one.

    Raises
    ------
    OSError
        If it cannot be written; what there was of that name stays.
    """
    part = _unfinished(path)
    try:
        part.write_text(text)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
