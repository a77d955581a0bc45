"""Where a model stands on the structures that it is to be used for."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.acquisition.assessment import assess as assess_model
from aiida_getl.data.ensembles import target_structures


@calcfunction
def assess(model, dbi, settings, seed, **namespaces):
    """Return the assessment (``Dict``), see :class:`aiida_getl.acquisition.assessment.Assessment`.

    :param model: ``getl.model``, with its validation.
    :param dbi: ``getl.dbi`` that it was trained on.
    :param settings: ``Dict``, of :mod:`aiida_getl.acquisition.settings`.
    :param seed: ``Int``.
    :param namespaces: ``targets``, ``StructureData`` and ``TrajectoryData`` by name.
    """
    try:
        assessment = assess_model(
            model.get_model(),
            dbi.get_table(descriptors=False),
            target_structures(namespaces["targets"]),
            settings.get_dict(),
            seed.value,
            validation=model.validation,
        )
    except ValueError as exception:
        return ExitCode(401, str(exception))
    return orm.Dict(assessment.as_dict())
