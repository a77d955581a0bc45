"""The configuration in a report starts the same campaign or loop again."""

import pytest
import yaml
from aiida import orm
from aiida.common.links import LinkType
from ase.io import write

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.cli.loop_config import build_loop, read_loop_config
from aiida_getl.cli.plan import check_inputs
from aiida_getl.cli.run import build_campaign, read_config
from aiida_getl.report.configuration import COMMANDS, configuration
from aiida_getl.report.reproduce import reproduce
from aiida_getl.report.subject import Subject

CAMPAIGN = """\
label: a glass
composition: Cu50Zr50
potential: CuZr_mm.eam.fs
seed: 5
protocol: fast
overrides: {n_runs: 3, large: {parameters: {melt_steps: 77}}, label: {settings: {degauss: 0.01}}}
"""
FROM_NOTHING = """\
label: a loop
compositions: [Cu50Zr50]
target: [Cu64Zr36, glass.xyz]
potential: CuZr_mm.eam.fs
seed: 6
protocol: fast
mode: ask
max_core_hours: 5
goal: {quantity: std, limit: {Zr-Cu: 0.05}}
overrides: {acquisition: {balance: 0.2}, start: {n_runs: 4}, target_n_atoms: 500}
"""
FROM_LABELS = "label: another\ndbi: DBI\ntarget: glass.xyz\nseed: 7\nmode: auto\nmax_labels: 2\n"


@pytest.fixture
def codes(lammps_code, pw_code, cohp_code, paw_family):
    """The codes that a configuration means by default."""


@pytest.fixture
def dbi(labels):
    """Two labelled cells."""
    return build_dbi(orm.Dict({}), **labels)


def flat(inputs, prefix=""):
    """Return the nodes among the inputs of a builder by the names of their links."""
    found = {}
    for name, value in inputs.items():
        if isinstance(value, orm.Data):
            found[prefix + name] = value
        elif hasattr(value, "items") and name not in ("metadata", "options"):
            found |= flat(value, f"{prefix}{name}__")
    return found


def started(builder):
    """Return the node of a work chain that was started with a builder, without running it."""
    node = orm.WorkChainNode(label=builder.metadata.label)
    node.set_process_label(builder.process_class.__name__)
    for name, value in flat(builder._inputs(prune=True)).items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    return node.store()


def contents(builder):
    """Return the values that a builder holds; structures and files by their content, whatever they are called."""
    values = flat(builder._inputs(prune=True))
    names = {name: name if not name.startswith("target") else name.split("__")[0] for name in values}
    return sorted((names[name], node.store().base.caching.compute_hash()) for name, node in values.items())


@pytest.mark.parametrize(
    ("text", "read", "build"),
    [
        (CAMPAIGN, read_config, build_campaign),
        (FROM_NOTHING, read_loop_config, build_loop),
        (FROM_LABELS, read_loop_config, build_loop),
    ],
)
def test_the_same_again(codes, dbi, cell, tmp_path, text, read, build):
    write(tmp_path / "glass.xyz", cell(3), format="extxyz")
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("DBI", dbi.uuid))
    first = build(path, read(path))
    node = started(first)
    again = tmp_path / "again" / "config.yaml"
    again.parent.mkdir()
    again.write_text(configuration(node))
    second = build(again, read(again))
    check_inputs(second)
    assert contents(second) == contents(first)
    assert second.metadata.label == first.metadata.label
    # What changes between two versions of the protocols is in the file.
    assert yaml.safe_load(again.read_text()).get("protocol") is None
    assert yaml.safe_load(again.read_text())["overrides"]["label"]["pseudo_family"]
    shown = reproduce(Subject(node, "campaign"), None)
    assert shown.configuration == again.read_text()
    assert (f"{COMMANDS[node.process_label]} config.yaml") in [command for _, command in shown.commands]


def test_nothing_for_other_work(aiida_profile):
    assert configuration(None) == ""
    assert configuration(orm.WorkChainNode().store()) == ""
