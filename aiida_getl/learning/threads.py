"""Work that is done side by side, with the same numbers for any number of processors.

Each piece of work has one thread, in which BLAS has none of its own: matrices of bonds are small, and BLAS's threads
would wait for each other longer than they compute, the more so on a busy machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

#: What copies of the data may take of the memory (bytes), and how many copies a piece of work makes.
MEMORY, COPIES = 4e9, 4


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], n_threads: int | None = None, n_bytes: int = 0
) -> Iterator[Result]:
    """Yield what a function returns for each item, in their order.

    Parameters
    ----------
    n_threads : at most so many at a time; by default what ``OMP_NUM_THREADS`` allows of the processors there are
    n_bytes : size of the data of one item; of large data fewer are done at a time
    """
    n = n_threads or _allowed()
    if n_bytes:
        n = min(n, max(1, int(MEMORY // (COPIES * n_bytes))))
    with threadpool_limits(1), ThreadPoolExecutor(n) as pool:
        yield from pool.map(function, items)


def _allowed() -> int:
    """Return how many threads this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(int(given), _processors())) if given.isdigit() else _processors()


def _processors() -> int:
    """Return how many processors this process may run on, which not every system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
