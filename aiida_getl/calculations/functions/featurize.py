"""Describe the bonds of a structure."""

import numpy as np
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import described_bonds, to_atoms
from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.settings import DEFAULTS, default_descriptors
from aiida_getl.lobster.icohplist import DISTANCE_TOLERANCE
from aiida_getl.structures.bonds import bond_vectors, find_bonds

SETTINGS = ("r_max", "frame", "descriptors")


@calcfunction
def featurize(structure, settings, bonds=None):
    """Return the descriptors of every bond as ``descriptor_<kind>`` (n, features), with the bonds (``ArrayData``).

    :param structure: ``StructureData`` or ``TrajectoryData``.
    :param settings: ``Dict``, perhaps with ``r_max`` in Å, the ``frame`` of a trajectory, and ``descriptors``, a list
        of complete settings of each.
    :param bonds: ``getl.bonds`` to describe instead of all bonds up to ``r_max``.
    """
    try:
        atoms, wanted = to_describe(structure, settings.get_dict())
        if bonds is None:
            listed = find_bonds(atoms.positions, atoms.cell[:], settings.get("r_max", DEFAULTS["r_max"]))
        else:
            listed = _bonds_of(atoms, bonds)
        described = {each["kind"]: from_settings(each).describe(atoms, listed) for each in wanted}
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return described_bonds(listed, described, wanted)


def to_describe(structure, settings):
    """Return (atoms, settings of the descriptors).

    :raises ValueError: for settings that are unknown or of another kind than they should be, or a missing frame.
    """
    _check(settings)
    atoms = to_atoms(structure, settings.get("frame"))
    return atoms, settings.get("descriptors") or default_descriptors(sorted(set(atoms.symbols)))


def _check(settings):
    """Refuse settings that are unknown or of another kind than they should be."""
    if unknown := sorted(set(settings) - set(SETTINGS)):
        raise ValueError(f"unknown settings {unknown} of the description of bonds: choose from {list(SETTINGS)}")
    r_max, frame = settings.get("r_max", DEFAULTS["r_max"]), settings.get("frame")
    if isinstance(r_max, bool) or not isinstance(r_max, (int, float)) or not 0 < r_max < np.inf:
        raise ValueError(f"r_max is {r_max!r}: it must be a length in Å")
    if frame is not None and (isinstance(frame, bool) or not isinstance(frame, int)):
        raise ValueError(f"frame is {frame!r}: it must be a whole number, from 0")
    wanted = settings.get("descriptors") or []
    if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
        raise ValueError(f"descriptors are {wanted!r}: give a list with the settings of each")
    kinds = [each.get("kind") for each in wanted]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"descriptors are of the kinds {kinds}: each kind can be there once")


def _bonds_of(atoms, bonds):
    """Return the bonds of a node after a check that they are those of the structure."""
    listed = bonds.get_bonds()
    if bonds.symbols != atoms.get_chemical_symbols():
        raise ValueError(
            f"the bonds <{bonds.pk}> are of {len(bonds.symbols)} atoms, the structure has {len(atoms)} "
            "others: give the structure they belong to"
        )
    length = np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], listed), axis=1)
    if len(listed) and (worst := float(np.abs(length - listed.distance).max())) > DISTANCE_TOLERANCE:
        raise ValueError(
            f"the bonds <{bonds.pk}> differ by up to {worst:.3f} Å from their lengths in the structure: "
            "give the structure (or frame) they belong to"
        )
    return listed
