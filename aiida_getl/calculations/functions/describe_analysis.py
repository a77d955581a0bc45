"""How the bonds of a label are analysed, as data: what pw.x is to compute depends on it."""

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.calculations.pw_run import find_engine


@calcfunction
def describe_analysis(code, settings=None, projwfc_code=None):
    """Return a ``Dict``: ``engine``, ``has_projections`` and ``keeps_curves``, see ``label_parameters``.

    :param code: of the bond analysis.
    :param settings: ``Dict`` of the bond analysis, if it has any.
    :param projwfc_code: of projwfc.x, if it does the projections.
    """
    has_projections = projwfc_code is not None
    return orm.Dict(
        {
            "engine": find_engine(code, has_projections),
            "has_projections": has_projections,
            "keeps_curves": settings is None or settings.get("retrieve_curves", True),
        }
    )
