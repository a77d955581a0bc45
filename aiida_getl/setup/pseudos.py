"""The pseudopotential family: PAW datasets made on this machine by Quantum ESPRESSO's ld1.x."""

from __future__ import annotations

import hashlib
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_getl.pseudos.generate import FAMILY_LABEL, RECOMMENDED_CUTOFFS, generate_family

if TYPE_CHECKING:
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

_STRINGENCY = "normal"
_INPUTS_EXTRA = "getl_inputs_sha256"


def ensure_family(ld1: Path) -> tuple[CutoffsPseudoPotentialFamily, bool]:
    """Return the package's family, made by the ``ld1.x`` at ``ld1`` if need be, and whether it is new.

    Where the package's inputs for ld1.x have changed since the family was made, the old one keeps its datasets under
    another label.

    Raises
    ------
    GenerationError
        If ld1.x does not make the datasets.
    """
    from aiida.orm import QueryBuilder
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    query = QueryBuilder().append(CutoffsPseudoPotentialFamily, filters={"label": FAMILY_LABEL})
    for family in query.all(flat=True):
        if family.base.extras.get(_INPUTS_EXTRA, None) == _inputs_digest():
            # Recommendations may improve without the datasets changing.
            family.set_cutoffs(RECOMMENDED_CUTOFFS, _STRINGENCY, unit="Ry")
            return family, False
        family.label = f"{FAMILY_LABEL}/until-{family.pk}"
    with tempfile.TemporaryDirectory(prefix="getl-paw-") as folder:
        generate_family(ld1, Path(folder))
        return store_family(Path(folder)), True


def store_family(directory: Path) -> CutoffsPseudoPotentialFamily:
    """Store the datasets that ``generate_family`` left in ``directory`` as a family with recommended cut-offs."""
    from aiida_pseudo.data.pseudo import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily

    family = CutoffsPseudoPotentialFamily.create_from_folder(
        directory,
        FAMILY_LABEL,
        description="PAW datasets made by ld1.x from the inputs in aiida-getl.",
        pseudo_type=UpfData,
    )
    family.set_cutoffs(RECOMMENDED_CUTOFFS, _STRINGENCY, unit="Ry")
    family.base.extras.set(_INPUTS_EXTRA, _inputs_digest())
    return family


def _inputs_digest() -> str:
    digest = hashlib.sha256()
    inputs = files("aiida_getl.pseudos").joinpath("inputs").iterdir()
    for file in sorted((file for file in inputs if file.name.endswith(".in")), key=lambda file: file.name):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
