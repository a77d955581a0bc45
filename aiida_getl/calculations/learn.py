"""The learning as a job on any computer: for what takes longer than a daemon worker should be blocked."""

from __future__ import annotations

import json
from pathlib import Path

from aiida import orm
from aiida.common import datastructures
from aiida.engine import CalcJob
from ase import Atoms

from aiida_getl.acquisition.search import decided_on, past_costs
from aiida_getl.calculations.functions.featurize import to_describe
from aiida_getl.data.collect import collect
from aiida_getl.data.ensembles import glass_runs, labelled_structures, target_structures
from aiida_getl.data.merging import join_inputs
from aiida_getl.data.results import to_atoms, unseen_labels
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.learning_curve import BY_GROUP
from aiida_getl.learning.model import FORMAT
from aiida_getl.learning.settings import DEFAULTS
from aiida_getl.runner import files

#: What each task needs, by the name of the calcfunction that does the same here and now.
NEEDS = {
    "build_dbi": ("structures", "bonds", "settings"),
    "merge_dbi": ("dbis", "settings"),
    "validate": ("dbi", "settings", "seed"),
    "train": ("dbi", "settings", "seed", "validation"),
    "learning_curve": ("dbi", "settings", "seed"),
    "importance": ("dbi", "settings", "seed"),
    "tune": ("dbi", "candidates", "settings", "seed"),
    "evaluate": ("model", "dbi"),
    "predict": ("model", "structure", "settings"),
    "featurize": ("structure", "settings"),
    "assess": ("model", "dbi", "settings", "seed", "targets"),
    "propose": ("model", "dbi", "assessment", "settings", "seed", "targets"),
}


def validate_inputs(inputs, namespace) -> str | None:
    """Refuse a task without its inputs."""
    if "task" not in namespace or "task" not in inputs:
        return None
    task = inputs["task"].value
    if task not in NEEDS:
        return f"unknown task {task!r}: choose from {sorted(NEEDS)}"
    missing = [name for name in NEEDS[task] if not inputs.get(name)]
    return f"the task {task!r} needs {missing}" if missing else None


