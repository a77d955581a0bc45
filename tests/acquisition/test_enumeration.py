"""What could be labelled."""

import numpy as np
import pytest
from ase import Atoms

from aiida_getl.acquisition.enumeration import enumerate_candidates
from aiida_getl.acquisition.known import KnownStructures
from aiida_getl.acquisition.settings import deformation_matrix
from aiida_getl.acquisition.sources import GlassRun, LabelledStructure, TargetStructure
from aiida_getl.structures.cutting import cut_cell
from aiida_getl.structures.deformation import deform
from aiida_getl.structures.packing import random_packing

FEW = {
    "deformations": {"shear": [0.2], "compression_x": [-0.1]},
    "n_frames": 2,
    "n_cells": 2,
    "n_compositions": 2,
}


@pytest.fixture(scope="module")
def sources(cells):
    """One glass with its label and one of its shears, a run of five frames of another, and a large target."""
    sheared = deform(cells[0], deformation_matrix({"name": "shear_xy", "amplitude": 0.2}))
    labelled = [LabelledStructure("u0", cells[0], "g0"), LabelledStructure("u1", sheared, "g0", "shear_xy")]
    frames = [cells[1].copy() for _ in range(5)]
    for k, atoms in enumerate(frames):
        atoms.rattle(0.05 * (4 - k), seed=k)
    target = [TargetStructure("t", random_packing({"Cu": 70, "Zr": 30}, seed=4))]
    return labelled, [GlassRun("r", frames, "g1")], target


def test_all_kinds(sources, model):
    found = enumerate_candidates(*sources, FEW, seed=0, model=model)
    kinds = [candidate.kind for candidate in found]
    # Six shears less the one that there is, and a compression.
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "deformation": 6,
        "frame": 2,
        "run": 1,
        "composition": 2,
        "cell": 2,
    }
    assert len({candidate.key for candidate in found}) == len(found)
    assert {c.strategy for c in found if c.kind in ("deformation", "frame")} == {"exploit"}
    assert {c.kind for c in found if c.surrogate} == {"run", "composition"}
    compositions = [c.recipe["composition"] for c in found if c.kind == "composition"]
    assert compositions[0] == "Cu70Zr30"  # the target's
    assert all(c.n_atoms == 16 for c in found)


def test_recipes_make_the_cells(sources, model):
    labelled, runs, target = sources
    for candidate in enumerate_candidates(*sources, FEW, seed=0, model=model):
        recipe = candidate.recipe
        if recipe["operation"] == "deform":
            made = deform(labelled[0].atoms, deformation_matrix(recipe["deformation"]))
        elif recipe["operation"] == "frame":
            made = runs[0].frames[recipe["frame"]]
        elif recipe["operation"] == "cut":
            made = cut_cell(target[0].atoms, recipe["centre"], recipe["n_atoms"])
        else:
            continue
        np.testing.assert_allclose(candidate.atoms.positions, made.positions)
        np.testing.assert_allclose(candidate.atoms.cell, made.cell)


def test_is_the_same_for_a_seed(sources, model):
    first, again, other = (enumerate_candidates(*sources, FEW, seed=s, model=model) for s in (0, 0, 1))
    assert [c.key for c in first] == [c.key for c in again]
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.atoms.positions, two.atoms.positions)
    seeds = [[c.recipe["seed"] for c in found if c.kind == "run"] for found in (first, other)]
    assert seeds[0] != seeds[1]


def test_nothing_twice(sources, model):
    first = enumerate_candidates(*sources, FEW, seed=0, model=model)
    second = enumerate_candidates(*sources, FEW, seed=0, model=model, done=[c.key for c in first])
    assert not {c.key for c in first} & {c.key for c in second}
    # New runs have new seeds; other frames take the place of those done.
    assert {c.kind for c in second} >= {"run", "composition"}
    assert "deformation" not in {c.kind for c in second}


