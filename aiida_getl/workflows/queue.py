"""Children of a work chain, a limited number at a time."""

from __future__ import annotations

import functools

from aiida import orm
from aiida.engine import ProcessState

from aiida_getl.workflows.room import has_room


class ChildQueue:
    """Mixin of a work chain that has many children and keeps only so many of them under way.

    The outline holds ``while_(cls.has_children_due)(cls.submit_children)``. That alone goes on in batches, each as slow
    as its slowest child; so a child that ends while others run makes room for the next at once.

    The graph is the memory: a child is known by its call link label, and one that is there already, because the work
    chain was taken up from a checkpoint older than it, is awaited and not submitted again. The context, which is
    written to the database at every step, holds a count and no nodes, whatever the number of children.

    Where a computer has a limit (:mod:`aiida_getl.workflows.room`), children beyond it wait until one of this work
    chain's own has ended. The first is submitted all the same, since nobody would say when there is room: so a limit
    may be exceeded by one job for every other work chain at work there.

    A work chain says what its children are in :meth:`names_of_children` and :meth:`submit_child`, and may stop
    submitting more of them in :meth:`goes_on`.
    """

    def names_of_children(self) -> list[str]:
        """Return the call link labels of all children of the queue in their order, the same at every call."""
        raise NotImplementedError

    def submit_child(self, name: str) -> orm.ProcessNode:
        """Submit a child with this call link label."""
        raise NotImplementedError

    def max_children(self) -> int:
        """Return how many children may be under way."""
        raise NotImplementedError

    def goes_on(self) -> bool:
        """Return whether the children that are still due are to be submitted."""
        return True

    def start_queue(self, name: str) -> None:
        """Begin with the first child of a queue; ``ctx.queue`` is its name."""
        self.ctx.queue = name
        self.ctx.n_submitted = 0

    def has_children_due(self) -> bool:
        """Whether children remain to be submitted."""
        return self.ctx.get("n_submitted", 0) < len(self.names_of_children()) and self.goes_on()

    def submit_children(self) -> None:
        """Submit as many children as may be under way."""
        while self._takes_another(len(self._awaitables)):
            self._await_next_child()

    def find_child(self, name: str) -> orm.ProcessNode | None:
        """Return the child with this call link label, the latest if there are several, None if there is none."""
        return self._find({"label": name}).get(name)

    def find_children(self) -> dict[str, orm.ProcessNode]:
        """Return all children by their call link labels, of several with one label the latest."""
        return self._find({})

    def _find(self, edge_filters: dict[str, str]) -> dict[str, orm.ProcessNode]:
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": self.node.pk}, tag="parent")
        query.append(
            orm.ProcessNode,
            with_incoming="parent",
            edge_filters=edge_filters,
            edge_project="label",
            project="*",
            tag="child",
        )
        query.order_by({"child": {"id": "asc"}})
        # A child without a state died with the worker that was about to submit it: it will never run.
        return {name: child for child, name in query.iterall() if child.process_state is not None}

    def _takes_another(self, n_under_way: int) -> bool:
        """Return whether another child is due and there is room for it."""
        if n_under_way >= self.max_children() or not self.has_children_due():
            return False
        return n_under_way == 0 or has_room(self.node)

    def _await_next_child(self) -> None:
        name = self.names_of_children()[self.ctx.n_submitted]
        child = self.find_child(name) or self.submit_child(name)
        self.ctx.n_submitted += 1
        self.to_context(latest_child=child)

    def _on_awaitable_finished(self, awaitable) -> None:
        """Let others take the place of a child that ended; see the class's docstring."""
        submitted = False
        # A work chain that is paused submits nothing; once played, it goes on where its outline stands.
        while self.state == ProcessState.WAITING and not self.paused and self._takes_another(len(self._awaitables) - 1):
            self._await_next_child()
            new = self._awaitables[-1]
            callback = functools.partial(self.call_soon, self._on_awaitable_finished, new)
            self.runner.call_on_process_finish(new.pk, callback)
            submitted = True
        super()._on_awaitable_finished(awaitable)
        if submitted:  # the state stays the same, so that nobody else writes a checkpoint
            self._save_checkpoint()
