"""Contents of lobsterin for a run that saves its projection, and for one that goes on from it."""

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.lobster.lobsterin import Lobsterin


@calcfunction
def save_projection(parameters):
    """Return parameters that also save the projection.

    :param parameters: ``Dict``, contents of lobsterin.
    """
    return orm.Dict(Lobsterin.from_dict(parameters.get_dict()).to_dict() | {"saveProjectionToFile": True})


@calcfunction
def continue_projection(parameters):
    """Return parameters that load the projection in place of saving it.

    :param parameters: ``Dict``, those of the run that saved it.
    """
    changed = Lobsterin.from_dict(parameters.get_dict()).to_dict()
    changed.pop("saveProjectionToFile", None)
    changed["loadProjectionFromFile"] = True
    return orm.Dict(changed)
