"""`aiida-getl run`, `watch`, `summary` and `trace`: what they say to a configuration or a node that is wrong."""

import pytest
from aiida import orm
from aiida.common.links import LinkType
from click import ClickException
from click.testing import CliRunner

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.cli import main
from aiida_getl.cli.nodes import find_node
from aiida_getl.cli.run import name_results
from aiida_getl.data.dbi import DbiData

CONFIG = """\
composition: Cu50Zr50
potential: CuZr_mm.eam.fs
seed: 1
"""


@pytest.fixture
def invoke():
    """Return a function that runs the command and returns its exit status and what it printed."""

    def run(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


@pytest.fixture
def refused(invoke, tmp_path, daemon_client):
    """Return a function that runs a configuration and returns the message it is refused with."""

    def run(text):
        path = tmp_path / "campaign.yaml"
        path.write_text(text)
        before = orm.QueryBuilder().append(orm.ProcessNode).count()
        status, output = invoke("run", path, "--no-wait")
        assert status == 1
        assert "campaign.yaml" in output
        assert orm.QueryBuilder().append(orm.ProcessNode).count() == before
        return output

    return run


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("composition: [Cu50", "is not YAML"),
        ("- Cu50Zr50\n", "must hold a mapping"),
        ("", "must hold a mapping"),
        ("composition: Cu50Zr50\n", "missing ['potential', 'seed'], unknown []"),
        (CONFIG + "sead: 2\n", "unknown ['sead']; it needs ['composition', 'potential', 'seed']"),
        (CONFIG + "1: 2\n", "unknown ['1']"),
        (CONFIG + "codes: {projwcf: projwfc@localhost}\n", "choose from lammps, large, learn, lobster, projwfc, pw"),
        (CONFIG + "codes: pw@localhost\n", "codes is 'pw@localhost': give a mapping"),
    ],
)
def test_bad_configurations(refused, text, message):
    assert message in refused(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CONFIG.replace("Cu50Zr50", "Cu50Qq50"), "'Qq'"),
        (CONFIG.replace("CuZr_mm.eam.fs", "no_such.eam.fs"), "no_such.eam.fs"),
        (CONFIG.replace("CuZr_mm.eam.fs", "campaign.yaml"), "campaign.yaml: this is no EAM potential"),
        (CONFIG.replace("Cu50Zr50", "Zr49Cu49Al2") + "overrides: {n_atoms: 100}\n", "has no Al, only Cu, Zr"),
        (CONFIG + "protocol: quick\n", "quick"),
        (CONFIG + "overrides: {sub_runs: [twist]}\n", "unknown sub-runs ['twist']"),
        (CONFIG.replace("seed: 1", "seed: -1"), "the seed is -1"),
    ],
)
def test_inputs_that_make_no_sense(refused, lammps_code, pw_code, cohp_code, paw_family, text, message):
    assert message in refused(text)


def test_unknown_codes(refused, paw_family):
    message = refused(CONFIG + "codes: {lammps: lmp@elsewhere}\n")
    assert "lmp@elsewhere" in message
    assert "`verdi code list` shows the codes there are" in message


def test_a_configuration_that_is_not_there(invoke, tmp_path):
    status, output = invoke("run", tmp_path / "nothing.yaml")
    assert status == 2
    assert "does not exist" in output


@pytest.mark.parametrize("command", ["watch", "summary", "trace"])
def test_unknown_nodes(invoke, command):
    status, output = invoke(command, "no-such-thing")
    assert status == 1
    assert "no node is called 'no-such-thing': give a PK, UUID or label" in output


@pytest.mark.parametrize("command", ["watch", "summary"])
def test_nodes_of_another_kind(invoke, command):
    node = orm.Int(3).store()
    status, output = invoke(command, node.pk)
    assert status == 1
    assert f"<{node.pk}> is a Int, not a work chain" in output


def test_labels_that_several_nodes_share(invoke):
    for number in (1, 2):
        orm.Int(number, label="twin").store()
    status, output = invoke("trace", "twin")
    assert status == 1
    assert "2 nodes are called 'twin'" in output


def test_a_whole_label_goes_before_the_start_of_a_uuid(aiida_profile):
    first = orm.Int(1).store()
    start = first.uuid[:8]
    named = orm.Int(2, label=start).store()
    assert find_node(start).pk == named.pk
    assert find_node(first.uuid[:9]).pk == first.pk
    assert find_node(str(first.pk)).pk == first.pk


def test_results_are_called_like_their_campaign(aiida_profile, labels):
    dbi = build_dbi(orm.Dict({}), structures=labels["structures"], bonds=labels["bonds"])
    named = labels["bonds"]["run_0"]["as_quenched"]
    named.label = "mine"
    campaign = orm.WorkChainNode(label="glasses").store()
    for name, node in (("dbi", dbi), ("predictions", named)):
        node.base.links.add_incoming(campaign, LinkType.RETURN, name)
    campaign.seal()
    name_results(campaign)
    assert (dbi.label, named.label) == ("glasses", "mine")
    assert find_node("glasses", DbiData).pk == dbi.pk
    with pytest.raises(ClickException, match=rf"{dbi.pk} \(DBI\)"):
        find_node("glasses")


def test_a_node_without_bonds(invoke):
    node = orm.Int(4).store()
    status, output = invoke("trace", node.uuid, "--bond", 0)
    assert status == 1
    assert "holds no bonds: `bond` is for a DBI or bond strengths" in output


def test_data_that_nothing_made(invoke):
    status, output = invoke("trace", orm.Int(4).store().pk)
    assert status == 0
    assert output.startswith("4 <")
