"""A melt-quench run that came to no glass, as data: the database of interactions says what it lacks and why."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def record_failed_run(composition, seed, reason):
    """Return a ``Dict`` that says why there is no cell to label.

    :param composition: ``Str`` or ``Dict``, as given to the run.
    :param seed: ``Int``, of the run.
    :param reason: ``Str``.
    """
    return orm.Dict({"composition": composition.value, "seed": seed.value, "reason": reason.value})
