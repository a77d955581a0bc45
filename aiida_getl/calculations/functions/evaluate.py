"""Errors of a trained model on labels that it has not seen."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import metrics_nodes
from aiida_getl.learning.transfer import evaluate as evaluate_table


@calcfunction
def evaluate(model, dbi, training=None):
    """Return the metrics per bond type and method (``metrics``) and the predictions of every bond (``parity``).

    Structures that the model was trained on are left out and counted in ``n_seen``.

    :param model: ``getl.model``.
    :param dbi: ``getl.dbi`` with the labels; its structures are read too.
    :param training: ``getl.dbi`` that the model was trained on, to train simpler methods on the same bonds.
    """
    table = dbi.get_table(descriptors=False)
    seen = set() if training is None else {entry["label_id"] for entry in training.structures}
    unseen = [entry["label_id"] not in seen for entry in table.structures]
    if not any(unseen):
        return ExitCode(401, "the model was trained on all of these labels: its errors on them would say nothing")
    table = table.select([unseen[k] for k in table.structure])
    structures = [orm.load_node(entry["structure_id"]).get_ase() for entry in table.structures]
    try:
        result = evaluate_table(
            model.get_model(), table, structures, None if training is None else training.get_table()
        )
    except ValueError as exception:
        return ExitCode(402, str(exception))
    arrays, attributes = result.to_arrays()
    metrics, parity = metrics_nodes(arrays, {**attributes, "n_seen": unseen.count(False), "n_unseen": sum(unseen)})
    return {"metrics": metrics, "parity": parity}
