"""The work chain of load.py, in a module of its own so that the daemon finds it."""

from __future__ import annotations

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import WorkChain, while_
from ase.build import bulk

from aiida_getl.workflows.label import LabelWorkChain
from aiida_getl.workflows.queue import ChildQueue


class ManyLabels(ChildQueue, WorkChain):
    """Labels of cells of one aluminium atom, each a little larger than the one before, so many at a time."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("n_labels", valid_type=orm.Int)
        spec.input("max_concurrent", valid_type=orm.Int)
        spec.expose_inputs(LabelWorkChain, namespace="label", exclude=("structure",))
        spec.outline(cls.begin, while_(cls.has_children_due)(cls.submit_children))

    def begin(self):
        self.start_queue("labels")

    def names_of_children(self):
        return [f"label_{number}" for number in range(self.inputs.n_labels.value)]

    def max_children(self):
        return self.inputs.max_concurrent.value

    def submit_child(self, name):
        inputs = AttributeDict(self.exposed_inputs(LabelWorkChain, "label"))
        inputs.structure = orm.StructureData(ase=bulk("Al", a=4.0 + 1e-4 * int(name.removeprefix("label_"))))
        inputs.metadata.call_link_label = name
        return self.submit(LabelWorkChain, **inputs)
