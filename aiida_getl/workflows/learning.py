"""Steps of work chains that learn: calcfunctions here and now, or jobs of a code, whichever the inputs say."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ToContext, WorkChain

from aiida_getl.calculations.learn import LearnCalculation
from aiida_getl.workflows.label import describe

#: Exit statuses of jobs that were killed, or whose node failed: no result, or one that is cut.
INTERRUPTED = (140, 302, 303)


def learning_job(function, name: str, code: orm.AbstractCode, options: dict[str, Any] | None, **inputs) -> dict:
    """Return the inputs of the job (``getl.learn``) that does what a calcfunction does.

    :param name: call link label.
    :param options: ``metadata.options``.
    :param inputs: of the calcfunction.
    """
    metadata = {"options": options or {}, "call_link_label": name}
    return {"task": orm.Str(function.__name__), "code": code, "metadata": metadata, **inputs}


def was_interrupted(step: orm.ProcessNode) -> bool:
    """Return whether a step of learning was a job that did not come to its end for outer reasons."""
    return isinstance(step, orm.CalcJobNode) and step.exit_status in INTERRUPTED


def job_again(job: orm.CalcJobNode, name: str, options: dict[str, Any] | None) -> dict:
    """Return the inputs of the job that does once more what an interrupted one was to do.

    :param name: call link label.
    :param options: ``metadata.options``.
    """
    inputs = job.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested()
    return {**inputs, "metadata": {"options": options or {}, "call_link_label": name}}


def output_of(step: orm.ProcessNode, name: str) -> orm.Data:
    """Return an output of a step of learning; that of a calcfunction with a single one has no name."""
    return getattr(step.outputs, name if name in step.outputs else "result")


class LearningSteps(WorkChain):
    """Base of the work chains with such steps.

    Where the input ``code`` is given, every step is a job of it (``getl.learn``); else a calcfunction, which blocks
    its daemon worker: right for seconds. A job that was interrupted is done once more, where the outline has
    ``if_(cls.was_interrupted)(cls.start_again)`` behind its step.
    """

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input(
            "code",
            valid_type=orm.AbstractCode,
            required=False,
            help="Of the plugin `getl.learn`: compute in its jobs instead of in the daemon.",
        )
        spec.input(
            "options", valid_type=dict, required=False, non_db=True, help="`metadata.options` of the jobs of `code`."
        )

    def start(self, function, **inputs):
        """Do a step; :meth:`result` has what came of it."""
        if "code" not in self.inputs:
            _, self.ctx.step = function.run_get_node(**inputs)
            return None
        job = learning_job(function, function.__name__, self.inputs.code, self.inputs.get("options"), **inputs)
        return ToContext(step=self.submit(LearnCalculation, **job))

    def was_interrupted(self) -> bool:
        """Whether the last step was a job that did not come to its end for outer reasons."""
        return was_interrupted(self.ctx.step)

    def start_again(self):
        """Submit the last job once more."""
        self.report(f"{describe(self.ctx.step)}: trying again")
        name = f"{self.ctx.step.inputs.task.value}_again"
        job = job_again(self.ctx.step, name, self.inputs.get("options"))
        return ToContext(step=self.submit(LearnCalculation, **job))

    def failure(self) -> str | None:
        """Return why the last step failed, None if it did not."""
        return None if self.ctx.step.is_finished_ok else describe(self.ctx.step)

    def result(self, name: str) -> orm.Data:
        """Return an output of the last step."""
        return output_of(self.ctx.step, name)
