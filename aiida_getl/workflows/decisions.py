"""Where proposals, decisions and records of loops are in the graph."""

from __future__ import annotations

from typing import Any

from aiida import orm

#: Names of the calcfunctions that make proposals, decisions, and requests to stop.
PROPOSERS = ("propose", "propose_start")
DECIDE = "decide"
REQUEST_STOP = "request_stop"


def find_decision(proposal: orm.Dict) -> orm.Dict | None:
    """Return the decision on a proposal, the first if two people decided at once; None if there is none yet."""
    query = orm.QueryBuilder().append(orm.Dict, filters={"id": proposal.pk}, tag="proposal")
    query.append(
        orm.CalcFunctionNode,
        filters={"attributes.process_label": DECIDE, "attributes.exit_status": 0},
        with_incoming="proposal",
        edge_filters={"label": "proposal"},
        tag="decide",
    )
    query.append(orm.Dict, with_incoming="decide", tag="decision")
    query.order_by({"decision": {"id": "asc"}})
    return query.first(flat=True)


def find_proposals(loop: orm.WorkChainNode) -> list[orm.Dict]:
    """Return the proposals of a loop, oldest first."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": loop.pk}, tag="loop")
    query.append(
        orm.CalcFunctionNode,
        filters={"attributes.process_label": {"in": list(PROPOSERS)}, "attributes.exit_status": 0},
        with_incoming="loop",
        tag="propose",
    )
    query.append(orm.Dict, with_incoming="propose", tag="proposal")
    query.order_by({"proposal": {"id": "asc"}})
    return query.all(flat=True)


def find_loop(proposal: orm.Dict) -> orm.WorkChainNode | None:
    """Return the loop that made a proposal, None if no loop did."""
    creator = proposal.creator
    return creator.caller if creator is not None and creator.process_label in PROPOSERS else None


def find_stop_request(loop: orm.WorkChainNode) -> orm.Dict | None:
    """Return the request to stop a loop, the first if there are several; None if there is none."""
    query = orm.QueryBuilder().append(
        orm.CalcFunctionNode, filters={"attributes.process_label": REQUEST_STOP}, tag="request"
    )
    query.append(orm.Dict, filters={"attributes.loop": loop.uuid}, with_incoming="request", tag="stop")
    query.order_by({"stop": {"id": "asc"}})
    return query.first(flat=True)


def find_records(loop: orm.WorkChainNode) -> list[dict[str, Any]]:
    """Return the records of the iterations of a loop, oldest first."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": loop.pk}, tag="loop")
    query.append(
        orm.CalcFunctionNode,
        filters={"attributes.process_label": "record_iteration", "attributes.exit_status": 0},
        with_incoming="loop",
        tag="recorder",
    )
    query.append(orm.Dict, with_incoming="recorder", tag="record")
    query.order_by({"record": {"id": "asc"}})
    return [record.get_dict() for record in query.all(flat=True)]


def find_last_assessment(loop: orm.WorkChainNode) -> dict[str, Any] | None:
    """Return the last assessment of a loop, None if there is none yet."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": loop.pk}, tag="loop")
    query.append(
        orm.CalcFunctionNode, filters={"attributes.process_label": "assess"}, with_incoming="loop", tag="assess"
    )
    query.append(orm.Dict, with_incoming="assess", tag="assessment")
    query.order_by({"assessment": {"id": "desc"}})
    found = query.first(flat=True)
    return None if found is None else found.get_dict()
