"""What the provenance graph tells of the pw.x run behind a remote folder."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np
from aiida import orm

from aiida_getl.quantumespresso.basis import USE_PROJWFC
from aiida_getl.quantumespresso.kpoints import regular_grid
from aiida_getl.quantumespresso.requirements import Engine, PwRun
from aiida_getl.quantumespresso.upf import Upf, read_upf

PW_CALCULATION = "aiida.calculations:quantumespresso.pw"
#: Keywords of pw.x that are recorded with a label.
RECORDED = ("ecutwfc", "ecutrho", "occupations", "smearing", "degauss", "nspin")
#: k-points of a list that are recorded one by one.
MOST_POINTS = 32


def find_engine(code: orm.AbstractCode, has_projections: bool) -> Engine | None:
    """Return which program a code is, by the name of its executable, else by what it is given; None if unknown."""
    name = PurePosixPath(str(code.get_executable())).name.lower() + " " + code.label.lower()
    if "getl-cohp" in name or "getl_cohp" in name:
        return "getl-cohp"
    if "lobster" in name:
        return "LOBSTER"
    return "getl-cohp" if has_projections else None


def name_inputs(problem: str) -> str:
    """Return what is wrong, with the names of the inputs that a remedy takes here."""
    return problem.replace(
        USE_PROJWFC, f"{USE_PROJWFC} (`projwfc` of a label or of getl.lobster.base, else `projections_folder`)"
    )


def was_cleaned(folder: orm.RemoteData) -> bool:
    """Return whether a remote folder was cleaned, through this node or another one of the same folder.

    A calculation taken from the cache points at the folder of the original.
    """
    query = orm.QueryBuilder()
    query.append(
        orm.RemoteData,
        filters={
            "attributes.remote_path": folder.get_remote_path(),
            f"extras.{orm.RemoteData.KEY_EXTRA_CLEANED}": True,
        },
        tag="folder",
    )
    query.append(orm.Computer, filters={"uuid": folder.computer.uuid}, with_node="folder")
    return folder.is_cleaned or query.count() > 0


def describe_run(folder: orm.RemoteData) -> PwRun:
    """Return what is known of the pw.x run that made a folder; nothing of a folder that pw.x did not make."""
    scf = folder.creator
    if scf is None or scf.process_type != PW_CALCULATION:
        return PwRun()
    outputs = scf.outputs.output_parameters.get_dict() if "output_parameters" in scf.outputs else {}
    system, control = (
        {key.lower(): value for key, value in _parameters(scf).get(name, {}).items()} for name in ("SYSTEM", "CONTROL")
    )
    structure = getattr(scf.outputs, "output_structure", None) or getattr(scf.inputs, "structure", None)
    settings = scf.inputs.settings.get_dict() if "settings" in scf.inputs else {}
    return PwRun(
        atoms=None if structure is None else structure.get_ase(),
        upfs=_pseudopotentials(scf),
        n_bands=outputs.get("number_of_bands", system.get("nbnd")),
        uses_symmetry=_uses_symmetry(scf, system, outputs.get("number_of_k_points")),
        is_gamma_only=any(key.lower() == "gamma_only" and value for key, value in settings.items()),
        is_noncollinear=bool(system.get("noncolin", False)),
        keeps_wavefunctions=control.get("disk_io") not in ("none", "nowf"),
        lowest_band=_lowest_band(scf, outputs),
    )


def describe_settings(folder: orm.RemoteData) -> dict[str, Any]:
    """Return what the accuracy of bond strengths depends on in the pw.x run that made a folder, as far as it is known.

    Cut-offs and smearing are pw.x's own keywords, energies in Ry; ``kpoints`` are a ``mesh`` with its ``offset``, or
    the ``points``, in reciprocal lattice vectors, of which a long list is only counted.
    """
    scf = folder.creator
    if scf is None or scf.process_type != PW_CALCULATION:
        return {}
    system = {key.lower(): value for key, value in _parameters(scf).get("SYSTEM", {}).items()}
    found: dict[str, Any] = {key: system[key] for key in RECORDED if key in system}
    if "kpoints" in scf.inputs:
        kpoints = scf.inputs.kpoints
        if "mesh" in kpoints.base.attributes.all:
            mesh, offset = kpoints.get_kpoints_mesh()
            found["kpoints"] = {"mesh": list(mesh), "offset": list(offset)}
        else:
            points = kpoints.get_kpoints()
            found["kpoints"] = {"points": np.round(points, 6).tolist() if len(points) <= MOST_POINTS else len(points)}
    return found


def _parameters(scf: orm.CalcJobNode) -> dict:
    parameters = scf.inputs.parameters.get_dict() if "parameters" in scf.inputs else {}
    return {key.upper(): value for key, value in parameters.items()}


def _pseudopotentials(scf: orm.CalcJobNode) -> dict[str, Upf] | None:
    """Return the pseudopotential of every element, None if one cannot be read here."""
    upfs = {}
    for pseudo in dict(scf.inputs.pseudos).values() if "pseudos" in scf.inputs else ():
        try:
            upf = read_upf(pseudo.get_content())
        except ValueError:  # format version 1, for example: the engine will judge it
            return None
        upfs[upf.element] = upf
    return upfs or None


def _uses_symmetry(scf: orm.CalcJobNode, system: dict, n_kpoints: int | None) -> bool | None:
    """Return whether k-points were left out; those of a list are used as they are given."""
    if system.get("nosym"):
        return False
    if "kpoints" not in scf.inputs or "mesh" not in scf.inputs.kpoints.base.attributes.all or n_kpoints is None:
        return None
    return n_kpoints < len(regular_grid(*scf.inputs.kpoints.get_kpoints_mesh()).points)


def _lowest_band(scf: orm.CalcJobNode, outputs: dict[str, Any]) -> float | None:
    """Return the lowest band from the Fermi energy, of which a run with spins held apart has two; in eV."""
    if "output_band" not in scf.outputs:
        return None
    node = scf.outputs.output_band
    bands = node.get_bands()
    names = ("fermi_energy", "fermi_energy_up", "fermi_energy_down")
    levels = [outputs[name] for name in names if outputs.get(name) is not None]
    if not levels and "occupations" in node.get_arraynames():
        levels = bands[node.get_array("occupations") > 0.0].tolist()  # an insulator: from its highest occupied band
    return float(np.min(bands) - max(levels)) if levels else None
