"""Nodes of what the learning found; the same whether a calcfunction or a job on another computer found it."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.data.arrays import set_arrays
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData
from aiida_getl.exchange.predictions import BondRecords
from aiida_getl.learning.dataset import BondTable
from aiida_getl.learning.model import EtlModel
from aiida_getl.learning.repeated import repeated_bonds, repeated_structures, shares_of_types
from aiida_getl.structures.bonds import BondList
from aiida_getl.structures.checks import check_open_boundaries, check_separation


def bonds_of_prediction(records: BondRecords, symbols: list[str], model) -> BondStrengthsData:
    """Return the predicted bonds (``getl.bonds``); those without a prediction are counted in ``left_out``.

    Every flag of the prediction is an array; ``extrapolated`` is true where any of them is.

    :param model: the ``getl.model``.
    :raises ValueError: if no bond has a prediction.
    """
    known = np.isfinite(records.mean)
    if not known.any():
        raise ValueError(f"no bond of the structure is of a type that the model knows: {model.bond_types}")
    flags = {name: flag[known] for name, flag in records.flags.items() if name != "unknown_type"}
    node = BondStrengthsData.from_bonds(
        records.bonds.select(known),
        symbols,
        -records.mean[known],
        {"engine": "getl.model", "model": model.uuid, "labels": model.labelled_by},
        std=records.std[known],
        extrapolated=np.any([*flags.values(), np.zeros(int(known.sum()), dtype=bool)], axis=0),
    )
    for name, flag in flags.items():
        node.set_array(name, flag)
    types, counts = np.unique(records.type[~known], return_counts=True)
    node.base.attributes.set("left_out", dict(zip(types.tolist(), counts.tolist(), strict=True)))
    node.base.attributes.set("flags", {name: int(flag.sum()) for name, flag in flags.items()})
    return node


def described_bonds(bonds: BondList, rows: dict[str, NDArray], descriptors: list[dict[str, Any]]) -> orm.ArrayData:
    """Return the bonds of a structure with the rows (n, features) of each kind of descriptor."""
    node = orm.ArrayData()
    for name in ("atom_i", "atom_j", "translation", "distance"):
        node.set_array(name, getattr(bonds, name))
    for kind, own in rows.items():
        node.set_array(f"descriptor_{kind}", own)
    node.base.attributes.set_many({"descriptors": descriptors, "n_bonds": len(bonds), "units": {"distance": "Å"}})
    return node


def trained_model(model: EtlModel, validation: orm.Dict, dbi) -> BondModelData:
    """Return the model (``getl.model``).

    :raises ValueError: if it was trained for no bond type.
    """
    if not model.regressors:
        raise ValueError(f"no bond type has enough bonds: {model.untrained}; label more structures")
    return BondModelData.from_model(model, validation.get_dict(), dbi.uuid, dbi.base.attributes.get("method"))


def unseen_labels(dbi, training) -> tuple[BondTable, list[Atoms], dict[str, Any]]:
    """Return (table, structures, counts) of the labels of a database that another one does not hold.

    The same label may have been imported twice, under another name or from an export: it is known by its bonds, too.
    The counts are ``n_seen``, ``n_unseen``, and ``repeated``, the share of the remaining bonds by bond type that the
    other database holds nevertheless.

    :param training: ``getl.dbi``, or None to keep all.
    :raises ValueError: if there are none.
    """
    table = dbi.get_table(descriptors=False)
    if training is None:
        seen, repeated = np.zeros(len(table.structures), dtype=bool), np.zeros(len(table), dtype=bool)
    else:
        repeated = repeated_bonds(table, training.get_table(descriptors=False))
        known = {entry["label_id"] for entry in training.structures}
        seen = np.array([entry["label_id"] in known for entry in table.structures])
        seen |= repeated_structures(table, repeated)
    if seen.all():
        raise ValueError("the model was trained on all of these labels: its errors on them would say nothing")
    structures = [orm.load_node(entry["structure_id"]).get_ase() for entry in table.structures]
    kept = ~seen[table.structure]
    unseen = table.select(kept)
    counts = {
        "n_seen": int(seen.sum()),
        "n_unseen": int((~seen).sum()),
        "repeated": shares_of_types(unseen, repeated[kept]),
    }
    return unseen, structures, counts


def metrics_nodes(arrays: dict[str, NDArray], attributes: dict[str, Any]) -> tuple[orm.Dict, orm.ArrayData]:
    """Return (metrics, predictions) of a validation or evaluation."""
    parity = orm.ArrayData()
    set_arrays(parity, arrays)
    return orm.Dict(attributes), parity


def tuned(found: dict[str, Any], candidates: list[dict[str, Any]], settings: dict[str, Any]) -> orm.Dict:
    """Return what tuning found, with the candidates and the settings of the ``best``, which are ready to train with."""
    best = settings | candidates[found["tuning"]["best"]]
    return orm.Dict({**found, "candidates": candidates, "best": best})


def to_atoms(structure, frame: int | None = None) -> Atoms:
    """Return the structure of a ``StructureData``, or a frame of a ``TrajectoryData``, counted from 0.

    :raises ValueError: for a frame that does not exist, a trajectory of several where none is named, atoms on each
        other, or a structure that is not periodic and would be bonded through its boundary.
    """
    atoms = _get_frame(structure, frame)
    name = f"structure <{structure.pk}>" if frame is None else f"structure <{structure.pk}>, frame {frame},"
    check_separation(atoms, name)
    check_open_boundaries(atoms, name)
    return atoms


def _get_frame(structure, frame: int | None) -> Atoms:
    if isinstance(structure, orm.StructureData):
        if frame not in (None, 0):
            raise ValueError(f"there is no frame {frame}: the structure is a single one")
        return structure.get_ase()
    n_frames = structure.numsteps
    if frame is None and n_frames > 1:
        raise ValueError(f"the trajectory <{structure.pk}> has {n_frames} frames: say which by `frame`, from 0")
    number = frame or 0
    if not 0 <= number < n_frames:
        raise ValueError(f"there is no frame {number}: the trajectory <{structure.pk}> has {n_frames}, from 0")
    cells = structure.get_cells()
    if cells is None:
        raise ValueError(f"the trajectory <{structure.pk}> has no cells: bonds between periodic images need them")
    return Atoms(structure.symbols, positions=structure.get_positions()[number], cell=cells[number], pbc=True)
