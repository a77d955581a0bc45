"""The trained model: predictions of whole structures, flags, round trip."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.training import train

BOND = default_descriptors(["Cu", "Zr"])[0]


@pytest.fixture(scope="module")
def model(small_table):
    return train(small_table, {"descriptor": BOND}, seed=0)


def test_predicts_an_unseen_cell(model, make_cell, law):
    atoms = make_cell(99, ("Cu",) * 14 + ("Zr",) * 13, 7.8)
    result = model.predict(atoms)
    target = law(atoms, result.bonds)
    known = ~result.outside_range
    assert len(result) > 150
    assert result.r_max == result.bonds.distance.max().round(1) == 4.2
    assert not result.unknown_type.any()
    assert np.sqrt(np.mean((result.mean - target)[known] ** 2)) < 0.3 * np.std(target[known])
    assert np.mean((np.abs(result.mean - target) <= 1.96 * result.std)[known]) > 0.85
    only_mean = model.predict(atoms, return_std=False)
    np.testing.assert_array_equal(only_mean.mean, result.mean)
    assert np.isnan(only_mean.std).all()


def test_supercell_repeats_the_prediction(model, make_cell):
    atoms = make_cell(98)
    one, eight = model.predict(atoms, r_max=3.5), model.predict(atoms.repeat(2), r_max=3.5)
    assert len(eight) == 8 * len(one)
    for name in np.unique(one.type):
        mine, theirs = (np.sort(p.mean[p.type == name]) for p in (one, eight))
        np.testing.assert_allclose(theirs, np.repeat(mine, 8), atol=1e-4)


def test_blocks_threads_and_frames_give_the_same(model, make_cell, monkeypatch):
    atoms = make_cell(93, ("Cu",) * 60 + ("Zr",) * 60, 14.5)
    whole = model.predict(atoms, 3.6, n_threads=1)
    np.testing.assert_array_equal(model.predict(atoms, 3.6, n_threads=3).std, whole.std)
    monkeypatch.setattr("aiida_getl.learning.blocks.BLOCK_ATOMS", 50)
    seen = []
    parts = model.predict(atoms, 3.6, progress=lambda *step: seen.append(step))
    assert seen[-1] == (120, 120, "atoms")
    assert len(seen) > 2
    assert parts.bonds.keys() == whole.bonds.keys()
    np.testing.assert_array_equal(parts.type, whole.type)
    np.testing.assert_allclose(parts.mean, whole.mean, atol=1e-4)
    np.testing.assert_allclose(parts.std, whole.std, atol=1e-4)
    frames = list(model.predict_frames([atoms, make_cell(92)], 3.6, return_std=False))
    np.testing.assert_allclose(frames[0].mean, whole.mean, atol=1e-4)
    assert len(frames) == 2


def test_flags_extrapolation(small_table, make_cell):
    pure = small_table.select(small_table.type != "Cu-Cu")
    model = train(pure, {"descriptor": BOND, "r_max": 3.5}, seed=0)
    result = model.predict(make_cell(97), r_max=4.0)
    np.testing.assert_array_equal(result.unknown_type, result.type == "Cu-Cu")
    np.testing.assert_array_equal(np.isnan(result.mean), result.unknown_type)
    np.testing.assert_array_equal(np.isnan(result.std), result.unknown_type)
    long = (result.bonds.distance > 3.5) & ~result.unknown_type
    assert long.any()
    assert result.outside_range[long].all()
    for name, (shortest, longest) in model.distance_range.items():
        mine = result.type == name
        inside = (result.bonds.distance[mine] >= shortest) & (result.bonds.distance[mine] <= longest)
        np.testing.assert_array_equal(result.outside_range[mine], ~inside)


def test_bonds_trained_on_are_no_extrapolation(small_table, make_cell):
    """Labels have distances of five decimals, structures all of them; here all are rounded towards the middle."""
    glass = small_table.select(small_table.structure == 0)
    rounded = replace(glass, distance=glass.distance + 4e-6 * np.sign(3.0 - glass.distance))
    result = train(rounded, {"descriptor": BOND, "min_bonds": 10}, seed=0).predict(make_cell(0))
    assert not result.unknown_type.all()
    assert not result.outside_range.any()


def test_reloaded_predicts_the_same_bits(model, make_cell, tmp_path):
    atoms = make_cell(96)
    arrays, attributes = model.to_arrays()
    np.savez(tmp_path / "model.npz", **arrays)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
        again = EtlModel.from_arrays(dict(stored), json.loads(json.dumps(attributes)))
    first, second = model.predict(atoms), again.predict(atoms)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.std, second.std)
    assert again.to_arrays()[1] == attributes


def test_an_unknown_element_does_not_spoil_the_others(model, make_cell):
    pure = make_cell(95, ("Cu",) * 20 + ("Zr",) * 20, 11.0)
    mixed = pure.copy()
    mixed.symbols[0] = "Al"
    before, after = model.predict(pure), model.predict(mixed)
    assert before.bonds.keys() == after.bonds.keys()
    own = (after.bonds.atom_i == 0) | (after.bonds.atom_j == 0)
    np.testing.assert_array_equal(after.unknown_type, own)
    assert np.isnan(after.mean[own]).all()
    assert np.isfinite(after.mean[~own]).all()
    assert np.isfinite(after.std[~own]).all()
    changed = ~own & (np.abs(after.mean - before.mean) > 1e-6)
    assert changed.any()
    # what lies within 5 Å of the stranger says so
    distances = pure.get_distances(0, np.arange(1, len(pure)), mic=True)
    near = np.concatenate([[False], distances < 5.0])
    flagged = near[after.bonds.atom_i] | near[after.bonds.atom_j]
    assert after.novel_environment[flagged & ~own].all()
    assert not model.predict(pure, return_std=False).novel_environment.any()


def test_environments_unlike_the_training_data_are_novel(model, make_cell):
    usual = model.predict(make_cell(94))
    assert usual.novel_environment.mean() < 0.1
    squeezed = make_cell(94)
    squeezed.set_cell(np.asarray(squeezed.cell) * 0.75, scale_atoms=True)
    strange = model.predict(squeezed)
    inside = ~strange.outside_range
    assert strange.novel_environment[inside].mean() > max(0.3, 5 * usual.novel_environment.mean())
    assert strange.std[inside].mean() > 1.2 * usual.std.mean()


def test_bad_input_is_refused(model):
    arrays, attributes = model.to_arrays()
    with pytest.raises(ValueError, match="format 99"):
        EtlModel.from_arrays(arrays, {**attributes, "format": 99})
    del arrays["Zr-Cu.soap.alpha"]
    with pytest.raises(ValueError, match=r"model of Zr-Cu is incomplete: it lacks the arrays \['soap.alpha'\]"):
        EtlModel.from_arrays(arrays, attributes)
