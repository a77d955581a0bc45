"""How good a trained model is on labels that it has not seen, beside simpler methods trained on the same bonds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.descriptors import EndAtomSoap, from_settings
from aiida_getl.learning.metrics import regression_metrics
from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.training import descriptor_of, methods, within_reach
from aiida_getl.progress import Progress
from aiida_getl.structures.bonds import BondList


@dataclass(frozen=True)
class Transfer:
    """Errors of a model on labels.

    Attributes
    ----------
    metrics : by bond type and method, see :func:`aiida_getl.learning.metrics.regression_metrics`
    predictions : by bond type, arrays of equal length: ``row`` (of the table), ``target``, ``<method>_mean``,
        ``<method>_std`` in eV
    skipped : by bond type, why it was not tested
    """

    metrics: dict[str, dict[str, dict[str, Any]]]
    predictions: dict[str, dict[str, NDArray]]
    skipped: dict[str, str]

    def to_arrays(self) -> tuple[dict[str, NDArray], dict[str, Any]]:
        """Return (arrays, attributes): arrays by ``<bond type>.<name>`` and attributes of JSON types."""
        arrays = {f"{name}.{key}": a for name, columns in self.predictions.items() for key, a in columns.items()}
        return arrays, {"metrics": self.metrics, "skipped": self.skipped}


def evaluate(
    model: EtlModel,
    table: BondTable,
    structures: Sequence[Atoms],
    training: BondTable | None = None,
    progress: Progress | None = None,
) -> Transfer:
    """Predict labelled bonds with a trained model.

    Parameters
    ----------
    model : the model
    table : labelled bonds; those longer than the model's ``r_max`` are left out
    structures : those of the table, in its order
    training : the bonds that the model was trained on; with them the distance alone and, if they have its descriptor,
        the published method stand in the same table
    progress : called after each structure

    Raises
    ------
    ValueError
        For an element that the model does not know, or no bond within its reach.
    """
    rows = np.flatnonzero(table.distance <= model.r_max)
    if not len(rows):
        raise ValueError(f"none of the {len(table)} bonds is within the model's reach of {model.r_max} Å")
    near = table.select(rows)
    mean, std = np.full(len(near), np.nan), np.full(len(near), np.nan)
    tested = np.unique(near.structure)
    for done, number in enumerate(tested, start=1):
        mine = np.flatnonzero(near.structure == number)
        prediction = model.predict(structures[number])
        place = {key: k for k, key in enumerate(prediction.bonds.keys())}
        # A label's bond may be longer than r_max by its rounding, and is then not found.
        labelled = bonds_of(near.select(mine)).keys()
        found = np.array([place.get(key, -1) for key in labelled])
        mean[mine[found >= 0]] = prediction.mean[found[found >= 0]]
        std[mine[found >= 0]] = prediction.std[found[found >= 0]]
        if progress is not None:
            progress(done, len(tested), "structures")
    known = np.isfinite(mean)
    skipped = {
        name: model.untrained.get(name, "the model was not trained for it")
        for name in near.types()
        if not known[near.type == name].any()
    }
    metrics: dict[str, dict[str, dict[str, Any]]] = {}
    predictions: dict[str, dict[str, NDArray]] = {}
    others = {} if training is None else _baselines(model, training, near, structures)
    for name in near.types():
        mine = (near.type == name) & known
        if name in skipped:
            continue
        target = near.strength[mine]
        columns = {"row": rows[mine], "target": target}
        metrics[name] = {}
        for method, (other_mean, other_std) in {**others, "model": (mean, std)}.items():
            if np.isfinite(other_mean[mine]).all():
                columns |= {f"{method}_mean": other_mean[mine], f"{method}_std": other_std[mine]}
                metrics[name][method] = regression_metrics(
                    target, other_mean[mine], other_std[mine], near.structure[mine]
                )
        predictions[name] = columns
    return Transfer(metrics, predictions, skipped)


def bonds_of(table: BondTable) -> BondList:
    """Return the bonds of a table of one structure."""
    return BondList(table.atom_i, table.atom_j, table.translation, table.distance)


def describe_table(
    table: BondTable,
    structures: Sequence[Atoms],
    descriptors: Sequence[dict[str, Any]],
    progress: Progress | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Return descriptors of the rows of a table by kind, (n, features) each, computed from its structures.

    Parameters
    ----------
    descriptors : settings of each
    progress : called after each structure
    """
    made = [from_settings(settings) for settings in descriptors]
    rows = {each.kind: np.empty((len(table), each.n_features), dtype=np.float32) for each in made}
    described = np.unique(table.structure)
    for done, number in enumerate(described, start=1):
        mine = np.flatnonzero(table.structure == number)
        bonds = bonds_of(table.select(mine))
        for each in made:
            rows[each.kind][mine] = each.describe(structures[number], bonds)
        if progress is not None:
            progress(done, len(described), "structures described")
    return rows


def describe_again(table: BondTable, structures: Sequence[Atoms], settings: dict[str, Any]) -> NDArray[np.float32]:
    """Return a descriptor of the rows of a table, (n, features), computed from its structures."""
    (rows,) = describe_table(table, structures, [settings]).values()
    return rows


def _baselines(
    model: EtlModel, training: BondTable, table: BondTable, structures: Sequence[Atoms]
) -> dict[str, tuple[NDArray, NDArray]]:
    """Return (mean, std), NaN for types that were not trained, of the other methods trained on the same bonds."""
    training = within_reach(training, model.settings)
    fits = methods(training, model.settings, model.seed)
    del fits["model"]
    known = set(model.species)
    if "published" in fits and all(set(structures[k].symbols) <= known for k in np.unique(table.structure)):
        spectra = describe_again(table, structures, EndAtomSoap(model.species).settings())
    else:
        fits.pop("published", None)
        spectra = np.empty((len(table), 0), dtype=np.float32)
    result = {}
    for method, fit in fits.items():
        mean, std = np.full(len(table), np.nan), np.full(len(table), np.nan)
        X = np.hstack([table.distance[:, None].astype(np.float32), spectra])
        for name in model.regressors:
            mine = np.flatnonzero(table.type == name)
            part = training.of_type(name)
            if len(mine):
                features = part.design_matrix(descriptor_of(method, model.settings))
                regressor = fit(features, part.strength, part.structure, name)
                columns = X[mine] if method == "published" else X[mine, :1]
                mean[mine], std[mine] = regressor.predict(columns, return_std=True)
        result[method] = (mean, std)
    return result
