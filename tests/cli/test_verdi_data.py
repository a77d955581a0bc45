"""`verdi data getl`, by its entry point, and the graphs that `verdi node graph` draws."""

import csv
import io
import json
from datetime import datetime

import pytest
from aiida.cmdline.commands.cmd_verdi import verdi
from aiida.plugins.entry_point import load_entry_point
from aiida.tools.visualization import Graph
from click.testing import CliRunner

from aiida_getl.cli.data import getl


@pytest.fixture
def data(campaign):
    """Return a function that runs `verdi data getl` and gives its status and output."""

    def invoke(*arguments):
        result = CliRunner().invoke(getl, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return invoke


def test_it_is_a_command_of_verdi():
    assert load_entry_point("aiida.cmdline.data", "getl") is getl
    assert "getl" in verdi.get_command(None, "data").list_commands(None)


def test_list(data, campaign):
    status, output = data("list")
    assert status == 0, output
    for node in (campaign.dbi, campaign.model, campaign.prediction):
        assert node.uuid in output
    for words in (
        "label by LOBSTER",
        "prediction: ",
        "of 4 structures: Cu4Zr4",
        "bond strengths of Cu-Cu, Zr-Cu, Zr-Zr",
    ):
        assert words in output
    found = json.loads(data("list", "--kind", "model", "--json")[1])
    assert {row["kind"] for row in found} == {"model"}
    assert campaign.model.uuid in {row["uuid"] for row in found}
    assert "older ones are not shown" in data("list", "--limit", 1)[1]
    assert data("list", "--past-days", 0)[0] == 0


def test_the_latest_come_last_whatever_their_numbers(data, campaign):
    """As in a profile that an archive was imported into."""
    old = campaign.prediction.clone()
    old.backend_entity.bare_model.ctime = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    old.store()
    found = json.loads(data("list", "--json")[1])
    assert found[0]["uuid"] == old.uuid
    assert [row["time"] for row in found] == sorted(row["time"] for row in found)


def test_show(data, campaign):
    status, output = data("show", "asked")
    assert status == 0, output
    assert campaign.model.uuid in output
    status, output = data("show", campaign.dbi.pk)
    for words in ("n_structures", "Cu_Cu__strength", "method.engine"):
        assert words in output


def test_export(data, campaign, tmp_path):
    rows = list(csv.DictReader(io.StringIO(data("export", campaign.dbi.pk)[1])))
    table = campaign.dbi.get_table(descriptors=False)
    assert [float(row["strength_eV"]) for row in rows] == table.strength.tolist()
    assert [int(row["atom_i"]) for row in rows] == table.atom_i.tolist()
    assert {row["label_uuid"] for row in rows} == {label.uuid for label in campaign.labels.values()}

    path = tmp_path / "prediction.csv"
    assert data("export", campaign.prediction.pk, "--output", path)[0] == 0
    with path.open() as file:
        assert [float(row["std_eV"]) for row in csv.DictReader(file)] == campaign.prediction.get_std().tolist()
    status, output = data("export", campaign.prediction.pk, "--output", path)
    assert status == 1
    assert "--force" in output
    assert data("export", campaign.prediction.pk, "--output", path, "--force")[0] == 0

    label = next(iter(campaign.labels.values()))
    path = tmp_path / "label.json"
    assert data("export", label.pk, "--output", path)[0] == 0
    content = json.loads(path.read_text())
    assert content["uuid"] == label.uuid
    assert "counted from 0" in content["conventions"]
    assert [bond["distance_A"] for bond in content["bonds"]] == label.get_bonds().distance.tolist()
    assert json.loads(data("export", campaign.model.pk)[1])["validation"] == campaign.model.validation
    status, output = data("export", campaign.model.pk, "--output", "model.csv")
    assert status == 2
    assert "choose .json" in output


def test_plot(data, campaign, tmp_path):
    for name, node in (
        ("dbi", campaign.dbi),
        ("label", next(iter(campaign.labels.values()))),
        ("p", campaign.prediction),
    ):
        path = tmp_path / f"{name}.png"
        status, output = data("plot", node.pk, "--output", path)
        assert status == 0, output
        assert path.read_bytes().startswith(b"\x89PNG")
    status, output = data("plot", campaign.model.pk, "--output", tmp_path / "model.svg")
    assert status == 1
    assert "has no learning curve" in output
    assert data("plot", campaign.dbi.pk, "--output", tmp_path / "dbi.doc")[0] == 2


def test_graphs_say_what_they_show(campaign):
    for node, words in (
        (campaign.dbi, (campaign.dbi.get_description(), "build_dbi", "label by LOBSTER")),
        (campaign.prediction, (campaign.prediction.get_description(), "bond strengths of Cu-Cu", "predict")),
    ):
        graph = Graph()
        graph.recurse_ancestors(node, depth=2, annotate_links="both")
        source = graph.graphviz.source
        for word in words:
            assert word in source
