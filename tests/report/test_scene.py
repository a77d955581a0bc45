"""The arrays that the three-dimensional view is made from."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from aiida_getl.learning.analytics import atom_bonding
from aiida_getl.report import scene
from aiida_getl.report.charts import colour_stops


def unpack(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def packed(bonding):
    atoms = atom_bonding(bonding.bonds, bonding.strength, len(bonding.symbols))
    return scene.pack(bonding, atoms, colour_stops())


def test_bonds_keep_their_lengths_when_atoms_are_wrapped(make_bonding):
    bonding = make_bonding()
    found = packed(bonding)
    position = unpack(found["position"], "<f4").reshape(-1, 3)
    fractional = position @ np.linalg.inv(bonding.cell)
    assert fractional.min() > -1e-5
    assert fractional.max() < 1 + 1e-5
    i, j = unpack(found["first"], "<u4"), unpack(found["second"], "<u4")
    shift = unpack(found["shift"], "i1").reshape(-1, 3)
    vector = position[j] - position[i] + shift @ np.array(found["cell"])
    order = np.argsort(-bonding.strength, kind="stable")
    np.testing.assert_allclose(np.linalg.norm(vector, axis=1), bonding.bonds.distance[order], atol=1e-4)
    np.testing.assert_allclose(unpack(found["strength"], "<f4"), bonding.strength[order], rtol=1e-6)
    types = [found["types"][k] for k in unpack(found["type"], "u1")]
    assert types == bonding.types[order].tolist()
    symbols = [found["elements"][k]["symbol"] for k in unpack(found["element"], "u1")]
    assert symbols == bonding.symbols


def test_the_strongest_are_kept_of_too_many(make_bonding, monkeypatch):
    bonding = make_bonding()
    monkeypatch.setattr(scene, "MOST_BONDS", 50)
    found = packed(bonding)
    kept = unpack(found["strength"], "<f4")
    np.testing.assert_allclose(np.sort(kept), np.sort(bonding.strength)[-50:], rtol=1e-6)
    assert found["n_bonds"] == len(bonding.strength)


def test_labels_have_no_deviations(make_bonding):
    found = packed(make_bonding(predicted=False))
    assert not {"std", "flagged"} & set(found)
    assert set(found["scales"]) == {"strength", "sum"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"positions": None}, "not in this profile"),
        ({"cell": np.zeros((3, 3))}, "no periodic cell"),
        ({"symbols": ["Cu"] * 100_001}, "more than the 100000"),
        ({"symbols": [f"X{k}" for k in range(21)]}, "more than 20 elements"),
    ],
)
def test_why_there_is_none(make_bonding, changes, reason):
    bonding = make_bonding()
    assert scene.why_not(bonding) is None
    assert reason in scene.why_not(replace(bonding, **changes))
