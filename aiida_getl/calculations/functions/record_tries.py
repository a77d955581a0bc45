"""How self-consistency was sought, as data."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def record_tries(tries):
    """Return a ``Dict`` with the runs of pw.x that one electronic structure took.

    :param tries: ``List``, a dictionary for each run: its UUID, mixing, what it started from, iterations, estimated
        accuracy of the first and the last (Ry), how it ended, and what was done about that.
    """
    return orm.Dict({"n_tries": len(tries.get_list()), "tries": tries.get_list()})
