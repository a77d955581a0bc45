"""What the documents speak of: a profile with labels, a model and predictions, and the files that are named."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from aiida import orm
from aiida.cmdline.commands.cmd_verdi import verdi
from aiida_pseudo.cli import cmd_root
from ase.io import write
from click.testing import CliRunner

from aiida_getl.cli import main
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.setup.codes import CODES, CodeSpecification

#: Settings with which a training passes through every step in a second.
QUICK = ("max_bonds=60", "max_bonds_hyperparameters=30", "min_bonds=5", "max_folds=2", "learning_curve=false")


@pytest.fixture(scope="session")
def programs():
    """The click programs of which commands are understood."""
    return {"aiida-getl": main, "verdi": verdi, "aiida-pseudo": cmd_root}


@pytest.fixture(scope="session")
def understood(programs):
    """Return a function that parses a command with the options and arguments of the real one, without running it."""

    def parse(words: list[str]) -> click.Command:
        found, context = programs[words[0]], click.Context(programs[words[0]], info_name=words[0])
        rest = words[1:]
        while isinstance(found, click.Group):
            rest = _without_options(found, rest)
            if rest == ["--help"]:
                return found
            assert rest, f"{shlex.join(words)}: names no command"
            name, found, rest = found.resolve_command(context, rest)
            context = click.Context(found, context, info_name=name)
        if "--help" in rest:
            return found
        if words[0] == "aiida-getl":
            found.make_context(found.name, list(rest), parent=context)
        else:  # AiiDA's own options ask for what is missing: only their names are looked at
            found.make_parser(context).parse_args(list(rest))
        return found

    return parse


def _without_options(group: click.Group, words: list[str]) -> list[str]:
    """Return the words after the options of a group, such as ``-p production``."""
    while words and words[0].startswith("-"):
        if words[0] == "--help":
            return words
        known = [parameter for parameter in group.params if words[0] in parameter.opts]
        assert known, f"{group.name} has no option {words[0]}"
        words = words[1 if known[0].is_flag else 2 :]
    return words


@pytest.fixture(scope="session")
def call(programs):
    """Return a function that runs a command and gives its output; it has to end with status 0."""

    def invoke(words: list[str]) -> str:
        result = CliRunner().invoke(programs[words[0]], [str(word) for word in words[1:]])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, f"{words}: {result.output}"
        return result.output

    return invoke


@pytest.fixture(scope="module")
def world(aiida_profile, call, write_sub_run, cell, icohplist, paw_directory, cuzr_potential_path, tmp_path_factory):
    """A folder with the files, and the nodes, of which the documents speak."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "examples").symlink_to(Path(__file__).parents[2] / "examples")
    for name in ("prm4_113603", "calculations"):
        for run in (1, 2):
            for sub_run in (0, 8):
                write_sub_run(folder / name, sub_run, run)
    for name, seed in (("glass", 7), ("before", 8), ("after", 8)):
        write(folder / f"{name}.xyz", cell(seed, 0.01 if name == "after" else 0.0), format="extxyz")
    (folder / "ICOHPLIST.lobster").write_text(icohplist(cell(7))[0])
    aluminium = Path(__file__).parents[1] / "lobster" / "aluminium"
    shutil.copytree(aluminium / "layout_6", folder / "aluminium")
    shutil.copy(aluminium / "POSCAR", folder / "aluminium")
    shutil.copytree(paw_directory, folder / "my_datasets")
    shutil.copy(cuzr_potential_path, folder)
    settings = [word for setting in QUICK for word in ("--set", setting)]
    for words in (
        ("dbi", "import", folder / "prm4_113603", "--label", "published"),
        ("model", "train", "published", *settings, "--results", folder / "results"),
        ("predict", "published", folder / "before.xyz", folder / "after.xyz"),
    ):
        call(["aiida-getl", *words])
    newest = {
        cls: orm.QueryBuilder().append(cls, filters={"label": "published"}).order_by({cls: {"id": "desc"}})
        for cls in (DbiData, BondModelData)
    }
    dbi, model = (query.first(flat=True) for query in newest.values())
    query = orm.QueryBuilder().append(BondStrengthsData, filters={"attributes.method.model": model.uuid}, tag="bonds")
    predictions = query.order_by({"bonds": "id"}).all(flat=True)
    entry = dbi.structures[0]
    return SimpleNamespace(
        folder=folder,
        settings=settings,
        dbi=dbi,
        model=model,
        predictions=predictions,
        label=orm.load_node(entry["label_id"]),
        structure=orm.load_node(entry["structure_id"]),
    )


@pytest.fixture
def codes(getl_computer, tmp_path):
    """The codes of the documents, on this machine and on a cluster; nothing is started by them here."""
    cluster = orm.Computer.collection.get_or_create(
        label="cluster", hostname="localhost", transport_type="core.local", scheduler_type="core.direct"
    )[1]
    if not cluster.is_configured:
        cluster.set_workdir(str(tmp_path))
        cluster.set_default_mpiprocs_per_machine(1)
        cluster.configure()
    for computer in (getl_computer, cluster):
        for specification in CODES.values():
            _make_code(specification, computer)


def _make_code(specification: CodeSpecification, computer: orm.Computer) -> None:
    """Store a code, unless one of its label is there."""
    query = orm.QueryBuilder().append(orm.Computer, filters={"id": computer.pk}, tag="computer")
    query.append(orm.InstalledCode, filters={"label": specification.label}, with_computer="computer")
    if not query.count():
        orm.InstalledCode(
            label=specification.label,
            computer=computer,
            filepath_executable=f"/opt/{specification.label}",
            default_calc_job_plugin=specification.plugin,
        ).store()
