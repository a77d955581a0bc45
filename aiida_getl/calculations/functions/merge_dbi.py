"""Join databases of interactions."""

from dataclasses import replace

import numpy as np
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import common_method, same_scale, scale_difference
from aiida_getl.data.dbi import DbiData, mixture, origin_of
from aiida_getl.learning.dataset import concatenate
from aiida_getl.learning.transfer import describe_again


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
    reasons = {} if leave_out is None else leave_out.get_dict()
    nodes = [dbis[name] for name in sorted(dbis)]
    if len(nodes) < (1 if reasons else 2) or not all(isinstance(node, DbiData) for node in nodes):
        given = ", ".join(type(node).__name__ for node in nodes) or "nothing"
        return ExitCode(405, f"two databases of interactions or more can be joined, and these are given: {given}")
    methods = [node.base.attributes.get("method") for node in nodes]
    other = next((k for k, method in enumerate(methods) if not same_scale(method, methods[0])), None)
    if other is not None:
        if not settings.get("mixed_methods", False):
            return ExitCode(
                401,
                f"the labels of <{nodes[0].pk}> and <{nodes[other].pk}> were made by different methods "
                f"({scale_difference(methods[0], methods[other])}), so they are on different scales: label all with "
                "one method, or ask for a mixture",
            )
        methods = [mixture(methods)]
    kinds = set.intersection(*(set(node.descriptors) for node in nodes))
    if not kinds:
        return ExitCode(402, "the databases have no kind of descriptor in common")
    species = sorted({symbol for node in nodes for each in node.descriptors.values() for symbol in each["species"]})
    wanted = {kind: {**nodes[0].descriptors[kind], "species": species} for kind in sorted(kinds)}
    for kind, own in wanted.items():
        if any({**node.descriptors[kind], "species": species} != own for node in nodes):
            return ExitCode(403, f"the settings of the descriptor {kind!r} differ between the databases")
    # What is left out counts as seen from the start, under whichever of its UUIDs it was named.
    faults = {
        origin_of(entry): reasons[entry["label_id"]]
        for node in nodes
        for entry in node.structures
        if entry["label_id"] in reasons
    }
    tables, seen, left_out = [], set(faults), []
    for node in nodes:
        try:
            table = _described(_new_labels(node.get_table(), seen), node, wanted)
        except (NotExistent, ValueError) as exception:
            return ExitCode(
                404,
                f"the databases know different elements, and the bonds of <{node.pk}> cannot be described again: "
                f"{exception}",
            )
        seen |= {origin_of(entry) for entry in table.structures}
        if len(table):
            tables.append(table)
        faulty = [
            {"run": entry["run"], "sub_run": entry["sub_run"], "reason": faults[origin_of(entry)]}
            for entry in node.structures
            if origin_of(entry) in faults
        ]
        left_out += [entry for entry in [*node.left_out, *faulty] if entry not in left_out]
    if not tables:
        return ExitCode(406, "no label remains: all of them are to be left out")
    merged = DbiData.from_table(concatenate(tables), list(wanted.values()), common_method(methods), left_out)
    if not all(node.base.attributes.get("translations_known", True) for node in nodes):
        merged.base.attributes.set("translations_known", False)
    return merged


def _new_labels(table, seen):
    """Return the table of those of its structures whose labels have not been seen."""
    new = np.array([origin_of(entry) not in seen for entry in table.structures], dtype=bool)
    rows = table.select(new[table.structure])
    return replace(
        rows,
        structure=(np.cumsum(new) - 1)[rows.structure],
        structures=[entry for entry, is_new in zip(table.structures, new, strict=True) if is_new],
    )


def _described(table, node, wanted):
    """Return the table with the wanted descriptors only, computed from the structures if its own know fewer elements.

    :raises NotExistent: if a structure is gone.
    :raises ValueError: if it never had structures.
    """
    if all(sorted(node.descriptors[kind]["species"]) == own["species"] for kind, own in wanted.items()):
        return replace(table, descriptors={kind: table.descriptors[kind] for kind in wanted})
    if any(entry["structure_id"] is None for entry in table.structures):
        raise ValueError("it was made of files without structures")
    structures = [orm.load_node(entry["structure_id"]).get_ase() for entry in table.structures]
    return replace(table, descriptors={kind: describe_again(table, structures, own) for kind, own in wanted.items()})