class LearnCalculation(CalcJob):
    """One of the calcfunctions of the learning, run by ``getl-learn`` where the code is: same inputs, same outputs."""

    # AiiDA keys its cache by this: a model of an earlier format, which nothing here reads, is not taken from it.
    CACHE_VERSION = FORMAT

    @classmethod
    def define(cls, spec):
        super().define(spec)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "getl.learn"
        options["withmpi"].default = False
        options["resources"].default = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        options["output_filename"].default = "getl-learn.out"
        spec.input("task", valid_type=orm.Str, serializer=orm.to_aiida_type, help=f"One of {', '.join(NEEDS)}.")
        spec.input("dbi", valid_type=orm.ArrayData, required=False, help="`getl.dbi`.")
        spec.input("training", valid_type=orm.ArrayData, required=False, help="`getl.dbi` the model was trained on.")
        spec.input("model", valid_type=orm.ArrayData, required=False, help="`getl.model`.")
        spec.input("structure", valid_type=(orm.StructureData, orm.TrajectoryData), required=False)
        spec.input_namespace("structures", dynamic=True, required=False, help="`StructureData` by run and sub-run.")
        spec.input_namespace("bonds", dynamic=True, required=False, help="Labels (`getl.bonds`) by run and sub-run.")
        spec.input_namespace("failures", dynamic=True, required=False, help="Why a sub-run has no label (`Dict`).")
        spec.input_namespace(
            "dbis", valid_type=orm.ArrayData, dynamic=True, required=False, help="`getl.dbi` to merge."
        )
        spec.input("leave_out", valid_type=orm.Dict, required=False, help="Labels not to take over, with reasons.")
        spec.input("settings", valid_type=orm.Dict, required=False, serializer=orm.to_aiida_type)
        spec.input("seed", valid_type=orm.Int, required=False, serializer=orm.to_aiida_type)
        spec.input(
            "candidates", valid_type=orm.List, required=False, serializer=orm.to_aiida_type, help="To tune with."
        )
        spec.input("validation", valid_type=orm.Dict, required=False, help="Metrics that the model is to carry.")
        spec.input("assessment", valid_type=orm.Dict, required=False, help="Of `assess`, on the same targets.")
        spec.input_namespace(
            "targets",
            valid_type=(orm.StructureData, orm.TrajectoryData),
            dynamic=True,
            required=False,
            help="Structures whose bonds are to be predicted.",
        )
        spec.input_namespace(
            "trajectories",
            valid_type=orm.TrajectoryData,
            dynamic=True,
            required=False,
            help="Of the runs whose frames may be labelled.",
        )
        spec.input_namespace("records", valid_type=orm.Dict, dynamic=True, required=False, help="Of iterations so far.")
        spec.input_namespace("rejected", valid_type=orm.Dict, dynamic=True, required=False, help="Decisions so far.")
        spec.input("history", valid_type=orm.Dict, required=False, help="`rows` of past costs.")
        spec.inputs.validator = validate_inputs

        spec.output("dbi", valid_type=orm.ArrayData, required=False, help="Of `build_dbi`, `merge_dbi`.")
        spec.output("model", valid_type=orm.ArrayData, required=False, help="Of `train` (`getl.model`).")
        spec.output("validation", valid_type=orm.Dict, required=False, help="Of `validate`.")
        spec.output("metrics", valid_type=orm.Dict, required=False, help="Of `evaluate`.")
        spec.output("parity", valid_type=orm.ArrayData, required=False, help="Of `validate` and `evaluate`.")
        spec.output("importance", valid_type=orm.Dict, required=False, help="Of `importance`.")
        spec.output("tuning", valid_type=orm.Dict, required=False, help="Of `tune`.")
        spec.output("curve", valid_type=orm.Dict, required=False, help="Of `learning_curve`.")
        spec.output("bonds", valid_type=orm.ArrayData, required=False, help="Of `predict` (`getl.bonds`).")
        spec.output("described", valid_type=orm.ArrayData, required=False, help="Of `featurize`: all bonds of a cell.")
        spec.output("assessment", valid_type=orm.Dict, required=False, help="Of `assess`.")
        spec.output("proposal", valid_type=orm.Dict, required=False, help="Of `propose`.")

        # A job that was killed, or could not write, ends like this: another launch is to try again.
        spec.exit_code(
            302, "ERROR_OUTPUT_MISSING", message="getl-learn left no result: {reason}", invalidates_cache=True
        )
        spec.exit_code(
            303, "ERROR_OUTPUT_UNREADABLE", message="The result cannot be read: {reason}", invalidates_cache=True
        )
        spec.exit_code(401, "ERROR_REFUSED", message="{reason}", invalidates_cache=True)

    def prepare_for_submission(self, folder):
        path = Path(folder.abspath)
        try:
            job = PREPARE[self.inputs.task.value](self.inputs, path)
        except ValueError as exception:
            job = {"task": "refuse", "reason": str(exception)}
        (path / files.JOB).write_text(json.dumps(job))

        code = datastructures.CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = True
        resources = self.inputs.metadata.options.resources
        threads = resources.get("num_cores_per_mpiproc") or resources.get("num_cores_per_machine") or 1
        calcinfo = datastructures.CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.prepend_text = f"export OMP_NUM_THREADS={threads}"
        # The arrays are those of the inputs and outputs, which are nodes: they are not stored a second time.
        calcinfo.provenance_exclude_list = [entry.name for entry in path.iterdir() if entry.suffix == ".npz"]
        calcinfo.retrieve_list = [self.inputs.metadata.options.output_filename, files.ERROR]
        calcinfo.retrieve_temporary_list = [f"{files.RESULT}.npz", f"{files.RESULT}.json"]
        return calcinfo


def _build_dbi(inputs, folder: Path) -> dict:
    found = collect(inputs.settings.get_dict(), inputs.structures, inputs.bonds, inputs.get("failures", {}))
    return _describe(folder, [(0, found.table, found.structures)], found.descriptors)


def _merge_dbi(inputs, folder: Path) -> dict:
    joined = join_inputs(inputs)
    return _describe(folder, joined.undescribed, joined.descriptors)


def _describe(folder: Path, parts: list[tuple[int, BondTable, list[Atoms]]], descriptors: list[dict]) -> dict:
    for number, table, structures in parts:
        files.write_table(folder, f"table_{number}", table)
        files.write_structures(folder, f"structures_{number}", structures)
    return {"task": "describe", "parts": [number for number, _, _ in parts], "descriptors": descriptors}


