"""The nodes that a report is about, found from the one that a person names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aiida import orm
from aiida.common.exceptions import NotExistent

from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData

#: What a report can be about; the classes in the order in which a label is looked for.
REPORTABLE = (BondModelData, DbiData, BondStrengthsData, orm.WorkChainNode)


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes
    ----------
    node : what was asked for
    kind : in a word
    dbi, model, bonds : the data; those that the node rests on among them
    parity : predictions of groups left out, of the model's validation
    structure, frame : of the bonds
    """

    node: orm.Node
    kind: str
    dbi: DbiData | None = None
    model: BondModelData | None = None
    bonds: BondStrengthsData | None = None
    parity: orm.ArrayData | None = None
    structure: orm.StructureData | orm.TrajectoryData | None = None
    frame: int | None = None

    @property
    def process(self) -> orm.WorkChainNode | None:
        """The work chain that was asked for, None for data."""
        return self.node if isinstance(self.node, orm.WorkChainNode) else None

    @property
    def result(self) -> orm.Data | None:
        """The data at the end of the way, from which everything else can be traced."""
        return self.bonds or self.model or self.dbi


def find_subject(node: orm.Node) -> Subject:
    """Return what a report on a node is about.

    :raises ValueError: for a node that none can be written on.
    """
    if isinstance(node, DbiData):
        return Subject(node, "database of interactions", dbi=node)
    if isinstance(node, BondModelData):
        return _with_model(Subject(node, "model", model=node))
    if isinstance(node, BondStrengthsData):
        kind = "labels" if node.get_std() is None else "prediction"
        return _with_bonds(Subject(node, kind, bonds=node))
    if isinstance(node, orm.WorkChainNode):
        return _of_process(node)
    raise ValueError(
        f"there is no report on a {type(node).__name__} <{node.pk}>: give a model, a DBI, bond strengths (labels or a "
        "prediction) or a work chain that made such"
    )


def _of_process(node: orm.WorkChainNode) -> Subject:
    outputs = list(node.base.links.get_outgoing(node_class=orm.Data).all_nodes())
    inputs = list(node.base.links.get_incoming(node_class=orm.Data).all_nodes())

    def last(node_class: type[orm.Data]) -> orm.Data | None:
        own = [each for each in outputs if isinstance(each, node_class)]
        given = [each for each in inputs if isinstance(each, node_class)]
        # Labels that went in are those of a database, and not what the work was for.
        found = own or (given if node_class is not BondStrengthsData else [])
        return max(found, key=lambda each: each.pk) if found else None

    dbi, model, bonds = (last(node_class) for node_class in (DbiData, BondModelData, BondStrengthsData))
    known = ("GetlWorkChain", "ActiveLearningWorkChain")
    if dbi is None and model is None and bonds is None and node.process_label not in known:
        raise ValueError(
            f"{node.process_label} <{node.pk}> has neither labels, nor a model, nor predictions to report on"
        )
    kind = "campaign" if node.process_label in known else node.process_label
    return _with_model(_with_bonds(Subject(node, kind, dbi=dbi, model=model, bonds=bonds)))


def _with_bonds(subject: Subject) -> Subject:
    """Return the subject with the structure of its bonds, and the model that predicted them."""
    bonds = subject.bonds
    if bonds is None or bonds.creator is None:
        return subject
    given = {link.link_label: link.node for link in bonds.creator.base.links.get_incoming().all()}
    made = {link.link_label: link.node for link in bonds.creator.base.links.get_outgoing().all()}
    structure = given.get("structure") or made.get("structure")
    settings = given.get("settings")
    frame = settings.get("frame", None) if isinstance(settings, orm.Dict) else None
    found = replace(subject, structure=structure, frame=frame, model=subject.model or given.get("model"))
    return _with_model(found)


def _with_model(subject: Subject) -> Subject:
    """Return the subject with the database and the validation of its model."""
    model = subject.model
    if model is None:
        return subject
    if subject.dbi is None:
        subject = replace(subject, dbi=_load_dbi(model.base.attributes.get("dbi", None)))
    if subject.parity is None and model.creator is not None:
        validation = model.creator.base.links.get_incoming(link_label_filter="validation").all_nodes()
        maker = validation[0].creator if validation else None
        if maker is not None:
            parity = maker.base.links.get_outgoing(link_label_filter="parity").all_nodes()
            subject = replace(subject, parity=parity[0] if parity else None)
    return subject


def _load_dbi(uuid: str | None) -> DbiData | None:
    """Return a database, None if it is not in this profile."""
    if uuid is None:
        return None
    try:
        node = orm.load_node(uuid)
    except (NotExistent, ValueError):
        return None
    return node if isinstance(node, DbiData) else None
