"""What runs and labels have cost before, for the same codes and settings."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_getl.acquisition.history import LABEL, MELT_QUENCH
from aiida_getl.provenance.cost import calculations_of, job_costs, total
from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain

#: The latest ones tell enough.
MOST = 30


def past_costs(builder) -> list[dict[str, Any]]:
    """Return rows for :func:`aiida_getl.acquisition.history.cost_models`, of processes that ended well.

    Labels count that were made with the same settings by the same codes, which stand on one computer each; so do runs.

    :param builder: of `getl.active_learning`.
    """
    label = builder.label
    rows = _rows(
        LABEL,
        LabelWorkChain,
        {"scf__pw__code": label.scf.pw.code, "lobster__code": label.lobster.code},
        ("settings", label.settings.get_dict()),
    )
    if "melt_quench" in builder and builder.melt_quench:
        run = builder.melt_quench
        parameters = run.parameters.get_dict()
        rows += _rows(
            MELT_QUENCH, MeltQuenchWorkChain, {"lammps__code": run.lammps["code"]}, ("parameters", parameters)
        )
    return rows


def _rows(what: str, process_class: type, codes: dict[str, orm.AbstractCode], settings: tuple[str, dict]) -> list:
    query = orm.QueryBuilder().append(process_class, filters={"attributes.exit_status": 0}, tag="process")
    for number, (link, code) in enumerate(codes.items()):
        query.append(
            orm.Data,
            filters={"id": code.pk},
            with_outgoing="process",
            edge_filters={"label": link},
            tag=f"code_{number}",
        )
    name, wanted = settings
    query.append(orm.Dict, with_outgoing="process", edge_filters={"label": name}, project="attributes")
    query.append(orm.StructureData, **_cell(what), project="attributes.sites")
    query.add_projection("process", "*")
    query.order_by({"process": {"id": "desc"}}).limit(4 * MOST)
    rows = []
    for process, attributes, sites in query.iterall():
        if attributes == wanted and len(rows) < MOST:
            cost = total(job_costs(calculations_of(process)))
            rows.append({"what": what, "n_atoms": len(sites), "core_hours": cost.core_hours + cost.saved})
    return rows


def _cell(what: str) -> dict[str, str]:
    return {"with_outgoing": "process"} if what == LABEL else {"with_incoming": "process"}
