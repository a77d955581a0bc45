"""Self-consistency of a metal that does not come: what the output tells of it, and what to try next.

Only what leads to self-consistency is changed, nothing that the result depends on: smearing, cut-offs, k-points and
threshold stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What is tried after the mixing that was asked for, in this order. Screening by the local Thomas-Fermi length damps
#: the sloshing of charge in an inhomogeneous metal, one length for all (TF) that in a homogeneous one (Raczkowski,
#: Canning, Wang, Phys. Rev. B 64, 121101, 2001); small steps and a long memory are slow, and help most others.
LADDER: tuple[dict[str, Any], ...] = (
    {"mixing_mode": "local-TF", "mixing_beta": 0.1, "mixing_ndim": 8},
    {"mixing_mode": "TF", "mixing_beta": 0.1, "mixing_ndim": 12},
    {"mixing_mode": "local-TF", "mixing_beta": 0.03, "mixing_ndim": 16},
    {"mixing_mode": "plain", "mixing_beta": 0.05, "mixing_ndim": 20},
)
#: Those of pw.x.
DEFAULTS: dict[str, Any] = {"mixing_mode": "plain", "mixing_beta": 0.7, "mixing_ndim": 8}
MODES = ("plain", "TF", "local-TF")
#: Densities of earlier iterations that are kept; each is as large as the charge density.
MOST_DENSITIES = 50

ACCURACY = re.compile(r"estimated scf accuracy\s*<\s*(\S+)")
NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
#: A number that pw.x could not print, or that is none; the first is also how it prints one that is too large.
NO_NUMBER = re.compile(
    r"(?:total energy|estimated scf accuracy|the Fermi energy is|integrated charge)\s*[=<]?\s*"
    r"[-+]?(?:nan|inf(?:inity)?|\*+)",
    re.IGNORECASE,
)


def check_ladder(ladder: Sequence[Any]) -> None:
    """Refuse steps that pw.x would not understand.

    Raises
    ------
    ValueError
        Naming step and key.
    """
    for number, step in enumerate(ladder, start=1):
        if not isinstance(step, Mapping) or not step or set(step) - set(DEFAULTS):
            raise ValueError(f"mixing step {number} is {step!r}: give a dictionary of {', '.join(DEFAULTS)}")
        mode, beta, n_densities = ({**DEFAULTS, **step}[key] for key in DEFAULTS)
        if mode not in MODES:
            raise ValueError(f"mixing step {number}: mixing_mode is {mode!r}, choose from {', '.join(MODES)}")
        if not _is_number(beta) or not 0 < beta <= 1:
            raise ValueError(f"mixing step {number}: mixing_beta is {beta!r}, give a number above 0 and up to 1")
        if not _is_number(n_densities) or n_densities != int(n_densities) or not 1 <= n_densities <= MOST_DENSITIES:
            raise ValueError(
                f"mixing step {number}: mixing_ndim is {n_densities!r}, give a whole number from 1 to {MOST_DENSITIES}"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def read_accuracies(text: str) -> NDArray[np.float64]:
    """Return the estimated accuracy of every iteration in an output of pw.x, (n_iterations,) in Ry.

    What is no number, or was too large to be printed, is NaN.
    """
    return np.array([float(word) if NUMBER.fullmatch(word) else np.nan for word in ACCURACY.findall(text)], dtype=float)


def read_stopping_point(text: str) -> tuple[int, int]:
    """Return where pw.x, its time being over, stopped itself, so that it can go on from there.

    Returns
    -------
    tuple of int
        Iterations that were finished, those of the runs that it went on from among them, and k-points that were done in
        the next one; (0, 0) if the first had not begun.
    """
    iteration, point = (
        int(found[-1]) if (found := re.findall(rf"Calculation stopped in {loop} #\s*(\d+)", text)) else 0
        for loop in ("scf loop at iteration", "k-point loop, point")
    )
    return iteration, point


def has_no_numbers(text: str) -> bool:
    """Return whether an energy, the Fermi energy or the charge in an output of pw.x is no number."""
    return NO_NUMBER.search(text) is not None


def is_worse(accuracies: NDArray[np.float64]) -> bool:
    """Return whether the last density is no better than the first one, so that another try should not start from it.

    Parameters
    ----------
    accuracies
        (n_iterations,) in Ry; none at all is no better either.
    """
    return not (len(accuracies) and accuracies[-1] < accuracies[0])


def will_converge(accuracies: NDArray[np.float64], threshold: float, n_more: int) -> bool:
    """Return whether an exponential decay like that of the later half of the iterations comes below a threshold.

    Parameters
    ----------
    accuracies
        (n_iterations,) in Ry.
    threshold
        conv_thr, in Ry.
    n_more
        Iterations that may follow.
    """
    last = accuracies[-max(3, len(accuracies) // 2) :]
    if len(last) < 3 or not np.all(np.isfinite(last) & (last > 0)):
        return False
    slope = np.polyfit(np.arange(len(last)), np.log(last), 1)[0]
    return bool(slope < 0 and np.log(last[-1]) + slope * n_more < np.log(threshold))


def read_crash(text: str) -> str:
    """Return what a CRASH file of Quantum ESPRESSO says, in one line: ``electrons: charge is wrong``."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" %")]
    for number, line in enumerate(lines):
        if match := re.match(r"from (\S+) : error #", line):
            return f"{match[1]}: {lines[number + 1] if number + 1 < len(lines) else 'no reason is given'}"
    return lines[0] if lines else ""