def _on_table(inputs, folder: Path) -> dict:
    files.write_table(folder, "table", inputs.dbi.get_table())
    return {
        "task": inputs.task.value,
        "settings": inputs.settings.get_dict(),
        "descriptors": inputs.dbi.descriptors,
        "seed": inputs.seed.value,
    }


def _learning_curve(inputs, folder: Path) -> dict:
    job = _on_table(inputs, folder)
    selections = job["settings"].pop("selections", ["random", BY_GROUP])
    return job | {"selections": selections, "sizes": job["settings"].pop("sizes", None)}


def _importance(inputs, folder: Path) -> dict:
    job = _on_table(inputs, folder)
    return job | {"n_repeats": job["settings"].pop("n_repeats", 5)}


def _tune(inputs, folder: Path) -> dict:
    job = _on_table(inputs, folder)
    return job | {"nested": job["settings"].pop("nested", True), "candidates": inputs.candidates.get_list()}


def _evaluate(inputs, folder: Path) -> dict:
    training = inputs.get("training")
    table, structures, _ = unseen_labels(inputs.dbi, training)
    files.write_table(folder, "table", table)
    files.write_structures(folder, "structures", structures)
    files.write_model(folder, "model", inputs.model.get_model())
    if training is not None:
        files.write_table(folder, "training", training.get_table())
    return {"task": "evaluate", "training": training is not None}


def _predict(inputs, folder: Path) -> dict:
    files.write_structures(folder, "structures", [to_atoms(inputs.structure, inputs.settings.get("frame"))])
    files.write_model(folder, "model", inputs.model.get_model())
    return {"task": "predict", "r_max": inputs.settings.get("r_max")}


def _featurize(inputs, folder: Path) -> dict:
    atoms, wanted = to_describe(inputs.structure, inputs.settings.get_dict())
    files.write_structures(folder, "structures", [atoms])
    return {"task": "featurize", "r_max": inputs.settings.get("r_max", DEFAULTS["r_max"]), "descriptors": wanted}


def _on_target(inputs, folder: Path) -> dict:
    targets = target_structures(inputs.targets)
    files.write_table(folder, "table", inputs.dbi.get_table(descriptors=False))
    files.write_model(folder, "model", inputs.model.get_model())
    files.write_structures(folder, "targets", [target.atoms for target in targets])
    return {
        "task": inputs.task.value,
        "settings": inputs.settings.get_dict(),
        "seed": inputs.seed.value,
        "targets": [{"id": target.id, "frame": target.frame} for target in targets],
    }


def _assess(inputs, folder: Path) -> dict:
    return _on_target(inputs, folder) | {"validation": inputs.model.validation}


def _propose(inputs, folder: Path) -> dict:
    records = [record.get_dict() for _, record in sorted(inputs.get("records", {}).items())]
    rejected = [decision.get_dict() for decision in inputs.get("rejected", {}).values()]
    history = inputs.history["rows"] if "history" in inputs else []
    labelled = labelled_structures(inputs.dbi.structures)
    runs = glass_runs(inputs.get("trajectories", {}))
    files.write_structures(folder, "labelled", [own.atoms for own in labelled])
    files.write_structures(folder, "frames", [atoms for run in runs for atoms in run.frames])
    return _on_target(inputs, folder) | {
        "assessment": inputs.assessment.get_dict(),
        "labelled": [{key: getattr(own, key) for key in ("id", "run", "sub_run", "labelled")} for own in labelled],
        "runs": [{"id": run.id, "run": run.run, "n_frames": len(run.frames)} for run in runs],
        "done": decided_on(records, rejected),
        "costs": past_costs(history, records),
    }


PREPARE = {
    "build_dbi": _build_dbi,
    "merge_dbi": _merge_dbi,
    "validate": _on_table,
    "train": _on_table,
    "learning_curve": _learning_curve,
    "importance": _importance,
    "tune": _tune,
    "evaluate": _evaluate,
    "predict": _predict,
    "featurize": _featurize,
    "assess": _assess,
    "propose": _propose,
}
