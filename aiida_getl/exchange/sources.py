"""What is to be imported: the files of one structure, by role, and where it belongs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_getl.exchange.label import sha256


@dataclass(frozen=True)
class Source:
    """One structure to import, labelled or not.

    Attributes
    ----------
    run : name of the glass, which validation holds out as a whole
    sub_run : name of its deformation
    files : by role, see :data:`aiida_getl.exchange.label.ROLES`
    origin : where it stands in the original data, e.g. composition, run, temperature
    status : what a status file says of it, if anything, see :data:`aiida_getl.exchange.status.STATUS`
    notes : what else is known
    """

    run: str
    sub_run: str
    files: dict[str, Path]
    origin: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    notes: tuple[str, ...] = ()

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of every file, by role."""
        return {role: sha256(path) for role, path in sorted(self.files.items())}

    def digest(self, checksums: dict[str, str]) -> str:
        """Return a checksum of all that is imported: the files, and where they belong."""
        content = [self.run, self.sub_run, self.origin, self.status, list(self.notes), checksums]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Problem:
    """Something that was found and is left out."""

    path: Path
    reason: str


def walk(directory: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield every folder in or below one, with the sorted names of its subfolders and of its files.

    Links are followed. A folder that is reached several ways is there once, by no link if it can be, so that a circle
    of links has an end. Hidden names, such as the ``._POSCAR`` of an archive from a Mac, are left out. A caller that
    clears the names of the subfolders goes no deeper there, as with :func:`os.walk`.
    """
    seen: set[Path] = set()
    for name, subfolders, files in os.walk(directory, followlinks=True):
        folder = Path(name)
        if folder.resolve() in seen:
            subfolders.clear()
            continue
        seen.add(folder.resolve())
        visible = sorted(sub for sub in subfolders if not sub.startswith("."))
        subfolders[:] = sorted(visible, key=lambda sub: (folder / sub).is_symlink())
        yield folder, subfolders, sorted(file for file in files if not file.startswith("."))


def identifier(text: str) -> str:
    """Return a text as a name that links of the provenance graph can carry: letters, digits and single underscores.

    Those are of ASCII. A text with others, such as ``glass α``, gets the start of its SHA-256, lest ``glass β`` be the
    same.

    Raises
    ------
    ValueError
        For a text without a letter or digit.
    """
    text = unicodedata.normalize("NFC", text)
    name = re.sub(r"[^A-Za-z0-9]+", "_", unicodedata.normalize("NFKD", text)).strip("_")
    if any(character.isalnum() and not character.isascii() for character in text):
        name = f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}".strip("_")
    if not name:
        raise ValueError(
            f"{text!r} has no letter or digit to make a name of: rename it, or give a run in a table (CSV)"
        )
    return name if name[0].isalpha() else f"n{name}"
