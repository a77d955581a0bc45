"""What pw.x and the bond analysis are asked for, from the structure and its pseudopotentials."""

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.quantumespresso.basis import default_basis, needs_subset
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
    basis = {element: default_basis(upf) for element, upf in upfs.items()} | (settings.get("basis") or {})
    symbols = [site.kind_name for site in structure.sites]
    return {
        "pw": orm.Dict(scf_parameters(symbols, upfs, settings)),
        "projwfc": orm.Dict({"PROJWFC": {"lwrite_overlaps": needs_subset(upfs, basis)}}),
        "lobster": orm.Dict(lobsterin_parameters(basis, settings)),
    }
