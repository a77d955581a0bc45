"""Predict the bond strengths of a structure."""

import numpy as np
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import BondStrengthsData


@calcfunction
def predict(model, structure, settings):
    """Return the strength of every bond with its standard deviation (``getl.bonds``).

    Bonds of types that the model does not know are left out; the attribute ``left_out`` counts them.

    :param model: ``getl.model``.
    :param structure: ``StructureData``.
    :param settings: ``Dict``, perhaps with ``r_max`` in Å.
    """
    etl_model, atoms = model.get_model(), structure.get_ase()
    try:
        prediction = etl_model.predict(atoms, settings.get("r_max"))
    except ValueError as exception:
        return ExitCode(401, str(exception))
    known = ~prediction.unknown_type
    if not known.any():
        return ExitCode(402, f"no bond of the structure is of a type that the model knows: {model.bond_types}")
    node = BondStrengthsData.from_bonds(
        prediction.bonds.select(known),
        atoms.get_chemical_symbols(),
        -prediction.mean[known],
        {"engine": "getl.model", "model": model.uuid, "labels": model.labelled_by},
        std=prediction.std[known],
        extrapolated=prediction.outside_range[known],
    )
    types, counts = np.unique(prediction.type[~known], return_counts=True)
    node.base.attributes.set("left_out", dict(zip(types.tolist(), counts.tolist(), strict=True)))
    return node
