"""What LOBSTER has to be told that follows from the pw.x run: the basis, and how deep its bands lie.

LOBSTER begins its curves 10 eV below the Fermi energy unless told otherwise, and up to version 4 an ICOHP is the
integral of its curve: what semicore bands contribute would be left out. Published inputs begin at -100 eV.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.requirements import Engine, PwRun, chooses_basis, occupied_shells

#: eV from the Fermi energy, where LOBSTER begins unless ``COHPstartEnergy`` says otherwise
DEFAULT_START = -10.0
#: eV, its ``gaussianSmearingWidth``
DEFAULT_WIDTH = 0.2
#: eV below the lowest band
MARGIN = 5.0
#: The last version whose ICOHPs are integrals of the curves.
LAST_OF_CURVES = 4


def complete_lobsterin(lobsterin: Lobsterin, run: PwRun, symbols: Iterable[str], engine: Engine | None) -> Lobsterin:
    """Return an input that also says what LOBSTER would choose otherwise than ``getl-cohp``; for that it is the same.

    Elements that ``basisFunctions`` does not name get the shells that are occupied in their pseudopotential, unless
    LOBSTER is asked to choose; the curves begin below the lowest band, unless ``COHPstartEnergy`` says where.

    Parameters
    ----------
    lobsterin
    run
        What is not known of it is left to LOBSTER.
    symbols
        Elements of the structure.
    engine
        None if it is not known which program the code is: nothing is added.
    """
    if engine != "LOBSTER":
        return lobsterin
    basis, settings = dict(lobsterin.basis_functions), dict(lobsterin.settings)
    for element in sorted(set(symbols) - set(basis)):
        upf = (run.upfs or {}).get(element)
        if upf is not None and not chooses_basis(lobsterin) and (shells := occupied_shells(upf)):
            basis[element] = shells
    if run.lowest_band is not None and "COHPstartEnergy" not in settings:
        margin = max(MARGIN, 10 * _width(lobsterin))
        settings["COHPstartEnergy"] = min(DEFAULT_START, float(math.floor(run.lowest_band - margin)))
    return replace(lobsterin, settings=settings, basis_functions=basis)


def leaves_out_bands(lobsterin: Lobsterin, run: PwRun) -> bool | None:
    """Return whether bands lie below the beginning of the curves, or are cut by it; None if it is not known."""
    if run.lowest_band is None:
        return None
    return lobsterin.number("COHPstartEnergy", DEFAULT_START) > run.lowest_band - 2 * _width(lobsterin)


def integrates_curves(version: str | None) -> bool:
    """Return whether the ICOHPs of a version of LOBSTER are integrals of the curves; so where it is not known."""
    major = (version or "").split(".")[0]
    return not major.isdigit() or int(major) <= LAST_OF_CURVES


def icohp_window(lobsterin: Lobsterin, run: PwRun) -> str:
    """Return in words which energies the ICOHPs of LOBSTER up to version 4 are of: numbers of others do not compare."""
    if leaves_out_bands(lobsterin, run) is False:
        return "all occupied bands"
    return f"from {lobsterin.number('COHPstartEnergy', DEFAULT_START):g} eV"


def window_warning(lobsterin: Lobsterin, run: PwRun, version: str | None) -> str | None:
    """Return a warning for bands that a run of LOBSTER leaves out, None if there are none, or it is not known."""
    if not leaves_out_bands(lobsterin, run):
        return None
    start = lobsterin.number("COHPstartEnergy", DEFAULT_START)
    what = "its ICOHPs, which are integrals of the curves, are" if integrates_curves(version) else "the curves are"
    return (
        f"Bands lie as deep as {run.lowest_band:.1f} eV, and the curves begin at {start:g} eV from the Fermi energy: "
        f"{what} without them. Set COHPstartEnergy below them, or leave it out."
    )


def _width(lobsterin: Lobsterin) -> float:
    return lobsterin.number("gaussianSmearingWidth", DEFAULT_WIDTH)
