"""Parser of one LAMMPS stage: keeps what is complete, and says what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser
from ase import Atoms

from aiida_getl.lammps import script
from aiida_getl.lammps.dump import Frames, read_dump
from aiida_getl.lammps.log import LammpsLog, parse_log
from aiida_getl.lammps.stage import MolecularDynamics, stage_from_dict

# A cell of two atoms fluctuates by half of its temperature.
_HOTTEST = 10.0


class LammpsStageParser(Parser):
    """Parser of `getl.lammps`."""

    def parse(self, retrieved_temporary_folder: str | None = None, **kwargs: Any) -> ExitCode | None:
        """Attach the outputs and return the exit code, or None to keep what the scheduler reported."""
        exit_code = self._parse(Path(retrieved_temporary_folder or ""))
        # Out of time and out of memory say more than the cut files they leave.
        return None if self.node.exit_status else exit_code

    def _parse(self, temporary: Path) -> ExitCode:
        output_filename = self.node.get_option("output_filename")
        if output_filename not in self.retrieved.base.repository.list_object_names():
            return self.exit_codes.ERROR_OUTFILE_MISSING
        # Whatever a broken file system left in it is read as far as it can be.
        content = self.retrieved.base.repository.get_object_content(output_filename, mode="rb")
        log = parse_log(content.decode(errors="replace"))
        self.stage = stage_from_dict(self.node.inputs.parameters.get_dict())

        frames, frames_error = self._read_frames(temporary / script.DUMP_FILE)
        self._attach_log(log, frames)
        if frames is not None and len(frames):
            self._attach_frames(frames)
        exit_code = self._judge_log(log)
        if exit_code is not None:
            self._attach_checkpoint(log, temporary)
            return exit_code

        if frames is None:
            return self.exit_codes.ERROR_OUTPUT_FRAMES_UNREADABLE.format(error=frames_error)
        if frames.truncated or not len(frames) or frames.steps[-1] != log.thermo["step"][-1]:
            return self.exit_codes.ERROR_OUTPUT_FRAMES_TRUNCATED
        self._attach_structure(frames)
        restart = temporary / script.END_RESTART_FILE
        if not restart.is_file():
            return self.exit_codes.ERROR_OUTPUT_RESTART_MISSING
        self.out("restart", orm.SinglefileData(restart, filename=script.END_RESTART_FILE))
        return ExitCode(0)

    def _judge_log(self, log: LammpsLog) -> ExitCode | None:
        if log.lost_atoms:
            return self.exit_codes.ERROR_LOST_ATOMS.format(error=log.error)
        limit = np.inf
        if isinstance(self.stage, MolecularDynamics):
            limit = _HOTTEST * max(self.stage.temperature_start_K, self.stage.temperature_end_K)
        unstable = log.unstable(limit)
        if unstable:
            return self.exit_codes.ERROR_UNSTABLE.format(error=unstable)
        if log.potential_refused:
            return self.exit_codes.ERROR_POTENTIAL_REFUSED.format(error=log.error)
        if log.error:
            return self.exit_codes.ERROR_PARSER_DETECTED_LAMMPS_RUN_ERROR.format(error=log.error)
        steps = log.thermo["step"]
        if not log.finished or not len(steps):
            last = int(steps[-1]) if len(steps) else "none"
            return self.exit_codes.ERROR_UNFINISHED.format(step=last, steps=self.stage.steps)
        return None

    def _read_frames(self, path: Path) -> tuple[Frames | None, str]:
        """Return the frames, or None and why there are none."""
        if not path.is_file():
            return None, f"{path.name} was not retrieved"
        try:
            frames = read_dump(path)
        except ValueError as error:
            return None, str(error).replace(str(path), path.name)
        symbols = self._symbols()
        elements = list(dict.fromkeys(symbols))
        if len(frames) and frames.types.tolist() != [elements.index(symbol) + 1 for symbol in symbols]:
            return None, "its atoms are not those of the structure"
        return frames, ""

    def _symbols(self) -> list[str]:
        structure = self.node.inputs.structure
        symbols = {kind.name: kind.symbol for kind in structure.kinds}
        return [symbols[site.kind_name] for site in structure.sites]

    def _attach_log(self, log: LammpsLog, frames: Frames | None) -> None:
        steps = log.thermo["step"]
        results: dict[str, Any] = {
            "finished": log.finished,
            "wall_time_s": log.wall_time_s,
            "lammps_version": log.version,
            "warnings": list(log.warnings),
            "error": log.error,
            "steps": int(steps[-1]) if len(steps) else None,
            "n_frames": 0 if frames is None else len(frames),
            "units": {name: unit for name, (_, _, unit) in script.THERMO.items() if unit},
        }
        if len(steps):
            quantities = {name: values for name, values in log.thermo.items() if name != "step"}
            results["final"] = {name: _number(values[-1]) for name, values in quantities.items()}
            results["average_of_last_half"] = {
                name: _number(values[len(values) // 2 :].mean()) for name, values in quantities.items()
            }
            thermo = orm.ArrayData(dict(log.thermo))
            thermo.base.attributes.set("units", results["units"])
            self.out("thermo", thermo)
        self.out("results", orm.Dict(results))

    def _attach_frames(self, frames: Frames) -> None:
        trajectory = orm.TrajectoryData()
        times = None
        if isinstance(self.stage, MolecularDynamics):
            times = frames.steps * self.stage.timestep_ps
        trajectory.set_trajectory(
            symbols=self._symbols(),
            positions=frames.positions,
            stepids=frames.steps,
            cells=frames.cells,
            times=times,
            pbc=(True, True, True),
        )
        self.out("trajectory", trajectory)

    def _attach_structure(self, frames: Frames) -> None:
        atoms = Atoms(self._symbols(), positions=frames.positions[-1], cell=frames.cells[-1], pbc=True)
        atoms.wrap()
        self.out("structure", orm.StructureData(ase=atoms))

    def _attach_checkpoint(self, log: LammpsLog, temporary: Path) -> None:
        every = getattr(self.stage, "checkpoint_every", 0)
        steps = log.thermo["step"]
        if not every or not len(steps) or log.error:
            return
        # LAMMPS writes the two files in turn, each before the row of thermodynamic data of its step; a job that goes on
        # from a checkpoint begins with the first file again.
        written = int(steps[-1]) // every - int(steps[0]) // every
        path = temporary / script.CHECKPOINT_FILES[(written - 1) % len(script.CHECKPOINT_FILES)]
        if written and path.is_file():
            self.out("checkpoint", orm.SinglefileData(path, filename="checkpoint.restart"))


def _number(value: float) -> float | None:
    """Return a number that JSON knows."""
    return float(value) if np.isfinite(value) else None
