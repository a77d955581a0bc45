"""What to label first, where there is no database of interactions yet."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.acquisition.history import cost_models
from aiida_getl.acquisition.start import propose_start as propose_runs


@calcfunction
def propose_start(start, seed, history=None):
    """Return the proposal (``Dict``) of melt-quench runs to start from.

    :param start: ``Dict`` with ``compositions``, ``n_runs`` of each and ``n_atoms``.
    :param seed: ``Int``.
    :param history: ``Dict`` with ``rows`` of past costs, see :func:`aiida_getl.acquisition.history.cost_models`.
    """
    try:
        cost = cost_models(history["rows"] if history is not None else [], start["n_atoms"])["composition"]
        proposal = propose_runs(start["compositions"], start["n_runs"], start["n_atoms"], cost, seed.value)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return orm.Dict(proposal.as_dict())
