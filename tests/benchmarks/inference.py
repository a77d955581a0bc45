"""From structure to bond strengths: time and memory, against the published loop and scikit-learn, for docs/learning.md.

    python tests/benchmarks/inference.py [--atoms 10000] [--data DIRECTORY] [--threads N] [--stream 1000000]

Trains on the published glass, then predicts a glass of random thermal displacements. Prints wall and processor time:
on a machine with other work only the latter means anything.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from dscribe.descriptors import SOAP
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

from aiida_getl.learning.blocks import blocks
from aiida_getl.learning.dataset import BondTable, concatenate, table_of_structure
from aiida_getl.learning.descriptors import BondCentreSoap, BondEnvironment, EndAtomSoap
from aiida_getl.learning.kernels import BondSoapKernel
from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.regression import BondRegressor
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.training import PUBLISHED_PARAMETERS, train
from aiida_getl.learning.transformer import midpoints
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

DEFAULT_DATA = os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data")
#: Training bonds per type of the published method and of scikit-learn.
N_TRAIN = 1800
#: Bonds that the published loop is timed on.
SAMPLE = 40


def timed(what: str, bonds: int, run: Callable[[], object], share: float = 1.0) -> None:
    """Print the time of a function; of one that does a share of the work only, the time that all would take."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    wall, processor = (time.perf_counter() - wall) / share, (time.process_time() - processor) / share
    scaled = "" if share == 1.0 else f" (scaled from {share:.2%})"
    print(f"| {what} | {wall:.1f} | {processor:.1f} | {1e6 * processor / bonds:.0f} |{scaled}", flush=True)


def published_glass(data: Path) -> tuple[Atoms, BondTable]:
    """Return the undeformed cell of run 21 and the table of all labelled sub-runs."""
    runs = data / "prm4_113603" / "ML" / "big-data-full" / "Zr49Cu49Al2" / "c" / "md" / "lammps" / "100" / "21" / "2000"
    descriptors = default_descriptors(["Al", "Cu", "Zr"])
    tables = []
    for name, number in {AS_QUENCHED: 0, **PUBLISHED_SUBRUNS}.items():
        folder = runs / str(number)
        if (folder / "ICOHPLIST.lobster").exists():
            atoms = read(folder / "Zr49Cu49Al2.xyz")
            bonds, icohp = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds(atoms)
            tables.append(table_of_structure(atoms, bonds, -icohp[:, 0], {"run": 21, "sub_run": name}, descriptors))
    return read(runs / "0" / "Zr49Cu49Al2.xyz"), concatenate(tables)


def tiled(glass: Atoms, n_atoms: int) -> Atoms:
    """Return a nearly cubic supercell of about ``n_atoms`` atoms, displaced by 0.05 Å at random."""
    n = max(1, round((n_atoms / len(glass)) ** (1 / 3)))
    large = glass.repeat((n, n, max(1, round(n_atoms / len(glass) / n**2))))
    large.rattle(0.05, seed=1)
    return large


def published_loop(table: BondTable, large: Atoms, r_max: float) -> None:
    """Time the published scripts' way: minimum images pair by pair, then bond by bond, training bond by training bond.

    Vectors of the training bonds' ends are compared one after the other, as published: four dot products for each.
    """
    positions, cell = large.positions, np.diag(np.asarray(large.cell))
    n_pairs = len(large) * (len(large) - 1) // 2
    bonds = find_bonds(positions, np.asarray(large.cell), r_max)

    def search() -> None:
        for j in range(1, 20_000):
            delta = [positions[j % len(large)][k] - positions[0][k] for k in range(3)]
            for k in range(3):
                delta[k] -= cell[k] * round(delta[k] / cell[k])
            _ = (delta[0] ** 2 + delta[1] ** 2 + delta[2] ** 2) ** 0.5 <= r_max

    timed("published: search of pairs", len(bonds), search, 20_000 / n_pairs)
    descriptor = EndAtomSoap(["Al", "Cu", "Zr"])
    vectors = descriptor.describe(large, bonds.select(np.arange(SAMPLE))).astype(float)
    part = table.of_type("Zr-Cu")
    training = part.design_matrix("end_atom_soap")[:N_TRAIN].astype(float)
    length, _ = PUBLISHED_PARAMETERS["Zr-Cu"]
    weights = np.random.default_rng(0).normal(size=len(training))

    def predict() -> None:
        for vector, distance in zip(vectors, bonds.distance[:SAMPLE], strict=True):
            total = 0.0
            for row, weight in zip(training, weights, strict=True):
                soap = sum(float(np.dot(vector, row[1:])) for _ in range(4)) / 4.0
                total += weight * soap * np.exp(-((distance - row[0]) ** 2) / (2.0 * length**2))

    timed("published: predictions", len(bonds), predict, SAMPLE / len(bonds))


