"""Time and memory of choosing training bonds from 100,000 and of writing the bonds of a million atoms.

    OMP_NUM_THREADS=1 python tests/benchmarks/scale.py

Random numbers: neither depends on what they are. CPU time; memory beyond that of the input. A minute.
"""

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms

from aiida_getl.exchange.predictions import BondRecords, write_predictions
from aiida_getl.learning.selection import select
from aiida_getl.structures.bonds import BondList

N_BONDS, N_FEATURES, N_CHOSEN = 100_000, 855, 2000
N_ATOMS, BONDS_PER_ATOM, PART = 1_000_000, 7, 65_536


def peak_memory() -> float:
    """Return the largest memory so far in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def choose() -> None:
    """Select training bonds."""
    rng = np.random.default_rng(0)
    X = rng.random((N_BONDS, 1 + N_FEATURES), dtype=np.float32)
    strength, before = np.exp(-X[:, 0]), peak_memory()
    for method in ("random", "stratified", "leverage", "farthest_point"):
        start = time.process_time()
        select(method, X, N_CHOSEN, 0, strength)
        print(f"{N_CHOSEN} of {N_BONDS} bonds, {method}: {time.process_time() - start:.1f} s")
    print(f"{peak_memory() - before:.2f} GB beyond the {X.nbytes / 1e9:.2f} GB of the descriptors\n")


def parts(rng: np.random.Generator) -> Iterator[BondRecords]:
    """Make bonds up, part by part."""
    for start in range(0, N_ATOMS * BONDS_PER_ATOM, PART):
        n = min(PART, N_ATOMS * BONDS_PER_ATOM - start)
        i, j = rng.integers(N_ATOMS, size=(2, n))
        bonds = BondList(i, j, np.zeros((n, 3), dtype=np.int64), 2.4 + rng.random(n))
        flags = {"outside_range": rng.random(n) < 0.1}
        yield BondRecords(bonds, np.full(n, "Cu-Cu"), rng.random(n), rng.random(n), flags)


def write() -> None:
    """Write every format."""
    rng = np.random.default_rng(0)
    atoms = Atoms(np.full(N_ATOMS, 29), positions=260 * rng.random((N_ATOMS, 3)), cell=[260] * 3, pbc=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("bonds.parquet", "bonds.csv", "atoms.extxyz", "ICOHPLIST.lobster"):
            path, start = Path(folder) / name, time.process_time()
            n = write_predictions(path, [(atoms, parts(rng))])
            seconds, size = time.process_time() - start, path.stat().st_size / 1e6
            print(f"{N_ATOMS} atoms, {n} bonds, {name}: {seconds:.0f} s, {size:.0f} MB, peak {peak_memory():.2f} GB")
            path.unlink()


if __name__ == "__main__":
    write()
    choose()
