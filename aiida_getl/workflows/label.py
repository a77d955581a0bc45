"""Label the bonds of one structure: pw.x and the bond analysis, with projwfc.x between them where it is asked for."""

from __future__ import annotations

import pathlib
from importlib.resources import files

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ToContext, WorkChain, while_
from aiida.plugins import CalculationFactory
from aiida_pseudo.data.pseudo import UpfData
from aiida_pseudo.groups.family import PseudoPotentialFamily
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin

from aiida_getl.calculations.functions.describe_analysis import describe_analysis
from aiida_getl.calculations.functions.label_parameters import label_parameters
from aiida_getl.calculations.functions.record_failure import record_failure
from aiida_getl.calculations.pw_run import find_engine, was_cleaned
from aiida_getl.quantumespresso.scf import check_settings, spin_warning
from aiida_getl.workflows.describe import describe
from aiida_getl.workflows.lobster_base import LobsterBaseWorkChain
from aiida_getl.workflows.scf_base import ScfBaseWorkChain

ProjwfcCalculation = CalculationFactory("getl.projwfc")
LobsterCalculation = CalculationFactory("getl.lobster")

#: Failures of any of the jobs that have exit codes of their own, from 411 on in this order.
NAMED_FAULTS = {
    "ERROR_NOT_CONVERGED": "The electrons did not become self-consistent",
    "ERROR_NOT_FINITE": "Charge or energies are no numbers",
    "ERROR_TOO_FEW_BANDS": "There are too few bands for the basis",
    "ERROR_FILES_LOST": "Files that a job had written were lost or damaged when the next one read them, twice",
    "ERROR_OUT_OF_MEMORY": "A job ran out of memory",
    "ERROR_OUT_OF_WALLTIME": "A job ran out of time",
    "ERROR_KILLED": "A job was killed, or ended without a word, twice",
    "ERROR_CANNOT_WRITE": "A job could not write its files (disk full, quota, permissions)",
    "ERROR_NOT_STARTED": "A program could not be started",
}
#: All other failures, by job.
GENERAL_FAULTS = {
    "scf": "ERROR_SCF_FAILED",
    "projwfc": "ERROR_PROJECTION_FAILED",
    "analysis": "ERROR_ANALYSIS_FAILED",
}
#: What projwfc.x ends with where it was killed or its node failed; it may have crashed, too, without saying more.
INTERRUPTED_PROJECTION = (
    ProjwfcCalculation.exit_codes.ERROR_SCHEDULER_NODE_FAILURE.status,
    ProjwfcCalculation.exit_codes.ERROR_OUTPUT_STDOUT_MISSING.status,
    ProjwfcCalculation.exit_codes.ERROR_OUTPUT_STDOUT_INCOMPLETE.status,
)
#: Scheduler options of pw.x that the analysis shares unless it is given its own.
SHARED_OPTIONS = ("account", "qos", "queue_name", "max_wallclock_seconds")
#: What the analysis gives beside the bonds.
CURVES = ("cohp", "orbitals", "populations")


def validate_settings(node, _) -> str | None:
    """Refuse incomplete or unknown settings."""
    try:
        check_settings(node.get_dict())
    except ValueError as exception:
        return str(exception)
    return None


def validate_inputs(inputs, _) -> str | None:
    """Refuse a structure for which a pseudopotential is missing."""
    if "structure" not in inputs or "pseudos" not in inputs:
        return None
    missing = sorted(set(inputs["structure"].get_kind_names()) - set(inputs["pseudos"]))
    if missing:
        return f"no pseudopotential for {', '.join(missing)}: give one for every kind of the structure in `pseudos`"
    return None


