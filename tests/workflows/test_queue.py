"""A few children at a time: never more, the next as soon as one ends, none twice."""

import pytest
from aiida import orm
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
from aiida.common.links import LinkType
from aiida.engine import WorkChain, run_get_node, while_

from aiida_getl.workflows.queue import ChildQueue
from aiida_getl.workflows.room import set_max_jobs


class Sleepers(ChildQueue, WorkChain):
    """Jobs that sleep and add; stops submitting once one has failed."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("code", valid_type=orm.AbstractCode)
        spec.input("seconds", valid_type=orm.List)
        spec.input("at_a_time", valid_type=orm.Int)
        spec.outline(
            cls.begin,
            while_(cls.has_children_due)(cls.submit_children),
            cls.begin_again,
            while_(cls.has_children_due)(cls.submit_children),
        )

    def begin(self):
        self.start_queue("first")

    def begin_again(self):
        """Ask for the same children, as a work chain does that was taken up from an older checkpoint."""
        self.start_queue("again")

    def names_of_children(self):
        return [f"job_{i}" for i in range(len(self.inputs.seconds))]

    def max_children(self):
        return self.inputs.at_a_time.value

    def goes_on(self):
        return all(child.exit_status in (None, 0) for child in self.find_children().values())

    def submit_child(self, name):
        number = self.inputs.seconds[int(name.removeprefix("job_"))]
        return self.submit(
            ArithmeticAddCalculation,
            x=orm.Int(number),
            y=orm.Int(0),
            code=self.inputs.code,
            metadata={"options": {"sleep": abs(number)}, "call_link_label": name},
        )


@pytest.fixture
def run(getl_computer):
    """Return a function that runs jobs of so many seconds; those of a negative number fail."""
    code = orm.InstalledCode(label="bash", computer=getl_computer, filepath_executable="/bin/bash").store()

    def run(seconds, at_a_time):
        _, node = run_get_node(Sleepers, code=code, seconds=orm.List(seconds), at_a_time=orm.Int(at_a_time))
        assert node.is_finished_ok, node.exception
        return node, sorted(node.called, key=lambda child: child.pk)

    return run


def test_a_child_that_ends_makes_room_for_the_next(run):
    node, children = run([8, 0, 0, 0], 2)
    first, *others = children
    assert [link.link_label for link in node.base.links.get_outgoing().all()] == ["job_0", "job_1", "job_2", "job_3"]
    # The long one does not hold up the others, of which there is one at a time.
    assert others[1].ctime < first.mtime
    for moment in (child.ctime for child in children):
        assert sum(child.ctime <= moment < child.mtime for child in children) <= 2


class Orphaned(Sleepers):
    """Finds the node of a child whose worker was killed before it could submit it."""

    def begin(self):
        super().begin()
        orphan = orm.CalcJobNode(computer=self.inputs.code.computer)
        orphan.base.links.add_incoming(self.node, LinkType.CALL_CALC, "job_0")
        orphan.store()


def test_a_child_that_was_never_submitted_is_not_awaited(getl_computer):
    code = orm.InstalledCode(label="bash", computer=getl_computer, filepath_executable="/bin/bash").store()
    _, node = run_get_node(Orphaned, code=code, seconds=orm.List([0]), at_a_time=orm.Int(1))
    assert node.is_finished_ok, node.exception
    orphan, child = sorted(node.called, key=lambda each: each.pk)
    assert orphan.process_state is None
    assert child.is_finished_ok


def test_nothing_is_submitted_after_failures(run):
    _, children = run([-1, 3, 0, 0, 0, 0], 2)
    assert [child.exit_status for child in children] == [410, 0]


def test_other_children_wait_where_the_computer_takes_no_more(run, getl_computer):
    set_max_jobs(getl_computer, 1)
    try:
        _, children = run([1, 1, 1], 3)
    finally:
        set_max_jobs(getl_computer, None)
    first, second, third = children
    assert first.mtime <= second.ctime
    assert second.mtime <= third.ctime
