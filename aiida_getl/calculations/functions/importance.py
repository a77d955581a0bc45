"""How much of a model's accuracy comes from the distance, and how much from the environment."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.learning.importance import permutation_importance
from aiida_getl.learning.settings import complete_settings
from aiida_getl.progress import report


@calcfunction
def importance(dbi, settings, seed):
    """Return a ``Dict`` with the errors on groups left out after exchanging distances or environments.

    :param dbi: ``getl.dbi``.
    :param settings: ``Dict``, settings of the learning, perhaps with ``n_repeats``, the number of permutations.
    :param seed: ``Int``.
    """
    options = settings.get_dict()
    n_repeats = options.pop("n_repeats", 5)
    try:
        complete = complete_settings(options, dbi.descriptors)
        found = permutation_importance(dbi.get_table(), complete, seed.value, n_repeats, report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return orm.Dict(found.to_attributes())