class LabelWorkChain(ProtocolMixin, WorkChain):
    """ICOHPs of every bond of a structure.

    Runs pw.x and, on its wavefunctions, ``getl-cohp`` or the real LOBSTER, whichever the code is; both project on
    Slater orbitals. With the ``projwfc`` namespace, projwfc.x projects on the pseudopotentials' orbitals for
    ``getl-cohp``, which gives labels on another scale. Where the analysis finds the files of pw.x lost or damaged
    (cleaned folders of what came from the cache, purged or full disks), all is computed again, once. A failure leaves
    its reason in the output ``failure``; folders are cleaned after a success and kept after a failure.
    """

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("structure", valid_type=orm.StructureData)
        spec.input_namespace("pseudos", valid_type=(UpfData, orm.UpfData), dynamic=True, help="By kind name.")
        spec.input("settings", valid_type=orm.Dict, validator=validate_settings, help="Settings of the label protocol.")
        spec.input("clean_workdir", valid_type=orm.Bool, default=lambda: orm.Bool(True), serializer=orm.to_aiida_type)
        spec.expose_inputs(
            ScfBaseWorkChain,
            namespace="scf",
            exclude=(
                "clean_workdir",
                "kpoints",
                "kpoints_distance",
                "kpoints_force_parity",
                "pw.structure",
                "pw.pseudos",
                "pw.parameters",
                "pw.settings",
                "pw.parent_folder",
            ),
        )
        # It looks at parameters that are not given here, but derived; pw.x itself is validated when it is submitted.
        spec.inputs["scf"]["pw"].validator = None
        spec.expose_inputs(
            ProjwfcCalculation,
            namespace="projwfc",
            exclude=("parent_folder", "parameters"),
            namespace_options={
                "required": False,
                "populate_defaults": False,
                "help": "projwfc.x, for `getl-cohp` to use the pseudopotentials' orbitals in place of Slater orbitals.",
            },
        )
        spec.expose_inputs(
            LobsterCalculation,
            namespace="lobster",
            exclude=("structure", "parameters", "parent_folder", "projections_folder", "lobster_folder"),
        )
        spec.expose_inputs(
            LobsterBaseWorkChain,
            namespace="lobster_base",
            include=("limits", "max_iterations", "handler_overrides", "on_unhandled_failure"),
            namespace_options={"required": False, "populate_defaults": False, "help": "How the analysis is restarted."},
        )
        spec.inputs.validator = validate_inputs

        spec.outline(
            cls.prepare,
            while_(cls.is_due)(cls.run_next, cls.inspect_last),
            cls.finish,
        )

        spec.output("bonds", valid_type=orm.ArrayData, required=False, help="ICOHP of every bond (`getl.bonds`).")
        spec.output("results", valid_type=orm.Dict, required=False, help="Results of the bond analysis.")
        for name in CURVES:
            spec.output(name, valid_type=orm.ArrayData, required=False, help="As of `getl.lobster`.")
        spec.output("scf_parameters", valid_type=orm.Dict, required=False, help="Output parameters of pw.x.")
        spec.output("scf_tries", valid_type=orm.Dict, required=False, help="As `tries` of `getl.scf.base`.")
        spec.output("failure", valid_type=orm.Dict, required=False, help="Why there is no label.")

        spec.exit_code(
            210,
            "ERROR_UNSUITABLE_INPUT",
            message="The structure does not fit the settings or pseudopotentials: {reason}",
        )
        spec.exit_code(401, "ERROR_SCF_FAILED", message="The electronic structure could not be had: {reason}")
        spec.exit_code(402, "ERROR_PROJECTION_FAILED", message="projwfc.x failed: {reason}")
        spec.exit_code(403, "ERROR_ANALYSIS_FAILED", message="The bond analysis failed: {reason}")
        spec.exit_code(
            410, "ERROR_SPILLING", message="The charge spilling of {spilling:.1%} exceeds the limit of {limit:.1%}."
        )
        for status, (name, message) in enumerate(NAMED_FAULTS.items(), start=411):
            spec.exit_code(status, name, message=f"{message}: {{reason}}")

    @classmethod
    def get_protocol_filepath(cls) -> pathlib.Path:
        return pathlib.Path(str(files("aiida_getl.workflows.protocols") / "label.yaml"))

    @classmethod
    def get_builder_from_protocol(
        cls,
        pw_code,
        lobster_code,
        structure=None,
        projwfc_code=None,
        protocol=None,
        overrides=None,
        options=None,
        elements=None,
    ):
        """Return a builder with the inputs of a protocol.

        :param pw_code: code or label of pw.x.
        :param lobster_code: code or label of `getl-cohp` or of LOBSTER.
        :param structure: ``StructureData``; a parent work chain that supplies it later names its ``elements`` instead.
        :param projwfc_code: code or label of projwfc.x, where `getl-cohp` shall project on the orbitals of the
            pseudopotentials, of whatever kind; left out, it projects on Slater orbitals, which takes PAW datasets.
        :param protocol: `fast`, `balanced` or `stringent`.
        :param overrides: dictionary that is merged over the protocol's.
        :param options: scheduler options of pw.x and projwfc.x; those of the analysis, which runs threads and not
            processes, as ``analysis`` among them. It shares account, queue and time with pw.x where it has none.
        :raises ValueError: for an element that the pseudopotential family lacks.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        options = {**inputs["options"], **(options or {})}
        analysis_options = options.pop("analysis", None) or {}
        pw_code, lobster_code, projwfc_code = (
            orm.load_code(code) if isinstance(code, str) else code for code in (pw_code, lobster_code, projwfc_code)
        )
        builder.scf.pw.code = pw_code
        builder.scf.pw.metadata.options = cls.set_default_resources(options, pw_code.computer.scheduler_type)
        builder.lobster.code = lobster_code
        builder.lobster.metadata.options = {  # threads, not processes
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            **{name: options[name] for name in SHARED_OPTIONS if name in options},
            "withmpi": False,
            **analysis_options,
        }
        builder.lobster.settings = orm.Dict({"retrieve_curves": False})  # nobody learns from them, and they are large
        if projwfc_code is not None:
            builder.projwfc.code = projwfc_code
            builder.projwfc.metadata.options = builder.scf.pw.metadata.options
        else:
            builder.pop("projwfc")  # what is empty would be refused where a parent work chain takes the builder over
        family = load_family(inputs["pseudo_family"])
        if structure is None:
            builder.pseudos = get_pseudos(family, {element: element for element in elements})
        else:
            builder.structure = structure
            builder.pseudos = get_pseudos(family, {kind.name: kind.symbol for kind in structure.kinds})
        # LOBSTER does not read the real wavefunctions of pw.x at Γ.
        real = find_engine(lobster_code, projwfc_code is not None) == "getl-cohp"
        builder.settings = orm.Dict({"real_wavefunctions": real, **inputs["settings"]})
        for name, part in (("scf", builder.scf), ("analysis", builder.lobster_base)):
            if limits := inputs["limits"][name]:
                part.limits = orm.Dict(limits)
        builder.clean_workdir = orm.Bool(inputs["clean_workdir"])
        return builder

    def prepare(self):
        """Derive what the codes are asked for from the structure and its pseudopotentials."""
        if warning := spin_warning(self.inputs.structure.get_symbols_set()):
            self.report(warning)
        kinds = self.inputs.structure.get_kind_names()
        self.ctx.pseudos = {kind: self.inputs.pseudos[kind] for kind in kinds}
        has_projections = "projwfc" in self.inputs
        analysis = {name: self.inputs.lobster[name] for name in ("code", "settings") if name in self.inputs.lobster}
        if has_projections:
            analysis["projwfc_code"] = self.inputs.projwfc.code
        self.ctx.parameters, node = label_parameters.run_get_node(
            structure=self.inputs.structure,
            settings=self.inputs.settings,
            analysis=describe_analysis(**analysis),
            **self.ctx.pseudos,
        )
        if not node.is_finished_ok:
            return self._fail(self.exit_codes.ERROR_UNSUITABLE_INPUT.format(reason=node.exit_message))
        self.ctx.jobs = ["scf", "projwfc", "analysis"] if has_projections else ["scf", "analysis"]
        self.ctx.due = list(self.ctx.jobs)
        self.ctx.use_cache = True
        self.ctx.projected_again = False
        return None

    def is_due(self):
        """Whether a job remains to be run."""
        return bool(self.ctx.due)

    def run_next(self):
        """Submit the next job."""
        job = self.ctx.due[0]
        process_class, inputs = getattr(self, f"_inputs_{job}")()
        inputs.metadata.call_link_label = job
        return ToContext(**{job: self.submit(process_class, **inputs)})

    def inspect_last(self):
        """Go on, start over without the cache, or stop with the reason."""
        job = self.ctx.due[0]
        process = self.ctx[job]
        if process.is_finished_ok:
            self.ctx.due = self.ctx.due[1:]
            return None
        fault = name_of_fault(process)
        if self.ctx.use_cache and (self._reads_what_was_cleaned(process) or fault == "ERROR_FILES_LOST"):
            # A calculation taken from the cache points at the folder of the original, which was cleaned after use.
            self.report(f"{describe(process)}; a folder that it reads was cleaned: computing again without the cache")
            self.ctx.due = list(self.ctx.jobs)
            self.ctx.use_cache = False
            return None
        if job == "projwfc" and process.exit_status in INTERRUPTED_PROJECTION and not self.ctx.projected_again:
            self.report(f"{describe(process)}: trying again")
            self.ctx.projected_again = True
            return None
        exit_code = self.exit_codes[fault] if fault in NAMED_FAULTS else self.exit_codes[GENERAL_FAULTS[job]]
        return self._fail(exit_code.format(reason=describe(process)))

    def finish(self):
        """Hand over the bonds, and clean what only they needed."""
        self.out("scf_parameters", self.ctx.scf.outputs.output_parameters)
        self.out("results", self.ctx.analysis.outputs.results)
        self.out("bonds", self.ctx.analysis.outputs.bonds)
        for name in CURVES:
            if name in self.ctx.analysis.outputs:
                self.out(name, self.ctx.analysis.outputs[name])
        if self.inputs.clean_workdir:
            self._clean_folders()
        spilling = self.ctx.analysis.outputs.bonds.base.attributes.get("spilling", None)
        limit = self.inputs.settings["spilling_max"]
        if spilling is None:
            self.report("the charge spilling is not known (the analysis was interrupted before it was written)")
        elif spilling > limit:
            return self._fail(self.exit_codes.ERROR_SPILLING.format(spilling=spilling, limit=limit))
        self._hand_over_tries()
        return None

    def _inputs_scf(self):
        inputs = AttributeDict(self.exposed_inputs(ScfBaseWorkChain, "scf"))
        inputs.pw.structure = self.inputs.structure
        inputs.pw.pseudos = self.ctx.pseudos
        inputs.pw.parameters = self.ctx.parameters["pw"]
        inputs.pw.settings = self.ctx.parameters["pw_settings"]
        inputs.kpoints = self.ctx.parameters["kpoints"]
        if not self.ctx.use_cache:
            inputs.pw.metadata.disable_cache = True
        return ScfBaseWorkChain, inputs

    def _inputs_projwfc(self):
        inputs = AttributeDict(self.exposed_inputs(ProjwfcCalculation, "projwfc"))
        inputs.parent_folder = self.ctx.scf.outputs.remote_folder
        inputs.parameters = self.ctx.parameters["projwfc"]
        if not self.ctx.use_cache:
            inputs.metadata.disable_cache = True
        return ProjwfcCalculation, inputs

    def _inputs_analysis(self):
        inputs = AttributeDict({})
        if "lobster_base" in self.inputs:
            inputs = AttributeDict(self.exposed_inputs(LobsterBaseWorkChain, "lobster_base", agglomerate=False))
        inputs.setdefault("metadata", AttributeDict())
        inputs.lobster = AttributeDict(self.exposed_inputs(LobsterCalculation, "lobster"))
        inputs.lobster.structure = self.inputs.structure
        inputs.lobster.parameters = self.ctx.parameters["lobster"]
        inputs.lobster.parent_folder = self.ctx.scf.outputs.remote_folder
        if "projwfc" in self.ctx:
            inputs.lobster.projections_folder = self.ctx.projwfc.outputs.remote_folder
        return LobsterBaseWorkChain, inputs

    def _reads_what_was_cleaned(self, failed) -> bool:
        """Return whether the jobs before a failed one, or its own that it went on from, have lost their folders."""
        done = [self.ctx[job] for job in self.ctx.jobs if job in self.ctx and self.ctx[job].is_finished_ok]
        folders = [process.outputs.remote_folder for process in done]
        calculations = [node for node in failed.called if isinstance(node, orm.CalcJobNode)]
        restarts = [node.inputs.parent_folder for node in calculations if "parent_folder" in node.inputs]
        if any(was_cleaned(folder) for folder in (*folders, *restarts)):
            return True
        # projwfc.x does not say what it misses.
        return failed.process_class is ProjwfcCalculation and any(folder.is_empty for folder in folders)

    def _clean_folders(self) -> None:
        """Remove what was needed until now; a computer that is not reached does not spoil a label that is there."""
        for node in self.node.called_descendants:
            if isinstance(node, orm.CalcJobNode) and "remote_folder" in node.outputs:
                try:
                    node.outputs.remote_folder._clean()
                except OSError as exception:
                    self.report(f"the folder of {node.process_label}<{node.pk}> could not be cleaned: {exception}")

    def _hand_over_tries(self) -> None:
        if "scf" in self.ctx and "tries" in self.ctx.scf.outputs:
            self.out("scf_tries", self.ctx.scf.outputs.tries)

    def _fail(self, exit_code):
        self.report(exit_code.message)
        self._hand_over_tries()
        self.out("failure", record_failure(self.inputs.structure, orm.Str(exit_code.message)))
        return exit_code


def name_of_fault(process: orm.ProcessNode) -> str | None:
    """Return the name of the exit code that a process ended with, whether the scheduler or the program set it."""
    names = [name for name, code in process.process_class.exit_codes.items() if code.status == process.exit_status]
    return names[0].replace("SCHEDULER_", "") if names else None


def load_family(label: str) -> PseudoPotentialFamily:
    """Return a pseudopotential family, or say how to get it."""
    query = orm.QueryBuilder().append(PseudoPotentialFamily, filters={"label": label})
    if not query.count():
        raise ValueError(f"no pseudopotential family {label!r}: make it with `aiida-getl setup`, or name another")
    return query.first(flat=True)


def get_pseudos(family: PseudoPotentialFamily, kinds: dict[str, str]) -> dict[str, UpfData]:
    """Return the pseudopotential of every kind, given the element of each."""
    missing = sorted(set(kinds.values()) - set(family.elements))
    if missing:
        raise ValueError(
            f"the pseudopotential family {family.label!r} has no {', '.join(missing)}, only "
            f"{', '.join(sorted(family.elements))}: install a family that has them and name it as pseudo_family"
        )
    return {name: family.get_pseudo(element) for name, element in kinds.items()}
