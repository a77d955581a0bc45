"""What differs between two databases, two models or two predictions: inputs, settings, data, results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.links import LinkType

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData, origin_of
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.words import Item, describe


@dataclass(frozen=True)
class Difference:
    """One value that differs; None where one of the two has none. ``section`` is inputs, settings, data or results."""

    section: str
    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Comparison:
    """What differs between ``a`` and ``b``, and which labels only one of them holds or rests on.

    A label is (run, sub-run, composition, UUID).
    """

    a: Item
    b: Item
    differences: list[Difference]
    labels_in_both: int
    labels_only_in_a: list[dict[str, Any]]
    labels_only_in_b: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and dictionaries, for JSON."""
        return asdict(self)


def compare(a: orm.Data, b: orm.Data) -> Comparison:
    """Compare two databases, two models or two predictions.

    :raises ValueError: for nodes of different or other kinds.
    """
    kinds = [
        next((cls for cls in (DbiData, BondModelData, BondStrengthsData) if isinstance(x, cls)), None) for x in (a, b)
    ]
    if kinds[0] is None or kinds[0] is not kinds[1]:
        raise ValueError(
            f"{describe(a).what} <{a.pk}> and {describe(b).what} <{b.pk}> cannot be compared: give two DBIs, two "
            "models or two sets of bond strengths"
        )
    labels = [_labels(node) for node in (a, b)]
    differences = [
        *_differences("inputs", _inputs(a), _inputs(b)),
        *_differences("settings", _settings(a), _settings(b)),
        *_differences("data", _data(a, labels[0]), _data(b, labels[1])),
        *_differences("results", _results(a), _results(b)),
    ]
    return Comparison(
        a=describe(a),
        b=describe(b),
        differences=differences,
        labels_in_both=len(set(labels[0]) & set(labels[1])),
        labels_only_in_a=[entry for key, entry in labels[0].items() if key not in labels[1]],
        labels_only_in_b=[entry for key, entry in labels[1].items() if key not in labels[0]],
    )


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dictionaries as one, the names joined by points.

    Examples
    --------
    >>> flatten({"kernel": {"length": 2.0}, "seed": 1})
    {'kernel.length': 2.0, 'seed': 1}
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _differences(section: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    names = [*a, *(name for name in b if name not in a)]
    return [Difference(section, name, a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)]


def _inputs(node: orm.Data) -> dict[str, Any]:
    """Return what made a node, and out of which nodes; labels are compared one by one elsewhere."""
    process = node.creator
    if process is None:
        return {}
    found: dict[str, Any] = {"made by": process.process_label}
    found |= {f"version of {name}": value for name, value in process.base.attributes.get("version", {}).items()}
    query = orm.QueryBuilder().append(orm.CalculationNode, filters={"id": process.pk}, tag="maker")
    # Thousands of labels, which are compared by their UUIDs.
    many = [{"label": {"!like": f"{name}\\_\\_%"}} for name in ("structures", "bonds", "failures")]
    query.append(
        orm.Data,
        with_outgoing="maker",
        edge_filters={"and": [{"type": LinkType.INPUT_CALC.value}, *many]},
        edge_project="label",
        project="*",
    )
    for source, name in query.all():
        if isinstance(source, (orm.Int, orm.Float, orm.Str, orm.Bool)):
            found[name] = source.value
        elif not isinstance(source, orm.Dict):
            item = describe(source)
            found[name] = f"{item.what} {source.label}".strip() + f" <{item.pk}>"
    return found


def _settings(node: orm.Data) -> dict[str, Any]:
    """Return the settings that a node was made with, and what they came to."""
    found: dict[str, Any] = {}
    query = orm.QueryBuilder().append(orm.Data, filters={"id": node.pk}, tag="data")
    query.append(orm.CalculationNode, with_outgoing="data", edge_filters={"type": LinkType.CREATE.value}, tag="maker")
    query.append(orm.Dict, with_outgoing="maker", edge_filters={"label": "settings"})
    for settings in query.all(flat=True):
        found |= settings.get_dict()
    attributes = {name: value for name, value in node.base.attributes.all.items() if not name.startswith("array|")}
    if isinstance(node, BondModelData):
        found |= {"model": attributes["model"]}
    return flatten(
        found | {name: attributes[name] for name in ("method", "labelled_by", "descriptors") if name in attributes}
    )


def _data(node: orm.Data, labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a node holds or was trained on, in numbers."""
    dbi = _training(node) if isinstance(node, BondModelData) else node
    if dbi is None:
        return {"labels": "the database is not in this profile"}
    attributes = dbi.base.attributes
    found = {name: attributes.get(name, None) for name in ("n_bonds", "n_structures", "n_atoms", "compositions")}
    found |= {f"bonds {name}": count for name, count in (attributes.get("bond_types", None) or {}).items()}
    reasons = Counter(entry["reason"] for entry in attributes.get("left_out", []) if isinstance(entry, dict))
    found |= {f"left out: {reason}": count for reason, count in reasons.items()}
    if labels:
        found["runs"] = len({(entry["composition"], entry["run"]) for entry in labels.values()})
    return found


def _results(node: orm.Data) -> dict[str, Any]:
    """Return the errors of a model, or the strengths per bond type."""
    if isinstance(node, BondModelData):
        return flatten(node.validation)
    if isinstance(node, DbiData):
        bonds = node.get_table(descriptors=False)
        types, strength = bonds.type, bonds.strength
    else:
        types, strength = node.get_bond_types(), node.get_strength()
    return {
        f"{name} mean -ICOHP (eV)": round(float(strength[types == name].mean()), 6)
        for name in sorted(set(types.tolist()))
    }


def _labels(node: orm.Data) -> dict[str, dict[str, Any]]:
    """Return the labels of a database, or of that which a model was trained on."""
    dbi = _training(node) if isinstance(node, BondModelData) else node
    if not isinstance(dbi, DbiData):
        return {}
    names = ("run", "sub_run", "composition")
    # Databases in the original format have one node of files for all.
    return {
        f"{origin_of(entry)} {entry['run']} {entry['sub_run']}": {
            **{name: entry[name] for name in names},
            "label": entry["label_id"],
        }
        for entry in dbi.structures
    }


def _training(node: orm.Data) -> DbiData | None:
    try:
        return orm.load_node(node.base.attributes.get("dbi"))
    except (NotExistent, ValueError):
        return None
