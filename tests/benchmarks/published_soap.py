"""End-atom SOAP as published (quippy) beside that of this package (DScribe): how far their kernels agree.

    pip install --target /tmp/quippy --no-deps quippy-ase f90wrap
    PYTHONPATH=/tmp/quippy OMP_NUM_THREADS=1 python tests/benchmarks/published_soap.py [--data DIRECTORY]

Data: run 21 of the published Zr49Cu49Al2 glass, and the stored SOAP vectors of Al atoms of other runs, whose structures
are not among the data. So the stored vectors cannot be computed again; but if quippy is told the published settings,
its vectors of Al atoms of run 21 must have the length and the norm of the stored ones, and resemble them as much as
these resemble each other.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from ase.io import read
from numpy.typing import NDArray
from quippy.descriptors import Descriptor

from aiida_getl.exchange.unpickle import load_arrays
from aiida_getl.learning.descriptors import EndAtomSoap
from aiida_getl.structures.bonds import bond_types, find_bonds

DEFAULT_DATA = os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data")
SPECIES = ("Al", "Cu", "Zr")
PUBLISHED = (
    "soap cutoff=3.75 l_max=6 n_max=8 atom_sigma=0.5 normalise=T n_Z=3 Z={13 29 40} n_species=3 species_Z={13 29 40}"
)


def published_vectors(atoms) -> NDArray[np.float64]:
    """Return the published SOAP vectors of all atoms (n, 2101), in their order."""
    soap = Descriptor(PUBLISHED)
    result = soap.calc(atoms)
    # One vector for each atom, sorted by nothing but the atom it is of.
    vectors = np.empty((len(atoms), result["data"].shape[1]))
    vectors[np.asarray(result["ci"]).ravel() - 1] = result["data"]
    return vectors


def cosines(vectors: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Return the dot products (n, m) of normalised vectors."""
    return (vectors / np.linalg.norm(vectors, axis=1)[:, None]) @ (others / np.linalg.norm(others, axis=1)[:, None]).T


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA), help="folder that holds prm4_113603")
    parser.add_argument("--bonds", type=int, default=800, help="bonds per structure whose pairs are compared")
    options = parser.parse_args()
    root = options.data / "prm4_113603" / "ML" / "big-data-full"
    runs = root / "Zr49Cu49Al2" / "c" / "md" / "lammps" / "100" / "21" / "2000"

    path = root / "Zr49Cu49Al2-PBSSDB" / "Al-Al-SOAPS.vec"
    stored = np.array(list(load_arrays(path.read_bytes(), path.name).values()))
    atoms = read(runs / "0" / "Zr49Cu49Al2.xyz")
    vectors = published_vectors(atoms)
    mine = vectors[atoms.numbers == atomic_numbers["Al"]]
    print(f"{len(stored)} stored vectors of Al atoms: {stored.shape[1]} features, here {mine.shape[1]}")
    print(
        f"largest deviation of a norm from 1: {np.abs(np.linalg.norm(np.vstack([stored, mine]), axis=1) - 1).max():.1e}"
    )
    among = cosines(stored, stored)[np.triu_indices(len(stored), 1)]
    between = cosines(mine, stored).ravel()
    for name, values in (("stored with each other", among), ("those of run 21 with stored", between)):
        print(f"dot products, {name}: mean {values.mean():.3f}, {values.min():.3f} to {values.max():.3f}")

    for sub_runs in ((0,), (0, 1, 8, 14)):
        print_agreement(runs, sub_runs, options.bonds)


def print_agreement(runs: Path, sub_runs: tuple[int, ...], n_bonds: int) -> None:
    """Print how the two kernels agree over all pairs of bonds drawn from sub-runs."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[NDArray]] = {"published": [], "ours": [], "type": []}
    for sub_run in sub_runs:
        atoms = read(runs / str(sub_run) / "Zr49Cu49Al2.xyz")
        bonds = find_bonds(atoms.positions, atoms.cell[:], 3.75)
        bonds = bonds.select(np.sort(rng.permutation(len(bonds))[:n_bonds]))
        ends = published_vectors(atoms)
        rows["published"].append(0.5 * (ends[bonds.atom_i] + ends[bonds.atom_j]))
        rows["ours"].append(EndAtomSoap(SPECIES).describe(atoms, bonds).astype(float))
        rows["type"].append(bond_types(atoms.get_chemical_symbols(), bonds))
    published, ours, types = (np.concatenate(rows[name]) for name in ("published", "ours", "type"))
    print(f"\nsub-runs {sub_runs}, {len(types)} bonds: correlation of the kernels over all pairs, largest difference")
    for name in ("all", "Cu-Cu", "Zr-Cu", "Zr-Zr"):
        chosen = np.flatnonzero((types == name) | (name == "all"))
        pairs = np.triu_indices(len(chosen))
        one, other = ((x[chosen] @ x[chosen].T)[pairs] for x in (published, ours))
        print(f"{name:6} {np.corrcoef(one, other)[0, 1]:.4f}  {np.abs(one - other).max():.3f}")


if __name__ == "__main__":
    main()
