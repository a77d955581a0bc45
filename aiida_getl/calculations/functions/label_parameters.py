"""What pw.x and the bond analysis are asked for, from the structure and its pseudopotentials."""

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.quantumespresso.basis import default_basis, projected_shells, select_shells
from aiida_getl.quantumespresso.scf import lobsterin_parameters, scf_parameters
from aiida_getl.quantumespresso.upf import read_upf


@calcfunction
def label_parameters(structure, settings, **pseudos):
    """Return the parameters of pw.x, projwfc.x and the bond analysis.

    :param structure: ``StructureData``.
    :param settings: ``Dict``, the settings of a label protocol.
    :param pseudos: ``UpfData`` of every element, by kind name.
    """
    settings = settings.get_dict()
    upfs = {name: read_upf(pseudo.get_content()) for name, pseudo in pseudos.items()}
    wanted = settings.get("basis") or {}
    basis = {
        name: [shell.label for shell in (select_shells(upf, wanted[name]) if name in wanted else default_basis(upf))]
        for name, upf in upfs.items()
    }
    # Leaving out a projected shell takes the overlaps; otherwise they would only double the size of the file.
    subset = any(len(basis[name]) < len(projected_shells(upf)) for name, upf in upfs.items())
    symbols = [site.kind_name for site in structure.sites]
    return {
        "pw": orm.Dict(scf_parameters(symbols, upfs, settings)),
        "projwfc": orm.Dict({"PROJWFC": {"lwrite_overlaps": subset}}),
        "lobster": orm.Dict(lobsterin_parameters(basis, settings)),
    }
