"""PostgreSQL as storage: a work chain of the package, and questions to its graph."""

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage import get_manager

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.lammps.melt_quench import STAGES
from aiida_getl.provenance import trace
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.melt_quench import MeltQuenchWorkChain


@pytest.mark.engines
def test_melt_quench(postgres_profile, lammps_code, cuzr_potential):
    assert get_manager().get_profile().storage_backend == "core.psql_dos"
    parameters = {"melt_steps": 100, "quench_rate_K_per_ps": 4000.0, "equilibrate_steps": 100, "thermo_rows": 10}
    builder = MeltQuenchWorkChain.get_builder_from_protocol(
        lammps_code, "CuZr", cuzr_potential, n_atoms=16, seed=1, overrides={"parameters": {**parameters, "frames": 2}}
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message

    found = trace(outputs["structure"])
    assert [step.label for step in found.steps if step.what == "LammpsStageCalculation"] == list(STAGES)
    assert [item.what for item in found.origins["potential"]] == ["file CuZr_mm.eam.fs"]
    assert [item.what for item in found.origins["seed"]] == ["1"]
    assert [item.what.split("@")[0] for item in found.codes] == [lammps_code.label]
    assert [item.what for item in found.computers] == ["localhost (localhost)"]


def test_bond_strengths(postgres_profile):
    bonds = find_bonds([[0.0, 0, 0], [2.5, 0, 0]], [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]], 4.0)
    method = {"engine": "getl-cohp", "version": "0.1.0"}
    node = BondStrengthsData.from_bonds(bonds, ["Zr", "Cu"], -bonds.distance, method, spilling=0.01).store()
    for filters, count in (
        ({"attributes.method.engine": "getl-cohp", "attributes.spilling": {"<": 0.05}}, 1),
        ({"attributes.bond_types": {"has_key": "Zr-Cu"}}, 1),
        ({"attributes.n_bonds": {">": 1000}}, 0),
    ):
        assert orm.QueryBuilder().append(BondStrengthsData, filters=filters).count() == count, filters
    assert orm.load_node(node.uuid).get_row(0) == node.get_row(0)
