"""A cell to be labelled, as a decision says."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.acquisition.settings import deformation_matrix
from aiida_getl.data.results import to_atoms
from aiida_getl.structures.cutting import cut_cell
from aiida_getl.structures.deformation import deform


@calcfunction
def make_cell(decision, number, source):
    """Return the cell of an item of a decision (``StructureData``).

    :param decision: ``Dict``, of ``decide``.
    :param number: ``Int``, that of the item.
    :param source: what the recipe names: the ``StructureData`` to deform, the ``TrajectoryData`` whose frame it is, the
        structure or trajectory to cut from, or the given ``StructureData`` itself.
    """
    recipe = next((item["recipe"] for item in decision["chosen"] if item["number"] == number.value), None)
    if recipe is None:
        return ExitCode(401, f"the decision has no item {number.value}")
    if source.uuid not in recipe.values():
        return ExitCode(402, f"item {number.value} is not made from {source}")
    operation = recipe["operation"]
    try:
        if operation == "deform":
            atoms = deform(source.get_ase(), deformation_matrix(recipe["deformation"]))
        elif operation == "frame":
            atoms = to_atoms(source, recipe["frame"])
            atoms.wrap()  # positions of a trajectory are unwrapped
        elif operation == "cut":
            atoms = cut_cell(to_atoms(source, recipe["frame"]), recipe["centre"], recipe["n_atoms"])
        else:
            atoms = source.get_ase()
    except ValueError as exception:
        return ExitCode(403, f"item {number.value}: {exception}")
    return orm.StructureData(ase=atoms)
