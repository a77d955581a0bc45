"""Random start cells for a melt."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.structures.composition import atom_counts
from aiida_getl.structures.packing import random_packing


@calcfunction
def pack_random(
    composition: orm.Str | orm.Dict,
    n_atoms: orm.Int,
    seed: orm.Int,
    density: orm.Float | None = None,
) -> orm.StructureData:
    """Return a periodic cube of atoms at random positions, none of them overlapping.

    :param composition: a formula, or amounts by element symbol.
    :param n_atoms: the number of atoms.
    :param seed: the same seed gives the same cell.
    :param density: in g/cm³; by default from the volumes of the elements.
    """
    amounts = composition.get_dict() if isinstance(composition, orm.Dict) else composition.value
    atoms = random_packing(
        atom_counts(amounts, n_atoms.value), seed.value, density=None if density is None else density.value
    )
    return orm.StructureData(ase=atoms)
