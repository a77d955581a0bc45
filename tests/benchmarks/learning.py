"""Errors, calibration and speed of the learning on the published glass, as the tables of docs/learning.md.

    OMP_NUM_THREADS=1 python tests/benchmarks/learning.py [--data DIRECTORY] [--group-by strain] [--json FILE]

Takes two to three minutes.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

import numpy as np
from ase.io import read

from aiida_getl.learning.dataset import BondTable, concatenate, table_of_structure
from aiida_getl.learning.settings import default_descriptors
from aiida_getl.learning.training import METHODS, train
from aiida_getl.learning.validation import validate
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.deformation import AS_QUENCHED, PUBLISHED_SUBRUNS

DESCRIPTORS = default_descriptors(["Al", "Cu", "Zr"])
DEFAULT_DATA = os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data")


def published_table(data: Path) -> BondTable:
    """Read the labelled sub-runs of run 21."""
    run = data / "prm4_113603" / "ML" / "big-data-full" / "Zr49Cu49Al2" / "c" / "md" / "lammps" / "100" / "21"
    tables = []
    for name, number in {AS_QUENCHED: 0, **PUBLISHED_SUBRUNS}.items():
        folder = run / "2000" / str(number)
        if (folder / "ICOHPLIST.lobster").exists():  # one sub-run never converged
            atoms = read(folder / "Zr49Cu49Al2.xyz")
            bonds, icohp = read_icohplist(folder / "ICOHPLIST.lobster").to_bonds(atoms)
            metadata = {"run": 21, "sub_run": name}
            tables.append(table_of_structure(atoms, bonds, -icohp[:, 0], metadata, DESCRIPTORS))
    return concatenate(tables)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA), help="folder that holds prm4_113603")
    parser.add_argument("--group-by", default="strain", choices=("strain", "random"), help="what is left out together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write all metrics here")
    options = parser.parse_args()

    table = published_table(options.data)
    settings = {"descriptor": DESCRIPTORS[0], "group_by": options.group_by, "learning_curve": False}
    start = time.process_time()
    validation = validate(table, settings, options.seed)
    print(
        f"{len(table)} bonds, {validation.n_groups} groups ({validation.group_by}) left out one after the other, ",
        end="",
    )
    print(f"{time.process_time() - start:.0f} s of CPU time; RMSE, MAE and bias in eV\n")
    print(
        "| type | bonds | distance only | published | ours | MAE | R² | bias | z std | 95 % | z std, strongest tenth |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in sorted(validation.metrics, key=lambda name: -validation.metrics[name]["model"]["n"]):
        metrics, columns = validation.metrics[name], validation.predictions[name]
        ours = metrics["model"]
        strongest = columns["target"] >= np.quantile(columns["target"], 0.9)
        z = (columns["model_mean"] - columns["target"])[strongest] / columns["model_std"][strongest]
        errors = " | ".join(f"{metrics[method]['rmse']:.4f}" for method in METHODS)
        print(
            f"| {name} | {ours['n']} | {errors} | {ours['mae']:.4f} | {ours['r2']:.4f} | {ours['bias']:+.4f} "
            f"| {ours['z_std']:.2f} | {100 * ours['coverage_95']:.1f} | {np.sqrt(np.mean(z**2)):.2f} |"
        )
    for name, reason in validation.skipped.items():
        print(f"\n{name} not validated: {reason}")
    if options.json:
        options.json.write_text(json.dumps(validation.to_arrays()[1], indent=1))

    start = time.process_time()
    model = train(table, settings, options.seed)
    size = sum(array.nbytes for array in model.to_arrays()[0].values()) / 1e6
    print(f"\ntraining on all: {time.process_time() - start:.1f} s of CPU time; model of {size:.0f} MB")
    glass = read(options.data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2/c/md/lammps/100/21/2000/0/Zr49Cu49Al2.xyz")
    large = glass.repeat((5, 5, 4))
    large.rattle(0.05, seed=1)
    for return_std in (False, True):
        start = time.process_time()
        prediction = model.predict(large, return_std=return_std)
        what = "with standard deviations" if return_std else "means only"
        seconds = time.process_time() - start
        print(f"{len(large)} atoms, {len(prediction)} bonds, {what}: {seconds:.1f} s of CPU time")
    print(f"peak memory of all: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
