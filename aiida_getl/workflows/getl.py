"""Generate + ETL: from random atoms to the bond strengths of a large glass."""

from __future__ import annotations

import pathlib
from importlib.resources import files

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ToContext, WorkChain, append_, while_
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin

from aiida_getl.calculations.functions.augment import augment
from aiida_getl.calculations.functions.derive_seeds import derive_seeds
from aiida_getl.calculations.functions.record_failure import record_failure
from aiida_getl.structures.composition import parse_composition
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS
from aiida_getl.workflows.etl_model import EtlModelWorkChain
from aiida_getl.workflows.infer import InferWorkChain
from aiida_getl.workflows.label import LabelWorkChain, describe
from aiida_getl.workflows.melt_quench import (
    MeltQuenchWorkChain,
    get_amounts,
    validate_composition,
    validate_potential,
    validate_seed,
)
from aiida_getl.workflows.melt_quench import validate_inputs as validate_cell

SUB_RUNS = (AS_QUENCHED, *PUBLISHED_SUBRUNS)
PLAIN_INPUTS = (
    "n_runs",
    "n_atoms",
    "large_n_atoms",
    "sub_runs",
    "amplitudes",
    "max_concurrent",
    "failures_max",
)
FROM_PARENT = ("composition", "n_atoms", "potential", "seed")


