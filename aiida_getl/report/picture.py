"""The picture of the workflow: what was done, with the numbers that matter."""

from __future__ import annotations

import numpy as np

from aiida_getl.provenance import Trace
from aiida_getl.report.content import Bonding, Labels, Model, Round, Stage


def stages(
    found: Trace | None,
    labels: Labels | None,
    model: Model | None,
    bonding: Bonding | None,
    rounds: tuple[Round, ...] = (),
    stopped: str = "",
) -> tuple[Stage, ...]:
    """Return the steps that were done, in order.

    :param found: of everything that led to the result.
    :param stopped: why nothing came after the last of them; empty where all was done.
    """
    steps = [] if found is None else found.steps
    count = {name: sum(step.what == name for step in steps) for name in {step.what for step in steps}}
    result = []
    if count.get("LammpsStageCalculation"):
        n = count.get("pack_random", 0) or len({step.label.split("/")[0] for step in steps})
        result.append(Stage("Melt-quench", f"{n} glass{'es' if n != 1 else ''}", _quench_lines(found)))
    elif count.get("read_structures") or count.get("import_label") or count.get("import_bnd"):
        n = sum(count.get(name, 0) for name in ("read_structures", "import_label", "import_bnd"))
        result.append(Stage("Import", _counted(n, "file set"), ("labels or structures made elsewhere",)))
    deformed = sorted({name for step in steps if step.what == "augment" for name in step.used})
    if deformed:
        examples = ", ".join(deformed[:4]) + (" …" if len(deformed) > 4 else "")
        result.append(Stage("Deform", _counted(len(deformed), "strain"), (examples,)))
    if labels is not None:
        result.append(_label_stage(labels))
    if model is not None:
        result.append(_model_stage(model))
    if rounds:
        n = sum(each.n_labels for each in rounds)
        result.append(Stage("Active learning", _counted(len(rounds), "round"), (f"{n} labels asked for",)))
    if bonding is not None:
        result.append(_bonding_stage(bonding))
    if stopped:
        result.append(Stage("Stopped", "not finished", (stopped,), "failed"))
    return tuple(result)


def total_rmse(model: Model, method: str) -> float | None:
    """Return the RMSE over the bonds of all types, eV; None where a type lacks the method."""
    own = [metrics.get(method) for metrics in model.metrics.values()]
    if not own or None in own:
        return None
    n = sum(each["n"] for each in own)
    return (sum(each["n"] * each["rmse"] ** 2 for each in own) / n) ** 0.5


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _quench_lines(found: Trace) -> tuple[str, ...]:
    wanted = {"composition": "", "potential": "", "n_atoms": "atoms"}
    lines = []
    for name, unit in wanted.items():
        values = sorted({item.what.removeprefix("file ") for item in found.origins.get(name, [])}, key=_by_size)
        if values:
            lines.append(f"{', '.join(values[:3])}{' …' if len(values) > 3 else ''} {unit}".strip())
    return tuple(lines)


def _by_size(text: str) -> tuple[int, str]:
    """Sort numbers as numbers, whole ones at least."""
    return (len(text) if text.isdigit() else 0, text)


def _label_stage(labels: Labels) -> Stage:
    n = len(labels.structures)
    failed = [entry for entry in labels.left_out if entry.get("n_bonds") is None]
    spillings = [entry["spilling"] for entry in labels.structures if entry.get("spilling") is not None]
    lines = [f"{len(labels.types):,} bonds", labels.made_by]
    if spillings:
        low, high = 100 * min(spillings), 100 * max(spillings)
        lines.append(f"spilling {low:.1f} to {high:.1f} %" if high - low > 0.05 else f"spilling {low:.1f} %")
    if labels.left_out:
        lines.append(f"left out: {_counted(len(failed), 'cell')}, bonds of {len(labels.left_out) - len(failed)} more")
    return Stage("Label", f"{n} of {n + len(failed)} cells" if failed else _counted(n, "cell"), tuple(lines))


def _model_stage(model: Model) -> Stage:
    rmse = total_rmse(model, "model")
    if rmse is None:
        return Stage("Train", f"{len(model.bond_types)} bond types", ("errors on groups left out not known",))
    lines = ["RMSE on groups left out"]
    lines += [
        f"{words} {value:.3f} eV"
        for method, words in (("distance_only", "distance only"), ("published", "published method"))
        if (value := total_rmse(model, method)) is not None
    ]
    return Stage("Train and validate", f"{rmse:.3f} eV", tuple(lines))


def _bonding_stage(bonding: Bonding) -> Stage:
    lines = [f"{len(bonding.symbols):,} atoms"]
    if bonding.std is not None and len(bonding.std):
        lines.append(f"mean std {np.nanmean(bonding.std):.3f} eV")
    return Stage("Predict" if bonding.predicted else "Result", f"{len(bonding.strength):,} bonds", tuple(lines))
