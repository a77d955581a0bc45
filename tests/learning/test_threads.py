"""Work side by side: in order, as many threads as allowed, fewer for large data."""

import threading

import numpy as np
import pytest

from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.threads import COPIES, MEMORY, side_by_side
from aiida_getl.learning.validation import validate


def most_at_once(monkeypatch, allowed, together, **options):
    """The largest number of pieces of work that were under way, of which so many wait for each other."""
    monkeypatch.setattr("aiida_getl.learning.threads._processors", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    lock, meeting, running, seen = threading.Lock(), threading.Barrier(together, timeout=60), [], []

    def work(item):
        with lock:
            running.append(item)
            seen.append(len(running))
        meeting.wait()
        with lock:
            running.remove(item)
        return item

    assert list(side_by_side(work, range(12), **options)) == list(range(12))
    return max(seen)


@pytest.mark.parametrize(
    ("allowed", "options", "expected"),
    [
        ("1", {}, 1),
        ("3", {}, 3),
        ("64", {}, 4),
        ("", {}, 4),
        ("many", {}, 4),
        ("0", {}, 1),
        ("", {"n_threads": 2}, 2),
        ("", {"n_bytes": int(MEMORY / COPIES / 2)}, 2),
        ("", {"n_bytes": int(10 * MEMORY)}, 1),
    ],
)
def test_as_many_at_once_as_are_allowed(monkeypatch, allowed, options, expected):
    assert most_at_once(monkeypatch, allowed, expected, **options) == expected


def test_the_first_failure_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda x: 1 / x, [1, 0, 2]))


def test_numbers_do_not_depend_on_the_threads(small_table, monkeypatch):
    settings = {"descriptor": default_descriptors(["Cu", "Zr"])[0], "group_by": "run", "learning_curve": False}
    monkeypatch.setattr("aiida_getl.learning.threads._processors", lambda: 4)
    predictions = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        predictions.append(validate(small_table, settings, 0).predictions)
    for name, columns in predictions[0].items():
        for key, values in columns.items():
            np.testing.assert_array_equal(values, predictions[1][name][key])
