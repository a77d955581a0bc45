"""Input of pw.x and of the bond analysis for a disordered metal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_getl.quantumespresso.basis import projected_shells, recommended_nbnd
from aiida_getl.quantumespresso.upf import Shell, Upf

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


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse label settings that are incomplete or unknown.

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
    if not 0.0 <= settings["r_min"] < settings["r_max"]:
        raise ValueError(f"label settings: r_min {settings['r_min']} and r_max {settings['r_max']} Å enclose no bond")
    kpoints = settings["kpoints"]
    if kpoints != "fewest" and not (isinstance(kpoints, Mapping) and "mesh" in kpoints):
        raise ValueError(
            f"label settings: kpoints {kpoints!r} are neither 'fewest' nor {{'mesh': [n, n, n], 'offset': [x, x, x]}}"
        )


def scf_parameters(symbols: Sequence[str], upfs: Mapping[str, Upf], settings: Mapping[str, Any]) -> dict[str, dict]:
    """Return the namelists of pw.x for one self-consistent run whose bands span the projected functions.

    Symmetry is off, since the projections of all k-points are needed (time reversal is used before, in choosing them);
    forces and stress are off, since nobody uses them here. The bands are at least as many as the functions that
    projwfc.x projects on: with fewer, the projected Hamiltonian would be wrong, not merely less accurate.

    Parameters
    ----------
    symbols
        Element of every atom.
    upfs
        Pseudopotential of every element.
    settings
        Label settings, see :func:`check_settings`; energies in Ry.
    """
    projected = {element: projected_shells(upf) for element, upf in upfs.items()}
    return {
        "CONTROL": {"calculation": "scf", "tprnfor": False, "tstress": False},
        "SYSTEM": {
            "ecutwfc": settings["ecutwfc"],
            "ecutrho": settings["ecutrho"],
            "nbnd": recommended_nbnd(symbols, projected, settings["band_margin"]),
            "occupations": "smearing",
            "smearing": settings["smearing"],
            "degauss": settings["degauss"],
            "nosym": True,
            "noinv": True,
        },
        "ELECTRONS": {
            "conv_thr": settings["conv_thr_per_atom"] * len(symbols),
            "mixing_mode": settings["mixing_mode"],
            "mixing_beta": settings["mixing_beta"],
            "electron_maxstep": settings["electron_maxstep"],
        },
    }


def lobsterin_parameters(basis: Mapping[str, Sequence[Shell]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of lobsterin: the basis of every element and one generator over all pairs in range."""
    return {
        "basisSet": "Bunge",
        "skipDOS": True,
        "skipCOOP": True,
        "basisFunctions": {name: [shell.label for shell in shells] for name, shells in basis.items()},
        "cohpGenerator": [f"from {settings['r_min']} to {settings['r_max']}"],
    }
