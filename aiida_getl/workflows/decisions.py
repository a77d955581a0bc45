"""Where proposals, decisions and records of loops are in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida import orm

#: Names of the calcfunctions that make proposals, assessments, decisions, and requests to stop.
PROPOSERS = ("propose", "propose_start")
ASSESS = "assess"
DECIDE = "decide"
REQUEST_STOP = "request_stop"
#: Name of the job that does what any calcfunction of the learning does.
LEARN = "LearnCalculation"


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
    return _made_by(loop, PROPOSERS, "proposal")


def find_loop(proposal: orm.Dict) -> orm.WorkChainNode | None:
    """Return the loop that made a proposal, None if no loop did."""
    creator = proposal.creator
    if creator is None:
        return None
    if creator.process_label == LEARN:
        return creator.caller if creator.inputs.task.value in PROPOSERS else None
    return creator.caller if creator.process_label in PROPOSERS else None


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
    found = _made_by(loop, (ASSESS,), "assessment")
    return found[-1].get_dict() if found else None


def _made_by(loop: orm.WorkChainNode, functions: Sequence[str], output: str) -> list[orm.Dict]:
    """Return what calcfunctions of a loop have made, or jobs that do the same, oldest first.

    :param output: its name where a job made it.
    """
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": loop.pk}, tag="loop")
    query.append(
        orm.CalculationNode,
        filters={"attributes.process_label": {"in": [*functions, LEARN]}, "attributes.exit_status": 0},
        with_incoming="loop",
        tag="maker",
    )
    query.append(
        orm.Dict, with_incoming="maker", edge_filters={"label": {"in": ["result", output]}}, tag="made", project="*"
    )
    query.order_by({"made": {"id": "asc"}})
    return query.all(flat=True)
