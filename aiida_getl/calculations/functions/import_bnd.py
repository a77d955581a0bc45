"""A database of interactions from one in the original format."""

from pathlib import Path
from tempfile import TemporaryDirectory

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.dbi import DbiData
from aiida_getl.exchange.bnd import to_table


@calcfunction
def import_bnd(files):
    """Return the ``getl.dbi`` of ``.bnd`` files: distances and strengths, and the SOAPs where they are all there.

    These files hold no structures, so its rows name the files as their label and no structure, and the translations,
    which they do not hold either, are zero (attribute ``translations_known``).

    :param files: ``FolderData`` with the attributes that :func:`aiida_getl.importer.import_databases` gives it.
    """
    attributes = files.base.attributes
    try:
        with TemporaryDirectory(prefix="getl-") as folder:
            files.base.repository.copy_tree(folder)
            table, descriptors, left_out = to_table(Path(folder), attributes.get("composition"))
    except ValueError as exception:
        return ExitCode(401, str(exception))
    for entry in table.structures:
        entry |= {"structure_id": None, "label_id": files.uuid}
    method = {"engine": None, "version": None, "basis_set": None, "basis": {}, "pseudos": {}}
    node = DbiData.from_table(table, descriptors, method, left_out)
    node.base.attributes.set("translations_known", False)
    return node
