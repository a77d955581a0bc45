"""What to label next, in order, with what it is expected to bring, to cost, and why."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.search import decided_on, past_costs, search
from aiida_getl.data.ensembles import glass_runs, labelled_structures, target_structures


@calcfunction
def propose(model, dbi, assessment, settings, seed, **namespaces):
    """Return the proposal (``Dict``), see :class:`aiida_getl.acquisition.proposal.Proposal`.

    What was decided on before is not proposed again, whether it was labelled, failed, or was rejected.

    :param model: ``getl.model``.
    :param dbi: ``getl.dbi`` that it was trained on.
    :param assessment: ``Dict``, of ``assess``, with the same settings and seed.
    :param settings: ``Dict``, of :mod:`aiida_getl.acquisition.settings`.
    :param seed: ``Int``.
    :param namespaces: ``targets`` as of ``assess``; ``trajectories`` (``TrajectoryData`` by the name of the run) whose
        frames may be labelled; ``records`` and ``rejected`` (``Dict``) of the iterations and rejections so far; and
        ``history`` (``Dict`` with ``rows`` of past costs).
    """
    records = [record.get_dict() for _, record in sorted(namespaces.get("records", {}).items())]
    rejected = [decision.get_dict() for decision in namespaces.get("rejected", {}).values()]
    history = namespaces["history"]["rows"] if "history" in namespaces else []
    try:
        proposal = search(
            model.get_model(),
            dbi.get_table(descriptors=False),
            labelled_structures(dbi.structures),
            glass_runs(namespaces.get("trajectories", {})),
            target_structures(namespaces["targets"]),
            settings.get_dict(),
            seed.value,
            Assessment.from_dict(assessment.get_dict()),
            decided_on(records, rejected),
            past_costs(history, records),
        )
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return orm.Dict(proposal.as_dict())
