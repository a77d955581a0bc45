"""What the page shows in which order: charts, tables and sentences under headings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_getl.learning.analytics import atom_bonding, element_statistics, type_statistics
from aiida_getl.learning.tables import COLUMNS, METHOD_NAMES
from aiida_getl.report import plots, plots_bonding, plots_work, scene
from aiida_getl.report.charts import Chart, Colours, colour_numbers, colour_stops
from aiida_getl.report.content import Bonding, Cost, Labels, Model, Report

#: Metrics that decide whether to use a model, for the method, then of the model alone.
COMPARED = ("n", "rmse", "rmse_error", "mae", "r2", "bias")
TRUST = ("z_std", "z_std_strongest", "coverage_68", "coverage_95", "sharpness", "spearman")


@dataclass(frozen=True)
class Table:
    """Cells are texts already, the first of each row its name; ``name`` is that of the CSV file."""

    name: str
    title: str
    headings: list[str]
    rows: list[list[str]]
    note: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers, which are set to the right."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.headings)
        return [k > 0 and all(map(_is_number, column)) for k, column in enumerate(columns)]


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; ``name`` is what links point to."""

    name: str
    title: str
    intro: str = ""
    blocks: list[Chart | Table | str] = field(default_factory=list)
    scene: dict[str, Any] | None = None


def sections(report: Report) -> list[Section]:
    """Return the sections that the report has something for."""
    colours = colour_numbers(_bond_types(report))
    found = []
    if report.rounds or report.decisions:
        found.append(_loop(report, colours))
    if report.labels is not None:
        found.append(_data(report.labels, colours))
    if report.model is not None:
        found.append(_model(report.model, colours))
    if report.bonding is not None:
        found.append(_bonding(report.bonding, colours))
    if report.chains:
        found.append(Section("provenance", "Where it comes from", report.chains_note))
    if report.cost is not None:
        found.append(_cost(report.cost))
    found.append(Section("reproduce", "Reproduce and cite"))
    return found


def _bond_types(report: Report) -> set[str]:
    """Return all bond types that any section names."""
    found: set[str] = {name for each in report.rounds for name in each.rmse}
    if report.labels is not None:
        found.update(np.unique(report.labels.types).tolist())
    if report.model is not None:
        found.update(report.model.bond_types, report.model.parity, report.model.learning_curve)
    if report.bonding is not None:
        found.update(np.unique(report.bonding.types).tolist())
    return found


def _data(labels: Labels, colours: Colours) -> Section:
    n_runs = len({(entry.get("composition"), entry["run"]) for entry in labels.structures})
    intro = (
        f"{len(labels.types):,} labelled bonds of {_counted(len(labels.structures), 'structure')} in "
        f"{_counted(n_runs, 'run')}, by {labels.method}. A label is −ICOHP, the strength of a bond in eV."
    )
    structures = Table(
        "labelled-structures",
        "Labelled structures",
        ["composition", "run", "sub-run", "bonds", "charge spilling (%)"],
        [
            [
                str(entry.get("composition", "")),
                str(entry["run"]),
                str(entry["sub_run"]),
                _integer(entry.get("n_bonds")),
                _percent(entry.get("spilling")),
            ]
            for entry in labels.structures
        ],
        "Charge spilling is the share of the electrons that the basis of the bond analysis does not describe.",
    )
    if labels.left_out:
        left_out: Table | str = Table(
            "left-out",
            "What was left out, and why",
            ["run", "sub-run", "bonds", "reason"],
            [
                [
                    str(entry.get("run", "")),
                    str(entry.get("sub_run", "")),
                    "all" if entry.get("n_bonds") is None else _integer(entry["n_bonds"]),
                    str(entry.get("reason", "not recorded")),
                ]
                for entry in labels.left_out
            ],
        )
    else:
        left_out = "Nothing was left out."
    blocks: list[Chart | Table | str] = []
    if len(labels.types):
        blocks += [
            plots.bond_counts(labels),
            plots.strength_against_distance(labels, colours),
            plots.label_distances(labels, colours),
        ]
    return Section("data", "Data", intro, [*blocks, structures, left_out])


def _model(model: Model, colours: Colours) -> Section:
    left_out = plots.LEFT_OUT.get(model.group_by, model.group_by)
    if model.metrics:
        intro = (
            f"Errors are those of bonds in groups that the model had not seen: {_counted(model.n_groups, 'group')} by "
            f"{left_out}, each predicted from the others."
        )
    else:
        intro = "This model carries no errors on groups left out: how good it is, is not known."
    if model.group_by == "random":
        intro += " Random parts share near copies of the tested bonds, so that these errors are too small."
    blocks: list[Chart | Table | str] = []
    if model.metrics:
        blocks += [plots.errors_by_method(model), _compared(model), _trusted(model)]
    if model.parity:
        blocks += [
            plots.parity(model, colours),
            plots.residuals(model, colours),
            plots.calibration(model, colours) or _too_few("calibration"),
        ]
    curve = plots.learning_curve(model, colours)
    blocks.append(curve or "There is no learning curve: it needs three groups or more of a bond type.")
    if model.distance_range:
        blocks.append(plots.known_distances(model))
    missing = [[name, "not trained", reason] for name, reason in model.untrained.items()]
    missing += [[name, "not validated", reason] for name, reason in model.skipped.items()]
    if missing:
        blocks.append(Table("missing-types", "Bond types it cannot speak for", ["bonds", "", "why"], missing))
    settings = Table(
        "model-settings", "Settings", ["setting", "value"], [[name, value] for name, value in model.settings.items()]
    )
    return Section("model", "Model", intro, [*blocks, settings])


def _too_few(what: str) -> str:
    return f"There is no figure of the {what}: no bond type has {plots.SMALLEST_BIN} bonds with standard deviations."


