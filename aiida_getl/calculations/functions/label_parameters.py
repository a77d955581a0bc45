"""What pw.x and the bond analysis are asked for, from the structure and its pseudopotentials."""

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.quantumespresso.basis import default_basis, projected_shells, select_shells
from aiida_getl.quantumespresso.kpoints import choose_kpoints
from aiida_getl.quantumespresso.scf import lobsterin_parameters, scf_parameters
from aiida_getl.quantumespresso.upf import read_upf
from aiida_getl.structures.bonds import find_bonds


@calcfunction
def label_parameters(structure, settings, **pseudos):
    """Return the k-points, and the parameters of pw.x, projwfc.x and the bond analysis.

    :param structure: ``StructureData``.
    :param settings: ``Dict``, the settings of a label protocol.
    :param pseudos: ``UpfData`` of every element, by kind name.
    """
    settings = settings.get_dict()
    upfs = {name: read_upf(pseudo.get_content()) for name, pseudo in pseudos.items()}
    wanted = settings.get("basis") or {}
    positions = np.array([site.position for site in structure.sites])
    try:
        basis = {
            name: select_shells(upf, wanted[name]) if name in wanted else default_basis(upf)
            for name, upf in upfs.items()
        }
        bonds = find_bonds(positions, np.array(structure.cell), settings["r_max"], settings["r_min"])
        if not len(bonds):
            return ExitCode(402, f"no two atoms are between {settings['r_min']} and {settings['r_max']} Å apart")
        kpoints = choose_kpoints(bonds, settings["kpoints"])
    except ValueError as exception:
        return ExitCode(401, str(exception))
    # Leaving out a projected shell takes the overlaps; otherwise they would only double the size of the file.
    subset = any(len(basis[name]) < len(projected_shells(upf)) for name, upf in upfs.items())
    kpoints_node = orm.KpointsData()
    gamma = kpoints.is_gamma and settings["real_wavefunctions"]
    if kpoints.is_gamma:
        kpoints_node.set_kpoints_mesh([1, 1, 1])
    else:
        kpoints_node.set_kpoints(kpoints.points, weights=kpoints.weights)
    return {
        "kpoints": kpoints_node,
        "pw": orm.Dict(scf_parameters([site.kind_name for site in structure.sites], upfs, settings)),
        "pw_settings": orm.Dict({"gamma_only": gamma}),
        "projwfc": orm.Dict({"PROJWFC": {"lwrite_overlaps": subset}}),
        "lobster": orm.Dict(lobsterin_parameters(basis, settings)),
    }
