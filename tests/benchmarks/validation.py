"""The published errors, distance only, the published method and this model in one table; calibration; figures.

    OMP_NUM_THREADS=1 python tests/benchmarks/validation.py [--data DIRECTORY] [--figures DIRECTORY] [--curves]
        [--few N ...]

Data: the published Zr49Cu49Al2 glass (run 21) with its labelled deformations, and the published predictions. The random
split repeats the publication: 2000 bonds of a type to train on, or two thirds of fewer, 1000 others to test on, bonds
up to 3.75 Å. It flatters every method; leaving out strain groups does not. `--curves` adds learning curves of every
selection of training bonds and the permutation importance.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from aiida_getl.exchange.label import Unlabelled, read_label
from aiida_getl.exchange.original import find_sources
from aiida_getl.learning.dataset import BondTable, concatenate, table_of_structure
from aiida_getl.learning.importance import permutation_importance
from aiida_getl.learning.learning_curve import SELECTIONS, learning_curve
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.settings import default_descriptors, validate_settings
from aiida_getl.learning.tables import format_comparison, format_metrics, format_table
from aiida_getl.learning.training import METHODS, descriptor_of, methods
from aiida_getl.learning.validation import Validation, validate
from aiida_getl.report import figures, validation_figures

DEFAULT_DATA = os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data")
DESCRIPTORS = default_descriptors(["Al", "Cu", "Zr"])
TYPES = ("Zr-Cu", "Zr-Zr", "Cu-Cu", "Zr-Al", "Cu-Al")
#: of the published random split
R_PUBLISHED, N_TRAIN, N_TEST = 3.75, 2000, 1000


def read_table(data: Path) -> BondTable:
    """Read the labelled sub-runs of run 21; one has no labels."""
    tables = []
    for source in find_sources(data / "prm4_113603" / "ML" / "big-data-full" / "Zr49Cu49Al2")[0]:
        try:
            label = read_label(source.files, source.status)
        except Unlabelled:
            continue
        metadata = {"run": source.run, "sub_run": source.sub_run, "composition": "Zr49Cu49Al2"}
        tables.append(table_of_structure(label.atoms, label.bonds, -label.icohp.sum(axis=1), metadata, DESCRIPTORS))
    return concatenate(tables)


def published_rmse(data: Path) -> dict[str, float]:
    """Return the RMSE of the published predictions, eV, by bond type."""
    result = {}
    for path in sorted((data / "prm4_113603" / "published_results").glob("*.dat")):
        predicted, target = np.loadtxt(path, unpack=True)
        name = "-".join(path.name.split("-")[1:3])
        result[name] = regression_metrics(target, predicted)["rmse"]
    return result


def random_split(table: BondTable, settings: dict, seeds: range) -> dict[str, dict[str, list[float]]]:
    """Return the RMSE of each bond type and method on random parts, a value per seed."""
    result: dict[str, dict[str, list[float]]] = {}
    complete = validate_settings({**settings, "r_max": R_PUBLISHED, "max_bonds": N_TRAIN})
    near = table.select(table.distance <= R_PUBLISHED)
    for name in TYPES:
        part = near.of_type(name)
        n_test = min(N_TEST, len(part) // 3)
        result[name] = {method: [] for method in METHODS}
        for seed in seeds:
            order = np.random.default_rng(seed).permutation(len(part))
            test, train = order[:n_test], order[n_test : n_test + N_TRAIN]
            for method, fit in methods(part, complete, seed).items():
                X = part.design_matrix(descriptor_of(method, complete))
                # Random parts stand for the groups, which a random split does not know.
                regressor = fit(X[train], part.strength[train], np.arange(len(train)) % 8, name)
                rmse = regression_metrics(part.strength[test], regressor.predict(X[test]))["rmse"]
                result[name][method].append(rmse)
    return result


def print_main_table(paper: dict[str, float], drawn: dict, validation: Validation) -> None:
    """Print the one table: RMSE in eV."""
    header = ["type", "as published", *(f"{m}, random" for m in ("published", "distance", "this model"))]
    header += [f"{m}, strain" for m in ("published", "distance", "this model")]
    order = ("published", "distance_only", "model")
    rows = []
    for name in TYPES:
        own = validation.metrics[name]
        cells = [f"{paper[name]:.4f}", *(f"{np.mean(drawn[name][method]):.4f}" for method in order)]
        rows.append(
            [name, *cells, *(f"{own[method]['rmse']:.4f} ± {own[method]['rmse_error']:.4f}" for method in order)]
        )
    print(format_table(header, rows, "markdown"))


def draw(validation: Validation, folder: Path) -> None:
    """Draw parity, residuals and reliability."""
    types = [name for name in TYPES if name in validation.predictions]

    def join(column: str) -> np.ndarray:
        return np.concatenate([validation.predictions[name][column] for name in types])

    names = np.repeat(types, [len(validation.predictions[name]["target"]) for name in types])
    columns = (names, join("target"), join("model_mean"), join("model_std"))
    rmse = {name: validation.metrics[name]["model"]["rmse"] for name in types}
    figures.parity(folder / "parity.png", *columns, rmse, "strain group")
    validation_figures.residuals(folder / "residuals.png", *columns, "strain group")
    validation_figures.reliability(folder / "reliability.png", *columns)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA), help="folder that holds prm4_113603")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3, help="random splits to average over")
    parser.add_argument("--figures", type=Path, help="draw into this folder")
    parser.add_argument("--curves", action="store_true", help="learning curves and importance as well (minutes)")
    parser.add_argument(
        "--few", type=int, nargs="+", metavar="N", help="train on N bonds of a type as well, e.g. 50 150"
    )
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    options = parser.parse_args()

    start = time.process_time()
    table = read_table(options.data)
    settings = {"descriptor": DESCRIPTORS[0], "group_by": "strain", "learning_curve": False}
    drawn = random_split(table, settings, range(options.seed, options.seed + options.repeats))
    validation = validate(table, settings, options.seed)
    print(
        f"{len(table)} bonds, {validation.n_groups} strain groups, mean of {options.repeats} random splits; RMSE, eV\n"
    )
    print_main_table(published_rmse(options.data), drawn, validation)
    print("\nStrain groups left out, bonds up to 4.2 Å:\n")
    print(format_comparison(validation.metrics, "markdown"))
    print(f"\n{time.process_time() - start:.0f} s of CPU time")
    numbers = {"random": drawn, **validation.to_arrays()[1]}
    if options.figures:
        draw(validation, options.figures)
    for n in options.few or ():
        few = validate(table, {**settings, "max_folds": 4, "max_bonds": n}, options.seed)
        print(f"\n{n} random bonds of each type, strain groups left out in four folds:\n")
        print(format_comparison(few.metrics, "markdown"))
    if options.curves:
        start = time.process_time()
        few = {**settings, "max_folds": 4}
        curves = learning_curve(table, few, options.seed, SELECTIONS)
        for name, forecast in curves.forecast.items():
            print(f"\n{name}: {forecast['message']}")
        values = permutation_importance(table, few, options.seed).values
        rows = [[name, *(f"{own[key]['rmse']:.3f}" for key in own)] for name, own in values.items()]
        print("\nRMSE in eV after exchanging features among bonds left out\n")
        print(format_table(["type", *next(iter(values.values()))], rows, "markdown"))
        print(f"\n{time.process_time() - start:.0f} s of CPU time")
        numbers["curves"], numbers["importance"] = curves.to_attributes(), values
        if options.figures:
            validation_figures.selection_curves(
                options.figures / "selection.png", curves.points, curves.forecast, "strain group"
            )
            validation_figures.importance(options.figures / "importance.png", values)
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1))
        options.json.with_suffix(".csv").write_text(format_metrics(validation.metrics, "csv") + "\n")


if __name__ == "__main__":
    main()
