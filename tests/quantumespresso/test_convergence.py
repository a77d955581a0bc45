"""What an output of pw.x tells about convergence."""

import numpy as np
import pytest

from aiida_getl.quantumespresso.convergence import (
    LADDER,
    check_ladder,
    has_no_numbers,
    is_worse,
    read_accuracies,
    read_crash,
    read_stopping_point,
    will_converge,
)

#: Lines of pw.x 6.7.
OUTPUT = """\
     total energy              =     -39.49241767 Ry
     estimated scf accuracy    <       0.00518589 Ry
     total energy              =     -39.49236203 Ry
     estimated scf accuracy    <          1.1E-09 Ry
"""
LOST = """\
     total energy              =              NaN Ry
     estimated scf accuracy    < **************** Ry
"""
CRASH = """
 %%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%
     task #         0
     from electrons : error #         1
     charge is wrong
 %%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%
"""


def test_accuracies_are_read():
    assert read_accuracies(OUTPUT).tolist() == [0.00518589, 1.1e-9]
    np.testing.assert_array_equal(read_accuracies(OUTPUT + LOST), [0.00518589, 1.1e-9, np.nan])
    assert read_accuracies("").shape == (0,)


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("     Maximum CPU time exceeded\n", (0, 0)),
        (
            "     iteration #  1     ecut=    15.00 Ry     beta= 0.30\n"
            "     Maximum CPU time exceeded\n"
            "     Calculation stopped in k-point loop, point #    24\n"
            "     Calculation stopped in scf loop at iteration #     0\n",
            (0, 24),
        ),
        ("     Calculation stopped in scf loop at iteration #    12\n", (12, 0)),
    ],
)
def test_where_pw_stopped_itself(text, reached):
    """Lines of pw.x 6.7."""
    assert read_stopping_point(text) == reached


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OUTPUT, False),
        (LOST.splitlines()[0], True),
        (LOST.splitlines()[1], True),
        ("     WARNING: integrated charge=***************, expected=     3.00000000", True),
        ("     the Fermi energy is        NaN ev", True),
        ("     total energy = Infinity Ry", True),
        ("     *** nancy was here ***", False),
    ],
)
def test_no_numbers(text, expected):
    assert has_no_numbers(text) is expected


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([1.0, 0.1], False), ([1.0, 2.0], True), ([1.0], True), ([], True), ([1.0, np.nan], True)],
)
def test_worse(accuracies, expected):
    assert is_worse(np.array(accuracies)) is expected


def test_decay_is_continued():
    decay = 10.0 ** -np.arange(6)
    assert will_converge(decay, 1e-9, 5)
    assert not will_converge(decay, 1e-9, 3)
    # What came down at first, and then did not.
    assert not will_converge(np.array([1.0, 1e-2, 1e-4, 1e-4, 2e-4, 1e-4, 2e-4]), 1e-9, 1000)
    assert not will_converge(decay[:2], 1e-9, 100)
    assert not will_converge(np.array([1.0, np.nan, 0.1]), 1e-9, 100)
    assert not will_converge(np.array([1.0, 0.1, 0.0]), 1e-9, 100)


def test_crash():
    assert read_crash(CRASH) == "electrons: charge is wrong"
    assert read_crash("     from setup : error #  1\n") == "setup: no reason is given"
    assert read_crash("something else\n") == "something else"
    assert read_crash("%%%\n") == ""


def test_the_ladder_is_one_that_pw_knows():
    check_ladder(LADDER)
    check_ladder([])
    for step, message in (
        ("TF", "mixing step 1 is 'TF'"),
        ({"mixing_mode": None}, "mixing_mode is None"),
        ({"mixing_beta": True}, "mixing_beta is True"),
        ({"mixing_ndim": 2.5}, "mixing_ndim is 2.5"),
    ):
        with pytest.raises(ValueError, match=message):
            check_ladder([step])
