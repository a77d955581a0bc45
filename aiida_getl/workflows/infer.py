"""Bond strengths of a structure from a model."""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import if_
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin

from aiida_getl.calculations.functions.analyse import analyse
from aiida_getl.calculations.functions.predict import predict
from aiida_getl.workflows.learning import LearningSteps


def validate_settings(node, _) -> str | None:
    """Refuse unknown settings and impossible distances."""
    settings = node.get_dict()
    unknown = sorted(set(settings) - {"r_max", "frame"})
    if unknown:
        return f"unknown settings {unknown}: only `r_max` (Å) and `frame` are understood"
    r_max = settings.get("r_max", 1.0)
    return None if r_max > 0 else f"r_max is {r_max} Å: it must be positive"


class InferWorkChain(ProtocolMixin, LearningSteps):
    """Predict every bond of a structure, with standard deviations, and summarise per bond type and per atom."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("model", valid_type=orm.ArrayData, help="`getl.model`.")
        spec.input("structure", valid_type=(orm.StructureData, orm.TrajectoryData))
        spec.input(
            "settings",
            valid_type=orm.Dict,
            default=lambda: orm.Dict({}),
            serializer=orm.to_aiida_type,
            validator=validate_settings,
            help="`r_max` in Å, the longest bonds to predict, those of the model where not given; `frame` of a "
            "trajectory, from 0.",
        )
        spec.outline(cls.predict, if_(cls.was_interrupted)(cls.start_again), cls.keep_predictions, cls.analyse)
        spec.output("predictions", valid_type=orm.ArrayData, help="Every bond with its strength (`getl.bonds`).")
        spec.output("summary", valid_type=orm.Dict, help="Statistics per bond type and of the whole.")
        spec.output("atoms", valid_type=orm.ArrayData, help="Sum and mean of the bond strengths of every atom.")
        spec.exit_code(401, "ERROR_PREDICTION", message="The structure could not be predicted: {reason}")

    @classmethod
    def get_protocol_filepath(cls) -> Path:
        return Path(__file__).parent / "protocols" / "infer.yaml"

    @classmethod
    def get_builder_from_protocol(cls, model, structure, protocol=None, overrides=None, code=None):
        """Return a builder with the inputs of a protocol.

        :param model: ``getl.model``.
        :param structure: ``StructureData``, or ``TrajectoryData`` with the ``frame`` in the overrides' settings.
        :param protocol: `fast`, `balanced` or `stringent`.
        :param overrides: dictionary that is merged over the protocol's.
        :param code: of the plugin ``getl.learn``, to compute in its jobs.
        """
        builder = cls.get_builder()
        builder.model, builder.structure = model, structure
        if code is not None:
            builder.code = code
        builder.settings = cls.get_protocol_inputs(protocol, overrides)["settings"]
        return builder

    def predict(self):
        """Predict."""
        return self.start(
            predict, model=self.inputs.model, structure=self.inputs.structure, settings=self.inputs.settings
        )

    def keep_predictions(self):
        """Return the predictions."""
        if (reason := self.failure()) is not None:
            return self.exit_codes.ERROR_PREDICTION.format(reason=reason)
        self.ctx.predictions = self.result("bonds")
        self.out("predictions", self.ctx.predictions)
        return None

    def analyse(self):
        """Summarise."""
        results = analyse(self.ctx.predictions)
        self.out("summary", results["summary"])
        self.out("atoms", results["atoms"])
