"""Input scripts for LAMMPS, one stage per run (https://docs.lammps.org/Commands_all.html)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from aiida_getl.lammps.stage import Minimisation, Stage

DATA_FILE = "structure.data"
START_RESTART_FILE = "start.restart"
END_RESTART_FILE = "end.restart"
CHECKPOINT_FILES = ("checkpoint.1", "checkpoint.2")
DUMP_FILE = "frames.dump"
POTENTIAL_FILE = "potential.eam"

#: Thermodynamic data by name: LAMMPS's keyword, its column in the log, its unit.
THERMO = {
    "step": ("step", "Step", ""),
    "temperature": ("temp", "Temp", "K"),
    "pressure": ("press", "Press", "bar"),
    "potential_energy": ("pe", "PotEng", "eV"),
    "kinetic_energy": ("ke", "KinEng", "eV"),
    "total_energy": ("etotal", "TotEng", "eV"),
    "volume": ("vol", "Volume", "Å³"),
    "density": ("density", "Density", "g/cm³"),
    "lx": ("lx", "Lx", "Å"),
    "ly": ("ly", "Ly", "Å"),
    "lz": ("lz", "Lz", "Å"),
    "xy": ("xy", "Xy", "Å"),
    "xz": ("xz", "Xz", "Å"),
    "yz": ("yz", "Yz", "Å"),
}


def derive_seed(seed: int, purpose: str) -> int:
    """Return a seed for LAMMPS (1 to 2^31 - 2) that depends on the given one and on what it is for.

    NumPy's ``SeedSequence`` mixes the seed with the CRC-32 of ``purpose``, so that different uses of the same seed
    draw independent numbers.
    """
    if seed < 0:
        raise ValueError(f"the seed is {seed}: it must not be negative")
    sequence = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] % (2**31 - 2)) + 1


def render_script(
    stage: Stage,
    pair_style: str,
    elements: Sequence[str],
    seed: int = 0,
    start: Literal["structure", "restart", "checkpoint"] = "structure",
) -> str:
    """Return the input script of one stage.

    The run writes sampled frames with unwrapped positions to ``frames.dump`` and ends by writing ``end.restart``.
    Steps are counted from the start of the stage.

    Parameters
    ----------
    stage : Stage
    pair_style : str
        ``eam``, ``eam/alloy`` or ``eam/fs``; the potential is ``potential.eam``.
    elements : sequence of str
        Element of atom types 1, 2, ...
    seed : int
        For new velocities, where the stage asks for them; see :func:`derive_seed`.
    start : str
        ``structure``: from ``structure.data``. ``restart``: from ``start.restart``, the end of an earlier stage, with
        its positions, cell, velocities and, if it had them, thermostat and barostat. ``checkpoint``: from
        ``start.restart``, written on the way of this very stage, which is taken to its end.
    """
    if pair_style == "eam":
        if len(elements) != 1:
            raise ValueError(f"pair style eam has one element per file, but the cell has {', '.join(elements)}")
        pair_coeff = f"pair_coeff * * {POTENTIAL_FILE}"
    else:
        pair_coeff = f"pair_coeff * * {POTENTIAL_FILE} {' '.join(elements)}"

    lines = ["units metal"]
    if start == "structure":
        lines += ["boundary p p p", "atom_style atomic", f"read_data {DATA_FILE}"]
    else:
        lines.append(f"read_restart {START_RESTART_FILE}")
    if start == "restart":
        lines.append("reset_timestep 0")
    lines += [
        f"pair_style {pair_style}",
        pair_coeff,
        "neigh_modify delay 0 every 1 check yes",
        "",
        f"thermo {stage.thermo_every}",
        f"thermo_style custom {' '.join(keyword for keyword, _, _ in THERMO.values())}",
        # Flushed, so that a killed run shows how far it came; twelve digits, so that stages can be joined.
        "thermo_modify flush yes lost error format float %.12g",
        f"dump frames all custom {stage.frame_every} {DUMP_FILE} id type xu yu zu",
        "dump_modify frames sort id format float %.10f",
        "",
    ]
    if isinstance(stage, Minimisation):
        tolerances = f"{stage.energy_tolerance:.6g} {stage.force_tolerance_eV_per_A:.6g}"
        lines += ["min_style cg", f"minimize {tolerances} {stage.steps} {10 * stage.steps}"]
    else:
        if stage.new_velocities and start != "checkpoint":
            drawn = derive_seed(seed, "velocities")
            lines.append(
                f"velocity all create {stage.temperature_start_K:.10g} {drawn} mom yes rot no dist gaussian loop all"
            )
        temperatures = f"{stage.temperature_start_K:.10g} {stage.temperature_end_K:.10g}"
        pressures = f"{stage.pressure_bar:.10g} {stage.pressure_bar:.10g}"
        lines += [
            f"timestep {stage.timestep_ps:.10g}",
            f"fix npt all npt temp {temperatures} {stage.temperature_damping_ps:.10g} "
            f"iso {pressures} {stage.pressure_damping_ps:.10g}",
        ]
        if stage.checkpoint_every:
            lines.append(f"restart {stage.checkpoint_every} {' '.join(CHECKPOINT_FILES)}")
        # A ramp of temperature spans the whole stage, also when a part of it is done.
        lines.append(f"run {stage.steps} upto start 0 stop {stage.steps}")
    lines.append(f"write_restart {END_RESTART_FILE}")
    return "\n".join(lines) + "\n"
