"""How a loop of active learning ended, and what led there."""

from aiida import orm
from aiida.engine import calcfunction


@calcfunction
def summarise_loop(end, **nodes):
    """Return the summary (``Dict``): how it ended, what was spent, and a line for every iteration.

    :param end: ``Dict`` with ``status``, ``reason`` and ``core_hours`` of everything that the loop ran.
    :param nodes: ``records`` (``Dict`` by iteration, of ``record_iteration``); ``assessment`` (``Dict``) of the last
        model; ``proposal`` and ``decision``, the last ones, and ``stop``, the request to stop, where there are such.
    """
    records = nodes.get("records", {})
    found = [records[name].get_dict() for name in sorted(records)]
    assessment = nodes.get("assessment")
    return orm.Dict(
        {
            **end.get_dict(),
            "n_iterations": len(found),
            "n_labelled": sum(record["n_labelled"] for record in found),
            "n_failed": sum(record["n_failed"] for record in found),
            "uncertainty": None if assessment is None else assessment["uncertainty"],
            "reached": None if assessment is None else assessment["reached"],
            "iterations": [
                {
                    "decision": record["decision"],
                    **{
                        name: record[name]
                        for name in (
                            "n_proposed",
                            "n_labelled",
                            "n_failed",
                            "core_hours",
                            "core_hours_expected",
                            "gain_expected",
                            "gain_realised",
                        )
                    },
                }
                for record in found
            ],
        }
    )
