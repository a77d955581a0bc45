"""What a campaign found: in words for the terminal, and as figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_getl.data.arrays import get_arrays
from aiida_getl.report import figures

METHODS = {"distance_only": "distance only", "published": "published", "model": "this model"}


def summarise(node: orm.WorkChainNode) -> str:
    """Return the summary of a finished `getl.getl`, with whatever it got to."""
    lines = [headline(node)]
    outputs = node.outputs
    if "dbi" in outputs:
        lines += ["", *labels(outputs.dbi)]
    if "validation" in outputs:
        lines += ["", *errors(outputs.validation.get_dict())]
    if "summary" in outputs:
        lines += ["", *predictions(outputs.summary.get_dict(), outputs.predictions)]
    lines += ["", *look_further(node)]
    return "\n".join(lines)


def content(node: orm.WorkChainNode) -> dict[str, Any]:
    """Return the same for programs: how it ended, the PKs of what it made, errors and strengths (eV), lengths (Å)."""
    outputs = node.outputs
    texts = {name: outputs[name].get_dict() if name in outputs else None for name in ("validation", "summary")}
    return {
        "pk": node.pk,
        "uuid": node.uuid,
        "label": node.label,
        "started": node.ctime.isoformat(timespec="seconds"),
        "state": None if node.process_state is None else node.process_state.value,
        "exit_status": node.exit_status,
        "exit_message": node.exit_message,
        "outputs": {name: outputs[name].pk for name in ("dbi", "model", "predictions") if name in outputs},
        "bond_types": outputs.dbi.bond_types if "dbi" in outputs else None,
        "left_out": outputs.dbi.left_out if "dbi" in outputs else None,
        **texts,
    }


def headline(node: orm.WorkChainNode) -> str:
    """Say how the campaign ended, and how long it took."""
    took = (node.mtime - node.ctime).total_seconds()
    name = f"{node.label or node.process_label} <{node.pk}>"
    if node.is_finished_ok:
        return f"{name} finished in {took / 60:.1f} minutes."
    if not node.is_terminated:
        return f"{name} is still running."
    return f"{name} failed: {node.exit_message or node.exception or 'it was killed'}"


def labels(dbi) -> list[str]:
    """Say what was labelled and what was left out."""
    failed = [entry for entry in dbi.left_out if "n_bonds" not in entry]
    spillings = [orm.load_node(entry["label_id"]).base.attributes.get("spilling", None) for entry in dbi.structures]
    known = [spilling for spilling in spillings if spilling is not None]
    lines = [
        f"Labels      {len(dbi.structures)} structures, {sum(dbi.bond_types.values())} bonds "
        f"({', '.join(f'{count} {name}' for name, count in sorted(dbi.bond_types.items()))})"
    ]
    if known:
        lines.append(f"            charge spilling {min(known):.1%} to {max(known):.1%}")
    lines.append(f"Left out    {len(failed)} structures")
    lines += [f"            {entry['run']} {entry['sub_run']}: {entry['reason']}" for entry in failed]
    lines += [
        f"            {entry['n_bonds']} bonds of {entry['run']} {entry['sub_run']}: {entry['reason']}"
        for entry in dbi.left_out
        if "n_bonds" in entry
    ]
    return lines


def errors(validation: dict) -> list[str]:
    """Tabulate the errors on groups left out."""
    methods = [name for name in METHODS if any(name in metrics for metrics in validation["metrics"].values())]
    lines = [
        f"RMSE in eV, each of {validation['n_groups']} groups (by {validation['group_by']}) predicted from the others",
        f"  {'bonds':8s}{'number':>8s}" + "".join(f"{METHODS[name]:>16s}" for name in methods) + f"{'R²':>8s}",
    ]
    for bond_type, metrics in sorted(validation["metrics"].items()):
        model = metrics["model"]
        row = "".join(f"{metrics[name]['rmse']:16.3f}" for name in methods)
        lines.append(f"  {bond_type:8s}{model['n']:8d}{row}{model['r2']:8.2f}")
    lines += [f"  {bond_type:8s}not validated: {reason}" for bond_type, reason in validation["skipped"].items()]
    return lines


def predictions(summary: dict, bonds) -> list[str]:
    """Tabulate the predicted strengths."""
    lines = [
        f"Predicted   {summary['n_bonds']} bonds up to {summary['r_max']:.1f} Å of {summary['n_atoms']} atoms, mean "
        f"standard deviation {summary['std_mean']:.3f} eV, {summary['n_extrapolated']} beyond the training distances",
        f"  {'bonds':8s}{'number':>8s}{'mean -ICOHP (eV)':>20s}{'5 to 95 % (eV)':>20s}",
    ]
    for bond_type, entry in sorted(summary["bond_types"].items()):
        span = f"{entry['q05']:.2f} to {entry['q95']:.2f}"
        lines.append(f"  {bond_type:8s}{entry['n']:8d}{entry['mean']:20.3f}{span:>20s}")
    for element, entry in sorted(summary["atoms"].items()):
        lines.append(
            f"  {element}: {entry['strength_sum_mean']:.2f} eV of bonds per atom, "
            f"{entry['coordination_mean']:.1f} neighbours up to {summary['r_max']:.1f} Å"
        )
    left_out = bonds.base.attributes.get("left_out", {})
    lines += [f"  {count} {name} bonds not predicted: too few to learn from" for name, count in left_out.items()]
    return lines


def look_further(node: orm.WorkChainNode) -> list[str]:
    """Name the commands that answer the next questions."""
    lines = ["Look further", f"  verdi process status {node.pk}", f"  verdi process report {node.pk}"]
    for name in ("dbi", "model", "predictions"):
        if name in node.outputs:
            bond = "" if name == "model" else " --bond 0"
            lines.append(f"  aiida-getl trace {node.outputs[name].pk}{bond}".ljust(36) + f"origin of the {name}")
    return lines


def draw(node: orm.WorkChainNode, folder: Path) -> list[Path]:
    """Draw what there is to draw; return the files."""
    paths, outputs = [], node.outputs
    if "dbi" in outputs:
        table = outputs.dbi.get_table(descriptors=False)
        paths.append(
            figures.strength_against_distance(
                folder / "strength_against_distance.png", table.type, table.distance, table.strength
            )
        )
    if "validation" in outputs and outputs.validation["metrics"]:
        validation, arrays = outputs.validation.get_dict(), get_arrays(outputs.parity)
        types = sorted(validation["metrics"])

        def join(column: str) -> np.ndarray:
            return np.concatenate([arrays[f"{name}.{column}"] for name in types])

        paths.append(
            figures.parity(
                folder / "parity.png",
                np.repeat(types, [len(arrays[f"{name}.target"]) for name in types]),
                join("target"),
                join("model_mean"),
                join("model_std"),
                {name: validation["metrics"][name]["model"]["rmse"] for name in types},
            )
        )
        curves = {
            name: ([point["n_bonds"] for point in points], [point["rmse"] for point in points])
            for name, points in validation["learning_curve"].items()
            if len(points) > 1
        }
        if curves:
            paths.append(figures.learning_curve(folder / "learning_curve.png", curves))
    if "predictions" in outputs:
        bonds = outputs.predictions
        paths.append(
            figures.strength_distribution(
                folder / "predicted_strengths.png", bonds.get_bond_types(), bonds.get_strength()
            )
        )
    return paths
