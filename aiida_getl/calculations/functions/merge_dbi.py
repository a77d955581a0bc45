"""Join databases of interactions."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.merging import CannotMerge, join
from aiida_getl.learning.transfer import describe_table
from aiida_getl.progress import report


@calcfunction
def merge_dbi(settings, leave_out=None, **dbis):
    """Return one database of all bonds; labels that several of them hold are taken once.

    Descriptors are computed again, from the structures, where the databases know different elements.

    :param settings: ``Dict``; with ``mixed_methods`` true, labels of different methods are joined although they are on
        different scales.
    :param leave_out: ``Dict`` of the labels (UUIDs) not to take over, with the reason of each, see
        :func:`aiida_getl.calculations.leave_out.faulty_labels`.
    :param dbis: ``getl.dbi``, two or more, or one to leave labels out of.
    """
    try:
        joined = join(settings.get_dict(), {} if leave_out is None else leave_out.get_dict(), dbis)
    except CannotMerge as exception:
        return ExitCode(exception.status, str(exception))
    return joined.to_dbi(
        {
            number: describe_table(table, structures, joined.descriptors, report)
            for number, table, structures in joined.undescribed
        }
    )
