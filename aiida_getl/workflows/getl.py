"""Generate + ETL: from random atoms to the bond strengths of a large glass."""

from __future__ import annotations

import pathlib
from importlib.resources import files

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ToContext, WorkChain, while_
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin

from aiida_getl.calculations.functions.augment import augment
from aiida_getl.calculations.functions.derive_seeds import derive_seeds
from aiida_getl.calculations.functions.record_failed_run import record_failed_run
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
from aiida_getl.workflows.parts import FROM_PARENT, fill_learning_part, label_part, melt_quench_part
from aiida_getl.workflows.queue import ChildQueue

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
#: What learns, here or where a code says.
LEARNING = {"etl_model": EtlModelWorkChain, "infer": InferWorkChain}


class GetlWorkChain(ProtocolMixin, ChildQueue, WorkChain):
    """The whole loop on one composition.

    `n_runs` melt-quench runs, each with the sub-runs asked for (as quenched and deformed), are labelled, a model is
    trained and validated on them, and the bond strengths of a separately quenched large cell are predicted. A run or
    label that fails is left out and recorded, unless more than `failures_max` do. Beside the large cell no more than
    `max_concurrent` runs, and then labels, are under way.
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
        for namespace, process_class in LEARNING.items():
            spec.expose_inputs(process_class, namespace=namespace, include=("settings", "code", "options"))
        spec.input(
            "max_concurrent",
            valid_type=orm.Int,
            help="Melt-quench runs, and then labels, under way at a time.",
            validator=at_least(1),
            **to_node,
        )
        spec.input(
            "failures_max",
            valid_type=orm.Int,
            help="Runs and labels that may fail; a run, whose cells are then missing, counts once.",
            validator=at_least(0),
            **to_node,
        )
        spec.expose_inputs(MeltQuenchWorkChain, namespace="melt_quench", exclude=FROM_PARENT)
        spec.expose_inputs(MeltQuenchWorkChain, namespace="large", exclude=FROM_PARENT)
        spec.expose_inputs(LabelWorkChain, namespace="label", exclude=("structure",))
        spec.inputs.validator = validate_inputs

        spec.outline(
            cls.prepare,
            while_(cls.has_children_due)(cls.submit_children),
            cls.inspect_runs,
            while_(cls.has_children_due)(cls.submit_children),
            cls.inspect_labels,
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
            402,
            "ERROR_TOO_MANY_FAILURES",
            message="{failed} runs and labels failed, {allowed} were allowed; the last: {reason}",
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

        :param codes: mapping with codes or their labels for `lammps`, `pw`, `lobster` (or `getl-cohp`), and
            `projwfc` where the bond analysis shall rest on its projections, see `LabelWorkChain`, `learn` where
            the learning shall be jobs of it, not calcfunctions that block a worker of the daemon, and `large` where
            the large cell shall be made by another LAMMPS.
        :param composition: e.g. `Zr49Cu49Al2`.
        :param potential: ``SinglefileData`` of an EAM potential.
        :param seed: integer.
        :param protocol: `fast`, `balanced` or `stringent`.
        :param overrides: dictionary that is merged over the protocol's; the namespaces `melt_quench`, `large`,
            `label`, `etl_model` and `infer` take overrides of the protocols of those work chains.
        :param options: mapping of scheduler options for `lammps`, `label` and `learn`; those of the large cell, where
            they differ, as ``large`` among those of `lammps`.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        options = options or {}
        builder = cls.get_builder()
        for namespace in ("melt_quench", "large"):
            builder[namespace] = melt_quench_part(codes, composition, potential, inputs, namespace, options)
        builder.label = label_part(codes, parse_composition(composition), inputs, options)
        for namespace, process_class in LEARNING.items():
            fill_learning_part(builder[namespace], process_class, codes, inputs, namespace, options)
        builder.composition = composition
        builder.potential = potential
        builder.seed = seed
        if inputs["sub_runs"] == "all":
            inputs["sub_runs"] = list(SUB_RUNS)
        for name in PLAIN_INPUTS:
            builder[name] = inputs[name]
        return builder

    def prepare(self):
        """Submit the large cell, which nothing waits for until it is predicted, and begin with the runs."""
        self.ctx.seeds = derive_seeds(self.inputs.seed, self.inputs.n_runs)
        self.ctx.large_pk = self._submit_melt_quench("large", "large", self.inputs.large_n_atoms).pk
        self.start_queue("runs")

    def names_of_children(self) -> list[str]:
        """Return the names of the runs, or of the labels."""
        return self._runs() if self.ctx.queue == "runs" else [f"{run}_{sub_run}" for run, sub_run in self._cells()]

    def max_children(self) -> int:
        """Return how many runs or labels may be under way."""
        return self.inputs.max_concurrent.value

    def goes_on(self) -> bool:
        """Whether no more runs and labels failed than may; the large cell is for later."""
        failed = {
            "or": [
                {"attributes.exit_status": {">": 0}},
                {"attributes.process_state": {"in": ["excepted", "killed"]}},
            ]
        }
        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": self.node.pk}, tag="parent")
        query.append(
            (MeltQuenchWorkChain, LabelWorkChain),
            with_incoming="parent",
            filters=failed,
            edge_filters={"label": {"!==": "large"}},
        )
        return query.count() <= self.inputs.failures_max.value

    def submit_child(self, name: str) -> orm.ProcessNode:
        """Submit a run or a label."""
        if self.ctx.queue == "runs":
            return self._submit_melt_quench(name, "melt_quench", self.inputs.n_atoms)
        run, sub_run = self._cells()[self.names_of_children().index(name)]
        inputs = AttributeDict(self.exposed_inputs(LabelWorkChain, "label"))
        inputs.structure = self._structure(run, sub_run)
        inputs.metadata.call_link_label = name
        return self.submit(LabelWorkChain, **inputs)

    def _runs(self) -> list[str]:
        return [f"run_{i}" for i in range(self.inputs.n_runs.value)]

    def _cells(self) -> list[tuple[str, str]]:
        """Return run and sub-run of all cells to label."""
        return [(run, sub_run) for run in self.ctx.quenched for sub_run in self.inputs.sub_runs]

    def _labels(self) -> list[tuple[tuple[str, str], orm.ProcessNode]]:
        """Return run, sub-run and process of all labels; none was submitted after too many had failed."""
        children = self.find_children()
        return [
            (cell, children[name])
            for cell, name in zip(self._cells(), self.names_of_children(), strict=True)
            if name in children
        ]

    def _structure(self, run: str, sub_run: str) -> orm.StructureData:
        """Return a cell to label; the first one asked for makes all deformed ones of its run."""
        quenched = self.find_child(run).outputs.structure
        if sub_run == AS_QUENCHED:
            return quenched
        deformation = self.find_child(f"augment_{run}")
        if deformation is None or not deformation.is_finished_ok:
            return augment(quenched, self.inputs.amplitudes, metadata={"call_link_label": f"augment_{run}"})[sub_run]
        return deformation.outputs[sub_run]

    def _submit_melt_quench(self, name, namespace, n_atoms):
        inputs = AttributeDict(self.exposed_inputs(MeltQuenchWorkChain, namespace))
        inputs.composition = self.inputs.composition
        inputs.potential = self.inputs.potential
        inputs.n_atoms = n_atoms
        inputs.seed = self.ctx.seeds[name]
        inputs.metadata.call_link_label = name
        return self.submit(MeltQuenchWorkChain, **inputs)

    def inspect_runs(self):
        """Go on with the labels of the runs that came to their end, if no more failed than may."""
        children = self.find_children()
        runs = {run: children[run] for run in self._runs() if run in children}
        failed = {run: process for run, process in runs.items() if not process.is_finished_ok}
        for run, process in failed.items():
            self.report(f"no glass from {run}: {describe(process)}")
        allowed = self.inputs.failures_max.value
        if len(failed) > allowed or len(failed) == len(runs):
            last = describe([*failed.values()][-1])
            reason = f"{last} ({len(failed)} of {len(runs)} runs failed, {allowed} were allowed)"
            return self.exit_codes.ERROR_GENERATE_FAILED.format(reason=reason)
        self.ctx.quenched = [run for run in runs if run not in failed]
        # A cell that there is none of is missing for the reason of its run.
        self.ctx.failures = {
            run: dict.fromkeys(
                self.inputs.sub_runs,
                record_failed_run(self.inputs.composition, self.ctx.seeds[run], orm.Str(describe(process))),
            )
            for run, process in failed.items()
        }
        self.start_queue("labels")
        return None

    def inspect_labels(self):
        """Go on without the labels that failed, within the budget."""
        failures, n_labels, reason = dict(self.ctx.failures), 0, ""
        failed = len(failures)
        for (run, sub_run), process in self._labels():
            if process.is_finished_ok:
                n_labels += 1
                continue
            failed += 1
            reason = describe(process)
            self.report(f"no label for {run} {sub_run}: {reason}")
            if "failure" in process.outputs:
                failure = process.outputs.failure
            else:  # it did not come to write down its own reason: excepted or killed
                failure = record_failure(self._structure(run, sub_run), orm.Str(reason))
            failures.setdefault(run, {})[sub_run] = failure
        self.ctx.failures = failures
        self.out("failures", failures)
        allowed = self.inputs.failures_max.value
        if failed > allowed or not n_labels:
            return self.exit_codes.ERROR_TOO_MANY_FAILURES.format(failed=failed, allowed=allowed, reason=reason)
        return None

    def run_etl(self):
        """Build the database of interactions, validate and train."""
        structures, bonds = {}, {}
        for (run, sub_run), process in self._labels():
            if process.is_finished_ok:
                structures.setdefault(run, {})[sub_run] = process.inputs.structure
                bonds.setdefault(run, {})[sub_run] = process.outputs.bonds
        return ToContext(
            etl=self.submit(
                EtlModelWorkChain,
                structures=structures,
                bonds=bonds,
                failures=self.ctx.failures,
                seed=self.ctx.seeds["learning"],
                **self._learning_inputs("etl_model"),
            )
        )

    def _learning_inputs(self, namespace):
        return {**self.inputs[namespace], "metadata": {"call_link_label": namespace}}

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
                **self._learning_inputs("infer"),
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
