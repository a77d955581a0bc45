"""Write labelled structures as LOBSTER leaves them: a folder with POSCAR and ICOHPLIST.lobster for each.

pymatgen and LobsterPy read such folders. ``pairs.csv`` beside them says which run and sub-run each is; with it this
package reads them back (:mod:`aiida_getl.exchange.loose`). Distances and ICOHPs have five decimals, as LOBSTER's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ase.io import write

from aiida_getl.exchange.dataset import LabelledStructure
from aiida_getl.exchange.loose import write_manifest
from aiida_getl.exchange.predictions import BondRecords, write_predictions
from aiida_getl.exchange.sources import Source

PAIRS = "pairs.csv"
STRUCTURE, LIST = "POSCAR", "ICOHPLIST.lobster"


def write_lobster_folders(folder: Path, structures: Sequence[LabelledStructure]) -> list[Path]:
    """Write a new folder with one for each structure, ``run_subrun``, and return all files.

    ICOHPs are in eV with LOBSTER's sign, negative is bonding.

    Raises
    ------
    FileExistsError
        If there is such a folder or file already.
    ValueError
        If two structures have the same run and sub-run, or one has no bonds.
    """
    names = [f"{item.info['run']}_{item.info['sub_run']}" for item in structures]
    for name, item in zip(names, structures, strict=True):
        if names.count(name) > 1:
            raise ValueError(f"two structures are of run and sub-run {item.name}, and would be in one folder")
        if not len(item.bonds):
            raise ValueError(f"{item.name} has no bonds, and an ICOHPLIST without bonds is none")
    folder.mkdir(parents=True)
    sources = []
    for name, item in zip(names, structures, strict=True):
        own = folder / name
        own.mkdir()
        write(own / STRUCTURE, item.atoms, format="vasp")
        records = BondRecords.from_arrays(item.atoms.get_chemical_symbols(), item.bonds, item.strength)
        write_predictions(own / LIST, [(item.atoms, [records])])
        files = {"structure": own / STRUCTURE, "icohplist": own / LIST}
        sources.append(Source(run=item.info["run"], sub_run=item.info["sub_run"], files=files))
    write_manifest(sources, folder / PAIRS)
    return [folder / PAIRS, *(path for source in sources for path in source.files.values())]
