"""Describe the bonds of a structure."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import to_atoms
from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.settings import DEFAULTS, default_descriptors
from aiida_getl.structures.bonds import find_bonds


@calcfunction
def featurize(structure, settings, bonds=None):
    """Return the descriptors of every bond as ``descriptor_<kind>`` (n, features), with the bonds (``ArrayData``).

    :param structure: ``StructureData`` or ``TrajectoryData``.
    :param settings: ``Dict``, perhaps with ``r_max`` in Å, the ``frame`` of a trajectory, and ``descriptors``, a list
        of complete settings of each.
    :param bonds: ``getl.bonds`` to describe instead of all bonds up to ``r_max``.
    """
    try:
        atoms = to_atoms(structure, settings.get("frame"))
        wanted = settings.get("descriptors") or default_descriptors(sorted(set(atoms.symbols)))
        if bonds is None:
            listed = find_bonds(atoms.positions, atoms.cell[:], settings.get("r_max", DEFAULTS["r_max"]))
        else:
            listed = bonds.get_bonds()
        described = {each["kind"]: from_settings(each).describe(atoms, listed) for each in wanted}
    except ValueError as exception:
        return ExitCode(401, str(exception))
    node = orm.ArrayData()
    for name in ("atom_i", "atom_j", "translation", "distance"):
        node.set_array(name, getattr(listed, name))
    for kind, rows in described.items():
        node.set_array(f"descriptor_{kind}", rows)
    node.base.attributes.set_many({"descriptors": wanted, "n_bonds": len(listed), "units": {"distance": "Å"}})
    return node
