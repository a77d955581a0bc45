"""Predict the bond strengths of a structure."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import bonds_of_prediction, to_atoms
from aiida_getl.exchange.predictions import BondRecords
from aiida_getl.progress import report


@calcfunction
def predict(model, structure, settings):
    """Return the strength of every bond with its standard deviation (``getl.bonds``).

    Bonds of types that the model does not know are left out; the attribute ``left_out`` counts them.

    :param model: ``getl.model``.
    :param structure: ``StructureData`` or ``TrajectoryData``.
    :param settings: ``Dict``, perhaps with ``r_max`` in Å, and the ``frame`` of a trajectory, from 0.
    """
    try:
        atoms = to_atoms(structure, settings.get("frame"))
        prediction = model.get_model().predict(atoms, settings.get("r_max"), progress=report)
    except ValueError as exception:
        return ExitCode(401, str(exception))
    try:
        return bonds_of_prediction(BondRecords.from_prediction(prediction), atoms.get_chemical_symbols(), model)
    except ValueError as exception:
        return ExitCode(402, str(exception))