def scikit_learn(table: BondTable, large: Atoms, r_max: float) -> None:
    """Time scikit-learn's predictions with the kernel of the Gaussian process, on a part of the bonds."""
    bonds = find_bonds(large.positions, np.asarray(large.cell), r_max)
    part = table.of_type("Zr-Cu")
    descriptor = BondEnvironment(["Al", "Cu", "Zr"])
    X = np.delete(
        part.design_matrix("bond_environment"), np.s_[1 : 1 + descriptor.n_screening + descriptor.n_density], axis=1
    )
    process = GaussianProcessRegressor(BondSoapKernel() + WhiteKernel(1e-3), optimizer=None)
    process.fit(X[:N_TRAIN], part.strength[:N_TRAIN])
    for return_std in (False, True):
        name = "scikit-learn, without descriptors: " + ("with standard deviations" if return_std else "means")
        timed(name, len(bonds), lambda s=return_std: process.predict(X[:3000], return_std=s), 3000 / len(bonds))


def ours(model: EtlModel, large: Atoms, n_threads: int) -> None:
    """Time our predictions, and the work that no method is spared."""
    (block,) = blocks(large, model.r_max, 0.0, block_atoms=len(large))
    soap = BondCentreSoap(model.species)
    timed("unavoidable: SOAP", len(block.bonds), lambda: soap.describe(large, block.bonds))
    settings = {name: getattr(soap, name) for name in ("r_cut", "n_max", "l_max", "sigma")}
    part = block.bonds.select(np.arange(0, len(block.bonds), 10))
    middle, _ = midpoints(large, part)
    theirs = SOAP(species=model.species, periodic=True, **settings)
    timed(
        "the same by DScribe",
        len(block.bonds),
        lambda: theirs.create(large, centers=middle),
        len(part) / len(block.bonds),
    )
    process = max(
        (regressor.members_["soap"] for regressor in model.regressors.values()), key=lambda member: len(member.X_train_)
    )
    assert isinstance(process, BondRegressor)
    assert process.axes_ is not None
    inducing = process.X_train_[:, 1:] @ process.axes_.T
    rows = np.tile(inducing, (5, 1))[:4096]
    share = len(rows) / len(block.bonds)
    timed("one product with all inducing bonds", len(block.bonds), lambda: rows @ inducing.T, share)
    axes, weights = process.axes_, process.X_train_[:, 1:].T.copy()
    timed("unavoidable: the same by way of their axes", len(block.bonds), lambda: rows @ axes @ weights, share)
    for threads in sorted({1, n_threads}):
        for return_std in (False, True):
            name = f"ours, {threads} thread(s): " + ("with standard deviations" if return_std else "means")
            timed(name, len(block.bonds), lambda s=return_std, n=threads: model.predict(large, None, s, n))


def stream(model: EtlModel, glass: Atoms, n_atoms: int, n_threads: int) -> None:
    """Predict many atoms block by block; print the time and the largest memory."""
    large = tiled(glass, n_atoms)
    start, count, n_blocks = time.process_time(), 0, 0
    for part in model.predict_blocks(large, n_threads=n_threads):
        count, n_blocks = count + len(part), n_blocks + 1
    seconds = time.process_time() - start
    print(f"\n{len(large)} atoms in {n_blocks} blocks: {count} bonds, {seconds:.0f} s of processor time")


def memory() -> str:
    """Return the largest memory of this process until now."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA), help="folder that holds prm4_113603")
    parser.add_argument("--atoms", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--stream", type=int, help="also predict so many atoms, block by block")
    options = parser.parse_args()
    glass, table = published_glass(options.data)
    start = time.process_time()
    model = train(table, {"descriptor": default_descriptors(["Al", "Cu", "Zr"])[0]}, 0)
    print(f"training: {time.process_time() - start:.0f} s of processor time; {memory()} until now\n")
    large = tiled(glass, options.atoms)
    bonds = find_bonds(large.positions, np.asarray(large.cell), model.r_max)
    print(f"{len(large)} atoms, {len(bonds)} bonds\n")
    print("| what | wall, s | processor, s | µs per bond |\n|---|---|---|---|")
    ours(model, large, options.threads)
    print(f"\nlargest memory {memory()}\n\n| what | wall, s | processor, s | µs per bond |\n|---|---|---|---|")
    published_loop(table, large, model.r_max)
    scikit_learn(table, large, model.r_max)
    if options.stream:
        stream(model, glass, options.stream, options.threads)
        print(f"largest memory {memory()}")


if __name__ == "__main__":
    main()
