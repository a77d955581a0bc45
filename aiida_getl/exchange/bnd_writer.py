"""Write databases of interactions in the original layout: ``A-B.bnd`` with its ``.info`` for every bond type.

The layout numbers compositions, runs and sub-runs. It has no place for lattice translations, names of runs, other
deformations than the published ones, and UUIDs: ``numbers.csv`` beside the files says what the numbers stand for.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aiida_getl.exchange.dataset import LabelledStructure
from aiida_getl.structures.bonds import bond_types
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

NUMBERS = "numbers.csv"
#: Sub-runs that were not published get numbers from here on.
FIRST_OTHER = 100


def write_databases(folder: Path, structures: Sequence[LabelledStructure]) -> list[Path]:
    """Write a new folder and return its files. Atoms are counted from 1; strengths and distances have all their digits.

    Raises
    ------
    FileExistsError
        If there is such a folder or file already.
    """
    folder.mkdir(parents=True)
    compositions = sorted({_composition(item) for item in structures})
    runs: dict[str, dict[str, int]] = {composition: {} for composition in compositions}
    others: dict[str, int] = {}
    keys = []
    for item in structures:
        own = runs[_composition(item)]
        run, name = own.setdefault(item.info["run"], len(own) + 1), item.info["sub_run"]
        sub_run = {AS_QUENCHED: 0, **PUBLISHED_SUBRUNS}.get(name)
        if sub_run is None:
            sub_run = others.setdefault(name, FIRST_OTHER + len(others))
        keys.append((compositions.index(_composition(item)), run, sub_run))
    lines: dict[str, list[str]] = {}
    counts: dict[str, list[int]] = {}
    for item, key in zip(structures, keys, strict=True):
        bonds = item.bonds
        columns = (
            bond_types(item.atoms.get_chemical_symbols(), bonds).tolist(),
            (bonds.atom_i + 1).tolist(),
            (bonds.atom_j + 1).tolist(),
            bonds.distance.tolist(),
            item.strength.tolist(),
        )
        for name, first, second, distance, strength in zip(*columns, strict=True):
            numbers = " ".join(map(str, (*key, first, second)))
            values = " ".join(np.format_float_positional(value, trim="0") for value in (distance, strength))
            lines.setdefault(name, []).append(f"{numbers} {values}\n")
            counts.setdefault(name, [0] * len(compositions))[key[0]] += 1
    files = []
    for name, rows in sorted(lines.items()):
        (folder / f"{name}.bnd").write_text("".join(rows))
        heading = f"{len(rows)} {name} interactions of\n"
        listed = "".join(f"{each} {n}\n" for each, n in zip(compositions, counts[name], strict=True))
        (folder / f"{name}.info").write_text(heading + listed)
        files += [folder / f"{name}.bnd", folder / f"{name}.info"]
    with (folder / NUMBERS).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        columns_of_numbers = ("composition", "run", "sub_run")
        names = [key for key in structures[0].info if key not in columns_of_numbers] if structures else []
        table.writerow([*columns_of_numbers, "name_of_composition", "name_of_run", "name_of_sub_run", *names])
        for item, key in zip(structures, keys, strict=True):
            info = item.info
            own_names = (_composition(item), info["run"], info["sub_run"])
            table.writerow([*key, *own_names, *(info.get(name, "") for name in names)])
    return [*files, folder / NUMBERS]


def _composition(item: LabelledStructure) -> str:
    return item.info.get("composition") or item.atoms.get_chemical_formula()
