"""The stages of a simulation, as checked settings: units are in the names, as they are in LAMMPS's ``metal`` units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar


def _require(stage: object, condition: bool, name: str, wanted: str) -> None:
    if not condition:
        raise ValueError(f"{name} is {getattr(stage, name)!r}: {wanted}")


def is_positive_integer(value: Any) -> bool:
    """Return whether a value is an integer above zero."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_finite(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_positive(value: Any) -> bool:
    """Return whether a value is a finite number above zero."""
    return is_finite(value) and value > 0


@dataclass(frozen=True, kw_only=True)
class Minimisation:
    """Conjugate-gradient minimisation of the energy in a fixed cell.

    Attributes
    ----------
    steps : int
        Most iterations; stopping there is no failure, since a melt follows.
    energy_tolerance : float
        Relative change in energy at which to stop.
    force_tolerance_eV_per_A : float
        Norm of the forces at which to stop.
    thermo_every, frame_every : int
        Iterations between rows of thermodynamic data, and between frames. The first and last are always kept.
    """

    kind: ClassVar[str] = "minimise"

    steps: int
    energy_tolerance: float
    force_tolerance_eV_per_A: float
    thermo_every: int
    frame_every: int

    def __post_init__(self) -> None:
        for name in ("steps", "thermo_every", "frame_every"):
            _require(self, is_positive_integer(getattr(self, name)), name, "it must be a positive integer")
        for name in ("energy_tolerance", "force_tolerance_eV_per_A"):
            value = getattr(self, name)
            _require(self, is_finite(value) and value >= 0, name, "it must not be negative")


@dataclass(frozen=True, kw_only=True)
class MolecularDynamics:
    """Molecular dynamics at constant pressure (Nosé-Hoover), the temperature constant or on a linear ramp.

    Attributes
    ----------
    steps : int
        Time steps.
    timestep_ps : float
    temperature_start_K, temperature_end_K : float
        Of the thermostat, first and last.
    temperature_damping_ps, pressure_damping_ps : float
        Relaxation times of thermostat and barostat.
    pressure_bar : float
        Of the barostat, which scales the cell isotropically.
    new_velocities : bool
        Draw velocities at ``temperature_start_K`` instead of going on with those of the restart file.
    thermo_every, frame_every : int
        Steps between rows of thermodynamic data, and between frames. ``steps`` is a multiple of both, so that the last
        row and the last frame belong to the last step.
    checkpoint_every : int
        Steps between restart files written on the way; 0 for none. A multiple of ``thermo_every``.
    """

    kind: ClassVar[str] = "npt"

    steps: int
    timestep_ps: float
    temperature_start_K: float
    temperature_end_K: float
    temperature_damping_ps: float
    pressure_damping_ps: float
    pressure_bar: float = 0.0
    new_velocities: bool = False
    thermo_every: int
    frame_every: int
    checkpoint_every: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "thermo_every", "frame_every"):
            _require(self, is_positive_integer(getattr(self, name)), name, "it must be a positive integer")
        for name in ("temperature_start_K", "temperature_end_K"):
            _require(self, is_positive(getattr(self, name)), name, "it must be a positive number of K")
        for name in ("timestep_ps", "temperature_damping_ps", "pressure_damping_ps"):
            _require(self, is_positive(getattr(self, name)), name, "it must be a positive number of ps")
        _require(self, is_finite(self.pressure_bar), "pressure_bar", "it must be a number of bar")
        _require(self, isinstance(self.new_velocities, bool), "new_velocities", "it must be true or false")
        for name in ("thermo_every", "frame_every"):
            _require(self, self.steps % getattr(self, name) == 0, name, f"the {self.steps} steps must be a multiple")
        _require(
            self,
            self.checkpoint_every == 0
            or (is_positive_integer(self.checkpoint_every) and self.checkpoint_every % self.thermo_every == 0),
            "checkpoint_every",
            f"it must be 0 or a multiple of thermo_every, {self.thermo_every}",
        )


Stage = Minimisation | MolecularDynamics
_KINDS: dict[str, type[Minimisation] | type[MolecularDynamics]] = {
    stage.kind: stage for stage in (Minimisation, MolecularDynamics)
}


def stage_to_dict(stage: Stage) -> dict[str, Any]:
    """Return the settings of a stage, with its kind."""
    return {"kind": stage.kind, **asdict(stage)}


def stage_from_dict(settings: Mapping[str, Any]) -> Stage:
    """Return the stage that :func:`stage_to_dict` wrote.

    Raises
    ------
    ValueError
        For an unknown kind, for keys that are unknown or missing, for values out of range.
    """
    settings = dict(settings)
    kind = settings.pop("kind", None)
    if kind not in tuple(_KINDS):
        raise ValueError(f"the kind of the stage is {kind!r}: it must be one of {', '.join(_KINDS)}")
    known = {field.name: field.default is MISSING for field in fields(_KINDS[kind])}
    unknown = sorted(set(settings) - set(known))
    missing = sorted(name for name, required in known.items() if required and name not in settings)
    if unknown or missing:
        faults = [f"{', '.join(unknown)} unknown"] * bool(unknown) + [f"{', '.join(missing)} missing"] * bool(missing)
        raise ValueError(f"settings of a stage of kind {kind}: {' and '.join(faults)}")
    return _KINDS[kind](**settings)
