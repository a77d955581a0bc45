"""Bond strengths of two structures, or of one in two states."""

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import same_scale
from aiida_getl.data.results import to_atoms
from aiida_getl.learning.comparison import bond_changes, compare_distributions

ARRAYS = ("kept_a", "kept_b", "broken", "formed")


@calcfunction
def compare_predictions(bonds_a, bonds_b, settings, seed, structure_a=None, structure_b=None):
    """Return a ``Dict`` with the ``distributions`` by bond type, as ``comparison``.

    If both structures are given, they are taken as states of one, the same atoms in the same order: every bond is
    followed, ``changes`` by bond type are in the ``Dict`` too, and the rows of the bonds that were kept, broken and
    formed are in ``rows`` (``ArrayData``).

    :param bonds_a: ``getl.bonds``, predictions or labels.
    :param bonds_b: those that are compared with them.
    :param settings: ``Dict``, perhaps with ``frame_a`` and ``frame_b`` of trajectories; with ``mixed_methods`` true,
        strengths on different scales are compared.
    :param seed: ``Int``, of the resampling that gives the errors.
    :param structure_a: ``StructureData`` or ``TrajectoryData`` of the first bonds.
    :param structure_b: that of the second.
    """
    if not same_scale(_scale(bonds_a), _scale(bonds_b)) and not settings.get("mixed_methods", False):
        return ExitCode(
            402,
            f"the strengths <{bonds_a.pk}> and <{bonds_b.pk}> come from labels that were made by different methods, so "
            "they are on different scales: compare those of one method, or ask for a mixture",
        )
    if (structure_a is None) != (structure_b is None):
        return ExitCode(401, "bonds can be followed from one structure to another: give both, or none")
    sides = [(node.get_bonds(), node.get_strength()) for node in (bonds_a, bonds_b)]
    types = [node.get_bond_types() for node in (bonds_a, bonds_b)]
    # Bonds of one atom resemble each other: they are resampled together.
    blocks = [bonds.atom_i for bonds, _ in sides]
    distributions = compare_distributions(types[0], sides[0][1], types[1], sides[1][1], seed.value, *blocks)
    result = {"units": {"strength": "eV", "distance": "Å"}, "distributions": distributions, "changes": None}
    outputs = {}
    if structure_a is not None:
        try:
            atoms = [
                _atoms_of(structure, settings.get(frame), node)
                for structure, frame, node in (
                    (structure_a, "frame_a", bonds_a),
                    (structure_b, "frame_b", bonds_b),
                )
            ]
            changes = bond_changes(atoms[0], *sides[0], atoms[1], *sides[1])
        except ValueError as exception:
            return ExitCode(401, str(exception))
        result["changes"] = changes.by_type
        outputs["rows"] = orm.ArrayData({name: np.asarray(getattr(changes, name)) for name in ARRAYS})
    return {"comparison": orm.Dict(result), **outputs}


def _scale(bonds):
    """Return the method of the labels that strengths come from, directly or through a model."""
    method = bonds.method
    return method.get("labels", method) if method.get("engine") == "getl.model" else method


def _atoms_of(structure, frame, bonds):
    atoms = to_atoms(structure, frame)
    if atoms.get_chemical_symbols() != bonds.symbols:
        raise ValueError(
            f"the bonds <{bonds.pk}> are not those of the structure <{structure.pk}>: its atoms are others"
        )
    return atoms
