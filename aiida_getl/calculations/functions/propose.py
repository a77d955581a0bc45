"""What to label next, in order, with what it is expected to bring, to cost, and why."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.enumeration import enumerate_candidates
from aiida_getl.acquisition.history import cost_models
from aiida_getl.acquisition.ranking import propose as rank
from aiida_getl.acquisition.record import cost_rows
from aiida_getl.acquisition.settings import validate_settings
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
    records = [namespaces["records"][name].get_dict() for name in sorted(namespaces.get("records", {}))]
    done = {item["key"] for record in records for item in record["items"]}
    done |= {key for decision in namespaces.get("rejected", {}).values() for key in decision["declined"]}
    rows = namespaces["history"]["rows"] if "history" in namespaces else []
    rows = [*rows, *(row for record in records for row in cost_rows(record))]
    try:
        complete = validate_settings(settings.get_dict())
        labelled = labelled_structures(dbi.structures)
        targets = target_structures(namespaces["targets"])
        trained = model.get_model()
        table = dbi.get_table(descriptors=False)
        runs = glass_runs(namespaces.get("trajectories", {}))
        candidates = enumerate_candidates(labelled, runs, targets, complete, seed.value, trained, done)
        n_atoms = min((candidate.n_atoms for candidate in candidates), default=1)
        proposal = rank(
            trained,
            table,
            targets,
            candidates,
            cost_models(rows, n_atoms),
            complete,
            seed.value,
            assessment=Assessment.from_dict(assessment.get_dict()),
        )
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return orm.Dict(proposal.as_dict())
