"""From labels to a validated model."""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import if_
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.train import train
from aiida_getl.calculations.functions.validate import validate
from aiida_getl.calculations.leave_out import leave_out_faulty
from aiida_getl.learning.descriptors import BondCentreSoap
from aiida_getl.learning.settings import complete_settings
from aiida_getl.workflows.learning import LearningSteps


def validate_settings(node, _) -> str | None:
    """Refuse unknown or impossible settings."""
    try:
        any_species = BondCentreSoap(["Cu"]).settings()
        complete_settings(node.get_dict(), {BondCentreSoap.kind: any_species})
    except ValueError as exception:
        return str(exception)
    return None


def validate_inputs(inputs, namespace) -> str | None:
    """Refuse labels without their structures, the other way round, and both or none of labels and database."""
    if "dbi" not in namespace:  # a work chain that exposes only the settings, and gives the rest later
        return None
    given = [name for name in ("structures", "bonds") if inputs.get(name)]
    if ("dbi" in inputs) == bool(given):
        return "give either `dbi`, or `structures` and `bonds`"
    if "dbi" in inputs:
        return None
    if len(given) < 2:
        return f"`structures` and `bonds` go together: there are only {given[0]}"
    structures, bonds = (
        {f"{run}.{sub_run}" for run, cells in inputs[name].items() for sub_run in cells}
        for name in ("structures", "bonds")
    )
    if structures != bonds:
        return f"`structures` and `bonds` differ: {sorted(structures ^ bonds)} stand in only one of them"
    return None


class EtlModelWorkChain(ProtocolMixin, LearningSteps):
    """Database of interactions, validation by group, and the model trained on everything.

    Structures and labels are given as namespaces of runs and sub-runs, e.g. ``{'run_0': {'as_quenched': node}}``:
    a run is the group that validation holds out.
    """

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input_namespace("structures", dynamic=True, required=False, help="`StructureData` by run and sub-run.")
        spec.input_namespace("bonds", dynamic=True, required=False, help="Labels (`getl.bonds`) by run and sub-run.")
        spec.input("dbi", valid_type=orm.ArrayData, required=False, help="`getl.dbi` instead of labels.")
        spec.input_namespace("failures", dynamic=True, required=False, help="Why a sub-run has no label (`Dict`).")
        spec.input(
            "keep_faulty",
            valid_type=orm.Bool,
            required=False,
            serializer=orm.to_aiida_type,
            help="Whether to take labels that are marked as faulty, or rest on what is, which are else left out.",
        )
        spec.input("settings", valid_type=orm.Dict, validator=validate_settings, serializer=orm.to_aiida_type)
        spec.input("seed", valid_type=orm.Int, serializer=orm.to_aiida_type)
        spec.inputs.validator = validate_inputs

        spec.outline(
            if_(cls.has_labels)(cls.build, if_(cls.was_interrupted)(cls.start_again), cls.keep_dbi),
            cls.validate,
            if_(cls.was_interrupted)(cls.start_again),
            cls.keep_validation,
            cls.train,
            if_(cls.was_interrupted)(cls.start_again),
            cls.keep_model,
        )

        spec.output(
            "dbi", valid_type=orm.ArrayData, required=False, help="Database of interactions (`getl.dbi`), if built."
        )
        spec.output("model", valid_type=orm.ArrayData, help="The model (`getl.model`).")
        spec.output("validation", valid_type=orm.Dict, help="Errors per bond type on groups left out.")
        spec.output("parity", valid_type=orm.ArrayData, help="Out-of-group predictions of every bond.")

        spec.exit_code(401, "ERROR_DBI", message="The database of interactions could not be built: {reason}")
        spec.exit_code(402, "ERROR_VALIDATION", message="The model could not be validated: {reason}")
        spec.exit_code(403, "ERROR_TRAINING", message="No model could be trained: {reason}")

    @classmethod
    def get_protocol_filepath(cls) -> Path:
        return Path(__file__).parent / "protocols" / "etl_model.yaml"

    @classmethod
    def get_builder_from_protocol(
        cls, structures=None, bonds=None, seed=0, protocol=None, overrides=None, dbi=None, code=None
    ):
        """Return a builder with the inputs of a protocol.

        :param structures: ``StructureData`` by run and sub-run.
        :param bonds: labels (``getl.bonds``) by run and sub-run.
        :param seed: integer, of the choice of training bonds.
        :param protocol: `fast`, `balanced` or `stringent`.
        :param overrides: dictionary that is merged over the protocol's.
        :param dbi: ``getl.dbi``, instead of structures and bonds.
        :param code: of the plugin ``getl.learn``, to compute in its jobs.
        """
        builder = cls.get_builder()
        builder.seed = seed
        if dbi is None:
            builder.structures, builder.bonds = structures, bonds
        else:
            builder.dbi = dbi
        if code is not None:
            builder.code = code
        builder.settings = cls.get_protocol_inputs(protocol, overrides)["settings"]
        return builder

    def has_labels(self):
        """Return whether the database is still to be built."""
        self.ctx.dbi = self.inputs.get("dbi")
        return self.ctx.dbi is None

    def build(self):
        """Collect bonds, labels and descriptors, without what is marked as faulty."""
        structures, bonds, failures = self.inputs.structures, self.inputs.bonds, self.inputs.get("failures", {})
        if not ("keep_faulty" in self.inputs and self.inputs.keep_faulty):
            structures, bonds, failures = leave_out_faulty(structures, bonds, failures)
        if not bonds:
            return self.exit_codes.ERROR_DBI.format(reason="every label is marked as faulty or rests on what is")
        return self.start(
            build_dbi,
            settings=self.inputs.settings,
            structures=dict(structures),
            bonds=dict(bonds),
            **({"failures": dict(failures)} if failures else {}),
        )

    def keep_dbi(self):
        """Return the database."""
        if (reason := self.failure()) is not None:
            return self.exit_codes.ERROR_DBI.format(reason=reason)
        self.ctx.dbi = self.result("dbi")
        self.out("dbi", self.ctx.dbi)
        return None

    def validate(self):
        """Measure the errors on groups left out."""
        return self.start(validate, dbi=self.ctx.dbi, settings=self.inputs.settings, seed=self.inputs.seed)

    def keep_validation(self):
        """Return the errors."""
        if (reason := self.failure()) is not None:
            return self.exit_codes.ERROR_VALIDATION.format(reason=reason)
        self.ctx.validation = self.result("validation")
        self.out("validation", self.ctx.validation)
        self.out("parity", self.result("parity"))
        return None

    def train(self):
        """Train on everything."""
        return self.start(
            train,
            dbi=self.ctx.dbi,
            settings=self.inputs.settings,
            seed=self.inputs.seed,
            validation=self.ctx.validation,
        )

    def keep_model(self):
        """Return the model."""
        if (reason := self.failure()) is not None:
            return self.exit_codes.ERROR_TRAINING.format(reason=reason)
        self.out("model", self.result("model"))
        return None
