"""What pw.x and the bond analysis are asked for, from the structure and its pseudopotentials."""

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.calculations.pw_run import name_inputs
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.basis import basis_of_elements, projected_shells, slater_projected_shells
from aiida_getl.quantumespresso.kpoints import choose_kpoints
from aiida_getl.quantumespresso.requirements import PwRun, find_obstacles
from aiida_getl.quantumespresso.scf import lobsterin_parameters, scf_parameters
from aiida_getl.quantumespresso.upf import read_upf
from aiida_getl.structures.bonds import find_bonds


@calcfunction
def label_parameters(structure, settings, analysis, **pseudos):
    """Return the k-points, and the parameters of pw.x, projwfc.x and the bond analysis.

    :param structure: ``StructureData``.
    :param settings: ``Dict``, the settings of a label protocol.
    :param analysis: ``Dict``: ``engine``, the program that does it or None if that is not known;
        ``has_projections``, whether projwfc.x does the projections; ``keeps_curves``, whether anyone looks at curves.
    :param pseudos: ``UpfData`` by kind name.
    """
    settings = settings.get_dict()
    engine, has_projections = analysis["engine"], analysis["has_projections"]
    wanted = settings.get("basis") or {}
    positions = np.array([site.position for site in structure.sites])
    try:
        upfs = {name: read_upf(pseudo.get_content()) for name, pseudo in pseudos.items()}
        if has_projections or engine != "getl-cohp":
            projected = {name: projected_shells(upf) for name, upf in upfs.items()}
        else:
            projected = {name: slater_projected_shells(upf, wanted.get(upf.element, ())) for name, upf in upfs.items()}
        basis = basis_of_elements(upfs, wanted, projected)
        bonds = find_bonds(positions, np.array(structure.cell), settings["r_max"])
        if not (bonds.distance >= settings["r_min"]).any():
            return ExitCode(402, f"no two atoms are between {settings['r_min']} and {settings['r_max']} Å apart")
        # Images that are nearer than r_min count too.
        kpoints = choose_kpoints(bonds, settings["kpoints"])
    except ValueError as exception:
        return ExitCode(401, name_inputs(str(exception)))
    gamma = kpoints.is_gamma and settings["real_wavefunctions"]
    lobster = lobsterin_parameters(basis, settings)
    if engine == "getl-cohp" and not analysis.get("keeps_curves", True):
        lobster["skipCar"] = True  # its ICOHPs are no integrals of the curves, as those of LOBSTER 4 are
    run = PwRun(upfs={upf.element: upf for upf in upfs.values()}, is_gamma_only=gamma)
    obstacles = find_obstacles(run, structure.get_ase(), Lobsterin.from_dict(lobster), engine, has_projections)
    if reasons := list(obstacles):
        return ExitCode(401, name_inputs("; ".join(reasons)))
    # Leaving out a projected shell takes the overlaps; otherwise they would only double the size of the file.
    subset = any(len(basis[upf.element]) < len(projected[name]) for name, upf in upfs.items())
    kpoints_node = orm.KpointsData()
    if kpoints.is_gamma:
        kpoints_node.set_kpoints_mesh([1, 1, 1])
    else:
        kpoints_node.set_kpoints(kpoints.points, weights=kpoints.weights)
    return {
        "kpoints": kpoints_node,
        "pw": orm.Dict(scf_parameters([site.kind_name for site in structure.sites], projected, settings)),
        "pw_settings": orm.Dict({"gamma_only": gamma}),
        "projwfc": orm.Dict({"PROJWFC": {"lwrite_overlaps": subset}}),
        "lobster": orm.Dict(lobster),
    }