def test_a_composition_labelled_once_gets_another_glass(sources, cells):
    """The recipe of the composition is not that of a further run of it."""
    labelled, runs, target = sources
    first = next(c for c in enumerate_candidates(*sources, FEW, seed=0) if c.kind == "composition")
    there = LabelledStructure("u9", first.atoms, "new")
    found = enumerate_candidates([*labelled, there], runs, target, FEW, seed=0, done=[first.key])
    again = [c for c in found if c.kind == "run" and c.recipe["composition"] == "Cu68.8Zr31.2"]  # of 16 atoms
    assert len(again) == 1
    assert first.recipe["composition"] not in {c.recipe["composition"] for c in found if c.kind == "composition"}
    assert again[0].recipe["seed"] != first.recipe["seed"]


def test_failed_structures_are_not_deformed_nor_proposed(sources):
    labelled, runs, target = sources
    failed = [LabelledStructure("u2", runs[0].frames[4], "g1", labelled=False)]
    found = enumerate_candidates([*labelled, *failed], runs, target, {**FEW, "n_frames": 5}, seed=0)
    assert {c.recipe["parent"] for c in found if c.kind == "deformation"} == {"u0"}
    assert 4 not in {c.recipe["frame"] for c in found if c.kind == "frame"}


def test_given_compositions(sources):
    settings = {**FEW, "compositions": ["Cu25Zr75", "Cu50Zr50", "Al25Zr75"]}
    found = enumerate_candidates(*sources, settings, seed=0)
    assert [c.recipe["composition"] for c in found if c.kind == "composition"] == ["Cu25Zr75", "Al25Zr75"]


def test_a_target_with_a_new_element_proposes_it(sources):
    labelled, runs, _ = sources
    target = [TargetStructure("t", random_packing({"Cu": 40, "Zr": 40, "Al": 20}, seed=4))]
    found = enumerate_candidates(labelled, runs, target, FEW, seed=0)
    first = next(c for c in found if c.kind == "composition")
    assert first.recipe["composition"] == "Al20Cu40Zr40"


def test_no_more_than_can_be_looked_at(sources, model):
    settings = {**FEW, "max_of_kind": 3}
    first, other = (enumerate_candidates(*sources, settings, seed=seed, model=model) for seed in (0, 1))
    kinds = [candidate.kind for candidate in first]
    assert kinds.count("deformation") == 3
    assert {c.key for c in first if c.kind == "deformation"} != {c.key for c in other if c.kind == "deformation"}


def test_refuses_compositions_that_a_cell_cannot_have(sources):
    with pytest.raises(ValueError, match="50 atoms are enough"):
        enumerate_candidates(*sources, {**FEW, "compositions": ["Al2Cu49Zr49"]}, seed=0)
    with pytest.raises(ValueError, match="as a formula"):
        enumerate_candidates(*sources, {**FEW, "compositions": [{"Cu": 1}]}, seed=0)
    with pytest.raises(ValueError, match="no frames"):
        GlassRun("r", [], "g")


def test_refuses_without_structures(sources):
    with pytest.raises(ValueError, match="there are none"):
        enumerate_candidates([], [], sources[2], FEW, seed=0)


def test_known_structures():
    atoms = Atoms("CuZr", positions=[[0, 0, 0], [1.5, 1.5, 1.5]], cell=[3, 3, 3], pbc=True)
    strained = atoms.copy()
    strained.set_cell([3.1, 3, 3])
    other = atoms.copy()
    other.positions[1] += 0.5
    known = KnownStructures([Atoms("Cu", cell=[3, 3, 3], pbc=True), other, strained, atoms])
    moved = atoms.copy()
    moved.positions[1] += [3, 0, -3]
    assert moved in known
    moved.positions[0] += 0.01
    assert moved not in known
    assert Atoms("ZrCu", positions=atoms.positions, cell=[3, 3, 3], pbc=True) not in known
    stretched = atoms.copy()
    stretched.set_cell([3, 3, 3.1])
    assert stretched not in known
    assert atoms not in KnownStructures([])
