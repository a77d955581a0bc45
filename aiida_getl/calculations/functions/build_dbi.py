"""Collect labelled bonds and their descriptors."""

from aiida.engine import ExitCode, calcfunction

from aiida_getl.data.bonds import same_scale
from aiida_getl.data.dbi import DbiData, mixture
from aiida_getl.learning.dataset import concatenate, table_of_structure
from aiida_getl.learning.settings import DEFAULTS, default_descriptors
from aiida_getl.structures.bonds import find_bonds


@calcfunction
def build_dbi(settings, **namespaces):
    """Return the database of interactions of labelled structures.

    :param settings: ``Dict``, settings of the learning; of these ``r_max`` in Å. With ``mixed_methods`` true, labels
        of different methods are joined although they are on different scales.
    :param namespaces: ``structures`` (``StructureData``) and ``bonds`` (their labels, ``getl.bonds``), each by run and
        sub-run, and perhaps ``failures`` (``Dict`` with a ``reason``) for sub-runs without a label.
    """
    structures, bonds, failures = namespaces["structures"], namespaces["bonds"], namespaces.get("failures", {})
    names = [(run, sub_run) for run, cells in sorted(bonds.items()) for sub_run in sorted(cells)]
    methods = [bonds[run][sub_run].method for run, sub_run in names]
    if not all(same_scale(method, methods[0]) for method in methods):
        other = next(name for name, method in zip(names, methods, strict=True) if not same_scale(method, methods[0]))
        if not settings.get("mixed_methods", False):
            return ExitCode(
                401,
                f"the labels of {' '.join(names[0])} and {' '.join(other)} were made by different methods, so they are "
                "on different scales: label all with one method, or ask for a mixture",
            )
        methods = [mixture(methods)]
    atoms = {name: structures[name[0]][name[1]].get_ase() for name in names}
    descriptors = default_descriptors(sorted({symbol for cell in atoms.values() for symbol in set(cell.symbols)}))
    tables, left_out = [], []
    for run, sub_run in names:
        cell, label = atoms[run, sub_run], bonds[run][sub_run]
        labelled = label.get_bonds()
        seen = find_bonds(cell.positions, cell.cell[:], settings.get("r_max", DEFAULTS["r_max"]))
        unlabelled = len(set(seen.keys()) - set(labelled.keys()))
        if unlabelled:
            left_out.append(
                {"run": run, "sub_run": sub_run, "n_bonds": unlabelled, "reason": "the label does not list these bonds"}
            )
        tables.append(
            table_of_structure(
                cell,
                labelled,
                label.get_strength(),
                {
                    "run": run,
                    "sub_run": sub_run,
                    "composition": structures[run][sub_run].get_formula(),
                    "structure_id": structures[run][sub_run].uuid,
                    "label_id": label.uuid,
                },
                descriptors,
            )
        )
    for run, cells in sorted(failures.items()):
        left_out += [{"run": run, "sub_run": sub_run, "reason": cells[sub_run]["reason"]} for sub_run in sorted(cells)]
    return DbiData.from_table(concatenate(tables), descriptors, methods[0], left_out)
