"""Errors of the model on groups that it has not seen."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import metrics_nodes
from aiida_getl.learning.settings import complete_settings
from aiida_getl.learning.validation import validate as validate_table
from aiida_getl.progress import report


@calcfunction
def validate(dbi, settings, seed):
    """Return the metrics per bond type and method (``validation``) and the out-of-group predictions (``parity``).

    :param dbi: ``getl.dbi``.
    :param settings: ``Dict``, settings of the learning.
    :param seed: ``Int``.
    """
    try:
        complete = complete_settings(settings.get_dict(), dbi.descriptors)
        result = validate_table(dbi.get_table(), complete, seed.value, report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    validation, parity = metrics_nodes(*result.to_arrays())
    return {"validation": validation, "parity": parity}
