"""`aiida-getl report`: from nodes to the file."""

import json
import re

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from ase.io import write
from click.testing import CliRunner

from aiida_getl.acquisition.record import record_of
from aiida_getl.cli import main
from aiida_getl.cli.run import read_config
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.report.content import Report
from aiida_getl.report.gather import gather
from aiida_getl.report.page import render

#: Enough to pass through every step.
QUICK = ["max_bonds=60", "max_bonds_hyperparameters=30", "min_bonds=5", "max_folds=2", "learning_curve=true"]


def call(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def nodes(aiida_profile, tmp_path_factory, write_sub_run, cell):
    """A DBI of two glasses, one cell of which never converged; its model, and a prediction."""
    root = tmp_path_factory.mktemp("glasses")
    for run in (1, 2, 3):
        for sub_run in (0, 8):
            write_sub_run(root, sub_run, run)
    write_sub_run(root, 13, 1, converged=False, labelled=False)
    assert call("dbi", "import", root, "--label", "reported")[0] == 0
    settings = [argument for setting in QUICK for argument in ("--set", setting)]
    status, output = call("model", "train", "reported", *settings, "--results", root / "results")
    assert status == 0, output
    unseen = root / "unseen.xyz"
    write(unseen, cell(9), format="extxyz")
    status, output = call("model", "predict", "reported", unseen)
    assert status == 0, output

    def last(node_class):
        return orm.QueryBuilder().append(node_class).order_by({node_class: {"id": "desc"}}).first(flat=True)

    bonds = last(BondStrengthsData)
    assert bonds.get_std() is not None
    return {"dbi": last(DbiData), "model": last(BondModelData), "bonds": bonds}


def test_a_database(nodes):
    dbi = nodes["dbi"]
    report = gather(dbi)
    assert (report.title, report.kind) == ("reported", "database of interactions")
    assert len(report.labels.types) == dbi.base.attributes.get("n_bonds")
    assert [entry["spilling"] for entry in report.labels.structures] == [0.016] * 6
    assert sum(entry["n_bonds"] for entry in report.labels.structures) == len(report.labels.types)
    (failed,) = [entry for entry in report.labels.left_out if entry.get("n_bonds") is None]
    assert "not converged" in failed["reason"]
    assert report.model is None
    assert report.bonding is None
    assert [stage.name for stage in report.stages] == ["Import", "Label"]
    assert report.stages[1].headline == "6 of 7 cells"
    bonds = [chain for chain in report.chains if chain.group == "Labelled bonds"]
    assert 6 <= len(bonds) <= 24
    for chain in bonds:
        assert [card.what for card in chain.cards] == ["imported label"]
        assert chain.facts["labels by"].startswith("LOBSTER 3.0.0")
        assert chain.facts["charge spilling"] == "1.60%"
    assert "LOBSTER" in [name for name, _ in report.reproduce.citations]


def test_a_model(nodes):
    report = gather(nodes["model"])
    assert report.kind == "model"
    metrics = report.model.metrics
    assert set(metrics) == set(report.model.parity) == {"Cu-Cu", "Zr-Cu", "Zr-Zr"}
    for name, own in report.model.parity.items():
        rmse = np.sqrt(np.mean((own["model_mean"] - own["target"]) ** 2))
        assert rmse == pytest.approx(metrics[name]["model"]["rmse"])
    assert report.model.n_groups == 3
    assert all(len(points) > 1 for points in report.model.learning_curve.values())
    assert re.search(r"within 0\.\d{3} eV \(RMSE\); distance alone", report.verdict)
    assert report.cost.rows
    assert report.reproduce.versions["data made with aiida-getl"]
    assert report.reproduce.versions["labels: LOBSTER"] == "3.0.0"


def test_a_prediction(nodes):
    bonds = nodes["bonds"]
    report = gather(bonds)
    assert report.bonding.predicted
    np.testing.assert_array_equal(report.bonding.strength, bonds.get_strength())
    vector = (
        report.bonding.positions[report.bonding.bonds.atom_j]
        + report.bonding.bonds.translation @ report.bonding.cell
        - report.bonding.positions[report.bonding.bonds.atom_i]
    )
    np.testing.assert_allclose(np.linalg.norm(vector, axis=1), report.bonding.bonds.distance, atol=1e-4)
    # What it rests on is there, too.
    assert report.model is not None
    assert report.labels is not None
    assert [stage.name for stage in report.stages] == ["Import", "Label", "Train and validate", "Predict"]
    first = report.chains[0]
    assert first.group == "Predicted bonds"
    assert first.facts["predicted by"] == f"model {nodes['model'].uuid}"
    assert first.facts["labels by"].startswith("LOBSTER 3.0.0")
    assert [card.what for card in first.cards][-1] == "prediction"
    assert report.identity["model"].startswith(f"<{nodes['model'].pk}>")


def test_a_label(nodes):
    label = orm.load_node(nodes["dbi"].structures[0]["label_id"])
    report = gather(label)
    assert report.kind == "labels"
    assert not report.bonding.predicted
    assert report.bonding.positions is not None
    assert report.model is None
    assert "computed by LOBSTER 3.0.0" in report.verdict


def test_a_work_chain(nodes):
    process = nodes["model"].creator.caller
    report = gather(process)
    assert report.kind == "EtlModelWorkChain"
    assert report.model is not None
    assert report.labels is not None


@pytest.fixture
def campaign(nodes):
    """Return a function that makes the node of a campaign that ended as told, with some of the data as its outputs."""

    def make(label, outputs, exit_status=0, exit_message=None, **inputs):
        node = orm.WorkChainNode()
        node.set_process_label(label)
        for name, value in inputs.items():
            node.base.links.add_incoming(orm.to_aiida_type(value).store(), LinkType.INPUT_WORK, name)
        node.store()
        for name, output in outputs.items():
            output.base.links.add_incoming(node, LinkType.RETURN, name)
        node.set_process_state(ProcessState.FINISHED)
        node.set_exit_status(exit_status)
        node.set_exit_message(exit_message)
        return node.seal()

    return make


def test_a_campaign_that_failed(campaign, nodes, tmp_path):
    settings = {"composition": "CuZr", "seed": 5, "n_runs": 2, "etl_model__settings": {"r_max": 4.2}}
    node = campaign("GetlWorkChain", {"dbi": nodes["dbi"]}, 403, "No model could be trained: why", **settings)
    report = gather(node)
    assert report.kind == "campaign"
    assert report.stages[-1].state == "failed"
    assert "No model could be trained: why" in report.verdict
    # The configuration is one that `aiida-getl run` reads, but for what this campaign did not name.
    configuration = yaml.safe_load(report.reproduce.configuration)
    assert configuration["overrides"] == {"n_runs": 2, "etl_model": {"settings": {"r_max": 4.2}}}
    path = tmp_path / "config.yaml"
    path.write_text(report.reproduce.configuration + "potential: x.eam\n")
    assert read_config(path)["seed"] == 5


def test_a_campaign_for_programs(campaign, nodes, tmp_path):
    node = campaign("GetlWorkChain", {"dbi": nodes["dbi"]}, 403, "No model could be trained: why")
    status, output = call("summary", node.pk, "--results", tmp_path, "--json")
    assert status == 1  # as without --json: the campaign failed
    found = json.loads(output)
    assert (found["exit_status"], found["outputs"]) == (403, {"dbi": nodes["dbi"].pk})
    assert found["bond_types"] == nodes["dbi"].bond_types
    assert found["validation"] is None
    assert [path.endswith("strength_against_distance.png") for path in found["figures"]] == [True]


def test_a_campaign_that_made_nothing(campaign):
    report = gather(campaign("GetlWorkChain", {}, 401, "A melt-quench run failed: x", composition="CuZr"))
    assert "A melt-quench run failed" in report.verdict
    assert "A melt-quench run failed: x" in render(report)


def test_a_loop(campaign, nodes):
    by = {"user": "marie@lab.example", "system_user": "marie"}
    when = "2026-01-02T03:04:05+00:00"
    chosen = [{"number": 1, "key": "k", "gain": 0.02, "cost": 1.0, "n_atoms": 8}]
    decision = {"action": "approve", "automatic": False, "by": by, "when": when, "again": False, "n_proposed": 3}
    decision |= {"reason": "the shears", "chosen": chosen}
    outcome = {"label": "u", "failure": None, "reused": False, "n_bonds": 9, "label_hours": 1.5, "run_hours": 0.5}
    record = record_of(3, decision, {1: outcome}, None, None) | {"rmse": {"Zr-Cu": {"before": 0.1, "after": 0.08}}}
    outputs = {
        "model": nodes["model"],
        "records__iteration_0": orm.Dict(record).store(),
        "summary": orm.Dict({"reason": "the target is reached", "status": 0}).store(),
    }
    report = gather(campaign("ActiveLearningWorkChain", outputs))
    (first,) = report.rounds
    assert (first.n_labels, first.n_failed, first.rmse, first.core_hours) == (1, 0, {"Zr-Cu": 0.08}, 2.0)
    (made,) = report.decisions
    assert (made.when, made.what, made.why) == ("2026-01-02 03:04", "approve 1, 3 proposed", "the shears")
    page = render(report)
    assert "the target is reached" in page
    assert "marie" in page
    assert "lab.example" not in page


def test_the_command(nodes, tmp_path, monkeypatch):
    path = tmp_path / "glass.html"
    status, output = call("report", nodes["bonds"].uuid, "--output", path)
    assert status == 0, output
    assert str(path) in output
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    scene = json.loads(re.search(r'id="scene">(.*?)</script>', page)[1])
    assert scene["n_bonds"] == nodes["bonds"].n_bonds
    monkeypatch.chdir(tmp_path)
    # A model and its DBI have the same label: the model is what it rests on most.
    own = tmp_path / f"report-{nodes['model'].pk}.html"
    own.write_text("kept")
    status, output = call("report", "reported")
    assert (status, "--force" in output, own.read_text()) == (1, True, "kept")
    assert call("report", "reported", "--force")[0] == 0
    assert own.read_text().startswith("<!DOCTYPE html>")


def test_what_it_refuses(nodes, tmp_path):
    status, output = call("report", nodes["dbi"].pk, "-o", tmp_path / "missing" / "x.html")
    assert (status, "there is no folder" in output) == (1, True)
    structure = nodes["dbi"].structures[0]["structure_id"]
    status, output = call("report", structure)
    assert status == 1
    assert "is a StructureData, not a model or DBI" in output
    status, output = call("report", "no such thing")
    assert (status, "give a PK, UUID or label" in output) == (1, True)


def test_a_report_is_a_few_lines_of_python(nodes):
    """As docs/report.md shows it."""
    report = gather(orm.load_node(nodes["model"].uuid))
    assert isinstance(report, Report)
    assert len(render(report)) > 10_000
