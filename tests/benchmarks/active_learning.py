"""Active learning on the published labels: hidden, and revealed when asked for; figure and tables of docs.

    OMP_NUM_THREADS=1 python tests/benchmarks/active_learning.py [--seeds 6] [--target strain] [--json FILE]
        [--figure FILE]

The published glass (run 21) is divided into its eight octants. Each stands for a small glass of twelve atoms, and its
fourteen states of strain for deformations of it. Two octants are the target's and are never revealed: in one strain,
drawn with the seed, in the undeformed states, or in all. The other six in all strains are the pool, of 84 labels. The
strategies, which all start from the same four labels:

- random: any of the pool
- exploit only: further strains of octants that have labels, drawn; another octant when all of its strains are labelled
- explore only: strains of the octants with the fewest labels, drawn
- proposed: the greedy choice by expected gain

Takes five minutes of CPU time for six seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from scipy.stats import spearmanr

from aiida_getl.acquisition.gain import greedy, posteriors
from aiida_getl.acquisition.sampling import BondSample
from aiida_getl.acquisition.settings import DEFAULTS
from aiida_getl.exchange.label import Unlabelled, read_label
from aiida_getl.exchange.original import find_sources
from aiida_getl.learning.dataset import BondTable, concatenate, table_of_structure
from aiida_getl.learning.descriptors import BondEnvironment
from aiida_getl.learning.splits import STRAIN_GROUPS
from aiida_getl.learning.training import train
from aiida_getl.report.figures import COLOURS, STYLE, save
from aiida_getl.structures.bonds import bond_vectors

DEFAULT_DATA = os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[3] / "shared" / "data")
DESCRIPTOR = BondEnvironment(["Al", "Cu", "Zr"]).settings()
STRATEGIES = ("random", "exploit only", "explore only", "proposed")
#: Bond types of the errors told: others are in some targets only, and without a model where no label has them yet.
TYPES = ("Zr-Cu", "Zr-Zr", "Cu-Cu")
#: Labels to start from, drawn from the pool.
N_START = 4
#: Smaller than the defaults, for speed.
TARGET_BONDS, HYPER = 200, 300


def published_parts(data: Path) -> BondTable:
    """Return the labelled bonds; every octant of every sub-run is a structure of its own."""
    root = data / "prm4_113603" / "ML" / "big-data-full" / "Zr49Cu49Al2"
    tables = []
    for source in find_sources(root)[0]:
        try:
            label = read_label(source.files, source.status)
        except Unlabelled:
            continue
        table = table_of_structure(label.atoms, label.bonds, -label.icohp[:, 0], {"run": 0}, [DESCRIPTOR])
        cell = label.atoms.cell[:]
        middle = label.atoms.positions[label.bonds.atom_i] + 0.5 * bond_vectors(
            label.atoms.positions, cell, label.bonds
        )
        octant = (np.floor(2.0 * (middle @ np.linalg.inv(cell) % 1.0)).astype(int) % 2) @ [4, 2, 1]
        for region in range(8):
            entry = {"run": region, "sub_run": source.sub_run, "composition": "Zr49Cu49Al2"}
            tables.append(replace(table.select(octant == region), structures=[entry]))
    return concatenate(tables)


def sample(table: BondTable, rows: np.ndarray, size: int, rng: np.random.Generator) -> dict[str, BondSample]:
    """Return at most ``size`` bonds of each type of some rows."""
    result = {}
    for name in table.types():
        own = rows[table.type[rows] == name]
        drawn = np.sort(rng.permutation(own)[:size])
        X = np.hstack([table.distance[drawn, None].astype(np.float32), table.descriptors[DESCRIPTOR["kind"]][drawn]])
        result[name] = BondSample(len(own), X, table.structure[drawn], table.atom_i[drawn], table.atom_j[drawn])
    return result


def run(table: BondTable, strategy: str, seed: int, options: argparse.Namespace) -> list[dict]:
    """Ask for labels until half of the pool is known; return the errors on the way."""
    rng = np.random.default_rng(seed)
    regions = np.array([entry["run"] for entry in table.structures])
    held = rng.permutation(8)[:2]
    pool = np.flatnonzero(~np.isin(regions, held))
    target = np.flatnonzero(np.isin(regions, held)[table.structure])
    if options.target != "all":
        strains = np.array([STRAIN_GROUPS.get(entry["sub_run"], entry["sub_run"]) for entry in table.structures])
        wanted = "small" if options.target == "undeformed" else rng.choice(np.unique(strains[pool]))
        target = target[strains[table.structure[target]] == wanted]
    order = list(rng.permutation(pool))
    known, left = order[:N_START], order[N_START:]
    rows_of = {unit: np.flatnonzero(table.structure == unit) for unit in pool}
    settings = {"descriptor": DESCRIPTOR, "learning_curve": False, "max_bonds_hyperparameters": HYPER}
    asked = sample(table, target, TARGET_BONDS, rng)
    share = {name: own.n / len(target) for name, own in asked.items()}
    counting = [name for name in share if share[name] >= options.min_share]
    weights = {name: 1.0 / len(counting) for name in counting}
    points = []
    sizes = [n for n in options.sizes if n > N_START]
    for following in [*sizes, None]:
        rows = np.concatenate([rows_of[unit] for unit in known])
        part = table.select(rows)
        model = train(part, settings, seed)
        point = {"n": len(known), "rmse": {}, "std": {}, "modelled": {}}
        for name in counting:
            mine = target[table.type[target] == name]
            y = table.strength[mine]
            if name in model.regressors:
                X = table.select(mine).design_matrix(DESCRIPTOR["kind"])
                mean, std = model.regressors[name].predict(X, return_std=True)
            else:
                mean, std = np.full(len(y), y.mean()), np.full(len(y), y.std())
            point["rmse"][name] = float(np.sqrt(np.mean((mean - y) ** 2)))
            point["std"][name] = float(std.mean())
            point["modelled"][name] = name in model.regressors
        points.append(point)
        if following is None:
            break
        number = following - len(known)
        if strategy == "random":
            chosen = left[:number]
        elif strategy == "proposed":
            cells = [sample(table, rows_of[unit], DEFAULTS["max_candidate_bonds"], rng) for unit in left]
            types = posteriors(model, part, asked, cells, [1.0] * len(cells), weights, DEFAULTS["independent_per_cell"])
            choices = greedy(types, weights, len(cells), lambda _, gain: gain, number)
            chosen = [left[choice.cell] for choice in choices]
            point["expected"] = [choice.gain_by_type for choice in choices]
        else:
            chosen = []
            for _ in range(number):
                rest = [unit for unit in left if unit not in chosen]
                have = np.bincount(regions[known + chosen], minlength=8)
                count = np.array([have[regions[unit]] for unit in rest])
                if strategy == "exploit only":
                    best = np.where(count > 0)[0] if (count > 0).any() else np.arange(len(rest))
                else:
                    best = np.flatnonzero(count == count.min())
                chosen.append(rest[best[0]])
        known = [*known, *chosen]
        left = [unit for unit in left if unit not in chosen]
    return points


def errors(results: dict, strategy: str) -> np.ndarray:
    """Return the mean RMSE over the bond types that are in every target, (seeds, sizes), in eV."""
    runs = results[strategy].values()
    return np.array([[np.mean([point["rmse"][name] for name in TYPES]) for point in points] for points in runs])


def summary(results: dict) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return numbers of labels, and by strategy the geometric mean over seeds of the errors, and its relative error.

    Targets of different seeds differ in how hard they are, which is the same for all strategies and not an error.
    """
    sizes = np.array([point["n"] for point in next(iter(results["random"].values()))])
    logarithms = {strategy: np.log(errors(results, strategy)) for strategy in results}
    hardness = np.mean([own.mean(axis=1, keepdims=True) for own in logarithms.values()], axis=0)
    told = {}
    for strategy, own in logarithms.items():
        spread = (own - hardness).std(axis=0, ddof=1) if len(own) > 1 else np.zeros(len(sizes))
        told[strategy] = np.exp(own.mean(axis=0)), spread / np.sqrt(len(own))
    return sizes, told


