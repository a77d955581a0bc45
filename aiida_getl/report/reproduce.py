"""How to get the same again, and what to cite."""

from __future__ import annotations

from aiida import __version__ as aiida_version
from aiida import orm

from aiida_getl import __version__
from aiida_getl.provenance import Trace
from aiida_getl.provenance.reading import read
from aiida_getl.report.configuration import COMMANDS, configuration
from aiida_getl.report.content import Reproduce
from aiida_getl.report.subject import Subject

#: What to cite where a calculation of this name was on the way.
SOURCES = {
    "PwCalculation": ("Quantum ESPRESSO", "P. Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017)"),
    "LammpsStageCalculation": ("LAMMPS", "A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022)"),
    "augment": ("Deformed cells", "GETL, Phys. Rev. Materials 4, 113603 (2020)"),
}
GETL = ("The learning of bond strengths", "GETL, Phys. Rev. Materials 4, 113603 (2020)")
COHP = ("COHP", "R. Dronskowski and P. E. Blöchl, J. Phys. Chem. 97, 8617 (1993)")
LOBSTER = ("LOBSTER", "R. Nelson et al., J. Comput. Chem. 41, 1931 (2020)")
AIIDA = (
    ("AiiDA", "S. P. Huber et al., Sci. Data 7, 300 (2020)"),
    ("AiiDA's workflow engine", "M. Uhrin et al., Comput. Mater. Sci. 187, 110086 (2021)"),
)
LEARNING = (
    ("SOAP", "A. P. Bartók, R. Kondor and G. Csányi, Phys. Rev. B 87, 184115 (2013)"),
    ("DScribe", "L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020)"),
)


def reproduce(subject: Subject, found: Trace | None) -> Reproduce:
    """Return commands, configuration, versions and citations.

    :param found: of everything that led to the result.
    """
    return Reproduce(_commands(subject), configuration(subject.process), _versions(found), _citations(subject, found))


def _commands(subject: Subject) -> tuple[tuple[str, str], ...]:
    archive = "getl.aiida"
    node = subject.node
    commands = [
        ("Pack it with everything that it rests on", f"verdi archive create --nodes {node.uuid} -- {archive}"),
        ("Load that elsewhere", f"verdi archive import {archive}"),
    ]
    command = COMMANDS.get(subject.process.process_label) if subject.process is not None else None
    if command is not None:
        commands.insert(0, ("Run it again, with the configuration below", f"{command} config.yaml"))
    if subject.result is not None:
        commands.append(("Ask where a number comes from", f"aiida-getl trace {subject.result.uuid}"))
    if subject.model is not None:
        predict = f"aiida-getl model predict {subject.model.uuid} STRUCTURE --output bonds.csv"
        commands.append(("Predict another structure", predict))
    commands.append(("Write this report again", f"aiida-getl report {node.uuid}"))
    return tuple(commands)


def _versions(found: Trace | None) -> dict[str, str]:
    """Return the versions of this package and AiiDA that made the report, and those that made the data."""
    versions = {"aiida-getl": __version__, "aiida-core": aiida_version}
    if found is None:
        return versions
    made_with: dict[str, set[str]] = {}
    columns = ("attributes.version.core", "attributes.version.plugin", "process_type")
    for core, plugin, process_type in read(orm.CalculationNode, (step.pk for step in found.steps), columns):
        if core:
            made_with.setdefault("aiida-core", set()).add(core)
        if plugin and process_type:
            made_with.setdefault(_package(process_type), set()).add(plugin)
    for package, own in sorted(made_with.items()):
        versions[f"data made with {package}"] = ", ".join(sorted(own))
    method = found.label.get("method") or {}
    method = method.get("labels", method) or {}  # of a prediction, what made the labels behind it
    for single in method.get("mixed", [method]):
        if single.get("engine"):
            versions[f"labels: {single['engine']}"] = str(single.get("version") or "not recorded")
    return versions


def _package(process_type: str) -> str:
    """Return the package of a calculation, given its entry point or the place of its function."""
    name = process_type.split(":")[-1].split(".")[0]
    return {"getl": "aiida-getl", "aiida_getl": "aiida-getl", "quantumespresso": "aiida-quantumespresso"}.get(
        name, name
    )


def _citations(subject: Subject, found: Trace | None) -> tuple[tuple[str, str], ...]:
    done = set() if found is None else {step.what for step in found.steps}
    method = str({} if found is None else found.label.get("method"))
    cited = [GETL, COHP]
    if "lobster" in method.lower():
        cited.append(LOBSTER)
    cited += [source for name, source in SOURCES.items() if name in done and source[1] != GETL[1]]
    if subject.model is not None:
        cited += LEARNING
    return (*cited, *AIIDA)
