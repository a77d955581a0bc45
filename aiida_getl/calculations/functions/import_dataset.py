"""Labels from a database that was exported to files."""

from pathlib import Path
from tempfile import TemporaryDirectory

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.exchange.dataset import METADATA, labels_of, left_out_of, read_database, read_folder


@calcfunction
def import_dataset(files):
    """Return ``structure_<k>`` (``StructureData``) and ``bonds_<k>`` (``getl.bonds``) of every structure k.

    ``left_out`` (``List``) is what the database leaves out.

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
        labels = labels_of(metadata, len(labelled))
    except ValueError as exception:
        return ExitCode(401, str(exception))
    outputs = {"left_out": orm.List(left_out_of(metadata))}
    for number, (item, label) in enumerate(zip(labelled, labels, strict=True)):
        bonds = BondStrengthsData.from_bonds(
            item.bonds, item.atoms.get_chemical_symbols(), -item.strength, label["method"]
        )
        bonds.base.attributes.set_many({**label, "exported": item.info})
        outputs[f"structure_{number}"] = orm.StructureData(ase=item.atoms)
        outputs[f"bonds_{number}"] = bonds
    return outputs
