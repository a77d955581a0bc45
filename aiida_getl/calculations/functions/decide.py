"""A decision on a proposal, as data: who decided what, when and why."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.acquisition.decision import decide as decide_on
from aiida_getl.acquisition.proposal import Proposal


@calcfunction
def decide(proposal, statement, **structures):
    """Return the decision (``Dict``), see :func:`aiida_getl.acquisition.decision.decide`.

    :param proposal: ``Dict``, of ``propose`` or ``propose_start``.
    :param statement: ``Dict``: who says so, when, what and why.
    :param structures: ``StructureData`` that were added to the proposal, so that the graph links them.
    """
    try:
        decision = decide_on(Proposal.from_dict(proposal.get_dict()), statement.get_dict())
    except ValueError as exception:
        return ExitCode(401, str(exception))
    wanted = {item["recipe"]["structure"] for item in decision["chosen"] if item["recipe"]["operation"] == "given"}
    if wanted != {structure.uuid for structure in structures.values()}:
        return ExitCode(402, "the structures that were added are not those that the statement names")
    return orm.Dict({**decision, "proposal": proposal.uuid})
