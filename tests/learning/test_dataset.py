"""Bond tables: every row keeps its structure."""

import numpy as np
import pytest

from aiida_getl.learning.dataset import BondTable, concatenate, table_of_structure
from aiida_getl.learning.descriptors import BondCentreSoap
from aiida_getl.structures.bonds import find_bonds


def table(atoms, run, **soap):
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.2)
    settings = BondCentreSoap(["Cu", "Zr"], **soap).settings()
    return table_of_structure(atoms, bonds, np.arange(len(bonds)) + 10.0 * run, {"run": run}, [settings])


def test_rows_keep_their_structure(make_cell):
    parts = [table(make_cell(seed), run) for run, seed in enumerate((1, 2, 3))]
    joined = concatenate([concatenate(parts[:2]), parts[2]])
    assert len(joined) == sum(len(part) for part in parts)
    assert [joined.structures[k]["run"] for k in np.unique(joined.structure)] == [0, 1, 2]
    for run, part in enumerate(parts):
        mine = joined.select(joined.structure == run)
        np.testing.assert_array_equal(mine.strength, part.strength)
        np.testing.assert_array_equal(mine.descriptors["bond_centre_soap"], part.descriptors["bond_centre_soap"])
        np.testing.assert_array_equal(mine.translation, part.translation)


def test_types(make_cell):
    whole = table(make_cell(1), 0)
    assert whole.types() == ["Cu-Cu", "Zr-Cu", "Zr-Zr"]
    pure = whole.of_type("Cu-Cu")
    assert pure.types() == ["Cu-Cu"]
    assert sum(len(whole.of_type(name)) for name in whole.types()) == len(whole)
    X = pure.design_matrix("bond_centre_soap")
    assert X.dtype == np.float32
    np.testing.assert_allclose(X[:, 0], pure.distance, rtol=1e-6)
    np.testing.assert_array_equal(X[:, 1:], pure.descriptors["bond_centre_soap"])


def test_bad_input_is_refused(make_cell):
    atoms = make_cell(1)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.2)
    good = np.ones(len(bonds))
    with pytest.raises(ValueError, match="'run'"):
        table_of_structure(atoms, bonds, good, {})
    with pytest.raises(ValueError, match="finite strengths"):
        table_of_structure(atoms, bonds, good * np.nan, {"run": 1})
    with pytest.raises(ValueError, match="finite strengths"):
        table_of_structure(atoms, bonds, good[:-1], {"run": 1})
    with pytest.raises(ValueError, match="no bond table"):
        concatenate([])
    with pytest.raises(ValueError, match=r"\[180, 390\] features"):
        concatenate([table(atoms, 0, n_max=4, l_max=4), table(make_cell(2), 1, n_max=6, l_max=4)])
    whole = table(atoms, 0)
    with pytest.raises(ValueError, match="no descriptor 'soup'"):
        whole.design_matrix("soup")
    with pytest.raises(ValueError, match="values of distance"):
        BondTable(**{**vars(whole), "distance": whole.distance[1:]})
    with pytest.raises(ValueError, match="beyond its 0"):
        BondTable(**{**vars(whole), "structures": []})
