"""Melt-quench through AiiDA, with the real LAMMPS."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain


@pytest.mark.engines
def test_glass(lammps_code, cuzr_potential):
    builder = MeltQuenchWorkChain.get_builder_from_protocol(lammps_code, "CuZr", cuzr_potential, n_atoms=32, seed=1)
    results, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