def _compared(model: Model) -> Table:
    headings = {key: heading for key, heading, _ in COLUMNS}
    rows = []
    for name, own in sorted(model.metrics.items(), key=lambda item: -item[1]["model"]["n"]):
        rows += [
            [name, words, *(_metric(own[method], key) for key in COMPARED)]
            for method, words in METHOD_NAMES.items()
            if method in own
        ]
    return Table(
        "errors", "Errors by bond type", ["bonds", "method", "number", *(headings[key] for key in COMPARED[1:])], rows
    )


def _trusted(model: Model) -> Table:
    headings = {key: heading for key, heading, _ in COLUMNS}
    return Table(
        "honesty",
        "Are its standard deviations honest?",
        ["bonds", *(headings[key] for key in TRUST)],
        [[name, *(_metric(own["model"], key) for key in TRUST)] for name, own in sorted(model.metrics.items())],
        "z std: error over standard deviation; 1 is right, more is over-confident. Within 68 and 95 %: the share of "
        "labels inside these intervals.",
    )


def _bonding(bonding: Bonding, colours: Colours) -> Section:
    word = "predicted" if bonding.predicted else "computed"
    n_atoms = len(bonding.symbols)
    intro = f"{len(bonding.strength):,} {word} bonds of {n_atoms:,} atoms."
    if bonding.std is not None:
        flagged = np.any(list(bonding.flags.values()), axis=0).sum() if bonding.flags else 0
        intro += (
            f" Their mean standard deviation is {np.nanmean(bonding.std):.3f} eV; {int(flagged):,} are extrapolations."
        )
    if bonding.left_out:
        intro += " Without a prediction, for lack of labels: " + ", ".join(
            f"{count:,} {name}" for name, count in bonding.left_out.items()
        )
        intro += "."
    if not len(bonding.strength):
        return Section("bonds", "Bond strengths", intro)
    atoms = atom_bonding(bonding.bonds, bonding.strength, n_atoms, std=bonding.std)
    statistics = type_statistics(bonding.types, bonding.strength)
    by_type = Table(
        "strengths-by-type",
        "Strengths by bond type (eV)",
        ["bonds", "number", "mean", "std", "5 %", "median", "95 %"],
        [
            [name, _integer(entry["n"]), *(f"{entry[key]:.3f}" for key in ("mean", "std", "q05", "q50", "q95"))]
            for name, entry in sorted(statistics.items())
        ],
    )
    by_element = Table(
        "sums-by-element",
        "Sums of each atom's bonds by element",
        ["element", "atoms", "sum (eV)", "std (eV)", "bonds per atom"],
        [
            [
                name,
                _integer(entry["n"]),
                f"{entry['strength_sum_mean']:.2f}",
                f"{entry['strength_sum_std']:.2f}",
                f"{entry['coordination_mean']:.1f}",
            ]
            for name, entry in element_statistics(bonding.symbols, atoms).items()
        ],
    )
    blocks: list[Chart | Table | str] = [plots_bonding.strengths(bonding, colours), by_type]
    if bonding.std is not None:
        blocks.append(plots_bonding.deviations(bonding, colours))
        blocks.append(plots_bonding.extrapolations(bonding) or "No prediction is marked as an extrapolation.")
    blocks += [plots_bonding.atom_sums(bonding, atoms), by_element]
    reason = scene.why_not(bonding)
    if reason is not None:
        blocks.append(f"There is no map and no view in three dimensions: {reason}.")
        return Section("bonds", "Bond strengths", intro, blocks)
    blocks.append(plots_bonding.atom_map(bonding, atoms))
    return Section("bonds", "Bond strengths", intro, blocks, scene.pack(bonding, atoms, colour_stops()))


def _loop(report: Report, colours: Colours) -> Section:
    charts = (plots_work.rounds(report.rounds, colours), plots_work.gains(report.rounds))
    blocks: list[Chart | Table | str] = [chart for chart in charts if chart is not None]
    if report.rounds:
        names = sorted({name for each in report.rounds for name in each.rmse})
        blocks.append(
            Table(
                "loop-rounds",
                "Rounds",
                ["round", "labelled", "failed", *(f"RMSE {name} (eV)" for name in names), "core-hours"],
                [
                    [
                        str(each.number),
                        str(each.n_labels),
                        str(each.n_failed),
                        *(f"{each.rmse[name]:.4f}" if name in each.rmse else "–" for name in names),
                        "–" if each.core_hours is None else f"{each.core_hours:.3g}",
                    ]
                    for each in report.rounds
                ],
            )
        )
    if report.decisions:
        rows = [[each.when, each.who, each.what, each.why] for each in report.decisions]
        blocks.append(Table("decisions", "Decisions", ["when", "who", "what", "why"], rows))
    return Section("loop", "Active learning", report.end, blocks)


def _cost(spent: Cost) -> Section:
    total = sum(hours for *_, hours in spent.rows)
    n_jobs = sum(n for _, _, n, _ in spent.rows)
    intro = f"{total:.3g} core-hours in {_counted(n_jobs, 'job')}."
    table = Table(
        "core-hours",
        "Jobs",
        ["work", "where", "jobs", "core-hours"],
        [[what, where, _integer(n), f"{hours:.4g}"] for what, where, n, hours in spent.rows],
    )
    chart: list[Chart | Table | str] = [plots_work.cost(spent)] if spent.rows else []
    return Section("cost", "Cost", intro, [*chart, table, *spent.notes])


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").replace("−", "-"))
    except ValueError:
        return text == "–"
    return True


def _metric(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if value is None:
        return "–"
    form = next(form for name, _, form in COLUMNS if name == key)
    return format(100.0 * value if key.startswith("coverage") else value, form)


def _integer(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100.0 * value:.2f}"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
