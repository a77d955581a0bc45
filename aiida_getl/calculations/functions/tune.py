"""Choose between settings of the learning, and measure what choosing achieves."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.learning.settings import complete_settings
from aiida_getl.learning.tuning import nested_validation
from aiida_getl.learning.tuning import tune as tune_table
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
        for candidate in choices:
            complete_settings(options | candidate if isinstance(candidate, dict) else options, dbi.descriptors)
        table = dbi.get_table()
        tuning = tune_table(table, choices, complete, seed.value, report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    result = {
        "candidates": choices,
        "tuning": tuning.to_attributes(),
        "best": options | choices[tuning.best],
        "nested": None,
        "not_nested": "it was not asked for",
    }
    if nested:
        try:
            achieved = nested_validation(table, choices, complete, seed.value, report)
        except ValueError as exception:
            result["not_nested"] = str(exception)
        else:
            result["not_nested"] = None
            result["nested"] = achieved.validation.to_arrays()[1] | {
                "choices": [choice.to_attributes() for choice in achieved.choices]
            }
    return orm.Dict(result)
