"""pw.x for one electronic structure of a metal, with other mixing where it does not converge."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ProcessHandlerReport, process_handler
from aiida.plugins import CalculationFactory, WorkflowFactory
from aiida_quantumespresso.common.types import RestartType

from aiida_getl.calculations.functions.record_tries import record_tries
from aiida_getl.parsers.last_words import find_cause, read_end
from aiida_getl.parsers.sanitise import sanitise
from aiida_getl.quantumespresso.convergence import (
    DEFAULTS,
    LADDER,
    check_ladder,
    has_no_numbers,
    is_worse,
    read_accuracies,
    read_crash,
    read_stopping_point,
    will_converge,
)
from aiida_getl.workflows.describe import describe
from aiida_getl.workflows.limits import define_limits, raise_option, relieve_memory

PwCalculation = CalculationFactory("quantumespresso.pw")
PwBaseWorkChain = WorkflowFactory("quantumespresso.pw.base")

#: Runs of one mixing in a row, as long as they would converge in one more.
MOST_RUNS_OF_ONE_MIXING = 3
#: Runs in a row that stop, their time being over, without having come further.
MOST_RUNS_IN_VAIN = 2
#: Bytes of an output that are looked at, from its end, and lines for what was said last.
LOOKED_AT = 10_000_000
LAST_LINES = 1000
#: pw.x ended without a word of its own about why.
INTERRUPTED = (
    PwCalculation.exit_codes.ERROR_SCHEDULER_OUT_OF_MEMORY,
    PwCalculation.exit_codes.ERROR_SCHEDULER_OUT_OF_WALLTIME,
    PwCalculation.exit_codes.ERROR_SCHEDULER_NODE_FAILURE,
    PwCalculation.exit_codes.ERROR_OUTPUT_STDOUT_MISSING,
    PwCalculation.exit_codes.ERROR_OUTPUT_XML_MISSING,
    PwCalculation.exit_codes.ERROR_OUTPUT_FILES,
    PwCalculation.exit_codes.ERROR_OUTPUT_STDOUT_PARSE,
    PwCalculation.exit_codes.ERROR_OUTPUT_STDOUT_INCOMPLETE,
    PwCalculation.exit_codes.ERROR_OUTPUT_XML_READ,
    PwCalculation.exit_codes.ERROR_OUTPUT_XML_PARSE,
    PwCalculation.exit_codes.ERROR_OUT_OF_WALLTIME_INTERRUPTED,
    PwCalculation.exit_codes.ERROR_UNEXPECTED_PARSER_EXCEPTION,
)
STARTS = {
    RestartType.FROM_SCRATCH: "superposed atoms",
    RestartType.FROM_CHARGE_DENSITY: "the charge density of the try before",
    RestartType.FULL: "where the try before stopped",
}


def validate_ladder(node, _) -> str | None:
    """Refuse mixing that pw.x does not know."""
    try:
        check_ladder(node.get_list())
    except ValueError as exception:
        return str(exception)
    return None


class ScfBaseWorkChain(PwBaseWorkChain):
    """Self-consistency by pw.x that starts again where that helps, and else stops with the reason.

    What aiida-quantumespresso does is kept (another diagonalisation, more bands, going on after ``max_seconds``), but
    for what a disordered metal needs:

    - Not converged: once more from the charge density reached, if that would suffice; else with the next mixing of
      ``mixing_ladder``, from superposed atoms where the density got worse. Nothing that the result depends on changes.
    - Charge or energies that are no numbers: the next mixing.
    - Out of memory, killed when out of time: twice as much, up to ``limits``; of memory, half the tasks beyond.
    - Stopped by itself before it was out of time: goes on; with twice as much where that run came no further, and not
      at all where two came no further and ``limits`` do not allow more.
    - Killed without a word: once more.

    ``max_iterations`` is the budget of all runs together. What was tried and why is in the output ``tries``.
    """

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input(
            "mixing_ladder",
            valid_type=orm.List,
            required=False,
            validator=validate_ladder,
            serializer=orm.to_aiida_type,
            help=f"Values of {', '.join(DEFAULTS)} to try in this order, after those asked for; none if empty."
            f" Default: {[tuple(step.values()) for step in LADDER]}.",
        )
        define_limits(spec)
        spec.inputs["max_iterations"].default = lambda: orm.Int(10)
        spec.output("tries", valid_type=orm.Dict, required=False, help="All runs, where it took more than one.")
        for status, name, message in (
            (410, "ERROR_NOT_CONVERGED", "The electrons did not become self-consistent: {reason}"),
            (411, "ERROR_NOT_FINITE", "Charge or energies are no numbers: {reason}"),
            (420, "ERROR_OUT_OF_MEMORY", "pw.x ran out of memory: {reason}"),
            (421, "ERROR_OUT_OF_WALLTIME", "pw.x ran out of time: {reason}"),
            (430, "ERROR_KILLED", "pw.x was killed, or ended without a word, twice: {reason}"),
            (431, "ERROR_CANNOT_WRITE", "pw.x could not write its files (disk full, quota, permissions): {reason}"),
            (432, "ERROR_NOT_STARTED", "pw.x could not be started: {reason}"),
            (433, "ERROR_CRASHED", "pw.x failed in a way that no restart mends: {reason}"),
        ):
            spec.exit_code(status, name, message=message)

    def setup(self):
        """See :meth:`PwBaseWorkChain.setup`."""
        super().setup()
        self.ctx.tries = []
        self.ctx.rung = 0
        self.ctx.runs_of_this_mixing = 1
        self.ctx.times_killed = 0
        self.ctx.reached = [0, 0]
        self.ctx.runs_in_vain = 0
        self.ctx.start = STARTS[RestartType.FROM_SCRATCH]
        self.ctx.fault = "ERROR_CRASHED"

    def set_restart_type(self, restart_type, parent_folder=None):
        """Keep what a run starts from in mind."""
        super().set_restart_type(restart_type, parent_folder)
        self.ctx.start = STARTS[restart_type]
        if restart_type != RestartType.FULL:
            self.ctx.reached = [0, 0]

    def report_error_handled(self, calculation, action):
        """Keep what is done about a failure in mind."""
        super().report_error_handled(calculation, action)
        self.ctx.remedy = action

    def inspect_process(self):
        """Handle what went wrong, and keep it in mind."""
        calculation = self.ctx.children[self.ctx.iteration - 1]
        self.ctx.remedy = ""
        self.ctx.tries.append(self._describe_try(calculation))
        if calculation.is_excepted and has_no_numbers(stdout_of(calculation)):
            # What is no number cannot be stored, so its parser excepts.
            result = self._mix_anew(calculation, "ERROR_NOT_FINITE").exit_code
            if result.status == 0 and self.ctx.iteration >= self.inputs.max_iterations.value:
                result = self.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED
        else:
            result = super().inspect_process()
        self.ctx.tries[-1]["remedy"] = self.ctx.remedy
        if result is not None and result.status == self.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED.status:
            runs = f"{self.ctx.iteration} runs are the limit (max_iterations)"
            result = self.exit_codes[self.ctx.fault].format(reason=f"{describe(calculation)}; {runs}{self._told()}")
        elif result is not None and result.status == self.exit_codes.ERROR_KNOWN_UNRECOVERABLE_FAILURE.status:
            result = self._give_up(calculation, "ERROR_CRASHED", self._find_cause(calculation)[1]).exit_code
        if result is not None and result.status != 0:
            self._record_tries()
        return result

    def results(self):
        """Hand over what the last run gave."""
        super().results()
        if len(self.ctx.tries) > 1:
            self._record_tries()

    @process_handler(
        priority=600,
        exit_codes=[
            PwCalculation.exit_codes.ERROR_ELECTRONIC_CONVERGENCE_NOT_REACHED,
            PwCalculation.exit_codes.ERROR_CHARGE_IS_WRONG,
            PwCalculation.exit_codes.ERROR_BROYDEN_FACTORIZATION,
        ],
    )
    def handle_electronic_convergence_not_reached(self, calculation):
        """Go on, or mix anew."""
        accuracies = read_accuracies(stdout_of(calculation))
        electrons = self.ctx.inputs.parameters["ELECTRONS"]
        if calculation.exit_status != PwCalculation.exit_codes.ERROR_ELECTRONIC_CONVERGENCE_NOT_REACHED.status:
            return self._mix_anew(calculation, "ERROR_NOT_CONVERGED")  # it crashed, and left no density
        if self.ctx.runs_of_this_mixing < MOST_RUNS_OF_ONE_MIXING and will_converge(
            accuracies, electrons.get("conv_thr", 1e-6), electrons.get("electron_maxstep", 100)
        ):
            self.ctx.runs_of_this_mixing += 1
            self.ctx.fault = "ERROR_NOT_CONVERGED"
            self.set_restart_type(RestartType.FROM_CHARGE_DENSITY, calculation.outputs.remote_folder)
            self.report_error_handled(calculation, "it converges: going on from its charge density")
            return ProcessHandlerReport(True)
        return self._mix_anew(calculation, "ERROR_NOT_CONVERGED", accuracies)

    @process_handler(priority=610)
    def handle_divergence(self, calculation):
        """Mix anew where charge or energies are no numbers, of which pw.x may die in many ways."""
        if calculation.is_finished_ok or not has_no_numbers(stdout_of(calculation)):
            return None
        return self._mix_anew(calculation, "ERROR_NOT_FINITE")

    @process_handler(priority=595, exit_codes=list(INTERRUPTED))
    def handle_interrupted(self, calculation):
        """Find out why, and start over if that may help."""
        codes = PwCalculation.exit_codes
        cause, said = self._find_cause(calculation)
        if calculation.exit_status == codes.ERROR_SCHEDULER_OUT_OF_MEMORY.status:
            cause = "SCHEDULER_OUT_OF_MEMORY"
        elif calculation.exit_status in (
            codes.ERROR_SCHEDULER_OUT_OF_WALLTIME.status,
            codes.ERROR_OUT_OF_WALLTIME_INTERRUPTED.status,
        ):
            cause = "SCHEDULER_OUT_OF_WALLTIME"
        self.ctx.fault = f"ERROR_{cause.removeprefix('SCHEDULER_')}"
        problem: str | None = None
        if cause == "SCHEDULER_OUT_OF_MEMORY":
            problem = relieve_memory(self)
        elif cause == "SCHEDULER_OUT_OF_WALLTIME":
            problem = self._raise_time()
        elif cause == "KILLED":
            self.ctx.times_killed += 1
            problem = None if self.ctx.times_killed == 1 else ""
        else:
            problem = ""
        if problem is not None:
            return self._give_up(calculation, self.ctx.fault, "; ".join(filter(None, (said, problem))))
        self.set_restart_type(RestartType.FROM_SCRATCH)
        self.report_error_handled(calculation, "starting over")
        return ProcessHandlerReport(True)

    @process_handler(priority=580, exit_codes=[PwCalculation.exit_codes.ERROR_OUT_OF_WALLTIME])
    def handle_out_of_walltime(self, calculation):
        """Go on where pw.x stopped by itself, its time being short, unless that leads nowhere."""
        self.ctx.fault = "ERROR_OUT_OF_WALLTIME"
        before, self.ctx.reached = self.ctx.reached, list(read_stopping_point(stdout_of(calculation)))
        self.ctx.runs_in_vain = 0 if self.ctx.reached > before else self.ctx.runs_in_vain + 1
        if self.ctx.runs_in_vain:
            problem = self._raise_time()
            if problem is not None and self.ctx.runs_in_vain >= MOST_RUNS_IN_VAIN:
                where = "iteration {} and k-point {}".format(*self.ctx.reached)
                reason = f"{self.ctx.runs_in_vain} runs came no further than {where}; {problem}"
                return self._give_up(calculation, self.ctx.fault, reason)
        self.set_restart_type(RestartType.FULL, calculation.outputs.remote_folder)
        self.report_error_handled(calculation, "going on where it stopped")
        return ProcessHandlerReport(True)

    @process_handler(priority=0)
    def handle_all_else(self, calculation):
        """Stop with the reason, unless the user said what else to do."""
        if calculation.is_finished_ok or "on_unhandled_failure" in self.inputs:
            return None
        return self._give_up(calculation, "ERROR_CRASHED", self._find_cause(calculation)[1])

    def _raise_time(self) -> str | None:
        """Give the next run more time; return why not, None if it has more."""
        if "max_seconds" not in self.inputs.pw.parameters.get("CONTROL", {}):
            self.ctx.inputs.parameters["CONTROL"].pop("max_seconds", None)  # derived anew
        return raise_option(self, "max_wallclock_seconds")

    def _mix_anew(self, calculation, fault, accuracies=()) -> ProcessHandlerReport:
        """Prepare a run with the next mixing that differs, or give up."""
        self.ctx.fault = fault
        electrons = self.ctx.inputs.parameters["ELECTRONS"]
        before = {key: electrons.get(key, default) for key, default in DEFAULTS.items()}
        ladder = self.inputs.mixing_ladder.get_list() if "mixing_ladder" in self.inputs else LADDER
        while self.ctx.rung < len(ladder):
            step = {**before, **ladder[self.ctx.rung]}
            self.ctx.rung += 1
            if step != before:
                break
        else:
            return self._give_up(calculation, fault, f"no other mixing is left{self._told()}")
        electrons.update(step)
        self.ctx.runs_of_this_mixing = 1
        if is_worse(accuracies):
            self.set_restart_type(RestartType.FROM_SCRATCH)
        else:
            self.set_restart_type(RestartType.FROM_CHARGE_DENSITY, calculation.outputs.remote_folder)
        words = f"{step['mixing_mode']}, beta {step['mixing_beta']:g}, {step['mixing_ndim']} densities"
        self.report_error_handled(calculation, f"mixing {words}, from {self.ctx.start}")
        return ProcessHandlerReport(True)

    def _give_up(self, calculation, fault, reason) -> ProcessHandlerReport:
        reason = "; ".join(filter(None, (describe(calculation), reason)))
        return ProcessHandlerReport(True, self.exit_codes[fault].format(reason=reason))

    def _find_cause(self, calculation) -> tuple[str, str]:
        """Return the end of the name of an exit code, and what was said, which may be nothing."""
        crash = (
            read_end(calculation.outputs.retrieved, "CRASH", LOOKED_AT) if "retrieved" in calculation.outputs else ""
        )
        if crash:
            return "CRASHED", sanitise(read_crash(crash)[:300])
        heard = [stdout_of(calculation), calculation.get_scheduler_stderr() or ""]
        found = find_cause(line for text in heard for line in text.splitlines()[-LAST_LINES:])
        return ("KILLED", "") if found is None else (found[0], sanitise(found[1]))

    def _describe_try(self, calculation) -> dict[str, Any]:
        electrons = self.ctx.inputs.parameters["ELECTRONS"]
        accuracies = read_accuracies(stdout_of(calculation)).tolist()
        return sanitise(
            {
                "calculation": calculation.uuid,
                **{key: electrons.get(key, default) for key, default in DEFAULTS.items()},
                "diagonalization": electrons.get("diagonalization", "david"),
                "start": self.ctx.start,
                "iterations": len(accuracies),
                "accuracy_Ry": accuracies[:1] + accuracies[1:][-1:],
                "end": describe(calculation),
            }
        )

    def _told(self) -> str:
        """Return all tries in a few words each."""
        tries = [
            f"{each['mixing_mode']} {each['mixing_beta']:g}: "
            f"{' to '.join('?' if value is None else f'{value:.0e}' for value in each['accuracy_Ry']) or 'nothing'} Ry "
            f"in {each['iterations']} iterations"
            for each in self.ctx.tries
        ]
        return f"; tried {', '.join(tries)}"

    def _record_tries(self) -> None:
        self.out("tries", record_tries(orm.List(self.ctx.tries)))


def stdout_of(calculation: orm.CalcJobNode) -> str:
    """Return what pw.x printed, empty if it is not there."""
    if "retrieved" not in calculation.outputs:
        return ""
    return read_end(calculation.outputs.retrieved, calculation.get_option("output_filename"), LOOKED_AT)
