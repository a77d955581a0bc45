"""Nodes in the few words that a person needs to recognise them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.orm.utils.node import load_node_class
from aiida_pseudo.data.pseudo import UpfData

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.provenance.reading import read


@dataclass(frozen=True)
class Item:
    """A node, in the words a person needs to recognise it."""

    pk: int
    uuid: str
    what: str


#: Columns of which the words for a node are made. Not the sites of a structure, on which its formula depends: those of
#: a thousand cells take ten seconds to read.
_COLUMNS: tuple[tuple[type[orm.Data] | tuple[type[orm.Data], ...], tuple[str, ...]], ...] = (
    ((UpfData, orm.UpfData), ("attributes.filename", "attributes.md5")),
    (orm.SinglefileData, ("attributes.filename",)),
    ((orm.Int, orm.Float, orm.Str, orm.Bool), ("attributes.value",)),
)

#: What the description of our own data begins with.
_NAMES = {BondStrengthsData: "", DbiData: "DBI of ", BondModelData: "model of "}


def describe_all(pks: Iterable[int]) -> dict[int, str]:
    """Return words for many nodes, see :func:`describe`."""
    by_type: dict[str, list[int]] = {}
    for pk, node_type in read(orm.Data, pks, ("id", "node_type")):
        by_type.setdefault(node_type, []).append(pk)
    words: dict[int, str] = {}
    for node_type, own in by_type.items():
        node_class = load_node_class(node_type)
        columns = next((columns for classes, columns in _COLUMNS if issubclass(node_class, classes)), ())
        if not columns:
            words |= dict.fromkeys(own, _words(node_class))
            continue
        words |= {pk: _words(node_class, *values) for pk, *values in read(orm.Data, own, ("id", *columns))}
    return words


def describe(node: orm.Node) -> Item:
    """Return a node with the few words that tell it from others of its kind."""
    if isinstance(node, orm.StructureData):
        what = f"structure {node.get_formula(mode='hill')}"
    elif isinstance(node, (BondStrengthsData, DbiData, BondModelData)):
        what = f"{_NAMES[type(node)]}{node.get_description()}"
    elif isinstance(node, orm.RemoteData):
        what = f"remote folder on {node.computer.label}"
    elif isinstance(node, orm.ProcessNode):
        what = node.process_label or type(node).__name__
    elif isinstance(node, orm.AbstractCode):
        what = f"code {node.full_label}"
    else:
        columns = next((columns for classes, columns in _COLUMNS if isinstance(node, classes)), ())
        what = _words(type(node), *(node.base.attributes.get(name.removeprefix("attributes.")) for name in columns))
    return Item(node.pk, node.uuid, what)


def _words(node_class: type[orm.Node], *values: Any) -> str:
    """Return the words for a node of a class, given its columns."""
    if issubclass(node_class, (UpfData, orm.UpfData)):
        return f"UPF {values[0]} md5 {values[1]}"
    if issubclass(node_class, orm.SinglefileData):
        return f"file {values[0]}"
    return str(values[0]) if values else node_class.__name__
