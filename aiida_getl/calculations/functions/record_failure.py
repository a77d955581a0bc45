"""A label that could not be had, as data: the database of interactions says what it lacks and why."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def record_failure(structure, reason):
    """Return a ``Dict`` that says why ``structure`` has no label."""
    return orm.Dict({"structure": structure.uuid, "formula": structure.get_formula(), "reason": reason.value})
