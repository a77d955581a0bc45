"""Choose between settings of the learning, and measure what choosing achieves."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import tuned
from aiida_getl.learning.settings import complete_settings
from aiida_getl.learning.tuning import tune_and_judge
from aiida_getl.progress import report


@calcfunction
def tune(dbi, candidates, settings, seed):
    """Return a ``Dict`` with the errors of every candidate (``tuning``), the settings of the ``best``, and what tuning
    achieves on groups that took no part in it (``nested``), unless the setting ``nested`` is false.

    Where there are too few groups for the latter, ``nested`` is None and ``not_nested`` says so.

    :param dbi: ``getl.dbi``.
    :param candidates: ``List`` of settings that replace others.
    :param settings: ``Dict``, settings of the learning that all candidates share, perhaps with ``nested``.
    :param seed: ``Int``.
    """
    options, choices = settings.get_dict(), candidates.get_list()
    nested = options.pop("nested", True)
    try:
        complete = complete_settings(options, dbi.descriptors)
        found = tune_and_judge(dbi.get_table(), choices, complete, seed.value, nested, report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return tuned(found, choices, options)
