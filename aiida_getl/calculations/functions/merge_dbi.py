"""Join databases of interactions."""

from dataclasses import replace

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import same_scale
from aiida_getl.data.dbi import DbiData, mixture
from aiida_getl.learning.dataset import concatenate
from aiida_getl.learning.transfer import describe_again


@calcfunction
def merge_dbi(settings, **dbis):
    """Return one database of all bonds; labels that several of them hold are taken once.

    Descriptors are computed again, from the structures, where the databases know different elements.

    :param settings: ``Dict``; with ``mixed_methods`` true, labels of different methods are joined although they are on
        different scales.
    :param dbis: ``getl.dbi``, two or more.
    """
    nodes = [dbis[name] for name in sorted(dbis)]
    methods = [node.base.attributes.get("method") for node in nodes]
    if not all(same_scale(method, methods[0]) for method in methods):
        if not settings.get("mixed_methods", False):
            return ExitCode(
                401,
                "the labels of the databases were made by different methods, so they are on different scales: label "
                "all with one method, or ask for a mixture",
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
    tables, seen, left_out = [], set(), []
    for node in nodes:
        table = node.get_table()
        new = [entry["label_id"] not in seen for entry in table.structures]
        seen |= {entry["label_id"] for entry in table.structures}
        table = _keep(table, new)
        if not len(table):
            continue
        if any(sorted(node.descriptors[kind]["species"]) != species for kind in kinds):
            structures = [orm.load_node(entry["structure_id"]).get_ase() for entry in table.structures]
            descriptors = {kind: describe_again(table, structures, own) for kind, own in wanted.items()}
            table = replace(table, descriptors=descriptors)
        tables.append(table)
        left_out += [entry for entry in node.left_out if entry not in left_out]
    return DbiData.from_table(concatenate(tables), list(wanted.values()), methods[0], left_out)


def _keep(table, new):
    """Return the table of those of its structures that are new."""
    new = np.array(new)
    rows = table.select(new[table.structure])
    return replace(
        rows,
        structure=(np.cumsum(new) - 1)[rows.structure],
        structures=[entry for entry, is_new in zip(table.structures, new, strict=True) if is_new],
    )
