"""Melt-quench: the stages that turn random atoms into a glass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from aiida_getl.lammps.stage import Minimisation, MolecularDynamics, Stage, is_positive, is_positive_integer

#: Names of the stages, in their order.
STAGES = ("minimise", "melt", "quench", "equilibrate")


@dataclass(frozen=True, kw_only=True)
class MeltQuench:
    """Settings of a melt-quench.

    Attributes
    ----------
    melt_temperature_K, final_temperature_K : float
    timestep_ps : float
    melt_steps, equilibrate_steps : int
        Time steps at the melt's and at the final temperature.
    quench_rate_K_per_ps : float
        Cooling rate; 0.001 K/ps is 1e9 K/s.
    pressure_bar, temperature_damping_ps, pressure_damping_ps : float
        Barostat and thermostat of all stages.
    minimise_steps, minimise_energy_tolerance, minimise_force_tolerance_eV_per_A : int, float, float
        See :class:`aiida_getl.lammps.stage.Minimisation`.
    thermo_rows : int
        Rows of thermodynamic data per stage, at most.
    frames : int
        Frames sampled while equilibrating, besides the first, at most ``thermo_rows``; the other stages keep their
        first and last frame.
    checkpoints : int
        Restart files written on the way of each stage; 0 for none.
    """

    melt_temperature_K: float
    final_temperature_K: float
    timestep_ps: float
    melt_steps: int
    quench_rate_K_per_ps: float
    equilibrate_steps: int
    pressure_bar: float
    temperature_damping_ps: float
    pressure_damping_ps: float
    minimise_steps: int
    minimise_energy_tolerance: float
    minimise_force_tolerance_eV_per_A: float
    thermo_rows: int
    frames: int
    checkpoints: int

    def __post_init__(self) -> None:
        for name in ("melt_steps", "equilibrate_steps", "minimise_steps", "thermo_rows", "frames"):
            if not is_positive_integer(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}: it must be a positive integer")
        for name in ("melt_temperature_K", "final_temperature_K", "timestep_ps", "quench_rate_K_per_ps"):
            if not is_positive(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}: it must be a positive number")
        if self.checkpoints != 0 and not is_positive_integer(self.checkpoints):
            raise ValueError(f"checkpoints is {self.checkpoints!r}: it must be zero or a positive integer")
        if self.frames > self.thermo_rows:
            raise ValueError(f"frames is {self.frames}: it must be at most thermo_rows, {self.thermo_rows}")
        if self.final_temperature_K >= self.melt_temperature_K:
            raise ValueError(
                f"a quench from {self.melt_temperature_K} K to {self.final_temperature_K} K is none: "
                "melt_temperature_K must be above final_temperature_K"
            )
        # The other settings are checked by the stages they belong to.
        self.stages()

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> MeltQuench:
        """Return the settings in a mapping; unknown and missing keys are a ``ValueError``."""
        known = {field.name: field.default is MISSING for field in fields(cls)}
        unknown = sorted(set(settings) - set(known))
        missing = sorted(name for name, required in known.items() if required and name not in settings)
        if unknown:
            raise ValueError(f"unknown settings of a melt-quench: {', '.join(unknown)}; known are {', '.join(known)}")
        if missing:
            raise ValueError(f"missing settings of a melt-quench: {', '.join(missing)}")
        return cls(**settings)

    @property
    def quench_steps(self) -> int:
        """Time steps of the quench."""
        span = self.melt_temperature_K - self.final_temperature_K
        return max(1, round(span / (self.quench_rate_K_per_ps * self.timestep_ps)))

    def stages(self) -> dict[str, Stage]:
        """Return the stages by name.

        Numbers of steps are rounded up to whole multiples of the sampling intervals, by less than one row or frame.
        """
        hot, cold = self.melt_temperature_K, self.final_temperature_K
        return {
            "minimise": Minimisation(
                steps=self.minimise_steps,
                energy_tolerance=self.minimise_energy_tolerance,
                force_tolerance_eV_per_A=self.minimise_force_tolerance_eV_per_A,
                thermo_every=math.ceil(self.minimise_steps / self.thermo_rows),
                frame_every=self.minimise_steps,
            ),
            "melt": self._dynamics(self.melt_steps, hot, hot, new_velocities=True),
            "quench": self._dynamics(self.quench_steps, hot, cold),
            "equilibrate": self._dynamics(self.equilibrate_steps, cold, cold, frames=self.frames),
        }

    def _dynamics(
        self, steps: int, start: float, end: float, frames: int = 1, new_velocities: bool = False
    ) -> MolecularDynamics:
        # Every frame has its row of thermodynamic data.
        thermo_every = math.ceil(steps / self.thermo_rows)
        frame_every = thermo_every * math.ceil(steps / (thermo_every * frames))
        steps = frame_every * math.ceil(steps / frame_every)
        checkpoint_every = 0
        if self.checkpoints:
            checkpoint_every = thermo_every * math.ceil(steps / (thermo_every * (self.checkpoints + 1)))
        return MolecularDynamics(
            steps=steps,
            timestep_ps=self.timestep_ps,
            temperature_start_K=start,
            temperature_end_K=end,
            temperature_damping_ps=self.temperature_damping_ps,
            pressure_damping_ps=self.pressure_damping_ps,
            pressure_bar=self.pressure_bar,
            new_velocities=new_velocities,
            thermo_every=thermo_every,
            frame_every=frame_every,
            checkpoint_every=checkpoint_every,
        )
