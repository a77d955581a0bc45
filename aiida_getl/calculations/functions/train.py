"""Train a model on a database of interactions."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.results import trained_model
from aiida_getl.learning.settings import complete_settings
from aiida_getl.learning.training import train as train_table

#: Of the models made here, as in :mod:`aiida_getl.learning.model` (a test compares). It is written out since AiiDA keys
#: its cache by the text of this file: so a model of an earlier format, which nothing here reads, is not taken from it.
MODEL_FORMAT = 4


@calcfunction
def train(dbi, settings, seed, validation):
    """Return a ``getl.model`` that carries its validation.

    :param dbi: ``getl.dbi``.
    :param settings: ``Dict``, settings of the learning.
    :param seed: ``Int``, of the choice of training bonds.
    :param validation: ``Dict``, the metrics on groups left out.
    """
    try:
        model = train_table(dbi.get_table(), complete_settings(settings.get_dict(), dbi.descriptors), seed.value)
        return trained_model(model, validation, dbi)
    except ValueError as exception:
        return ExitCode(401, str(exception))
