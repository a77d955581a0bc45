"""Input of pw.x and of the bond analysis for a disordered metal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ase.data import chemical_symbols

from aiida_getl.quantumespresso.basis import recommended_nbnd
from aiida_getl.quantumespresso.upf import Shell

REQUIRED = (
    "ecutwfc",
    "ecutrho",
    "smearing",
    "degauss",
    "mixing_mode",
    "mixing_beta",
    "electron_maxstep",
    "conv_thr_per_atom",
    "band_margin",
    "r_min",
    "r_max",
    "spilling_max",
    "kpoints",
    "real_wavefunctions",
)

#: What pw.x knows (https://www.quantum-espresso.org/Doc/INPUT_PW.html). Texts are quoted in its input, not escaped.
CHOICES = {
    "smearing": (
        *("gaussian", "gauss", "methfessel-paxton", "m-p", "mp"),
        *("marzari-vanderbilt", "cold", "m-v", "mv", "fermi-dirac", "f-d", "fd"),
    ),
    "mixing_mode": ("plain", "TF", "local-TF"),
    "real_wavefunctions": (True, False),
}
#: Numbers that must be above zero, and those that may be zero.
POSITIVE = ("ecutwfc", "ecutrho", "degauss", "mixing_beta", "electron_maxstep", "conv_thr_per_atom", "r_max")
NOT_NEGATIVE = ("band_margin", "r_min", "spilling_max")
#: Elements whose solids, or many of whose alloys, have magnetic moments: 3d, 4f and 5f shells that are open.
MAGNETIC = frozenset(
    {
        *("Cr", "Mn", "Fe", "Co", "Ni"),
        *("Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm"),
        *("U", "Np", "Pu", "Am", "Cm", "Bk", "Cf"),
    }
)
#: Divisions of a grid of k-points along one reciprocal vector; more are a slip of the keyboard.
MOST_DIVISIONS = 50


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse label settings that are incomplete, unknown, or of values that pw.x would refuse or misread.

    Raises
    ------
    ValueError
        Naming the keys.
    """
    missing = [key for key in REQUIRED if settings.get(key) is None]
    unknown = sorted(set(settings) - {*REQUIRED, "basis"})
    if missing or unknown:
        raise ValueError(
            f"label settings: missing {missing}, unknown {unknown}; start from a protocol's settings and override those"
        )
    for key, choices in CHOICES.items():
        if settings[key] not in choices:
            raise ValueError(f"label settings: {key} is {settings[key]!r}, choose from {', '.join(map(str, choices))}")
    for key in (*POSITIVE, *NOT_NEGATIVE):
        if not _is_number(settings[key]) or settings[key] < 0 or (settings[key] == 0 and key in POSITIVE):
            wanted = "above 0" if key in POSITIVE else "of 0 or more"
            raise ValueError(f"label settings: {key} is {settings[key]!r}, give a number {wanted}")
    if settings["electron_maxstep"] != int(settings["electron_maxstep"]):
        raise ValueError(f"label settings: electron_maxstep is {settings['electron_maxstep']!r}, give a whole number")
    basis = settings.get("basis") or {}
    if not isinstance(basis, Mapping) or not all(_is_texts(shells) for shells in basis.values()):
        raise ValueError(f"label settings: basis is {basis!r}, give lists of shells by element: {{'Cu': ['3d', '4s']}}")
    if unknown := [name for name in basis if name not in chemical_symbols[1:]]:
        raise ValueError(f"label settings: basis names {unknown}, which are no chemical elements")
    if not 0.0 <= settings["r_min"] < settings["r_max"]:
        raise ValueError(f"label settings: r_min {settings['r_min']} and r_max {settings['r_max']} Å enclose no bond")
    kpoints = settings["kpoints"]
    if kpoints not in ("fewest", "mean-value") and not (isinstance(kpoints, Mapping) and _is_grid(kpoints)):
        raise ValueError(
            f"label settings: kpoints {kpoints!r} are neither 'fewest', 'mean-value' nor {{'mesh': [n, n, n], "
            f"'offset': [x, x, x]}} of whole numbers n from 1 to {MOST_DIVISIONS}, and x of 0 or 0.5"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(values: object) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(value, str) for value in values)


def _is_grid(kpoints: Mapping[str, Any]) -> bool:
    mesh, offset = kpoints.get("mesh"), kpoints.get("offset", (0.0, 0.0, 0.0))
    return (
        set(kpoints) <= {"mesh", "offset"}
        and all(isinstance(values, (list, tuple)) and len(values) == 3 for values in (mesh, offset))
        and all(_is_number(n) and n == int(n) and 1 <= n <= MOST_DIVISIONS for n in mesh or ())
        and all(_is_number(x) and x in (0, 0.5) for x in offset)
    )


def scf_parameters(
    kinds: Sequence[str], projected: Mapping[str, Sequence[Shell]], settings: Mapping[str, Any]
) -> dict[str, dict]:
    """Return the namelists of pw.x for one self-consistent run whose bands span the projected functions.

    Symmetry is off, since the projections of all k-points are needed (time reversal is used before, in choosing them);
    forces and stress are off, since nobody uses them here. The bands are at least as many as the functions that they
    are projected on: with fewer, the projected Hamiltonian would be wrong, not merely less accurate.

    Parameters
    ----------
    kinds
        Kind of every atom.
    projected
        The shells of every kind that the bands are projected on.
    settings
        Label settings, see :func:`check_settings`; energies in Ry.
    """
    return {
        "CONTROL": {"calculation": "scf", "tprnfor": False, "tstress": False},
        "SYSTEM": {
            "ecutwfc": settings["ecutwfc"],
            "ecutrho": settings["ecutrho"],
            "nbnd": recommended_nbnd(kinds, projected, settings["band_margin"]),
            "occupations": "smearing",
            "smearing": settings["smearing"],
            "degauss": settings["degauss"],
            "nosym": True,
            "noinv": True,
        },
        "ELECTRONS": {
            "conv_thr": settings["conv_thr_per_atom"] * len(kinds),
            "mixing_mode": settings["mixing_mode"],
            "mixing_beta": settings["mixing_beta"],
            "electron_maxstep": settings["electron_maxstep"],
        },
    }


def spin_warning(symbols: Iterable[str]) -> str | None:
    """Return a warning for elements that may have magnetic moments, which a label is computed without; else None."""
    found = sorted(MAGNETIC.intersection(symbols))
    if not found:
        return None
    return (
        f"{', '.join(found)} may be magnetic: labels are computed without spin, and bonds of a magnetic alloy would be "
        "other ones; for those run pw.x with nspin 2, and getl.lobster.base on it"
    )


def lobsterin_parameters(basis: Mapping[str, Sequence[Shell]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of lobsterin: the basis of every element and one generator over all pairs in range.

    Parameters
    ----------
    basis
        By element: LOBSTER knows no kinds.
    settings
        Label settings, see :func:`check_settings`.
    """
    return {
        "basisSet": "Bunge",
        "skipDOS": True,
        "skipCOOP": True,
        "basisFunctions": {element: [shell.label for shell in shells] for element, shells in basis.items()},
        "cohpGenerator": [f"from {settings['r_min']} to {settings['r_max']}"],
    }
