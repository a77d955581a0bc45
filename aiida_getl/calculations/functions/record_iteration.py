"""The record of an iteration of active learning."""

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.record import record_of
from aiida_getl.provenance.cost import calculations_of, job_costs, total


@calcfunction
def record_iteration(proposal, decision, **namespaces):
    """Return the record (``Dict``), see :func:`aiida_getl.acquisition.record.record_of`.

    Costs are those of the processes that labelled the cells, and of the runs that they come from, as the graph tells.

    :param proposal: ``Dict``, of ``propose``.
    :param decision: ``Dict``, of ``decide``.
    :param namespaces: by ``item_<number>``: ``cells`` (``StructureData``), ``bonds`` (labels, ``getl.bonds``) and
        ``failures`` (``Dict`` with a ``reason``); ``assessments`` (``Dict``) named ``before`` and ``after``.
    """
    cells, bonds, failures = (namespaces.get(name, {}) for name in ("cells", "bonds", "failures"))
    assessments = {
        name: Assessment.from_dict(node.get_dict()) for name, node in namespaces.get("assessments", {}).items()
    }
    outcomes = {}
    for item in decision["chosen"]:
        name = f"item_{item['number']}"
        cell, label = cells.get(name), bonds.get(name)
        labelling = [] if cell is None else _processes(cell, "LabelWorkChain", "with_outgoing")
        outcomes[item["number"]] = {
            "label": None if label is None else label.uuid,
            "failure": failures[name]["reason"] if label is None else None,
            "reused": label is not None and not labelling,
            "n_bonds": 0 if label is None else label.n_bonds,
            "label_hours": _hours(labelling),
            "run_hours": _hours([] if cell is None else _processes(cell, "MeltQuenchWorkChain", "with_incoming")),
        }
    record = record_of(
        len(proposal["items"]), decision.get_dict(), outcomes, assessments.get("before"), assessments.get("after")
    )
    return orm.Dict(record)


def _processes(cell, label, direction):
    """Return the work chains of a kind that a cell was the input of (``with_outgoing``) or came from."""
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"attributes.process_label": label}, tag="process", project="*")
    query.append(orm.StructureData, filters={"id": cell.pk}, **{direction: "process"})
    return query.all(flat=True)


def _hours(processes):
    return total(job_costs(set().union(*(calculations_of(process) for process in processes)))).core_hours
