"""The wish of a person that a loop of active learning ends, as data."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def request_stop(statement):
    """Return the request (``Dict``): ``loop`` (UUID of the process), ``by``, ``when`` and ``reason``.

    :param statement: ``Dict`` with the same.
    """
    return orm.Dict({name: statement[name] for name in ("loop", "by", "when", "reason")})
