"""Active learning: train, assess, propose, decide, label, and again, until the target is reached."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from aiida import orm
from aiida.engine import ToContext, WorkChain, if_, while_
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin

from aiida_getl.acquisition.assessment import Assessment
from aiida_getl.acquisition.proposal import Proposal
from aiida_getl.acquisition.stopping import stop_reason
from aiida_getl.calculations.functions.assess import assess
from aiida_getl.calculations.functions.decide import decide
from aiida_getl.calculations.functions.derive_seeds import derive_seeds
from aiida_getl.calculations.functions.propose import propose
from aiida_getl.calculations.functions.propose_start import propose_start
from aiida_getl.calculations.functions.record_iteration import record_iteration
from aiida_getl.calculations.functions.summarise_loop import summarise_loop
from aiida_getl.calculations.learn import LearnCalculation
from aiida_getl.provenance.cost import core_hours
from aiida_getl.workflows.active_learning_inputs import PLAIN_INPUTS, define_inputs
from aiida_getl.workflows.cells import glasses_of, new_prefix
from aiida_getl.workflows.decisions import find_decision, find_stop_request
from aiida_getl.workflows.describe import describe, message_of
from aiida_getl.workflows.etl_model import EtlModelWorkChain
from aiida_getl.workflows.labelling import LabellingSteps
from aiida_getl.workflows.learning import job_again, learning_job, output_of, was_interrupted
from aiida_getl.workflows.parts import elements_of, fill_learning_part, label_part, melt_quench_part


class ActiveLearningWorkChain(ProtocolMixin, LabellingSteps, WorkChain):
    """The loop that asks for the labels it learns most from.

    Every round trains and validates a model on the labels there are, assesses it on the target, proposes what to label
    next, and has that decided: by a rule (``mode`` auto), or by a person (``mode`` ask), for whom it pauses until a
    decision on the proposal is in the graph. What was decided is made and labelled; labels that fail are recorded and
    do not end the loop. However it ends, it returns the last model and, in ``summary``, the reason.
    """

    @classmethod
    def define(cls, spec):
        super().define(spec)
        define_inputs(spec)

        spec.outline(
            cls.prepare,
            while_(cls.has_children_due)(cls.submit_children),
            cls.inspect_targets,
            while_(cls.is_open)(
                cls.learn,
                cls.inspect_model,
                if_(cls.was_interrupted)(cls.start_again),
                cls.inspect_assessment,
                cls.make_proposal,
                if_(cls.was_interrupted)(cls.start_again),
                cls.inspect_proposal,
                while_(cls.is_undecided)(cls.wait_for_decision),
                cls.begin_runs,
                while_(cls.has_children_due)(cls.submit_children),
                cls.begin_labels,
                while_(cls.has_children_due)(cls.submit_children),
                cls.inspect_labels,
            ),
            cls.finish,
        )

        spec.output("summary", valid_type=orm.Dict, help="How it ended and why, and a line for every iteration.")
        spec.output("dbi", valid_type=orm.ArrayData, required=False, help="All labels (`getl.dbi`).")
        spec.output("model", valid_type=orm.ArrayData, required=False, help="The last model (`getl.model`).")
        spec.output("validation", valid_type=orm.Dict, required=False, help="Its errors on groups left out.")
        spec.output("assessment", valid_type=orm.Dict, required=False, help="Where it stands on the target.")
        spec.output_namespace("records", valid_type=orm.Dict, dynamic=True, required=False, help="Of every iteration.")
        spec.exit_code(401, "ERROR_TARGET_FAILED", message="A cell of the target could not be made: {reason}")
        spec.exit_code(402, "ERROR_NO_MODEL", message="It ended before there was a model: {reason}")
        spec.exit_code(403, "ERROR_LEARNING_FAILED", message="No model could be trained: {reason}")
        spec.exit_code(404, "ERROR_PROPOSAL_FAILED", message="Nothing could be proposed: {reason}")
        spec.exit_code(405, "ERROR_EXTENSION_FAILED", message="The new labels could not be joined: {reason}")
        spec.exit_code(410, "ERROR_TOO_MANY_FAILURES", message="{reason}")

    @classmethod
    def get_protocol_filepath(cls) -> Path:
        return Path(__file__).parent / "protocols" / "active_learning.yaml"

    @classmethod
    def get_builder_from_protocol(
        cls,
        codes,
        seed,
        dbi=None,
        compositions=None,
        targets=None,
        target_compositions=None,
        potential=None,
        goal=None,
        history=None,
        protocol=None,
        overrides=None,
        options=None,
    ):
        """Return a builder with the inputs of a protocol.

        :param codes: mapping with codes or their labels for `pw`, `lobster` (or `getl-cohp`), `lammps` where runs are
            to be made, `projwfc` as for `LabelWorkChain`, and `learn` to learn in jobs.
        :param seed: integer.
        :param dbi: ``getl.dbi`` to start from, or
        :param compositions: those of the runs to start from.
        :param targets: structures to predict, by name.
        :param target_compositions: compositions of cells to quench and predict, by name.
        :param potential: ``SinglefileData`` of an EAM potential; without it no runs are made or proposed.
        :param goal: ``{"quantity": "std" or "rmse", "limit": eV, or eV by bond type}``.
        :param history: past costs, a list of rows, see :func:`aiida_getl.acquisition.history.cost_models`.
        :param protocol: `fast`, `balanced` or `stringent`.
        :param overrides: dictionary that is merged over the protocol's; the namespaces `melt_quench`,
            `target_melt_quench`, `label` and `etl_model` take overrides of the protocols of those work chains.
        :param options: mapping of scheduler options for `lammps`, `label` and `learn`; those of the cells of the
            target, where they differ, as ``large`` among those of `lammps`.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        options = options or {}
        builder = cls.get_builder()
        acquisition = dict(inputs["acquisition"])
        if goal is not None:
            acquisition["goal"] = goal
        if potential is None:
            acquisition |= {"n_runs": 0, "compositions": []}
        builder.acquisition = acquisition
        if dbi is not None:
            builder.dbi = dbi
        else:
            builder.start = {"compositions": list(compositions or []), **inputs["start"]}
        if targets:
            builder.targets = targets
        if target_compositions:
            builder.target_compositions = {name: orm.Str(text) for name, text in target_compositions.items()}
            builder.target_n_atoms = inputs["target_n_atoms"]
        elements = elements_of(dbi, [*(compositions or []), *(target_compositions or {}).values()], targets or {})
        for namespace in ("melt_quench", "target_melt_quench"):
            if potential is None:
                builder.pop(namespace)
            else:
                amounts = dict.fromkeys(elements, 1.0)
                builder[namespace] = melt_quench_part(codes, amounts, potential, inputs, namespace, options)
        builder.label = label_part(codes, elements, inputs, options)
        fill_learning_part(builder.etl_model, EtlModelWorkChain, codes, inputs, "etl_model", options)
        if potential is not None:
            builder.potential = potential
        if history is not None:
            builder.history = orm.Dict({"rows": list(history)})
        builder.seed = seed
        for name in PLAIN_INPUTS:
            if inputs.get(name) is not None:
                builder[name] = inputs[name]
        return builder

    def prepare(self):
        """Begin with the cells of the target that are to be made."""
        self.ctx.round, self.ctx.n_iterations, self.ctx.n_not_made = 1, 0, 0
        self.ctx.dbi, self.ctx.learnt = self.inputs.get("dbi"), None
        self.ctx.model = self.ctx.validation = self.ctx.assessment = self.ctx.proposal = self.ctx.decision = None
        self.ctx.stop, self.ctx.records, self.ctx.rejected, self.ctx.pending = None, {}, {}, None
        self.ctx.prefix = new_prefix(self._structures())
        n_targets = orm.Int(len(self.inputs.get("target_compositions", {})))
        seeds = self.once("seeds", derive_seeds, seed=self.inputs.seed, n_runs=n_targets)
        self.ctx.seeds = {name: seeds.outputs[name] for name in seeds.outputs}
        self.start_queue("targets")

    def inspect_targets(self):
        """Stop if the target is not complete."""
        self.ctx.targets = dict(self.inputs.get("targets", {}))
        for name in self.names_of_children():
            run = self.find_child(name)
            if run is None or not run.is_finished_ok:
                reason = describe(run) if run is not None else "it was stopped before"
                return self.exit_codes.ERROR_TARGET_FAILED.format(reason=reason)
            self.ctx.targets[name] = run.outputs.structure
        return None

    def is_open(self):
        """Whether there is no reason to stop."""
        return self.ctx.stop is None

    def learn(self):
        """Train and validate on all labels there are."""
        if self.ctx.dbi is None or self.ctx.learnt == self.ctx.dbi.uuid:
            return None
        name = self.in_round("learn")
        child = self.find_child(name) or self.submit(
            EtlModelWorkChain,
            dbi=self.ctx.dbi,
            seed=self.ctx.seeds["learning"],
            metadata={"call_link_label": name},
            **self.exposed_inputs(EtlModelWorkChain, "etl_model", agglomerate=False),
        )
        return ToContext(learning=child)

    def inspect_model(self):
        """Assess the new model on the target."""
        if self.ctx.dbi is None or self.ctx.learnt == self.ctx.dbi.uuid:
            return None
        if not self.ctx.learning.is_finished_ok:
            return self._end("learning failed", describe(self.ctx.learning), "ERROR_LEARNING_FAILED")
        outputs = self.ctx.learning.outputs
        self.ctx.model, self.ctx.validation = outputs.model, outputs.validation
        return self._start(
            assess,
            model=self.ctx.model,
            dbi=self.ctx.dbi,
            settings=self.inputs.acquisition,
            seed=self.ctx.seeds["learning"],
            targets=self.ctx.targets,
        )

    def inspect_assessment(self):
        """Keep the assessment, and record the iteration that led to it."""
        if self.ctx.stop is not None or self.ctx.dbi is None or self.ctx.learnt == self.ctx.dbi.uuid:
            return
        self.ctx.learnt = self.ctx.dbi.uuid
        if not self.ctx.step.is_finished_ok:
            self._end("nothing could be assessed", message_of(self.ctx.step), "ERROR_PROPOSAL_FAILED")
            return
        before, self.ctx.assessment = self.ctx.assessment, output_of(self.ctx.step, "assessment")
        self._record({"before": before, "after": self.ctx.assessment})

    def make_proposal(self):
        """Propose what to label next, unless there is a reason to stop."""
        if self.ctx.stop is not None or self._has_reason_to_stop(None):
            return None
        history = {"history": self.inputs.history} if "history" in self.inputs else {}
        if self.ctx.dbi is None:
            self.ctx.step = self.once(
                self.in_round("propose"), propose_start, start=self.inputs.start, seed=self.inputs.seed, **history
            )
            return None
        return self._start(
            propose,
            model=self.ctx.model,
            dbi=self.ctx.dbi,
            assessment=self.ctx.assessment,
            settings=self.inputs.acquisition,
            seed=self.ctx.seeds["learning"],
            targets=self.ctx.targets,
            trajectories=glasses_of(self._structures()),
            records=self.ctx.records,
            rejected=self.ctx.rejected,
            **history,
        )

    def inspect_proposal(self):
        """Stop if nothing is worth its cost; decide on the proposal in the mode `auto`."""
        if self.ctx.stop is not None:
            return
        if not self.ctx.step.is_finished_ok:
            self._end("nothing could be proposed", message_of(self.ctx.step), "ERROR_PROPOSAL_FAILED")
            return
        self.ctx.proposal = output_of(self.ctx.step, "proposal")
        if self.ctx.dbi is not None and self._has_reason_to_stop(Proposal.from_dict(self.ctx.proposal.get_dict())):
            return
        if self.inputs.mode == "auto":
            self._decide()

    def _start(self, function, **inputs):
        """Do a step of learning, here or as a job; ``ctx.step`` has what came of it."""
        name = self.in_round(function.__name__)
        learning = self.inputs.etl_model
        if "code" not in learning:
            self.ctx.step = self.once(name, function, **inputs)
            return None
        job = learning_job(function, name, learning.code, learning.get("options"), **inputs)
        return ToContext(step=self.find_child(name) or self.submit(LearnCalculation, **job))

    def was_interrupted(self):
        """Whether assessing or proposing was a job that did not come to its end for outer reasons."""
        return self.ctx.stop is None and was_interrupted(self.ctx.get("step"))

    def start_again(self):
        """Submit that job once more."""
        self.report(f"{describe(self.ctx.step)}: trying again")
        name = self.in_round(f"{self.ctx.step.inputs.task.value}_again")
        job = job_again(self.ctx.step, name, self.inputs.etl_model.get("options"))
        return ToContext(step=self.find_child(name) or self.submit(LearnCalculation, **job))

    def _decide(self):
        statement = {
            "action": "auto",
            "by": {"user": self.node.user.email, "system_user": None},
            "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "budget": self.budget_left(),
            "max_items": self.inputs.max_labels.value if self.ctx.dbi is not None else None,
        }
        process = self.once(
            self.in_round("decide"),
            decide,
            proposal=self.ctx.proposal,
            statement=orm.Dict(statement),
            metadata={"disable_cache": True},
        )
        if not process.is_finished_ok:
            self._end("nothing could be decided", message_of(process), "ERROR_PROPOSAL_FAILED")

    def is_undecided(self):
        """Whether the proposal waits for a decision."""
        return self.ctx.stop is None and find_decision(self.ctx.proposal) is None

    def wait_for_decision(self):
        """Pause, after this step, until the process is played; then the outline looks for the decision again."""
        command = f"aiida-getl proposal show {self.ctx.proposal.pk}"
        self.report(f"waiting for a decision on the proposal <{self.ctx.proposal.pk}>: `{command}`")
        self.pause(f"Waiting for a decision: {command}")

    def load_instance_state(self, saved_state, load_context):
        """Go on by itself if the decision was made while no daemon ran that could have been told."""
        super().load_instance_state(saved_state, load_context)
        if self.paused and self.ctx.get("proposal") is not None and find_decision(self.ctx.proposal) is not None:
            self.play()

    def begin_runs(self):
        """Do what was decided, or stop because that is what was decided."""
        decision = None
        if self.ctx.stop is None:
            self.ctx.decision = decision = find_decision(self.ctx.proposal)
            by = decision["by"]["user"]
            if decision["action"] == "reject" and decision["again"]:
                self.report(f"the proposal was rejected by {by}, who asks for another: {decision['reason']}")
                self.ctx.rejected[self.in_round("decision")] = decision
            elif decision["action"] == "reject":
                self._end("stopped by a person", f"{by} rejected the proposal: {decision['reason']}")
            elif not decision["chosen"]:
                self._end("budget spent", "nothing that was proposed fits into the core-hours that are left")
            else:
                self.ctx.pending = self.ctx.round
                self.ctx.n_iterations += 1
        self.start_items(decision)

    def begin_labels(self):
        """Make the cells and label them."""
        self.make_cells()

    def inspect_labels(self):
        """Extend the database by the labels; begin the next round."""
        self.collect_labels()
        failure = self.extend_dbi()
        if failure is not None:
            self._end("the labels could not be joined", failure, "ERROR_EXTENSION_FAILED")
        elif self.ctx.stop is None and self.ctx.pending is not None:
            if self.ctx.dbi is None:
                reason = next(iter(self.ctx.failures.values()))["reason"]
                self._end("too many failures", f"no label could be had: {reason}", "ERROR_NO_MODEL")
            elif self.ctx.learnt == self.ctx.dbi.uuid:  # every label failed: there is nothing new to learn
                self._record({"before": self.ctx.assessment, "after": self.ctx.assessment})
        if self.ctx.stop is None:
            self.ctx.round += 1

    def finish(self):
        """Return the last model, and say why it is the last."""
        self._record({"before": self.ctx.assessment})
        end = {**self.ctx.stop, "core_hours": core_hours(self.node)}
        nodes = {"assessment": self.ctx.assessment, "proposal": self.ctx.proposal, "decision": self.ctx.decision}
        nodes["stop"] = find_stop_request(self.node)
        summary = self.once(
            "summary",
            summarise_loop,
            end=orm.Dict({name: end[name] for name in ("status", "reason", "core_hours")}),
            records=self.ctx.records,
            **{name: node for name, node in nodes.items() if node is not None},
        )
        self.out("summary", summary.outputs.result)
        for name in ("dbi", "model", "validation", "assessment"):
            if self.ctx[name] is not None:
                self.out(name, self.ctx[name])
        self.out("records", self.ctx.records)
        self.report(f"{self.ctx.stop['status']}: {self.ctx.stop['reason']}")
        exit_code = self.ctx.stop["exit_code"] or ("ERROR_NO_MODEL" if self.ctx.model is None else None)
        return self.exit_codes[exit_code].format(reason=self.ctx.stop["reason"]) if exit_code else None

    def _record(self, assessments):
        """Record the iteration that was labelled last, if that was not done yet."""
        if self.ctx.pending is None:
            return
        name = f"iteration_{self.ctx.n_iterations:03d}"
        process = self.once(
            f"record_{self.ctx.n_iterations:03d}",
            record_iteration,
            proposal=self.ctx.proposal,
            decision=self.ctx.decision,
            cells=self.ctx.cells,
            bonds=self.ctx.bonds,
            failures={**self.ctx.failures, **self.ctx.repeated},
            assessments={key: node for key, node in assessments.items() if node is not None},
        )
        self.ctx.records[name] = process.outputs.result
        self.ctx.pending = None

    def _has_reason_to_stop(self, proposal: Proposal | None) -> bool:
        request = find_stop_request(self.node)
        if request is not None:
            self._end("stopped by a person", f"{request['by']['user']} asked for it: {request['reason']}")
        if request is not None or self.ctx.assessment is None:
            return request is not None
        assessment = Assessment.from_dict(self.ctx.assessment.get_dict())
        left, failures = self.budget_left(), self.n_failures()
        budget = None if left is None else self.inputs.max_core_hours.value
        reason = stop_reason(
            assessment,
            proposal,
            spent=0.0 if left is None else budget - left,
            budget=budget,
            failures=failures,
            max_failures=self.inputs.failures_max.value,
            iterations=self.ctx.n_iterations,
            max_iterations=self.inputs.max_iterations.value,
        )
        if reason is None:
            return False
        if assessment.reached:
            self._end("target reached", reason)
        elif failures > self.inputs.failures_max.value:
            self._end("too many failures", reason, "ERROR_TOO_MANY_FAILURES")
        else:
            self._end("budget spent" if proposal is None or len(proposal) else "nothing worth its cost", reason)
        return True

    def _end(self, status: str, reason: str, exit_code: str | None = None) -> None:
        self.ctx.stop = {"status": status, "reason": reason, "exit_code": exit_code}
