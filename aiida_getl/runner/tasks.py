"""What ``getl-learn`` can do. Every task reads its files in a folder and leaves its result there."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from aiida_getl.acquisition.assessment import Assessment, assess
from aiida_getl.acquisition.search import search
from aiida_getl.acquisition.sources import GlassRun, LabelledStructure, TargetStructure
from aiida_getl.exchange.predictions import BondRecords
from aiida_getl.learning.descriptors import from_settings
from aiida_getl.learning.importance import permutation_importance
from aiida_getl.learning.learning_curve import learning_curve
from aiida_getl.learning.settings import complete_settings
from aiida_getl.learning.training import train
from aiida_getl.learning.transfer import describe_table, evaluate
from aiida_getl.learning.tuning import tune_and_judge
from aiida_getl.learning.validation import validate
from aiida_getl.progress import Progress
from aiida_getl.runner import files
from aiida_getl.structures.bonds import find_bonds


def run(folder: Path, progress: Progress) -> None:
    """Do what ``job.json`` in a folder says, and write ``result.npz`` and ``result.json`` there.

    Parameters
    ----------
    folder : with the files that the task needs
    progress : called with the number of finished steps, of all, and what was finished

    Raises
    ------
    ValueError
        For files that are missing or not understood, and whatever the task refuses.
    """
    path = folder / files.JOB
    try:
        job = json.loads(path.read_text())
    except (OSError, ValueError) as exception:
        raise ValueError(f"{path} is missing or no JSON: {exception}") from exception
    if not isinstance(job, dict) or job.get("task") not in TASKS:
        raise ValueError(f"{path} must name a task: one of {', '.join(TASKS)}")
    try:
        TASKS[job["task"]](folder, job, progress)
    except KeyError as exception:
        raise ValueError(f"{path}: the task {job['task']!r} needs {exception}") from exception


def _refuse(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    """Say what the inputs were refused for when the job was made: so it ends like others with bad inputs."""
    raise ValueError(job["reason"])


def _settings(job: dict[str, Any]) -> dict[str, Any]:
    return complete_settings(job["settings"], job["descriptors"])


def _describe(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    rows: dict[str, NDArray] = {}
    for number in job["parts"]:
        table = files.read_table(folder, f"table_{number}")
        structures = files.read_structures(folder, f"structures_{number}")
        found = describe_table(table, structures, job["descriptors"], progress)
        rows |= {f"{number}.{kind}": own for kind, own in found.items()}
    files.write(folder, files.RESULT, rows, {})


def _train(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    files.write_model(folder, files.RESULT, train(files.read_table(folder, "table"), _settings(job), job["seed"]))


def _validate(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    result = validate(files.read_table(folder, "table"), _settings(job), job["seed"], progress)
    files.write(folder, files.RESULT, *result.to_arrays())


def _learning_curve(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    table = files.read_table(folder, "table")
    curve = learning_curve(table, _settings(job), job["seed"], job["selections"], job["sizes"], progress)
    files.write(folder, files.RESULT, {}, curve.to_attributes())


def _importance(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    table = files.read_table(folder, "table")
    found = permutation_importance(table, _settings(job), job["seed"], job["n_repeats"], progress)
    files.write(folder, files.RESULT, {}, found.to_attributes())


def _tune(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    table = files.read_table(folder, "table")
    found = tune_and_judge(table, job["candidates"], _settings(job), job["seed"], job["nested"], progress)
    files.write(folder, files.RESULT, {}, found)


def _evaluate(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    training = files.read_table(folder, "training") if job["training"] else None
    table, structures = files.read_table(folder, "table"), files.read_structures(folder, "structures")
    result = evaluate(files.read_model(folder, "model"), table, structures, training, progress)
    files.write(folder, files.RESULT, *result.to_arrays())


def _predict(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    (atoms,) = files.read_structures(folder, "structures")
    prediction = files.read_model(folder, "model").predict(atoms, job["r_max"], progress=progress)
    files.write_records(folder, files.RESULT, BondRecords.from_prediction(prediction))


def _featurize(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    (atoms,) = files.read_structures(folder, "structures")
    bonds = find_bonds(atoms.positions, atoms.cell[:], job["r_max"])
    rows = {}
    for number, settings in enumerate(job["descriptors"], start=1):
        rows[settings["kind"]] = from_settings(settings).describe(atoms, bonds)
        progress(number, len(job["descriptors"]), settings["kind"])
    files.write_described(folder, files.RESULT, bonds, rows, job["descriptors"])


def _targets(folder: Path, job: dict[str, Any]) -> list[TargetStructure]:
    structures = files.read_structures(folder, "targets")
    return [TargetStructure(atoms=atoms, **own) for own, atoms in zip(job["targets"], structures, strict=True)]


def _assess(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    found = assess(
        files.read_model(folder, "model"),
        files.read_table(folder, "table"),
        _targets(folder, job),
        job["settings"],
        job["seed"],
        validation=job["validation"],
    )
    files.write(folder, files.RESULT, {}, found.as_dict())


def _propose(folder: Path, job: dict[str, Any], progress: Progress) -> None:
    structures = zip(job["labelled"], files.read_structures(folder, "labelled"), strict=True)
    frames = iter(files.read_structures(folder, "frames"))
    found = search(
        files.read_model(folder, "model"),
        files.read_table(folder, "table"),
        [LabelledStructure(atoms=atoms, **own) for own, atoms in structures],
        [GlassRun(own["id"], list(islice(frames, own["n_frames"])), own["run"]) for own in job["runs"]],
        _targets(folder, job),
        job["settings"],
        job["seed"],
        Assessment.from_dict(job["assessment"]),
        job["done"],
        job["costs"],
    )
    files.write(folder, files.RESULT, {}, found.as_dict())


TASKS: dict[str, Callable[[Path, dict[str, Any], Progress], None]] = {
    "refuse": _refuse,
    "describe": _describe,
    "train": _train,
    "validate": _validate,
    "learning_curve": _learning_curve,
    "importance": _importance,
    "tune": _tune,
    "evaluate": _evaluate,
    "predict": _predict,
    "featurize": _featurize,
    "assess": _assess,
    "propose": _propose,
}
