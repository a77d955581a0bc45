"""The parser of `getl.projwfc` on an output of the real projwfc.x, complete and cut."""

from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import ParserFactory

FINISHED = (Path(__file__).parent / "projwfc" / "finished.out").read_text()


@pytest.fixture
def parse(aiida_localhost):
    """Return a function that parses a text as the output of a job."""

    def run(text, scheduler_status=None):
        node = orm.CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:getl.projwfc")
        node.set_option("resources", {"num_machines": 1})
        node.set_option("output_filename", "aiida.out")
        if scheduler_status:
            node.set_exit_status(scheduler_status)
            node.set_exit_message("what the scheduler said")
        node.store()
        retrieved = orm.FolderData()
        if text is not None:
            retrieved.base.repository.put_object_from_bytes(text.encode(), "aiida.out")
        retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
        retrieved.store()
        return ParserFactory("getl.projwfc").parse_from_node(node, store_provenance=False)

    return run


def test_finished(parse, data_regression):
    outputs, node = parse(FINISHED)
    assert node.is_finished_ok, node.exit_message
    data_regression.check(outputs["output_parameters"].get_dict())


def test_cut_off(parse):
    outputs, node = parse(FINISHED[: FINISHED.index("PROJWFC      :")])
    assert node.exit_status == 312
    assert outputs["output_parameters"].get_dict() == {"code_version": "6.7MaX", "spilling": 0.0123}


def test_no_output(parse):
    outputs, node = parse(None)
    assert node.exit_status == 302
    assert not outputs


@pytest.mark.parametrize("status", [110, 120])
def test_what_the_scheduler_reported_is_kept(parse, status):
    _, node = parse(FINISHED[:500], scheduler_status=status)
    assert node.exit_status == status
