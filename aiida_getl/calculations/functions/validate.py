"""Errors of the model on groups that it has not seen."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.arrays import set_arrays
from aiida_getl.learning.settings import complete_settings
from aiida_getl.learning.validation import validate as validate_table


@calcfunction
def validate(dbi, settings, seed):
    """Return the metrics per bond type and method (``validation``) and the out-of-group predictions (``parity``).

    :param dbi: ``getl.dbi``.
    :param settings: ``Dict``, settings of the learning.
    :param seed: ``Int``.
    """
    try:
        result = validate_table(dbi.get_table(), complete_settings(settings.get_dict(), dbi.descriptors), seed.value)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    arrays, attributes = result.to_arrays()
    parity = orm.ArrayData()
    set_arrays(parity, arrays)
    return {"validation": orm.Dict(attributes), "parity": parity}
