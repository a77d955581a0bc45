"""Bond strengths of a structure from a model."""

from __future__ import annotations

from aiida import orm
from aiida.engine import WorkChain

from aiida_getl.calculations.functions.analyse import analyse
from aiida_getl.calculations.functions.predict import predict
from aiida_getl.workflows.label import describe


class InferWorkChain(WorkChain):
    """Predict every bond of a structure, with standard deviations, and summarise per bond type and per atom."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("model", valid_type=orm.ArrayData, help="`getl.model`.")
        spec.input("structure", valid_type=orm.StructureData)
        spec.outline(cls.predict, cls.analyse)
        spec.output("predictions", valid_type=orm.ArrayData, help="Every bond with its strength (`getl.bonds`).")
        spec.output("summary", valid_type=orm.Dict, help="Statistics per bond type and of the whole.")
        spec.output("atoms", valid_type=orm.ArrayData, help="Sum and mean of the bond strengths of every atom.")
        spec.exit_code(401, "ERROR_PREDICTION", message="The structure could not be predicted: {reason}")

    def predict(self):
        """Predict."""
        bonds, node = predict.run_get_node(self.inputs.model, self.inputs.structure)
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_PREDICTION.format(reason=describe(node))
        self.ctx.predictions = bonds
        self.out("predictions", bonds)
        return None

    def analyse(self):
        """Summarise."""
        results = analyse(self.ctx.predictions)
        self.out("summary", results["summary"])
        self.out("atoms", results["atoms"])
