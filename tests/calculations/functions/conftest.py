"""Labelled random cells."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.packing import random_packing

METHOD = {"engine": "getl-cohp", "version": "0.1.0", "basis": {}, "pseudos": {}}


@pytest.fixture
def label(aiida_profile):
    """Return a function that labels a random cell: strength falls with distance."""

    def make(seed, r_max=4.0, basis=None, composition=None):
        atoms = random_packing(composition or {"Cu": 4, "Zr": 4}, seed)
        bonds = find_bonds(atoms.positions, atoms.cell[:], r_max)
        icohp = -np.exp(-bonds.distance)
        method = {**METHOD, "basis": basis or {}}
        node = BondStrengthsData.from_bonds(bonds, atoms.get_chemical_symbols(), icohp, method, spilling=0.01)
        return orm.StructureData(ase=atoms).store(), node.store()

    return make
