"""Contents of lobsterin for a run that goes on from a saved projection."""

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.lobster.lobsterin import Lobsterin


@calcfunction
def continue_projection(parameters):
    """Return parameters that load the projection in place of saving it.

    :param parameters: ``Dict``, those of the run that saved it.
    """
    changed = Lobsterin.from_dict(parameters.get_dict()).to_dict()
    changed.pop("saveProjectionToFile", None)
    changed["loadProjectionFromFile"] = True
    return orm.Dict(changed)
