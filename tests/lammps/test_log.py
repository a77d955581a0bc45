"""Logs: every block, cut anywhere, with words where numbers should be."""

import numpy as np
import pytest

from aiida_getl.lammps.log import parse_log
from aiida_getl.lammps.script import THERMO

HEADER = "   " + " ".join(column for _, column, _ in THERMO.values()) + "\n"


def row(step, temperature=300.0):
    return f"{step} {temperature} " + " ".join(["1.5"] * (len(THERMO) - 2)) + "\n"


LOG = (
    "LAMMPS (22 Jul 2025 - Update 4)\nWARNING: careful (src/a.cpp:1)\n"
    + HEADER
    + row(0)
    + "WARNING: careful (src/a.cpp:1)\n"
    + row(10)
    + "Loop time of 0.1 on 1 procs for 10 steps with 8 atoms\n1 2 3\n"
    + HEADER
    + row(10)
    + row(20, 310.0)
    + "Loop time of 0.1 on 1 procs for 10 steps with 8 atoms\nTotal wall time: 1:02:03\n"
)


def test_reads_every_block():
    log = parse_log(LOG)
    assert log.thermo["step"].tolist() == [0, 10, 10, 20]
    assert log.thermo["temperature"].tolist() == [300, 300, 300, 310]
    assert set(log.thermo) == set(THERMO)
    assert log.finished
    assert log.wall_time_s == 3723
    assert log.version == "22 Jul 2025 - Update 4"
    assert log.warnings == ("careful (src/a.cpp:1)",)
    assert log.error is None
    assert log.unstable(10000.0) is None


@pytest.mark.parametrize("end", range(0, len(LOG) - 9, 7))
def test_can_be_cut_anywhere(end):
    log = parse_log(LOG[:end])
    assert not log.finished
    complete = LOG[:end].rpartition("\n")[0].count(" 1.5 1.5 1.5")
    assert np.all(np.isin(log.thermo["step"], [0, 10, 20]))
    assert complete == 0 or len(log.thermo["step"]) > 0


def test_not_a_number():
    log = parse_log(HEADER + row(0) + row(5, "-nan") + row(10, "inf"))
    assert len(log.thermo["step"]) == 3
    assert log.unstable(1e9) == "the temperature is nan at step 5"


def test_too_hot():
    log = parse_log(HEADER + row(0) + row(5, 9000.0))
    assert log.unstable(10000.0) is None
    assert log.unstable(5000.0) == "the temperature is 9000 K at step 5"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("ERROR: Lost atoms: original 8 current 4", "lost_atoms"),
        ("ERROR: Unrecognized pair style 'eam/sf' (src/src/force.cpp:275)", "potential_refused"),
        ("ERROR: No matching element in EAM potential file (src/src/MANYBODY/pair_eam_fs.cpp:80)", "potential_refused"),
        ("ERROR on proc 0: Cannot open EAM potential file x.eam: No such file", "potential_refused"),
        ("ERROR: Unknown command: timestap 0.002 (src/src/input.cpp:314)", None),
        ("ERROR: Non-numeric pressure - simulation unstable", "unstable"),
        ("ERROR on proc 0: Out of range atoms - cannot compute PPPM", "unstable"),
    ],
)
def test_errors_are_told_apart(message, kind):
    log = parse_log(HEADER + row(0) + message + "\nLast input line: run 5\nTotal wall time: 0:00:00\n")
    assert log.error == message
    assert not log.finished
    assert log.lost_atoms == (kind == "lost_atoms")
    assert log.potential_refused == (kind == "potential_refused")
    assert (log.unstable(1e9) is not None) == (kind == "unstable")
