"""Bond analysis that mends what can be mended: too few bands, memory, time; and else stops with the reason."""

from __future__ import annotations

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import BaseRestartWorkChain, ProcessHandlerReport, ToContext, if_, process_handler, while_
from aiida.plugins import CalculationFactory

from aiida_getl.calculations.functions.continue_projection import continue_projection, save_projection
from aiida_getl.calculations.functions.more_bands import more_bands
from aiida_getl.calculations.lobster import find_problem
from aiida_getl.calculations.pw_run import describe_run, find_engine
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.requirements import required_bands
from aiida_getl.workflows.describe import describe
from aiida_getl.workflows.limits import define_limits, raise_option

PwCalculation = CalculationFactory("quantumespresso.pw")
ProjwfcCalculation = CalculationFactory("getl.projwfc")
LobsterCalculation = CalculationFactory("getl.lobster")

#: Bands beyond those needed, as a fraction: the highest ones of a diagonalisation are the least converged.
BAND_MARGIN = 0.1
#: What a lobsterin may say of the projection; LOBSTER is told to save it where this is left open.
ON_PROJECTION = frozenset({"saveprojectiontofile", "loadprojectionfromfile", "skipprojection"})


def validate_inputs(inputs, _) -> str | None:
    """Refuse a namespace for pw.x that would leave getl-cohp without the projections that it is given."""
    if "pw" in inputs and "projections_folder" in inputs.get("lobster", {}) and "projwfc" not in inputs:
        return (
            "the projections of projwfc.x have to be made anew after pw.x has run with more bands: give the namespace "
            "`projwfc` too, or leave out projections_folder"
        )
    return None