def needed(sizes: np.ndarray, curve: np.ndarray, error: float) -> float:
    """Return the number of labels with which a curve first comes down to an error, NaN if it does not."""
    for k in range(len(sizes)):
        if curve[k] <= error:
            if k == 0:
                return float(sizes[0])
            return float(np.exp(np.interp(-np.log(error), -np.log(curve[k - 1 : k + 1]), np.log(sizes[k - 1 : k + 1]))))
    return float("nan")


def print_tables(results: dict) -> None:
    """Print errors by number of labels, labels needed, and expected beside realised gains."""
    sizes, told = summary(results)
    print("| labels |" + "".join(f" {n} |" for n in sizes) + "\n|---" + "|---:" * len(sizes) + "|")
    for strategy, (mean, relative) in told.items():
        cells = "".join(f" {m:.4f} ± {m * r:.4f} |" for m, r in zip(mean, relative, strict=True))
        print(f"| {strategy} |{cells}")
    if "proposed" not in told:
        return
    print("\n| labels at random | RMSE, eV | labels proposed | share |\n|---:|---:|---:|---:|")
    for n, error in zip(sizes[1:], told["random"][0][1:], strict=True):
        own = needed(sizes, told["proposed"][0], error)
        print(f"| {n} | {error:.4f} | {own:.1f} | {own / n:.2f} |")
    expected, realised = [], []
    for points in results["proposed"].values():
        for point, following in pairwise(points):
            for name, std in point["std"].items():
                if point["modelled"][name]:
                    expected.append(sum(choice[name] for choice in point["expected"]))
                    realised.append(std - following["std"][name])
    print(f"\nexpected gains {np.sum(expected):.3f} eV in all, realised {np.sum(realised):.3f} eV; ", end="")
    print(f"rank correlation {spearmanr(expected, realised).statistic:.2f} of {len(expected)}")


