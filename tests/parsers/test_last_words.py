"""Last words of real programs and schedulers."""

import pytest

from aiida_getl.parsers.last_words import find_cause

OPENMPI = """\
mpirun was unable to launch the specified application as it could not access
or execute an executable:

Executable: /nowhere/pw.x
Node: vm
"""
HYDRA = (
    "[proxy:0@vm] HYDU_create_process (lib/utils/launch.c:73): execvp error on file /nowhere/pw.x (No such file or "
    "directory)"
)


@pytest.mark.parametrize(
    ("text", "cause", "word"),
    [
        (OPENMPI, "NOT_STARTED", "/nowhere/pw.x"),
        (HYDRA, "NOT_STARTED", "/nowhere/pw.x"),
        ("_aiidasubmit.sh: line 12: /nowhere/pw.x: No such file or directory", "NOT_STARTED", "/nowhere/pw.x"),
        ("slurmstepd: error: execve(): pw.x: No such file or directory", "NOT_STARTED", "pw.x"),
        ("pw.x: error while loading shared libraries: libmpi.so.40: cannot open", "NOT_STARTED", "libmpi.so.40"),
        ("Fortran runtime error: No space left on device", "CANNOT_WRITE", "No space"),
        ("_aiidasubmit.sh: line 14: 17 File size limit exceeded'pw.x' '-in' 'aiida.in'", "CANNOT_WRITE", "limit"),
        ("OSError: [Errno 122] Disk quota exceeded", "CANNOT_WRITE", "quota"),
        ("getl-cohp: [Errno 30] Read-only file system: 'lobsterout'", "CANNOT_WRITE", "Read-only"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT x DUE TO TIME LIMIT ***", "SCHEDULER_OUT_OF_WALLTIME", "7"),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7 GiB", "SCHEDULER_OUT_OF_MEMORY", "7 GiB"),
        ("mpirun noticed that process rank 0 exited on signal 9 (Killed).", "KILLED", "signal 9"),
        # More than one is said: the disk is the cause of the crash.
        ("Traceback (most recent call last)\nOSError: [Errno 28] No space left on device", "CANNOT_WRITE", "28"),
    ],
)
def test_causes(text, cause, word):
    found = find_cause(text.splitlines())
    assert found is not None
    assert found[0] == cause
    assert word in found[1]


@pytest.mark.parametrize("text", ["", "JOB DONE.", "     convergence has been achieved in   6 iterations"])
def test_nothing_is_made_up(text):
    assert find_cause(text.splitlines()) is None
