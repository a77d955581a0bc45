"""Melt-quench: from a composition to a metallic glass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, while_
from aiida_quantumespresso.workflows.protocols.utils import ProtocolMixin, recursive_merge

from aiida_getl.calculations.functions.join_parts import join_parts
from aiida_getl.calculations.functions.melt_quench_stages import melt_quench_stages
from aiida_getl.calculations.functions.pack_random import pack_random
from aiida_getl.calculations.lammps import LammpsStageCalculation, validate_potential
from aiida_getl.lammps.melt_quench import STAGES, MeltQuench
from aiida_getl.lammps.potential import parse_potential
from aiida_getl.structures.composition import atom_counts, parse_composition
from aiida_getl.workflows.limits import MIN_TASKS, RAISE, fewer_tasks

_CODES = LammpsStageCalculation.exit_codes
OUT_OF_MEMORY = _CODES.ERROR_SCHEDULER_OUT_OF_MEMORY.status
OUT_OF_TIME = _CODES.ERROR_SCHEDULER_OUT_OF_WALLTIME.status
#: What a job may have ended with although nothing is wrong with the simulation.
INTERRUPTED = (
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    _CODES.ERROR_SCHEDULER_NODE_FAILURE.status,
    _CODES.ERROR_OUTFILE_MISSING.status,
    _CODES.ERROR_UNFINISHED.status,
)


def get_amounts(composition: orm.Str | orm.Dict) -> str | dict[str, float]:
    """Return the formula or the amounts by element that a composition node holds."""
    return composition.get_dict() if isinstance(composition, orm.Dict) else composition.value


def validate_composition(value: orm.Str | orm.Dict, _: Any) -> str | None:
    """Return why a composition is wrong, or None."""
    try:
        parse_composition(get_amounts(value))
    except ValueError as error:
        return str(error)
    return None


def validate_parameters(value: orm.Dict, _: Any) -> str | None:
    """Return why the settings of a melt-quench are wrong, or None."""
    try:
        MeltQuench.from_dict(value.get_dict())
    except ValueError as error:
        return str(error)
    return None


def validate_not_negative(value: orm.Int, _: Any) -> str | None:
    """Return why a number is wrong, or None."""
    return f"{value.value} given, must not be negative" if value.value < 0 else None


def validate_positive(value: orm.Int, _: Any) -> str | None:
    """Return why a number is wrong, or None."""
    return f"{value.value} given, must be at least 1" if value.value < 1 else None


def validate_seed(value: orm.Int, _: Any) -> str | None:
    """Return why a seed is wrong, or None."""
    return f"the seed is {value.value}: it must not be negative" if value.value < 0 else None


def validate_inputs(value: dict[str, Any], _: Any) -> str | None:
    """Return why composition, number of atoms and potential do not fit together, or None."""
    if not all(name in value for name in ("composition", "n_atoms", "potential")):
        return None
    try:
        counts = atom_counts(get_amounts(value["composition"]), value["n_atoms"].value)
        parse_potential(value["potential"].get_content()).check_elements(list(counts))
    except ValueError as error:
        return str(error)
    return None


def describe_failure(job: orm.CalcJobNode) -> str:
    """Return one sentence about why a job failed."""
    return job.exit_message or job.exception or f"the job ended as {job.process_state.value}"


class MeltQuenchWorkChain(ProtocolMixin, WorkChain):
    """Melt atoms at random positions and quench them to a glass, with LAMMPS.

    Four stages, one job each, every job going on where the one before stopped: `minimise` a random start without
    overlaps; `melt` at constant temperature and pressure; `quench` at a constant rate; `equilibrate` the glass. All
    random numbers derive from the input `seed`: it seeds the start positions, and with CRC-32 of "velocities" mixed in,
    the velocities of the melt.

    A job that was interrupted (out of time, killed, its node lost) is taken up from its last checkpoint, with the
    velocities there, up to `max_restarts` times a stage; the records of its parts are joined. One that ran out of
    memory gets twice as much, up to `max_memory_kb`; beyond, half as many tasks, down to `min_mpiprocs_per_machine`.

    A composition or a potential that cannot be used is refused at launch.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the process specification."""
        super().define(spec)
        spec.expose_inputs(LammpsStageCalculation, namespace="lammps", include=("code", "metadata", "settings"))
        spec.input(
            "composition",
            valid_type=(orm.Str, orm.Dict),
            serializer=orm.to_aiida_type,
            validator=validate_composition,
            help="A formula, e.g. `Zr49Cu49Al2`, or amounts by element symbol.",
        )
        spec.input("n_atoms", valid_type=orm.Int, serializer=orm.to_aiida_type, help="Atoms in the cell.")
        spec.input(
            "potential",
            valid_type=orm.SinglefileData,
            validator=validate_potential,
            help="EAM potential in the format eam/alloy, eam/fs or eam.",
        )
        spec.input(
            "seed",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=validate_seed,
            help="Decides start positions and velocities.",
        )
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help="Temperatures, times, rate and sampling, see `aiida_getl.lammps.melt_quench`.",
        )
        spec.input(
            "max_restarts",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(5),
            validator=validate_not_negative,
            help="How often each stage may be taken up again.",
        )
        spec.input(
            "max_memory_kb",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            required=False,
            validator=validate_not_negative,
            help="Most memory that a job may ask for after others ran out of the `max_memory_kb` of their options.",
        )
        spec.input(
            MIN_TASKS,
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            required=False,
            validator=validate_positive,
            help="Fewest tasks on a machine for jobs to go on with after others ran out of the most memory.",
        )
        spec.inputs.validator = validate_inputs

        spec.outline(
            cls.prepare,
            while_(cls.has_stage_left)(
                cls.run_stage,
                cls.inspect_stage,
            ),
            cls.finalise,
        )

        spec.output("structure", valid_type=orm.StructureData, help="The glass: the last frame.")
        spec.output("trajectory", valid_type=orm.TrajectoryData, help="Frames sampled while equilibrating.")
        spec.output("restart", valid_type=orm.SinglefileData, help="LAMMPS's restart file of the glass.")
        spec.output_namespace("thermo", valid_type=orm.ArrayData, help="Thermodynamic data of each stage.")
        for name in STAGES:
            spec.output(f"thermo.{name}", valid_type=orm.ArrayData, required=False)

        for status, name in enumerate(STAGES, start=401):
            spec.exit_code(
                status, f"ERROR_{name.upper()}_FAILED", message=f"The stage `{name}` failed in job {{pk}}: {{reason}}"
            )

    @classmethod
    def get_protocol_filepath(cls) -> Path:
        """Return the path of the file that defines the protocols."""
        return Path(__file__).parent / "protocols" / "melt_quench.yaml"

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        composition: str | Mapping[str, float] | orm.Str | orm.Dict,
        potential: orm.SinglefileData | Path | str,
        n_atoms: int | orm.Int,
        seed: int | orm.Int,
        protocol: str | None = None,
        overrides: dict | Path | None = None,
        options: dict | None = None,
        **_: Any,
    ) -> ProcessBuilder:
        """Return a builder prepopulated with inputs selected according to the chosen protocol.

        :param code: the LAMMPS code, or its label.
        :param composition: a formula, or amounts by element symbol.
        :param potential: the potential, as a node or the path of its file.
        :param n_atoms: atoms in the cell.
        :param seed: seed of all random numbers.
        :param protocol: protocol to use, if not specified, the default will be used.
        :param overrides: optional dictionary of inputs to override the defaults of the protocol.
        :param options: metadata options of the LAMMPS jobs.
        :return: a process builder instance with all inputs defined ready for launch.
        """
        if isinstance(code, str):
            code = orm.load_code(code)
        if not isinstance(potential, orm.SinglefileData):
            potential = orm.SinglefileData(Path(potential).resolve())
        inputs = cls.get_protocol_inputs(protocol, overrides)
        metadata = inputs["lammps"]["metadata"]
        metadata["options"] = cls.set_default_resources(
            recursive_merge(metadata["options"], options or {}), code.computer.scheduler_type
        )

        builder = cls.get_builder()
        builder.composition = dict(composition) if isinstance(composition, Mapping) else composition
        builder.n_atoms = n_atoms
        builder.potential = potential
        builder.seed = seed
        builder.parameters = inputs["parameters"]
        builder.max_restarts = inputs["max_restarts"]
        for name in ("max_memory_kb", MIN_TASKS):
            if name in inputs:
                builder[name] = inputs[name]
        builder.lammps["code"] = code
        builder.lammps["metadata"] = metadata
        if "settings" in inputs["lammps"]:
            builder.lammps["settings"] = orm.Dict(inputs["lammps"]["settings"])
        return builder

    def prepare(self) -> None:
        """Make the random start and the settings of the stages."""
        self.ctx.structure = pack_random(
            composition=self.inputs.composition, n_atoms=self.inputs.n_atoms, seed=self.inputs.seed
        )
        self.ctx.parameters = melt_quench_stages(self.inputs.parameters)
        self.ctx.restart = None
        self.ctx.n_done = 0
        self._begin_stage()

    def _begin_stage(self) -> None:
        self.ctx.n_restarts = 0
        self.ctx.checkpoint = None
        # Of the jobs of this stage that were interrupted: what the next one goes on from.
        self.ctx.parts = []

    def has_stage_left(self) -> bool:
        """Return whether a stage is to be run."""
        return self.ctx.n_done < len(STAGES)

    def run_stage(self) -> ToContext:
        """Run the next stage from where the one before stopped, or what is left of it."""
        name = STAGES[self.ctx.n_done]
        inputs = self.exposed_inputs(LammpsStageCalculation, "lammps")
        inputs.structure = self.ctx.structure
        inputs.potential = self.inputs.potential
        inputs.parameters = self.ctx.parameters[name]
        inputs.metadata.call_link_label = f"{name}_restart_{self.ctx.n_restarts}" if self.ctx.n_restarts else name
        inputs.metadata.options = {**inputs.metadata.options, **self.ctx.get("options", {})}
        if self.ctx.checkpoint is not None:
            inputs.checkpoint = self.ctx.checkpoint
        elif self.ctx.restart is not None:
            inputs.restart = self.ctx.restart
        if inputs.parameters.get("new_velocities", False):
            inputs.seed = self.inputs.seed
        running = self.submit(LammpsStageCalculation, **inputs)
        self.report(f"{name}: launched {running.process_label}<{running.pk}>")
        return ToContext(job=running)

    def inspect_stage(self) -> ExitCode | None:
        """Note where the next job begins: the next stage, or the rest of this one; or stop if it failed."""
        name, job = STAGES[self.ctx.n_done], self.ctx.job
        if job.is_finished_ok:
            self.ctx.structure = job.outputs.structure
            self.ctx.restart = job.outputs.restart
            self.ctx.n_done += 1
            self.out(f"thermo.{name}", self._joined("thermo"))
            if self.ctx.n_done == len(STAGES):
                self.out("trajectory", self._joined("trajectory"))
            self._begin_stage()
            return None

        failure = describe_failure(job)
        refusal = self._take_up_again()
        if refusal is not None:
            reason = f"{failure} {refusal}".strip()
            return self.exit_codes[f"ERROR_{name.upper()}_FAILED"].format(pk=job.pk, reason=reason)
        self.report(f"{name}: {job.process_label}<{job.pk}> was interrupted: {failure}")
        self.ctx.n_restarts += 1
        return None

    def _take_up_again(self) -> str | None:
        """Prepare another job for what the last one left, or return why there is to be none ("" if that is plain)."""
        job = self.ctx.job
        if job.exit_status not in INTERRUPTED:
            return ""
        if self.ctx.n_restarts >= self.inputs.max_restarts.value:
            return f"(It was taken up {self.ctx.n_restarts} times, as often as `max_restarts` allows.)"
        if job.exit_status == OUT_OF_MEMORY:
            changed = self._relieve_memory()
            if changed is None:
                return "(Give more as `max_memory_kb` in the options, or as an input the limit up to which to try.)"
            self.ctx.options = {**self.ctx.get("options", {}), **changed}
        if "checkpoint" in job.outputs:
            self.ctx.parts.append(job)
            self.ctx.checkpoint = job.outputs.checkpoint
        elif job.exit_status == OUT_OF_TIME:
            return "(It came to no checkpoint: raise `checkpoints` in the parameters or the time in the options.)"
        return None

    def _relieve_memory(self) -> dict[str, Any] | None:
        """Return options that give the next job more memory, or fewer tasks to share it, or None."""
        job = self.ctx.job
        asked = job.get_option("max_memory_kb")
        limit = self.inputs.max_memory_kb.value if "max_memory_kb" in self.inputs else 0
        if asked and asked < limit:
            return {"max_memory_kb": min(RAISE * asked, limit)}
        if MIN_TASKS not in self.inputs:
            return None
        default = job.computer.get_default_mpiprocs_per_machine()
        resources = fewer_tasks(job.get_option("resources"), self.inputs[MIN_TASKS].value, default)
        return None if resources is None else {"resources": resources}

    def _joined(self, output: str) -> orm.ArrayData:
        """Return an output of the stage, of all its jobs."""
        jobs = [*self.ctx.parts, self.ctx.job]
        parts = {f"part_{number:03d}": job.outputs[output] for number, job in enumerate(jobs) if output in job.outputs}
        return join_parts(**parts) if len(parts) > 1 else self.ctx.job.outputs[output]

    def finalise(self) -> None:
        """Return the outputs of the last stage."""
        for name in ("structure", "restart"):
            self.out(name, self.ctx.job.outputs[name])
