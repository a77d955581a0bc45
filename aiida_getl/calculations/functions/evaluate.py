"""Errors of a trained model on labels that it has not seen."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import metrics_nodes, unseen_labels
from aiida_getl.learning.transfer import evaluate as evaluate_table
from aiida_getl.progress import report


@calcfunction
def evaluate(model, dbi, training=None):
    """Return the metrics per bond type and method (``metrics``) and the predictions of every bond (``parity``).

    Structures that the model was trained on are left out and counted in ``n_seen``.

    :param model: ``getl.model``.
    :param dbi: ``getl.dbi`` with the labels; its structures are read too.
    :param training: ``getl.dbi`` that the model was trained on, to train simpler methods on the same bonds.
    """
    try:
        table, structures, counts = unseen_labels(dbi, training)
        trained_on = None if training is None else training.get_table()
        result = evaluate_table(model.get_model(), table, structures, trained_on, report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    arrays, attributes = result.to_arrays()
    metrics, parity = metrics_nodes(arrays, attributes | counts)
    return {"metrics": metrics, "parity": parity}