def draw(results: dict, path: Path) -> None:
    """Draw errors against labels; bands are standard errors over the seeds."""
    sizes, told = summary(results)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        axis = figure.subplots()
        for (strategy, (mean, relative)), colour, mark in zip(told.items(), COLOURS, "os^D", strict=False):
            axis.plot(sizes, mean, "-" + mark, color=colour, lw=1.5, ms=4, label=strategy)
            axis.fill_between(sizes, mean * np.exp(-relative), mean * np.exp(relative), color=colour, alpha=0.15, lw=0)
        axis.set(xscale="log", yscale="log", xlabel="labelled cells", ylabel="RMSE on the target (eV)")
        axis.set_xticks(sizes, [str(n) for n in sizes], minor=False)
        axis.minorticks_off()
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.legend(frameon=False)
        save(figure, path)


def main() -> None:
    """Run all strategies and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(DEFAULT_DATA), help="folder that holds prm4_113603")
    parser.add_argument("--seeds", type=int, default=6, help="number of repetitions")
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES, choices=STRATEGIES)
    parser.add_argument("--sizes", type=int, nargs="+", default=(6, 8, 12, 16, 24, 32), help="numbers of labels")
    parser.add_argument(
        "--target", default="strain", choices=("all", "strain", "undeformed"), help="strains of the target's octants"
    )
    parser.add_argument("--min-share", type=float, default=0.05, help="of the target's bonds, for a type to count")
    parser.add_argument("--json", type=Path, help="write all errors here")
    parser.add_argument("--figure", type=Path, help="draw the errors here")
    parser.add_argument("--from-json", type=Path, help="tell and draw these results, and run nothing")
    options = parser.parse_args()
    results: dict = {}
    if options.from_json:
        results = json.loads(options.from_json.read_text())
    else:
        table = published_parts(options.data)
        for seed in range(options.seeds):
            for strategy in options.strategies:
                start = time.process_time()
                points = run(table, strategy, seed, options)
                results.setdefault(strategy, {})[seed] = points
                mean = " ".join(f"{p['n']}:{np.mean(list(p['rmse'].values())):.4f}" for p in points)
                print(f"{seed} {strategy:14s} {mean}  {time.process_time() - start:.0f} s", flush=True)
                if options.json:
                    options.json.write_text(json.dumps(results))
    print_tables(results)
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
