"""An item of a decision that could not be made, as data."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def record_missing_cell(decision, number, reason):
    """Return a ``Dict`` that says why an item of a decision gave no cell to label.

    :param decision: ``Dict``, of ``decide``.
    :param number: ``Int``, that of the item.
    :param reason: ``Str``.
    """
    item = next(item for item in decision["chosen"] if item["number"] == number.value)
    return orm.Dict({"number": number.value, "description": item["description"], "reason": reason.value})
