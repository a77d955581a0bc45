"""Joined parts of a simulation: each step once, those that nothing follows from left out."""

import numpy as np
import pytest

from aiida_getl.lammps.joined import join_by_step


def part(*steps, value=0.0):
    return {"step": np.array(steps, dtype=float), "energy": np.full(len(steps), value)}


def test_what_a_killed_part_did_after_its_checkpoint_is_left_out():
    joined = join_by_step([part(0, 10, 20, 30, value=1.0), part(20, 30, 40, value=2.0), part(40, 50, value=3.0)])
    np.testing.assert_array_equal(joined["step"], [0, 10, 20, 30, 40, 50])
    np.testing.assert_array_equal(joined["energy"], [1, 1, 2, 2, 3, 3])


def test_a_part_that_recorded_nothing_leaves_no_trace():
    joined = join_by_step([part(0, 10, 20), part(), part(10, 20, 30)])
    np.testing.assert_array_equal(joined["step"], [0, 10, 20, 30])
    np.testing.assert_array_equal(join_by_step([part()])["step"], [])


def test_two_parts_from_the_same_checkpoint():
    joined = join_by_step([part(0, 10, value=1.0), part(10, 20, value=2.0), part(10, 20, 30, value=3.0)])
    np.testing.assert_array_equal(joined["energy"], [1, 3, 3, 3])


def test_rows_of_many_numbers():
    frames = {"steps": np.array([0, 5]), "positions": np.arange(12.0).reshape(2, 2, 3)}
    more = {"steps": np.array([5, 10]), "positions": np.zeros((2, 2, 3))}
    joined = join_by_step([frames, more], "steps")
    assert joined["positions"].shape == (3, 2, 3)
    np.testing.assert_array_equal(joined["positions"][0], frames["positions"][0])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "no part"),
        ([part(20, 30), part(0, 10)], "part 1 starts at step 0, before"),
        ([part(0), {"step": np.zeros(1), "volume": np.zeros(1)}], "part 1 has arrays of other names"),
        ([{"step": np.zeros(2), "energy": np.zeros(1)}], "part 0 has arrays of other names or lengths"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        join_by_step(parts)
