"""The snippets of docs/provenance.md, one after the other; its commands are run with those of the other pages."""

import re
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData
from aiida_getl.structures.bonds import find_bonds

TEXT = (Path(__file__).parents[2] / "docs" / "provenance.md").read_text()


@pytest.fixture
def nodes(run_job, cell):
    """What the snippets speak of."""
    structure = orm.StructureData(ase=cell(8)).store()
    atoms = structure.get_ase()
    listed = find_bonds(atoms.positions, atoms.cell[:], 4.2)
    method = {"engine": "getl-cohp", "version": "1"}
    label = BondStrengthsData.from_bonds(
        listed, atoms.get_chemical_symbols(), -np.exp(-listed.distance), method, spilling=0.01
    )
    run_job("lobster", {"structure": structure}, {"bonds": label}, resources={"tot_num_mpiprocs": 1})
    dbi = build_dbi(orm.Dict({}), structures={"r": {"x": structure}}, bonds={"r": {"x": label}})
    model = BondModelData()
    model.base.attributes.set_many({"bond_types": ["Zr-Cu"], "dbi": dbi.uuid})
    return {"structure": structure, "label": label, "dbi": dbi, "model": model.store()}


def test_snippets(nodes, capsys):
    snippets = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len(snippets) == 7
    names = dict(nodes)
    for snippet in snippets:
        exec(compile(snippet, "docs/provenance.md", "exec"), names)
    printed = capsys.readouterr().out
    for words in ("getl-cohp", "lobster job", "cluster", "marked as faulty: charge spilling of 40 %"):
        assert words in printed
    assert nodes["label"].creator.pk in names["lineage"].inputs
