"""The steps of active learning that carry a decision out: runs, cells, labels, and a larger database."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.common.exceptions import NotExistent

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.make_cell import make_cell
from aiida_getl.calculations.functions.merge_dbi import merge_dbi
from aiida_getl.calculations.functions.plan_run import plan_run
from aiida_getl.calculations.functions.record_failure import record_failure
from aiida_getl.calculations.functions.record_missing_cell import record_missing_cell
from aiida_getl.calculations.leave_out import faulty_labels
from aiida_getl.provenance.cost import core_hours
from aiida_getl.workflows.cells import SOURCES, glasses_of, names_of_cells
from aiida_getl.workflows.decisions import find_stop_request
from aiida_getl.workflows.feasible import why_no_label, why_no_run
from aiida_getl.workflows.known_labels import find_label, hashes_of
from aiida_getl.workflows.label import LabelWorkChain, describe
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain
from aiida_getl.workflows.queue import ChildQueue


class LabellingSteps(ChildQueue):
    """Mixin of the work chain: from ``ctx.decision`` to the extended ``ctx.dbi``.

    The items of a decision are known as ``item_<number>``: ``ctx.cells``, ``ctx.bonds`` and ``ctx.failures`` hold what
    came of them, and ``ctx.repeated`` why a cell that equals another is not labelled.
    """

    def once(self, name: str, function: Any, **inputs: Any) -> orm.ProcessNode:
        """Return the process of a calcfunction, run now unless it was before the last checkpoint was taken up."""
        process = self.find_child(name)
        if process is None or not process.is_finished_ok:
            metadata = {"call_link_label": name, **inputs.pop("metadata", {})}
            _, process = function.run_get_node(**inputs, metadata=metadata)
        return process

    def in_round(self, name: str) -> str:
        """Return the call link label of something in this round."""
        return f"round_{self.ctx.round}_{name}"

    def start_items(self, decision: orm.Dict | None) -> None:
        """Begin with the runs of a decision, or with nothing; those that cannot be made are recorded."""
        items = decision["chosen"] if decision is not None else []
        self.ctx.recipes = {f"item_{item['number']}": item["recipe"] for item in items}
        self.ctx.cells, self.ctx.bonds, self.ctx.failures, self.ctx.repeated = {}, {}, {}, {}
        self.ctx.runs, self.ctx.labels = [], []
        for item, recipe in self.ctx.recipes.items():
            if recipe["operation"] != "melt_quench":
                continue
            reason = why_no_run(self.inputs, recipe["composition"], recipe["n_atoms"])
            if reason is None:
                self.ctx.runs.append(item)
            else:
                self._give_up(item, reason)
        self.start_queue("runs")

    def names_of_children(self) -> list[str]:
        """Return the names of the cells of the target, of the runs or of the labels."""
        if self.ctx.queue == "targets":
            return [f"target_{name}" for name in sorted(self.inputs.get("target_compositions", {}))]
        kind = self.ctx.queue.removesuffix("s")
        return [self.in_round(f"{name}_{kind}") for name in self.ctx[self.ctx.queue]]

    def max_children(self) -> int:
        """Return how many runs or labels may be under way."""
        return self.inputs.max_concurrent.value

    def goes_on(self) -> bool:
        """Whether nobody asked to stop, and failures and costs are within their budgets."""
        if find_stop_request(self.node) is not None or self.n_failures() > self.inputs.failures_max.value:
            return False
        left = self.budget_left()
        return left is None or left >= 0.0

    def budget_left(self) -> float | None:
        """Return the core-hours that are left, None if they are not limited."""
        if "max_core_hours" not in self.inputs:
            return None
        return self.inputs.max_core_hours.value - core_hours(self.node)

    def n_failures(self) -> int:
        """Return how many runs and labels failed so far, in all rounds."""
        failed = {
            "or": [{"attributes.exit_status": {">": 0}}, {"attributes.process_state": {"in": ["excepted", "killed"]}}]
        }
        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": self.node.pk}, tag="loop")
        query.append((MeltQuenchWorkChain, LabelWorkChain), with_incoming="loop", filters=failed)
        return query.count() + self.ctx.n_not_made

    def submit_child(self, name: str) -> orm.ProcessNode:
        """Submit a run or a label."""
        if self.ctx.queue == "targets":
            return self._submit_target(name)
        item = self.ctx[self.ctx.queue][self.names_of_children().index(name)]
        if self.ctx.queue == "runs":
            number = orm.Int(int(item.removeprefix("item_")))
            plan = self.once(self.in_round(f"{item}_plan"), plan_run, decision=self.ctx.decision, number=number)
            return self._submit_run("melt_quench", name, **{key: plan.outputs[key] for key in plan.outputs})
        inputs = self._label_inputs()
        inputs.structure = self.ctx.cells[item]
        inputs.metadata.call_link_label = name
        return self.submit(LabelWorkChain, **inputs)

    def _submit_target(self, name: str) -> orm.ProcessNode:
        key = name.removeprefix("target_")
        number = sorted(self.inputs.target_compositions).index(key)
        return self._submit_run(
            "target_melt_quench",
            name,
            composition=self.inputs.target_compositions[key],
            n_atoms=self.inputs.target_n_atoms,
            seed=self.ctx.seeds[f"run_{number}"],
        )

    def _submit_run(self, namespace: str, name: str, **own: orm.Data) -> orm.ProcessNode:
        inputs = AttributeDict(self.exposed_inputs(MeltQuenchWorkChain, namespace))
        inputs.update(own, potential=self.inputs.potential)
        inputs.metadata.call_link_label = name
        return self.submit(MeltQuenchWorkChain, **inputs)

    def _label_inputs(self) -> AttributeDict:
        return AttributeDict(self.exposed_inputs(LabelWorkChain, "label"))

    def make_cells(self) -> None:
        """Make the cells of the decision, and find out which of them have a label already."""
        known = self._known_hashes()
        for item, recipe in self.ctx.recipes.items():
            cell = self._cell_of(item, recipe) if item not in self.ctx.failures else None
            if cell is None:
                continue
            reason = why_no_label(self.inputs, cell.get_kind_names())
            if reason is not None:
                self._give_up(item, reason)
                continue
            content = cell.base.caching.get_hash()
            if content in known:
                self.ctx.repeated[item] = self._miss(
                    item, "an equal cell is in the database already, or among those decided on"
                )
                continue
            known.add(content)
            self.ctx.cells[item] = cell
            label = find_label(cell, self._label_inputs())
            if label is None:
                self.ctx.labels.append(item)
            else:
                self.report(f"{item}: an equal cell was labelled before, as <{label.pk}>")
                self.ctx.bonds[item] = label
        self.start_queue("labels")

    def _known_hashes(self) -> set[str]:
        return hashes_of(entry["structure_id"] for entry in self._structures() if entry["structure_id"] is not None)

    def _structures(self) -> list[dict[str, Any]]:
        return self.ctx.dbi.structures if self.ctx.dbi is not None else []

    def _cell_of(self, item: str, recipe: dict[str, Any]) -> orm.StructureData | None:
        """Return the cell of an item; where there is none, the reason is recorded."""
        if recipe["operation"] == "melt_quench":
            run = self.find_child(self.in_round(f"{item}_run"))
            if run is not None and run.is_finished_ok:
                return run.outputs.structure
            reason = describe(run) if run is not None else "the run was not started any more"
            self.ctx.failures[item] = self._miss(item, reason)
            return None
        uuid = recipe[SOURCES[recipe["operation"]]]
        try:
            source = orm.load_node(uuid)
        except NotExistent:
            self._give_up(item, f"the node <{uuid}> that it is made from is not there any more")
            return None
        number = orm.Int(int(item.removeprefix("item_")))
        made = self.once(
            self.in_round(f"{item}_cell"), make_cell, decision=self.ctx.decision, number=number, source=source
        )
        if made.is_finished_ok:
            return made.outputs.result
        self._give_up(item, made.exit_message or made.exception or "it could not be made")
        return None

    def _give_up(self, item: str, reason: str) -> None:
        """Record that an item cannot be made or labelled; that counts as a failure."""
        self.ctx.failures[item] = self._miss(item, reason)
        self.ctx.n_not_made += 1

    def _miss(self, item: str, reason: str) -> orm.Dict:
        """Return the record that an item gave no cell."""
        self.report(f"{item}: {reason}")
        number = orm.Int(int(item.removeprefix("item_")))
        process = self.once(
            self.in_round(f"{item}_miss"),
            record_missing_cell,
            decision=self.ctx.decision,
            number=number,
            reason=orm.Str(reason),
        )
        return process.outputs.result

    def collect_labels(self) -> None:
        """Note the labels, and why there is none."""
        children = self.find_children()
        labels, self.ctx.labels = self.ctx.labels, []
        for item in labels:
            label = children.get(self.in_round(f"{item}_label"))
            if label is not None and label.is_finished_ok:
                self.ctx.bonds[item] = label.outputs.bonds
                continue
            reason = describe(label) if label is not None else "the label was not started any more"
            self.report(f"{item}: {reason}")
            if label is not None and "failure" in label.outputs:
                self.ctx.failures[item] = label.outputs.failure
            else:
                process = self.once(
                    self.in_round(f"{item}_miss"),
                    record_failure,
                    structure=self.ctx.cells[item],
                    reason=orm.Str(reason),
                )
                self.ctx.failures[item] = process.outputs.result
        self.start_queue("labels")  # which is empty now: what was not started is not due any more

    def extend_dbi(self) -> str | None:
        """Add the labels to ``ctx.dbi``; return why that failed, None if it did not."""
        if not self.ctx.bonds:
            return None
        structures = self._structures()
        names = names_of_cells(
            self.ctx.decision["chosen"], structures, glasses_of(structures), f"{self.ctx.prefix}_{self.ctx.round}"
        )
        inputs: dict[str, dict[str, dict[str, orm.Data]]] = {}
        for kind, found in (
            ("structures", {item: self.ctx.cells[item] for item in self.ctx.bonds}),
            ("bonds", self.ctx.bonds),
            ("failures", self.ctx.failures),
        ):
            for item, node in found.items():
                run, sub_run = names[int(item.removeprefix("item_"))]
                inputs.setdefault(kind, {}).setdefault(run, {})[sub_run] = node
        settings = self.inputs.etl_model.settings
        process = self.once(self.in_round("build"), build_dbi, settings=settings, **inputs)
        if process.is_finished_ok and self.ctx.dbi is not None:
            dbis = {"before": self.ctx.dbi, "new": process.outputs.result}
            faulty = faulty_labels(dbis.values())
            leave_out = {"leave_out": orm.Dict(faulty)} if faulty else {}
            process = self.once(self.in_round("merge"), merge_dbi, settings=settings, **dbis, **leave_out)
        if not process.is_finished_ok:
            return process.exit_message or process.exception
        self.ctx.dbi = process.outputs.result
        return None