class LobsterBaseWorkChain(BaseRestartWorkChain):
    """Bond analysis with LOBSTER or ``getl-cohp`` that starts again where that helps.

    - Too few bands, or k-points left out by symmetry, and ``pw`` is given: pw.x computes the bands anew from the charge
      density it has (``nscf``), and the analysis starts again.
    - ``projwfc`` is given, and no projections of these bands: projwfc.x makes them for ``getl-cohp``.
    - Out of memory, out of time: once more with twice as much, up to ``limits``.
    - Killed, or ended without a word: once more.
    - LOBSTER is told to save its projection, and in the three cases before goes on from it if it came so far.
    - Interrupted after all ICOHPs were written: they are good, and taken.
    """

    _process_class = LobsterCalculation

    @classmethod
    def define(cls, spec):
        super().define(spec)
        # It looks at folders that this work chain may replace; it makes the same check before each submission.
        spec.expose_inputs(LobsterCalculation, namespace="lobster")
        spec.inputs["lobster"].validator = None
        spec.expose_inputs(
            PwCalculation,
            namespace="pw",
            exclude=("structure", "parent_folder", "parameters", "kpoints", "pseudos", "settings"),
            namespace_options={
                "required": False,
                "populate_defaults": False,
                "help": "pw.x, for more bands; what it computes is taken from the run that left too few.",
            },
        )
        spec.inputs["pw"].validator = None
        spec.expose_inputs(
            ProjwfcCalculation,
            namespace="projwfc",
            exclude=("parent_folder",),
            namespace_options={"required": False, "populate_defaults": False, "help": "projwfc.x, for `getl-cohp`."},
        )
        define_limits(spec)
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(
                if_(cls.needs_bands)(cls.run_pw, cls.inspect_pw),
                cls.check_inputs,
                if_(cls.needs_projections)(cls.run_projwfc, cls.inspect_projwfc, cls.check_inputs),
                cls.run_process,
                cls.inspect_process,
            ),
            cls.results,
        )
        spec.expose_outputs(LobsterCalculation)
        spec.outputs["bonds"].required = False
        spec.outputs["results"].required = False

        spec.exit_code(210, "ERROR_UNSUITABLE_INPUT", message="The analysis would fail: {reason}")
        spec.exit_code(
            410,
            "ERROR_TOO_FEW_BANDS",
            message="pw.x computed too few bands, and cannot be run again: {reason}",
        )
        spec.exit_code(411, "ERROR_BANDS_FAILED", message="More bands or projections could not be had: {reason}")
        spec.exit_code(420, "ERROR_OUT_OF_MEMORY", message="The analysis ran out of memory: {reason}")
        spec.exit_code(421, "ERROR_OUT_OF_WALLTIME", message="The analysis ran out of time: {reason}")
        spec.exit_code(412, "ERROR_FILES_LOST", message="What pw.x or projwfc.x wrote is lost or damaged: {reason}")
        spec.exit_code(422, "ERROR_CANNOT_WRITE", message="The analysis could not write its files: {reason}")
        spec.exit_code(423, "ERROR_NOT_STARTED", message="The analysis could not be started: {reason}")
        spec.exit_code(424, "ERROR_KILLED", message="The analysis was killed, or ended without a word, twice: {reason}")
        spec.exit_code(
            430, "ERROR_NOT_MENDABLE", message="The analysis failed in a way that no restart mends: {reason}"
        )

    def setup(self):
        """See what the run needs before it starts."""
        super().setup()
        self.ctx.inputs = AttributeDict(self.exposed_inputs(LobsterCalculation, "lobster"))
        self.ctx.inputs.metadata = AttributeDict(self.ctx.inputs.get("metadata", {}))
        self.ctx.inputs.metadata.options = dict(self.ctx.inputs.metadata.get("options", {}))
        self.ctx.bands_needed = None
        self.ctx.times_killed = 0
        if "pw" in self.inputs:
            self.ctx.bands_needed = self._bands_that_lack()
        said = {keyword.lower() for keyword in self.ctx.inputs.parameters.get_dict()}
        if find_engine(self.ctx.inputs.code, False) == "LOBSTER" and not said & ON_PROJECTION:
            self.ctx.inputs.parameters = save_projection(self.ctx.inputs.parameters)

    def needs_bands(self):
        """Whether pw.x has to be run again."""
        return self.ctx.bands_needed is not None

    def run_pw(self):
        """Compute more bands from the charge density of the earlier run."""
        scf = self.ctx.inputs.parent_folder.creator
        inputs = AttributeDict(self.exposed_inputs(PwCalculation, "pw"))
        inputs.structure = self.ctx.inputs.structure
        inputs.pseudos = dict(scf.inputs.pseudos)
        inputs.kpoints = scf.inputs.kpoints
        inputs.parameters = more_bands(scf.inputs.parameters, orm.Int(self.ctx.bands_needed))
        if "settings" in scf.inputs:
            inputs.settings = scf.inputs.settings
        inputs.parent_folder = self.ctx.inputs.parent_folder
        inputs.metadata.call_link_label = "nscf"
        self.report(f"pw.x computes {self.ctx.bands_needed} bands, from the charge density of <{scf.pk}>")
        return ToContext(nscf=self.submit(PwCalculation, **inputs))

    def inspect_pw(self):
        """Take the new bands."""
        if not self.ctx.nscf.is_finished_ok:
            return self.exit_codes.ERROR_BANDS_FAILED.format(reason=describe(self.ctx.nscf))
        self.ctx.inputs.parent_folder = self.ctx.nscf.outputs.remote_folder
        self.ctx.inputs.pop("projections_folder", None)
        self.ctx.bands_needed = None
        return None

    def needs_projections(self):
        """Whether the bands have yet to be projected by projwfc.x."""
        return self._expects_projections() and "projections_folder" not in self.ctx.inputs

    def run_projwfc(self):
        """Project the bands."""
        inputs = AttributeDict(self.exposed_inputs(ProjwfcCalculation, "projwfc"))
        inputs.parent_folder = self.ctx.inputs.parent_folder
        inputs.metadata.call_link_label = "projwfc"
        return ToContext(projwfc=self.submit(ProjwfcCalculation, **inputs))

    def inspect_projwfc(self):
        """Take the new projections."""
        if not self.ctx.projwfc.is_finished_ok:
            return self.exit_codes.ERROR_BANDS_FAILED.format(reason=describe(self.ctx.projwfc))
        self.ctx.inputs.projections_folder = self.ctx.projwfc.outputs.remote_folder
        return None

    def check_inputs(self):
        """Stop with the reason where the calculation would be refused: a work chain cannot let a submission raise."""
        problem = find_problem(self.ctx.inputs, self._expects_projections())
        if problem is None:
            return None
        if problem.startswith("the basis has"):  # and nothing else is wrong
            return self.exit_codes.ERROR_TOO_FEW_BANDS.format(reason=f"{problem} (or give `pw`, and it is done here)")
        return self.exit_codes.ERROR_UNSUITABLE_INPUT.format(reason=problem)

    @process_handler(priority=600)
    def handle_complete_icohps(self, calculation):
        """Take the ICOHPs of a run that was interrupted after they were written, or that lost a lesser file."""
        if calculation.is_finished_ok or "results" not in calculation.outputs:
            return None
        complete = "bonds" in calculation.outputs and calculation.outputs.results.get("icohps_complete", False)
        interrupted = calculation.exit_status in (110, 120) or calculation.exit_status in (
            LobsterCalculation.exit_codes.ERROR_UNFINISHED_ICOHPS_COMPLETE.status,
            LobsterCalculation.exit_codes.ERROR_OTHER_FILES_INCOMPLETE.status,
        )
        if not (complete and interrupted):
            return None
        self.report(f"{describe(calculation)}; its ICOHPs are complete and taken")
        self.ctx.is_finished = True
        return ProcessHandlerReport(do_break=True)

    @process_handler(priority=500, exit_codes=[LobsterCalculation.exit_codes.ERROR_TOO_FEW_BANDS])
    def handle_too_few_bands(self, calculation):
        """Have pw.x compute as many bands as the program, or the basis, asks for."""
        run = describe_run(self.ctx.inputs.parent_folder)
        needed = calculation.outputs.results.get("bands_needed", None) or self._required_bands(run)
        if "pw" not in self.inputs or needed is None or "nscf" in self.ctx or run.n_bands is None:
            reason = f"{describe(calculation)}; give `pw` to have it run again"
            if "nscf" in self.ctx:
                reason = f"{describe(calculation)}, and that after pw.x was run again"
            return ProcessHandlerReport(True, self.exit_codes.ERROR_TOO_FEW_BANDS.format(reason=reason))
        self.ctx.bands_needed = with_margin(needed)
        return ProcessHandlerReport(True)

    @process_handler(priority=400, exit_codes=[LobsterCalculation.exit_codes.ERROR_SCHEDULER_OUT_OF_MEMORY])
    def handle_out_of_memory(self, calculation):
        """Ask for more memory; going on from the projection may do without: the wavefunctions are not read again."""
        if self._goes_on(calculation):
            raise_option(self, "max_memory_kb")
            return ProcessHandlerReport(True)
        return self._raise_option(calculation, "max_memory_kb", self.exit_codes.ERROR_OUT_OF_MEMORY)

    @process_handler(priority=400, exit_codes=[LobsterCalculation.exit_codes.ERROR_SCHEDULER_OUT_OF_WALLTIME])
    def handle_out_of_walltime(self, calculation):
        """Go on from the projection if LOBSTER saved it, else ask for more time."""
        if self._goes_on(calculation):
            return ProcessHandlerReport(True)
        return self._raise_option(calculation, "max_wallclock_seconds", self.exit_codes.ERROR_OUT_OF_WALLTIME)

    @process_handler(
        priority=300,
        exit_codes=[
            LobsterCalculation.exit_codes.ERROR_KILLED,
            LobsterCalculation.exit_codes.ERROR_OUTPUT_MISSING,
            LobsterCalculation.exit_codes.ERROR_UNFINISHED,
        ],
    )
    def handle_killed(self, calculation):
        """Try once more after a kill from outside, or an end that nothing was said about."""
        self.ctx.times_killed += 1
        if self.ctx.times_killed > 1:
            return self._stop(calculation, self.exit_codes.ERROR_KILLED)
        self._goes_on(calculation)
        return ProcessHandlerReport(True)

    @process_handler(
        priority=200,
        exit_codes=[
            LobsterCalculation.exit_codes.ERROR_FILES_LOST,
            LobsterCalculation.exit_codes.ERROR_PROGRAM_NOT_DETECTED,
        ],
    )
    def handle_files_lost(self, calculation):
        """Stop: whoever called this may have pw.x run again."""
        return self._stop(calculation, self.exit_codes.ERROR_FILES_LOST)

    @process_handler(priority=200, exit_codes=[LobsterCalculation.exit_codes.ERROR_CANNOT_WRITE])
    def handle_cannot_write(self, calculation):
        """Stop: a full disk stays full."""
        return self._stop(calculation, self.exit_codes.ERROR_CANNOT_WRITE)

    @process_handler(priority=200, exit_codes=[LobsterCalculation.exit_codes.ERROR_NOT_STARTED])
    def handle_not_started(self, calculation):
        """Stop: the code has to be set up again."""
        return self._stop(calculation, self.exit_codes.ERROR_NOT_STARTED)

    @process_handler(priority=0)
    def handle_all_else(self, calculation):
        """Stop with the reason and what there is, unless the user said what else to do."""
        if calculation.is_finished_ok or "on_unhandled_failure" in self.inputs:
            return None
        return self._stop(calculation, self.exit_codes.ERROR_NOT_MENDABLE)

    def results(self):
        """Hand over what the last run gave."""
        self._attach(self.ctx.children[self.ctx.iteration - 1])

    def _attach(self, calculation) -> None:
        self.out_many(self.exposed_outputs(calculation, LobsterCalculation))

    def _stop(self, calculation, exit_code):
        self._attach(calculation)
        return ProcessHandlerReport(True, exit_code.format(reason=describe(calculation)))

    def _goes_on(self, calculation) -> bool:
        """Have the next run go on from the projection, if this one saved it and did not go on from one itself."""
        results = calculation.outputs.results.get_dict() if "results" in calculation.outputs else {}
        if not results.get("projection_saved") or "lobster_folder" in self.ctx.inputs:
            return False
        self.ctx.inputs.parameters = continue_projection(self.ctx.inputs.parameters)
        self.ctx.inputs.lobster_folder = calculation.outputs.remote_folder
        self.report("LOBSTER had saved its projection and goes on from it")
        return True

    def _raise_option(self, calculation, option, exit_code):
        if problem := raise_option(self, option):
            self._attach(calculation)
            return ProcessHandlerReport(True, exit_code.format(reason=f"{describe(calculation)}; {problem}"))
        return ProcessHandlerReport(True)

    def _expects_projections(self) -> bool:
        """Whether projwfc.x is there to make what getl-cohp reads; LOBSTER has no use for it."""
        return "projwfc" in self.inputs and find_engine(self.ctx.inputs.code, True) == "getl-cohp"

    def _required_bands(self, run) -> int | None:
        inputs = self.ctx.inputs
        has_projections = "projections_folder" in inputs or self._expects_projections()
        try:
            return required_bands(
                inputs.structure.get_ase(),
                Lobsterin.from_dict(inputs.parameters.get_dict()),
                run.upfs,
                find_engine(inputs.code, has_projections),
                has_projections,
            )
        except ValueError:  # a shell that there is no orbital of: check_inputs says so
            return None

    def _bands_that_lack(self) -> int | None:
        """Return how many bands to compute, None if there are enough, or if it is not known here."""
        run = describe_run(self.ctx.inputs.parent_folder)
        needed = self._required_bands(run) or 0
        if run.n_bands is None or (run.n_bands >= needed and not run.uses_symmetry):
            return None
        return max(with_margin(needed), run.n_bands)


def with_margin(n: int) -> int:
    """Return a number of bands with the margin for the least converged ones."""
    return n + max(1, round(BAND_MARGIN * n))
