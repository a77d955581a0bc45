"""A trained model: from environments to bond strengths."""

from __future__ import annotations

import json
from typing import Any

from aiida import orm
from aiida.common import exceptions

from aiida_getl.data.arrays import get_arrays, set_arrays
from aiida_getl.learning.model import EtlModel

#: AiiDA rounds the numbers of attributes to 14 digits, so a file holds the parameters that predict.
PARAMETERS_FILE = "parameters.json"


class BondModelData(orm.ArrayData):
    """Everything that prediction needs, as arrays and JSON.

    Arrays: of each bond type, e.g. ``Zr_Cu__alpha``, what :meth:`aiida_getl.learning.model.EtlModel.to_arrays` names.
    File: ``parameters.json``, the attribute ``model`` with all its digits.
    Attributes: ``model`` (kernels, hyperparameters, descriptor and training settings, bounds of validity),
    ``validation`` (errors per bond type on groups left out), ``dbi`` (UUID of the training data),
    ``labelled_by`` (what made its labels), ``bond_types``.
    """

    @classmethod
    def from_model(
        cls, model: EtlModel, validation: dict[str, Any], dbi: str, labelled_by: dict[str, Any]
    ) -> BondModelData:
        """Build an unstored node.

        :param validation: metrics per bond type and method.
        :param dbi: UUID of the database of interactions.
        :param labelled_by: what made its labels.
        """
        node = cls()
        arrays, attributes = model.to_arrays()
        set_arrays(node, arrays)
        node.base.repository.put_object_from_bytes(json.dumps(attributes).encode(), PARAMETERS_FILE)
        node.base.attributes.set_many(
            {
                "model": attributes,
                "validation": validation,
                "dbi": dbi,
                "labelled_by": labelled_by,
                "bond_types": sorted(model.regressors),
            }
        )
        return node

    def _validate(self) -> bool:
        super()._validate()
        if not self.base.attributes.get("bond_types", None):
            raise exceptions.ValidationError("a model needs at least one bond type: use `from_model`")
        return True

    def get_description(self) -> str:
        """Return what it is in a line, for `verdi node graph` and lists."""
        return f"bond strengths of {', '.join(self.base.attributes.get('bond_types', []))}"

    @property
    def validation(self) -> dict[str, Any]:
        """Metrics per bond type and method."""
        return self.base.attributes.get("validation")

    @property
    def bond_types(self) -> list[str]:
        """The bond types it was trained for."""
        return self.base.attributes.get("bond_types")

    @property
    def labelled_by(self) -> dict[str, Any]:
        """What made the labels it was trained on."""
        return self.base.attributes.get("labelled_by")

    def get_model(self) -> EtlModel:
        """Return the model; its predictions are those of the model that was stored, bit for bit."""
        parameters = json.loads(self.base.repository.get_object_content(PARAMETERS_FILE))
        return EtlModel.from_arrays(get_arrays(self), parameters)
