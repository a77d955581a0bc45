"""How the errors fall with the number of training bonds."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.learning.learning_curve import BY_GROUP
from aiida_getl.learning.learning_curve import learning_curve as curve_of_table
from aiida_getl.learning.settings import complete_settings
from aiida_getl.progress import report


@calcfunction
def learning_curve(dbi, settings, seed):
    """Return a ``Dict`` with the errors by bond type and selection of training bonds, and a forecast.

    :param dbi: ``getl.dbi``.
    :param settings: ``Dict``, settings of the learning, perhaps with ``selections`` and ``sizes`` of the curve.
    :param seed: ``Int``.
    """
    options = settings.get_dict()
    selections, sizes = options.pop("selections", ["random", BY_GROUP]), options.pop("sizes", None)
    try:
        complete = complete_settings(options, dbi.descriptors)
        curve = curve_of_table(dbi.get_table(), complete, seed.value, selections, sizes, report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return orm.Dict(curve.to_attributes())
