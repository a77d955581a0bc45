"""Random start cells as nodes."""

import numpy as np
import pytest
from aiida import orm

from aiida_getl.calculations.functions.pack_random import pack_random


def test_from_formula_or_amounts():
    one = pack_random(orm.Str("Zr49Cu49Al2"), orm.Int(100), orm.Int(3))
    other = pack_random(orm.Dict({"Zr": 0.49, "Cu": 0.49, "Al": 0.02}), orm.Int(100), orm.Int(3))
    assert one.get_ase().symbols.formula.count() == {"Zr": 49, "Cu": 49, "Al": 2}
    assert one.get_kind_names() == ["Zr", "Cu", "Al"]
    assert set(one.creator.inputs) == {"composition", "n_atoms", "seed"}
    by_element = {symbol: one.get_ase().positions[one.get_ase().symbols == symbol] for symbol in ("Zr", "Cu", "Al")}
    for symbol, positions in by_element.items():
        np.testing.assert_allclose(positions, other.get_ase().positions[other.get_ase().symbols == symbol])


def test_density():
    structure = pack_random(orm.Str("CuZr"), orm.Int(2), orm.Int(0), orm.Float(5.0))
    assert (63.546 + 91.224) * 1.66053907 / structure.get_cell_volume() == pytest.approx(5.0, rel=1e-4)


def test_bad_composition():
    with pytest.raises(ValueError, match="no chemical element"):
        pack_random(orm.Str("CuQq"), orm.Int(4), orm.Int(0))
