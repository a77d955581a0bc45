"""Collect labelled bonds and their descriptors."""

from dataclasses import replace

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.collect import collect
from aiida_getl.data.dbi import DbiData
from aiida_getl.learning.transfer import describe_table
from aiida_getl.progress import report


@calcfunction
def build_dbi(settings, left_out=None, **namespaces):
    """Return the database of interactions of labelled structures.

    :param settings: ``Dict``, settings of the learning; of these ``r_max`` in Å. With ``mixed_methods`` true, labels
        of different methods are joined although they are on different scales.
    :param left_out: ``List`` of what is known to be missing otherwise, with run, sub-run and reason, to keep on record.
    :param namespaces: ``structures`` (``StructureData``) and ``bonds`` (their labels, ``getl.bonds``), each by run and
        sub-run, and perhaps ``failures`` (``Dict`` with a ``reason``) for sub-runs without a label.
    """
    try:
        found = collect(
            settings.get_dict(), namespaces["structures"], namespaces["bonds"], namespaces.get("failures", {})
        )
    except ValueError as exception:
        return ExitCode(401, str(exception))
    descriptors = describe_table(found.table, found.structures, found.descriptors, report)
    missing = found.left_out + (left_out.get_list() if left_out else [])
    return DbiData.from_table(replace(found.table, descriptors=descriptors), found.descriptors, found.method, missing)
