"""Deformed copies of a structure."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.structures.deformation import deform, deformations


@calcfunction
def augment(structure: orm.StructureData, amplitudes: orm.Dict) -> dict[str, orm.StructureData]:
    """Return a structure's fourteen deformations by name, see `aiida_getl.structures.deformation`.

    :param structure: the undeformed structure.
    :param amplitudes: `shear`, `uniaxial` [tension, compression] and `isotropic` [tension, compression].
    """
    values = amplitudes.get_dict()
    wanted = {"shear", "uniaxial", "isotropic"}
    if set(values) != wanted:
        raise ValueError(f"the amplitudes are {sorted(values)}: give {sorted(wanted)}")
    atoms = structure.get_ase()
    return {
        name: orm.StructureData(ase=deform(atoms, deformation)) for name, deformation in deformations(**values).items()
    }
