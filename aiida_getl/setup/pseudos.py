"""The pseudopotential family: PAW datasets made on this machine by Quantum ESPRESSO's ld1.x."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

FAMILY_LABEL = "getl/1.0/PBE/SR/PAW"
_INPUTS_EXTRA = "getl_inputs_sha256"


def ensure_family(ld1: Path, label: str = FAMILY_LABEL) -> tuple[CutoffsPseudoPotentialFamily, bool]:
    """Return the family ``label``, made by the ``ld1.x`` at ``ld1`` if need be, and whether it is new.

    Where the package's inputs for ld1.x have changed since the family was made, the old one keeps its datasets under
    another label.
    """
    from aiida.orm import QueryBuilder
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    query = QueryBuilder().append(CutoffsPseudoPotentialFamily, filters={"label": label})
    for family in query.all(flat=True):
        if family.base.extras.get(_INPUTS_EXTRA, None) == inputs_digest():
            return family, False
        family.label = f"{label}/until-{family.pk}"
    from aiida_getl.pseudos.generate import generate_family

    with tempfile.TemporaryDirectory(prefix="getl-paw-") as folder:
        generate_family(ld1, Path(folder))
        return store_family(Path(folder), label), True


def store_family(directory: Path, label: str = FAMILY_LABEL) -> CutoffsPseudoPotentialFamily:
    """Store the package's datasets that :func:`~aiida_getl.pseudos.generate.generate_family` left in ``directory``.

    The family carries the recommended cut-offs.
    """
    from aiida_pseudo.data.pseudo import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    from aiida_getl.pseudos.generate import RECOMMENDED_CUTOFFS

    with tempfile.TemporaryDirectory(prefix="getl-upf-") as folder:
        for upf in directory.glob("*.UPF"):
            (Path(folder) / upf.name).write_bytes(upf.read_bytes())
        family = CutoffsPseudoPotentialFamily.create_from_folder(
            Path(folder),
            label,
            description="PAW datasets made by ld1.x from the inputs in aiida-getl.",
            pseudo_type=UpfData,
        )
    cutoffs = {e: {"cutoff_wfc": wfc, "cutoff_rho": rho} for e, (wfc, rho) in RECOMMENDED_CUTOFFS.items()}
    family.set_cutoffs(cutoffs, "normal", unit="Ry")
    family.base.extras.set(_INPUTS_EXTRA, inputs_digest())
    return family


def inputs_digest() -> str:
    """Return the SHA-256 of the package's inputs for ld1.x."""
    from importlib.resources import files

    digest = hashlib.sha256()
    for file in sorted(files("aiida_getl.pseudos").joinpath("inputs").iterdir(), key=lambda file: file.name):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
