"""Labels from a database that was exported to files."""

from pathlib import Path
from tempfile import TemporaryDirectory

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.exchange.dataset import METADATA, read_database, read_folder


@calcfunction
def import_dataset(files):
    """Return ``structure_<k>`` (``StructureData``) and ``bonds_<k>`` (``getl.bonds``) of every structure k.

    The bonds name in ``exported`` what they were in the profile that they come from: run, sub-run, and UUIDs.

    :param files: ``FolderData`` with what `aiida-getl dbi export` wrote: a folder, or one ASE database.
    """
    try:
        with TemporaryDirectory(prefix="getl-") as name:
            folder = Path(name)
            files.base.repository.copy_tree(folder)
            if (folder / METADATA).is_file():
                labelled, metadata = read_folder(folder)
            else:
                labelled, metadata = read_database(next(folder.iterdir()))
    except ValueError as exception:
        return ExitCode(401, str(exception))
    outputs = {}
    for number, item in enumerate(labelled):
        bonds = BondStrengthsData.from_bonds(
            item.bonds, item.atoms.get_chemical_symbols(), -item.strength, metadata.get("method", {})
        )
        bonds.base.attributes.set("exported", item.info)
        outputs[f"structure_{number}"] = orm.StructureData(ase=item.atoms)
        outputs[f"bonds_{number}"] = bonds
    return outputs
