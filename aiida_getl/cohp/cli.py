"""The command ``getl-cohp``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiida_getl import __version__
from aiida_getl.cohp.run import run

BAD_INPUT = 2
OUT_OF_MEMORY = 3
#: Seconds between two lines about the progress.
REPORT_INTERVAL = 5.0

DESCRIPTION = """\
Bond strengths (ICOHP) from a Quantum ESPRESSO calculation, in LOBSTER's files.

Run it in a folder that holds 'lobsterin' and, in it or below, the .save folder of pw.x with its wavefunctions. The
bands are projected on Slater orbitals, as LOBSTER does; this needs PAW datasets with their partial waves (those made
by ld1.x have them). Without, run projwfc.x: its atomic_proj.xml in the same folder is used instead.
Writes ICOHPLIST, ICOOPLIST, ICOBILIST and the curves COHPCAR, COOPCAR, COBICAR, CHARGE and GROSSPOP (all .lobster),
lobsterout, and getl-cohp.json for programs; files of these names from an earlier run are removed first.
"""

EXAMPLE = """\
example
  1. pw.x with nosym = .true., noinv = .true. and nbnd a little above the number of functions in the basis: 4 for each
     Al (3s 3p), 10 for each Cu (3s 4s 3p 3d). A grid of k-points, or K_POINTS gamma for a large cell.
  2. only for other than PAW datasets: projwfc.x with this input:
       &projwfc
         prefix = 'aiida', outdir = './out', lsym = .false., lwrite_overlaps = .true.
       /
  3. a file named lobsterin:
       basisFunctions Cu 3s 4s 3p 3d            ! left out: the occupied orbitals of the pseudopotential
       cohpGenerator from 1.8 to 4.2            ! in Angstrom; may be repeated; 'type Cu type Zr' and 'orbitalwise' too
       cohpBetween atom 1 atom 2 cell 0 0 1     ! one bond
       skipCar                                  ! no curves; skipCOOP, skipCOBI, skipPopulationAnalysis save time too
  4. getl-cohp
     ICOHPLIST.lobster has one line per bond: the two atoms, distance, lattice translation of the second, ICOHP in eV
     at the Fermi energy; negative is bonding. lobsterout has the spilling (what the basis misses) and warnings.

With Slater orbitals the results are LOBSTER's to within its own scatter between PAW datasets. projwfc.x projects on the
pseudopotentials' atomic orbitals, which are others: bonds of Cu come out a sixth weaker, for example.
OMP_NUM_THREADS sets the number of threads.

exit status: 0 done; 2 bad input (the message names the file, what is wrong, and what to do); 3 out of memory.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="getl-cohp",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="the .save folder of pw.x (default: the only *.save here or below)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path(), metavar="DIR", help="where to write the results (default: here)"
    )
    parser.add_argument(
        "--layout", type=int, choices=(4, 6), default=6, help="write files as LOBSTER 4 or 6 does (default: 6)"
    )
    parser.add_argument(
        "--projections",
        choices=("auto", "slater", "projwfc"),
        default="auto",
        help="Slater orbitals and wavefunctions, or those of projwfc.x (default: the first that the files allow)",
    )
    parser.add_argument("--version", action="version", version=f"getl-cohp {__version__}")
    return parser


class ProgressReport:
    """Lines on standard error, for runs that take long enough to wonder."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report what is done if the last report is some time ago."""
        now = time.monotonic()
        if now - self._last > REPORT_INTERVAL:
            self._last = now
            print(f"getl-cohp: {what} {done} of {total}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = build_parser().parse_args(arguments)
    try:
        run(Path(), options.save, options.output, __version__, options.layout, ProgressReport(), options.projections)
    except (OSError, ValueError) as error:
        print(f"getl-cohp: {error}", file=sys.stderr)
        return BAD_INPUT
    except MemoryError as error:
        # Without the colon of the other messages, which are about the input.
        print(
            f"getl-cohp ran out of memory ({error}): ask for fewer COHPSteps or bonds, without 'orbitalwise', for no "
            "curves (skipCar) or COOPs (skipCOOP), or give it more memory",
            file=sys.stderr,
        )
        return OUT_OF_MEMORY
    print((options.output / "lobsterout").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
