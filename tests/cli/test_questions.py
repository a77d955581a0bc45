"""`aiida-getl model importance`, `tune` and `compare`, from files to tables, figures and settings."""

import re

import numpy as np
import pytest
import yaml
from aiida import orm
from ase.io import write
from click.testing import CliRunner

from aiida_getl.cli import main
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.model import BondModelData

QUICK = {"max_bonds": 60, "max_bonds_hyperparameters": 30, "min_bonds": 5, "max_folds": 3, "learning_curve": False}


def call(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings that pass quickly through every step, in a file."""
    path = tmp_path_factory.mktemp("settings") / "quick.yaml"
    path.write_text(yaml.safe_dump(QUICK))
    return path


@pytest.fixture(scope="module")
def dbi(aiida_profile, tmp_path_factory, write_sub_run):
    """The label of a DBI of three runs."""
    root = tmp_path_factory.mktemp("glasses")
    for run in (1, 2, 3):
        write_sub_run(root, 0, run)
    status, output = call("dbi", "import", root, "--label", "asked")
    assert status == 0, output
    return "asked"


@pytest.fixture(scope="module")
def predictions(dbi, settings, cell, tmp_path_factory):
    """Predictions: two frames of one file, and another structure."""
    folder = tmp_path_factory.mktemp("structures")
    results = folder / "results"
    status, output = call("model", "train", dbi, "--settings", settings, "--label", "asked", "--results", results)
    assert status == 0, output
    frames = [cell(4), cell(4, 0.02)]
    write(folder / "frames.extxyz", frames)
    write(folder / "other.extxyz", cell(7))
    status, output = call("model", "predict", "asked", folder / "frames.extxyz", folder / "other.extxyz")
    assert status == 0, output
    return re.findall(r"atoms <(\d+)>", output)


def test_importance(dbi, settings, tmp_path):
    status, output = call("model", "importance", dbi, "--settings", settings, "--repeats", 2, "--results", tmp_path)
    assert status == 0, output
    assert "Each of 3 groups (by run) predicted from the others" in output
    rows = {line.split()[0]: re.findall(r"[\d.]+", line) for line in output.splitlines() if re.match(r"(Cu|Zr)-", line)}
    assert set(rows) == {"Cu-Cu", "Zr-Cu", "Zr-Zr"}
    # The labels depend on the distance alone.
    assert all(float(numbers[-2]) > 3 * float(numbers[0]) for numbers in rows.values())
    assert (tmp_path / "importance.png").stat().st_size > 1000


def test_what_cannot_be_tested(dbi, settings, tmp_path):
    status, output = call(
        "model", "importance", dbi, "--settings", settings, "--set", "min_bonds=10000", "--results", tmp_path
    )
    assert status == 0
    assert output.count("Not tested") == 3
    assert "Figure" not in output


def test_tune_and_train_with_what_won(dbi, settings, tmp_path):
    candidates = tmp_path / "candidates.yaml"
    candidates.write_text("- {max_bonds: 10}\n- {}\n- {selection: stratified, max_bonds: 40}\n")
    results = tmp_path / "results"
    command = ("model", "tune", dbi, "--candidates", candidates, "--settings", settings, "--results", results)
    status, output = call(*command)
    assert status == 0, output
    best = int(re.search(r"Best        (\d):", output)[1])
    assert best != 1
    assert "What tuning achieves: settings chosen without each group, in all 3 cases" in output
    tuned = yaml.safe_load((results / "tuned.yaml").read_text())
    assert tuned == QUICK | yaml.safe_load(candidates.read_text())[best - 1]
    label = ("--label", "tuned", "--results", results)
    status, output = call("model", "train", dbi, "--settings", results / "tuned.yaml", "--set", "max_bonds=50", *label)
    assert status == 0, output
    (model,) = orm.QueryBuilder().append(BondModelData, filters={"label": "tuned"}).all(flat=True)
    assert model.base.attributes.get("model")["settings"]["max_bonds"] == 50
    assert model.base.attributes.get("model")["settings"]["max_bonds_hyperparameters"] == 30


@pytest.mark.parametrize(
    ("content", "options", "status", "message"),
    [
        ("max_bonds: 3\n", (), 2, "must hold a list"),
        ("[", (), 2, "cannot be read as YAML"),
        ("[]", (), 1, "tuning needs candidates"),
        ("- max_bond: 3\n", (), 1, "unknown training settings ['max_bond']"),
        ("- r_max: 3\n", (), 1, "cannot differ in ['r_max']"),
        ("- {}\n", ("--set", "group_by=moon"), 1, "group_by is 'moon'"),
        ("- {}\n", ("--set", "r_max=.nan"), 2, "--set r_max=.nan: give plain numbers"),
        ("- since: 2026-01-01\n", (), 2, "candidates.yaml: give plain numbers"),
    ],
)
def test_bad_candidates(dbi, tmp_path, content, options, status, message):
    path = tmp_path / "candidates.yaml"
    path.write_text(content)
    found, output = call("model", "tune", dbi, "--candidates", path, "--no-nested", "--results", tmp_path, *options)
    assert found == status, output
    assert message in output


def test_settings_files_that_are_none(dbi, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("- max_bonds\n")
    status, output = call("model", "train", dbi, "--settings", path)
    assert status == 2
    assert "must hold settings, a line `name: value` for each; it holds list" in output


def test_compare_two_glasses(predictions, tmp_path):
    before, _, other = predictions
    status, output = call("model", "compare", before, other, "--results", tmp_path)
    assert status == 0, output
    assert "moved by" in output
    assert "followed" not in output
    assert (tmp_path / "comparison.png").stat().st_size > 1000
    means = [
        node.get_strength()[node.get_bond_types() == "Zr-Cu"].mean() for node in map(orm.load_node, (before, other))
    ]
    row = next(line.split() for line in output.splitlines() if line.startswith("Zr-Cu"))
    np.testing.assert_allclose([float(row[3]), float(row[4])], means, atol=6e-5)


def test_compare_frames(predictions, tmp_path):
    """Frames of one trajectory are followed without being told, and what was made of them is in the graph."""
    first, second, other = predictions
    status, output = call("model", "compare", first, second, other, "--results", tmp_path)
    assert status == 0, output
    assert output.count("Bonds followed from a to b") == 1
    assert "frame 0" in output
    assert "frame 1" in output
    assert (tmp_path / "comparison_2.png").exists()
    node = orm.load_node(re.search(r"Node        <(\d+)>", output)[1])
    assert all(0 < own["distance_change"] < 0.1 for own in node["changes"].values())
    assert node.creator.inputs.bonds_a.pk == int(first)


def test_follow_files(predictions, tmp_path):
    first, _, other = predictions
    status, output = call("model", "compare", first, other, "--follow", "--results", tmp_path)
    assert status == 0, output
    assert "Bonds followed from a to b" in output


def test_compare_what_cannot_be(predictions, dbi, tmp_path):
    status, output = call("model", "compare", predictions[0])
    assert status == 2
    assert "name two predictions or more" in output
    status, output = call("model", "compare", predictions[0], dbi)
    assert status == 1
    assert "not a label or prediction" in output or "no node " in output
    node = orm.load_node(predictions[0])
    method = {"engine": "LOBSTER", "version": "9"}
    single = BondStrengthsData.from_bonds(node.get_bonds(), node.symbols, node.get_icohp(), method).store()
    status, output = call("model", "compare", predictions[0], single.pk, "--results", tmp_path)
    assert status == 1
    assert "made by different methods" in output
    status, output = call("model", "compare", predictions[0], single.pk, "--mixed", "--follow", "--results", tmp_path)
    assert status == 1
    assert f"the structure of <{single.pk}> is not in the graph" in output
    status, output = call("model", "compare", predictions[0], single.pk, "--mixed", "--results", tmp_path)
    assert status == 0, output


@pytest.mark.parametrize("command", ["importance", "tune", "compare"])
def test_help(command):
    status, output = call("model", command, "--help")
    assert status == 0
    assert f"aiida-getl model {command}" in output.split("Example", 1)[1]
