"""Parser of ``getl-learn``: the same nodes as those of the calcfunctions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from aiida import orm
from aiida.parsers import Parser
from numpy.typing import NDArray

from aiida_getl.data.collect import collect
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.merging import join_inputs
from aiida_getl.data.results import (
    bonds_of_prediction,
    described_bonds,
    metrics_nodes,
    to_atoms,
    trained_model,
    tuned,
    unseen_labels,
)
from aiida_getl.runner import files


class LearnParser(Parser):
    """Reads ``result.npz`` and ``result.json``."""

    def parse(self, **kwargs):
        if files.ERROR in self.retrieved.base.repository.list_object_names():
            reason = json.loads(self.retrieved.base.repository.get_object_content(files.ERROR))["reason"]
            return self.exit_codes.ERROR_REFUSED.format(reason=reason)
        folder = Path(kwargs["retrieved_temporary_folder"])
        if not (folder / f"{files.RESULT}.npz").is_file() or not (folder / f"{files.RESULT}.json").is_file():
            # The scheduler's verdict (walltime, memory) says more than the files that are not there.
            if self.node.exit_status is not None:
                return self.node.exit_code
            return self.exit_codes.ERROR_OUTPUT_MISSING.format(reason=self._last_line())
        try:
            outputs = READ[self.node.inputs.task.value](self.node.inputs, folder)
        except ValueError as exception:
            return self.exit_codes.ERROR_OUTPUT_UNREADABLE.format(reason=exception)
        for name, node in outputs.items():
            self.out(name, node)
        return None

    def _last_line(self) -> str:
        name = self.node.get_option("output_filename")
        if name not in self.retrieved.base.repository.list_object_names():
            return "it never started"
        lines = self.retrieved.base.repository.get_object_content(name, "rb").decode(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"


def _build_dbi(inputs, folder: Path) -> dict[str, orm.Data]:
    failures = inputs.failures if "failures" in inputs else {}
    found = collect(inputs.settings.get_dict(), inputs.structures, inputs.bonds, failures)
    table = replace(found.table, descriptors=_rows(folder)[0])
    return {"dbi": DbiData.from_table(table, found.descriptors, found.method, found.left_out)}


def _merge_dbi(inputs, folder: Path) -> dict[str, orm.Data]:
    return {"dbi": join_inputs(inputs).to_dbi(_rows(folder))}


def _rows(folder: Path) -> dict[int, dict[str, NDArray]]:
    """Return the descriptors by kind of each table that was to be described."""
    rows: dict[int, dict[str, NDArray]] = {}
    for name, own in files.read(folder, files.RESULT)[0].items():
        number, kind = name.split(".", 1)
        rows.setdefault(int(number), {})[kind] = own
    return rows


def _validate(inputs, folder: Path) -> dict[str, orm.Data]:
    validation, parity = metrics_nodes(*files.read(folder, files.RESULT))
    return {"validation": validation, "parity": parity}


def _train(inputs, folder: Path) -> dict[str, orm.Data]:
    return {"model": trained_model(files.read_model(folder, files.RESULT), inputs.validation, inputs.dbi)}


def _learning_curve(inputs, folder: Path) -> dict[str, orm.Data]:
    return {"curve": orm.Dict(files.read(folder, files.RESULT)[1])}


def _importance(inputs, folder: Path) -> dict[str, orm.Data]:
    return {"importance": orm.Dict(files.read(folder, files.RESULT)[1])}


def _tune(inputs, folder: Path) -> dict[str, orm.Data]:
    settings = {name: value for name, value in inputs.settings.get_dict().items() if name != "nested"}
    return {"tuning": tuned(files.read(folder, files.RESULT)[1], inputs.candidates.get_list(), settings)}


def _evaluate(inputs, folder: Path) -> dict[str, orm.Data]:
    arrays, attributes = files.read(folder, files.RESULT)
    _, _, counts = unseen_labels(inputs.dbi, inputs.training if "training" in inputs else None)
    metrics, parity = metrics_nodes(arrays, attributes | counts)
    return {"metrics": metrics, "parity": parity}


def _predict(inputs, folder: Path) -> dict[str, orm.Data]:
    symbols = to_atoms(inputs.structure, inputs.settings.get("frame")).get_chemical_symbols()
    return {"bonds": bonds_of_prediction(files.read_records(folder, files.RESULT), symbols, inputs.model)}


def _featurize(inputs, folder: Path) -> dict[str, orm.Data]:
    bonds, rows, descriptors = files.read_described(folder, files.RESULT)
    return {"described": described_bonds(bonds, rows, descriptors)}


def _assess(inputs, folder: Path) -> dict[str, orm.Data]:
    return {"assessment": orm.Dict(files.read(folder, files.RESULT)[1])}


def _propose(inputs, folder: Path) -> dict[str, orm.Data]:
    return {"proposal": orm.Dict(files.read(folder, files.RESULT)[1])}


READ = {
    "build_dbi": _build_dbi,
    "merge_dbi": _merge_dbi,
    "validate": _validate,
    "train": _train,
    "learning_curve": _learning_curve,
    "importance": _importance,
    "tune": _tune,
    "evaluate": _evaluate,
    "predict": _predict,
    "featurize": _featurize,
    "assess": _assess,
    "propose": _propose,
}
