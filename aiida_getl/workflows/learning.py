"""Steps of work chains that learn: calcfunctions here and now, or jobs of a code, whichever the inputs say."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ToContext, WorkChain

from aiida_getl.calculations.learn import LearnCalculation
from aiida_getl.workflows.label import describe


class LearningSteps(WorkChain):
    """Base of the work chains with such steps.

    Where the input ``code`` is given, every step is a job of it (``getl.learn``); else a calcfunction, which blocks
    its daemon worker: right for seconds.
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
        metadata = {"options": self.inputs.get("options", {}), "call_link_label": function.__name__}
        return ToContext(
            step=self.submit(
                LearnCalculation, task=orm.Str(function.__name__), code=self.inputs.code, metadata=metadata, **inputs
            )
        )

    def failure(self) -> str | None:
        """Return why the last step failed, None if it did not."""
        return None if self.ctx.step.is_finished_ok else describe(self.ctx.step)

    def result(self, name: str) -> orm.Data:
        """Return an output of the last step; that of a calcfunction with a single one has no name."""
        outputs = self.ctx.step.outputs
        return getattr(outputs, name if name in outputs else "result")
