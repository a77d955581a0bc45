"""A structure and its bond strengths, from files that were made elsewhere."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from aiida import orm
from aiida.engine import calcfunction

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.exchange.label import read_label, read_structure


@calcfunction
def import_label(files):
    """Return the ``structure`` and its ``bonds`` (``getl.bonds``), or a ``failure`` (``Dict`` with a ``reason``).

    The structure comes with a failure too, if it can be read.

    :param files: ``FolderData`` with the attributes that :func:`aiida_getl.importer.store_files` gives it.
    """
    attributes = files.base.attributes
    with TemporaryDirectory(prefix="getl-") as folder:
        files.base.repository.copy_tree(folder)
        paths = {role: Path(folder) / name for role, name in attributes.get("roles").items()}
        try:
            label = read_label(paths, attributes.get("status", None))
        except ValueError as exception:
            outputs = {"failure": orm.Dict({"reason": str(exception), "sub_run": attributes.get("sub_run")})}
            # A structure that cannot be read either is what the reason says already.
            with suppress(KeyError, ValueError):
                outputs["structure"] = orm.StructureData(ase=read_structure(paths["structure"]))
            return outputs
    bonds = BondStrengthsData.from_bonds(
        label.bonds, label.atoms.get_chemical_symbols(), label.icohp, label.method, spilling=label.spilling
    )
    bonds.base.attributes.set_many(
        {"calculation": label.calculation, "notes": [*attributes.get("notes", []), *label.notes]}
    )
    return {"structure": orm.StructureData(ase=label.atoms), "bonds": bonds}