class GetlWorkChain(ProtocolMixin, WorkChain):
    """The whole loop on one composition.

    `n_runs` melt-quench runs, each with the sub-runs asked for (as quenched and deformed), are labelled, a model is
    trained and validated on them, and the bond strengths of a separately quenched large cell are predicted. A label
    that fails is left out and recorded, unless more than `failures_max` do.
    """

    @classmethod
    def define(cls, spec):
        super().define(spec)
        to_node = {"serializer": orm.to_aiida_type}
        spec.input(
            "composition",
            valid_type=(orm.Str, orm.Dict),
            validator=validate_composition,
            help="A formula, e.g. `Zr49Cu49Al2`, or amounts by element.",
            **to_node,
        )
        spec.input(
            "potential",
            valid_type=orm.SinglefileData,
            validator=validate_potential,
            help="EAM potential of all elements.",
        )
        spec.input(
            "seed",
            valid_type=orm.Int,
            validator=validate_seed,
            help="Every random choice of the campaign follows from it.",
            **to_node,
        )
        spec.input("n_runs", valid_type=orm.Int, help="Melt-quench runs to label.", validator=at_least(1), **to_node)
        spec.input("n_atoms", valid_type=orm.Int, help="Atoms of a cell to label.", validator=at_least(1), **to_node)
        spec.input(
            "large_n_atoms", valid_type=orm.Int, help="Atoms of the cell to predict.", validator=at_least(1), **to_node
        )
        spec.input(
            "sub_runs",
            valid_type=orm.List,
            validator=validate_sub_runs,
            help=f"Which cells of every run to label: {AS_QUENCHED!r} and names of deformations.",
            **to_node,
        )
        spec.input("amplitudes", valid_type=orm.Dict, help="Strains of the deformations.", **to_node)
        spec.expose_inputs(EtlModelWorkChain, namespace="etl_model", include=("settings",))
        spec.expose_inputs(InferWorkChain, namespace="infer", include=("settings",))
        spec.input(
            "max_concurrent", valid_type=orm.Int, help="Labels computed at a time.", validator=at_least(1), **to_node
        )
        spec.input("failures_max", valid_type=orm.Int, help="Labels that may fail.", validator=at_least(0), **to_node)
        spec.expose_inputs(MeltQuenchWorkChain, namespace="melt_quench", exclude=FROM_PARENT)
        spec.expose_inputs(MeltQuenchWorkChain, namespace="large", exclude=FROM_PARENT)
        spec.expose_inputs(LabelWorkChain, namespace="label", exclude=("structure",))
        spec.inputs.validator = validate_inputs

        spec.outline(
            cls.generate,
            cls.inspect_generate,
            while_(cls.has_labels_due)(cls.run_labels, cls.inspect_labels),
            cls.run_etl,
            cls.inspect_etl,
            cls.run_inference,
            cls.finish,
        )

        spec.expose_outputs(EtlModelWorkChain)
        spec.expose_outputs(InferWorkChain)
        spec.output("large_structure", valid_type=orm.StructureData, help="The large cell.")
        spec.output_namespace(
            "failures", valid_type=orm.Dict, dynamic=True, required=False, help="Why a structure has no label."
        )

        spec.exit_code(401, "ERROR_GENERATE_FAILED", message="A melt-quench run failed: {reason}")
        spec.exit_code(
            402, "ERROR_TOO_MANY_FAILURES", message="{failed} labels failed, {allowed} were allowed; the last: {reason}"
        )
        spec.exit_code(403, "ERROR_ETL_FAILED", message="No model could be trained: {reason}")
        spec.exit_code(404, "ERROR_INFERENCE_FAILED", message="The large cell could not be predicted: {reason}")

    @classmethod
    def get_protocol_filepath(cls) -> pathlib.Path:
        return pathlib.Path(str(files("aiida_getl.workflows.protocols") / "getl.yaml"))

    @classmethod
    def get_builder_from_protocol(
        cls, codes, composition, potential, seed, protocol=None, overrides=None, options=None
    ):
        """Return a builder with the inputs of a protocol.

        :param codes: mapping with codes or their labels for `lammps`, `pw`, `lobster`, and `projwfc` where the
            bond analysis is done by `getl-cohp`.
        :param composition: e.g. `Zr49Cu49Al2`.
        :param potential: ``SinglefileData`` of an EAM potential.
        :param seed: integer.
        :param protocol: `fast`, `balanced` or `stringent`.
        :param overrides: dictionary that is merged over the protocol's; the namespaces `melt_quench`, `large`,
            `label`, `etl_model` and `infer` take overrides of the protocols of those work chains.
        :param options: mapping of scheduler options for `lammps` and `label`.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        options = options or {}
        builder = cls.get_builder()
        for namespace, n_atoms in (("melt_quench", inputs["n_atoms"]), ("large", inputs["large_n_atoms"])):
            part = MeltQuenchWorkChain.get_builder_from_protocol(
                codes["lammps"],
                composition,
                potential,
                n_atoms,
                seed,
                protocol=inputs["protocols"][namespace],
                overrides=inputs.get(namespace),
                options=options.get("lammps"),
            )
            for name in FROM_PARENT:
                part.pop(name, None)
            builder[namespace] = part
        builder.label = LabelWorkChain.get_builder_from_protocol(
            codes["pw"],
            codes["lobster"],
            elements=list(parse_composition(composition)),
            projwfc_code=codes.get("projwfc"),
            protocol=inputs["protocols"]["label"],
            overrides=inputs.get("label"),
            options=options.get("label"),
        )
        for namespace, process_class in (("etl_model", EtlModelWorkChain), ("infer", InferWorkChain)):
            protocol_inputs = process_class.get_protocol_inputs(inputs["protocols"][namespace], inputs.get(namespace))
            builder[namespace]["settings"] = protocol_inputs["settings"]
        builder.composition = composition
        builder.potential = potential
        builder.seed = seed
        if inputs["sub_runs"] == "all":
            inputs["sub_runs"] = list(SUB_RUNS)
        for name in PLAIN_INPUTS:
            builder[name] = inputs[name]
        return builder

    def generate(self):
        """Melt and quench every run, and the large cell, which nothing waits for until it is predicted."""
        self.ctx.seeds = derive_seeds(self.inputs.seed, self.inputs.n_runs)
        self.ctx.runs = [f"run_{i}" for i in range(self.inputs.n_runs.value)]
        self.ctx.large_pk = self._submit_melt_quench("large", "large", self.inputs.large_n_atoms).pk
        return ToContext(
            **{run: self._submit_melt_quench(run, "melt_quench", self.inputs.n_atoms) for run in self.ctx.runs}
        )

    def _submit_melt_quench(self, name, namespace, n_atoms):
        inputs = AttributeDict(self.exposed_inputs(MeltQuenchWorkChain, namespace))
        inputs.composition = self.inputs.composition
        inputs.potential = self.inputs.potential
        inputs.n_atoms = n_atoms
        inputs.seed = self.ctx.seeds[name]
        inputs.metadata.call_link_label = name
        return self.submit(MeltQuenchWorkChain, **inputs)

    def inspect_generate(self):
        """Deform the quenched cells; stop if one is missing."""
        self.ctx.structures = {}
        for run in self.ctx.runs:
            if not self.ctx[run].is_finished_ok:
                return self.exit_codes.ERROR_GENERATE_FAILED.format(reason=describe(self.ctx[run]))
            quenched = self.ctx[run].outputs.structure
            deformed = augment(quenched, self.inputs.amplitudes, metadata={"call_link_label": f"augment_{run}"})
            cells = {AS_QUENCHED: quenched, **deformed}
            self.ctx.structures[run] = {sub_run: cells[sub_run] for sub_run in self.inputs.sub_runs}
        self.ctx.due = [(run, sub_run) for run in self.ctx.runs for sub_run in self.inputs.sub_runs]
        self.ctx.bonds, self.ctx.failures = {}, {}
        return None

    def has_labels_due(self):
        """Whether structures remain to be labelled."""
        return bool(self.ctx.due)

    def run_labels(self):
        """Submit as many labels as may run at a time."""
        batch = self.ctx.due[: self.inputs.max_concurrent.value]
        self.ctx.due = self.ctx.due[len(batch) :]
        self.ctx.batch, self.ctx.labels = batch, []
        for run, sub_run in batch:
            inputs = AttributeDict(self.exposed_inputs(LabelWorkChain, "label"))
            inputs.structure = self.ctx.structures[run][sub_run]
            inputs.metadata.call_link_label = f"{run}_{sub_run}"
            self.to_context(labels=append_(self.submit(LabelWorkChain, **inputs)))

    def inspect_labels(self):
        """Keep the labels; go on without those that failed, within the budget."""
        for (run, sub_run), process in zip(self.ctx.batch, self.ctx.labels, strict=True):
            if process.is_finished_ok:
                self.ctx.bonds.setdefault(run, {})[sub_run] = process.outputs.bonds
                continue
            reason = describe(process)
            self.report(f"no label for {run} {sub_run}: {reason}")
            if "failure" in process.outputs:
                failure = process.outputs.failure
            else:  # it did not come to write down its own reason: excepted or killed
                failure = record_failure(self.ctx.structures[run][sub_run], orm.Str(reason))
            self.ctx.failures.setdefault(run, {})[sub_run] = failure
            self.ctx.last_failure = reason
        failed = sum(len(failures) for failures in self.ctx.failures.values())
        allowed = self.inputs.failures_max.value
        if failed > allowed or not (self.ctx.due or self.ctx.bonds):
            self.out("failures", self.ctx.failures)
            return self.exit_codes.ERROR_TOO_MANY_FAILURES.format(
                failed=failed, allowed=allowed, reason=self.ctx.last_failure
            )
        return None

    def run_etl(self):
        """Build the database of interactions, validate and train."""
        self.out("failures", self.ctx.failures)
        structures = {
            run: {sub_run: self.ctx.structures[run][sub_run] for sub_run in labels}
            for run, labels in self.ctx.bonds.items()
        }
        return ToContext(
            etl=self.submit(
                EtlModelWorkChain,
                structures=structures,
                bonds=self.ctx.bonds,
                failures=self.ctx.failures,
                settings=self.inputs.etl_model.settings,
                seed=self.ctx.seeds["learning"],
                metadata={"call_link_label": "etl_model"},
            )
        )

    def inspect_etl(self):
        """Stop without a model; wait for the large cell."""
        if not self.ctx.etl.is_finished_ok:
            return self.exit_codes.ERROR_ETL_FAILED.format(reason=describe(self.ctx.etl))
        self.out_many(self.exposed_outputs(self.ctx.etl, EtlModelWorkChain))
        return ToContext(large=orm.load_node(self.ctx.large_pk))

    def run_inference(self):
        """Predict the large cell."""
        if not self.ctx.large.is_finished_ok:
            return self.exit_codes.ERROR_GENERATE_FAILED.format(reason=describe(self.ctx.large))
        self.out("large_structure", self.ctx.large.outputs.structure)
        return ToContext(
            infer=self.submit(
                InferWorkChain,
                model=self.ctx.etl.outputs.model,
                structure=self.ctx.large.outputs.structure,
                settings=self.inputs.infer.settings,
                metadata={"call_link_label": "infer"},
            )
        )

    def finish(self):
        """Hand over the predictions."""
        if not self.ctx.infer.is_finished_ok:
            return self.exit_codes.ERROR_INFERENCE_FAILED.format(reason=describe(self.ctx.infer))
        self.out_many(self.exposed_outputs(self.ctx.infer, InferWorkChain))
        return None


def at_least(minimum: int):
    """Return a validator that refuses smaller integers."""

    def validate(node, _) -> str | None:
        return None if node.value >= minimum else f"{node.value} given, must be at least {minimum}"

    return validate


def validate_inputs(inputs, _) -> str | None:
    """Refuse cells that cannot be made, and elements without a pseudopotential, before anything is computed."""
    if not all(name in inputs for name in ("composition", "n_atoms", "large_n_atoms", "potential", "label")):
        return None
    for n_atoms in (inputs["n_atoms"], inputs["large_n_atoms"]):
        message = validate_cell({**inputs, "n_atoms": n_atoms}, None)
        if message:
            return message
    elements = parse_composition(get_amounts(inputs["composition"]))
    missing = sorted(set(elements) - set(inputs["label"].get("pseudos", {})))
    return f"no pseudopotential for {', '.join(missing)} in `label.pseudos`" if missing else None


def validate_sub_runs(node, _) -> str | None:
    """Refuse unknown names, and an empty list."""
    unknown = sorted(set(node.get_list()) - set(SUB_RUNS))
    if unknown or not node.get_list():
        return f"unknown sub-runs {unknown}: choose from {', '.join(SUB_RUNS)}" if unknown else "no sub-run to label"
    return None
