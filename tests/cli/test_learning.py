"""`aiida-getl dbi` and `aiida-getl model`: from files to predictions without writing code."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from ase.io import read, write
from click.testing import CliRunner

from aiida_getl.cli import main
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.bonds import find_bonds

#: Enough to pass through every step.
QUICK = [
    argument
    for setting in (
        "max_bonds=60",
        "max_bonds_hyperparameters=30",
        "min_bonds=5",
        "max_folds=2",
        "learning_curve=false",
    )
    for argument in ("--set", setting)
]


def call(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def tree(tmp_path_factory, write_sub_run):
    """Two runs of two sub-runs, and one that never converged."""
    root = tmp_path_factory.mktemp("glasses")
    for run in (1, 2):
        for sub_run in (0, 8):
            write_sub_run(root, sub_run, run)
    write_sub_run(root, 13, 1, converged=False, labelled=False)
    return root


@pytest.fixture(scope="module")
def trained(aiida_profile, tree, tmp_path_factory):
    """A DBI and a model of the tree, made by two commands; returns what they printed."""
    status, imported = call("dbi", "import", tree, "--label", "small")
    assert status == 0, imported
    results = tmp_path_factory.mktemp("results")
    status, output = call("model", "train", "small", *QUICK, "--results", results)
    assert status == 0, output
    return imported, output, results


@pytest.fixture(scope="module")
def other_glass(tmp_path_factory, cell, icohplist):
    """A structure file, its list, and a table of both."""
    folder = tmp_path_factory.mktemp("other")
    atoms = cell(9)
    write(folder / "glass.xyz", atoms, format="extxyz")
    (folder / "ICOHPLIST.lobster").write_text(icohplist(atoms)[0])
    (folder / "pairs.csv").write_text("structure,icohplist\nglass.xyz,ICOHPLIST.lobster\n")
    return folder


def test_import(trained, tree):
    output = trained[0]
    assert "Found       5 structures in 2 runs" in output
    assert "Left out    1 structures" in output
    assert "isotropic_tension: the SCF was stopped after 80 iterations" in output
    assert "DBI         <" in output
    count = orm.QueryBuilder().append(orm.Node).count()
    status, again = call("dbi", "import", tree, "--label", "small")
    assert status == 0
    assert "found 5 that were there already" in again
    assert "'small' was there already" in again
    assert orm.QueryBuilder().append(orm.Node).count() == count


def test_dry_run_stores_nothing(aiida_profile, tree, other_glass):
    count = orm.QueryBuilder().append(orm.Node).count()
    status, output = call("dbi", "import", tree, "--dry-run")
    assert status == 0
    assert "no label: the SCF was stopped" in output
    assert "Nothing was stored" in output
    status, output = call("dbi", "import", "--structure", other_glass / "glass.xyz", "--icohplist", "nothing")
    assert status == 1
    assert "there is no file nothing (icohplist)" in output
    assert orm.QueryBuilder().append(orm.Node).count() == count


def test_a_folder_of_pairs_becomes_a_table_to_edit(aiida_profile, tmp_path, cell, icohplist):
    for name, seed in (("glass 1", 1), ("glass 1 strained", 2)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "cell.xyz", cell(seed), format="extxyz")
        (tmp_path / name / "ICOHPLIST.lobster").write_text(icohplist(cell(seed))[0])
    status, output = call("dbi", "import", tmp_path, "--dry-run", "--table", tmp_path / "pairs.csv")
    assert status == 0, output
    assert "Each is taken as a glass of its own" in output
    text = (tmp_path / "pairs.csv").read_text()
    (tmp_path / "pairs.csv").write_text(text.replace("glass_1_strained,as_quenched", "glass_1,tension_x"))
    edited = (tmp_path / "pairs.csv").read_text()
    status, output = call("dbi", "import", tmp_path, "--dry-run", "--table", tmp_path / "pairs.csv")
    assert status == 1
    assert "pairs.csv is there already, perhaps edited" in output
    assert (tmp_path / "pairs.csv").read_text() == edited
    status, output = call("dbi", "import", tmp_path / "pairs.csv", "--label", "edited")
    assert status == 0, output
    assert "Found       2 structures in 1 runs" in output
    assert "whether all are by one method cannot be checked" in output
    status, output = call("dbi", "import", tmp_path, "--dry-run", "--table", tmp_path / "no" / "pairs.csv")
    assert status == 1
    assert "the table cannot be written" in output


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "give a PATH, or --structure and --icohplist"),
        (["--structure", "a"], 2, "1 --structure and 0 --icohplist: they go in pairs"),
        (["no-such-folder"], 2, "does not exist"),
        (["."], 1, "nor an ICOHPLIST.lobster with its structure"),
        ([".", "--r-max", "-1"], 2, "--r-max"),
    ],
)
def test_what_cannot_be_imported(aiida_profile, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    found, output = call("dbi", "import", *arguments)
    assert found == status
    assert message in output


@pytest.mark.parametrize("kind", ["dbi", "model"])
def test_lists_for_programs(trained, kind):
    status, output = call(kind, "list", "--json")
    assert status == 0
    mine = next(row for row in json.loads(output) if row["label"] == "small")
    assert orm.load_node(mine["uuid"]).pk == mine["pk"]
    status, output = call(kind, "list", "--csv")
    assert any(row["uuid"] == mine["uuid"] for row in csv.DictReader(output.splitlines()))
    assert mine["uuid"] not in call(kind, "list")[1]
    assert call(kind, "list", "--csv", "--json")[0] == 2


def test_list_and_show(trained, tmp_path):
    for command, words in (
        (("dbi", "list"), ("small", "Cu4Zr4", "LOBSTER 3.0.0")),
        (("dbi", "show", "small", "--results", tmp_path), ("4 structures", "Cu 3s 4s 3p 3d", "Left out    1 entries")),
        (("model", "list"), ("small", "Cu-Cu, Zr-Cu, Zr-Zr")),
        (("model", "show", "small"), ("groups (by run)", "LOBSTER 3.0.0", "Cu, Zr, bonds up to 4.2 Å")),
    ):
        status, output = call(*command)
        assert status == 0, output
        for word in words:
            assert word in output, output
    assert (tmp_path / "strength_against_distance.png").stat().st_size > 1000


def test_train(trained):
    _, output, results = trained
    assert "Each of 2 groups (by run) predicted from the others" in output
    for heading in ("distance", "published", "model", "z std"):
        assert heading in output
    for name in ("parity", "residuals", "reliability"):
        assert (results / f"{name}.png").stat().st_size > 1000
    (node,) = orm.QueryBuilder().append(BondModelData, filters={"label": "small"}).all(flat=True)
    assert node.creator.caller.process_label == "EtlModelWorkChain"


@pytest.fixture
def other_code(getl_computer):
    """A code that does not learn, ``ls@localhost``."""
    if not orm.QueryBuilder().append(orm.InstalledCode, filters={"label": "ls"}).count():
        orm.InstalledCode(
            label="ls",
            computer=getl_computer,
            filepath_executable="/bin/ls",
            default_calc_job_plugin="core.arithmetic.add",
        ).store()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["no-such-file.csv"], 1, "there is no file no-such-file.csv"),
        (["no-such-dbi"], 1, "no node is called 'no-such-dbi'"),
        (["small", "--set", "max_bonds"], 2, "give NAME=VALUE"),
        (["small", "--set", "max_bonsd=3"], 1, "unknown training settings ['max_bonsd']"),
        (["small", "--set", "group_by=glass"], 1, "group_by is 'glass'"),
        (["small", "--set", "selection=best"], 1, "selection is 'best': choose from ['random', 'stratified'"),
        (["small", "--set", "prior_mean=linear"], 1, "prior_mean is 'linear': choose from ['exponential', 'zero']"),
        (["small", "--set", "descriptor=soap"], 1, "descriptor follows from the data set"),
        (["small", "--set", "min_bonds=1000"], 1, "no bond type has enough bonds"),
        (["small", "--protocol", "quick"], 2, "'quick' is not one of 'fast', 'balanced', 'stringent'"),
        (["small", "--seed", "-1"], 2, "--seed"),
        (["small", "--code", "nothing@nowhere"], 1, "`verdi code list` shows the codes there are"),
        (["small", "--code", "ls@localhost"], 1, "this is a code of the plugin core.arithmetic.add"),
    ],
)
def test_training_that_makes_no_sense(trained, other_code, arguments, status, message):
    found, output = call("model", "train", *arguments)
    assert found == status, output
    assert message in output


def test_predict_into_files(trained, other_glass, tmp_path):
    paths = [tmp_path / name for name in ("bonds.csv", "atoms.extxyz", "ICOHPLIST.lobster")]
    outputs = [argument for path in paths for argument in ("--output", path)]
    status, output = call("model", "predict", "small", other_glass / "glass.xyz", *outputs)
    assert status == 0, output
    assert "mean -ICOHP (eV)" in output
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    # The latest one: other tests leave predictions in the same profile.
    predictions = orm.QueryBuilder().append(BondStrengthsData, filters={"attributes.method.engine": "getl.model"})
    node = predictions.order_by({BondStrengthsData: {"id": "desc"}}).first(flat=True)
    np.testing.assert_allclose([float(row["strength_eV"]) for row in rows], node.get_strength(), atol=6e-6)
    atoms = read(paths[1])
    assert atoms.arrays["bond_strength_sum"].sum() == pytest.approx(2 * node.get_strength().sum(), rel=1e-6)
    listed, values = read_icohplist(paths[2]).to_bonds(read(other_glass / "glass.xyz"))
    assert listed.keys() == node.get_bonds().keys()
    np.testing.assert_allclose(values[:, 0], node.get_icohp(), atol=6e-6)
    # The file that was predicted, and through the model the files of the labels, are in the graph.
    status, output = call("trace", node.pk, "--json")
    assert status == 0
    found = json.loads(output)
    assert {"read_structures", "predict", "train", "validate", "build_dbi", "import_label"} == {
        step["what"] for step in found["steps"]
    }
    assert [item["what"] for item in found["origins"]["file"]] == ["file glass.xyz"]


def test_files_are_not_replaced_unasked(trained, other_glass, tmp_path):
    (tmp_path / "bonds.csv").write_text("mine")
    arguments = ("model", "predict", "small", other_glass / "glass.xyz", "--output", tmp_path / "bonds.csv")
    status, output = call(*arguments)
    assert status == 1
    assert "bonds.csv is there already: choose another name, or --force to replace it" in output
    assert (tmp_path / "bonds.csv").read_text() == "mine"
    assert call(*arguments, "--force")[0] == 0
    assert (tmp_path / "bonds.csv").read_text().startswith("frame,bond_type")


def test_bonds_without_a_prediction_are_in_the_files(trained, cell, tmp_path):
    glass = cell(4)
    glass.symbols[0] = "Au"
    write(tmp_path / "gold.xyz", glass, format="extxyz")
    paths = [tmp_path / name for name in ("bonds.csv", "atoms.extxyz", "ICOHPLIST.lobster")]
    outputs = [argument for path in paths for argument in ("--output", path)]
    status, output = call("model", "predict", "small", tmp_path / "gold.xyz", *outputs)
    assert status == 0, output
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    every = find_bonds(glass.positions, glass.cell[:], 4.2)
    of_gold = (every.atom_i == 0) | (every.atom_j == 0)
    assert len(rows) == len(every)
    unpredicted = [row for row in rows if not row["strength_eV"]]
    assert len(unpredicted) == of_gold.sum() > 0
    assert all("Au" in row["bond_type"] for row in unpredicted)
    assert rows[-len(unpredicted) :] == unpredicted
    assert f"{len(unpredicted)} bonds have no prediction" in output
    missing = read(paths[1]).arrays["n_missing"]
    assert missing.sum() == 2 * of_gold.sum()
    assert missing[0] == missing.max()
    assert len(read_icohplist(paths[2])) == len(rows) - len(unpredicted)


def test_predict_frames_and_nodes(trained, cell, tmp_path):
    write(tmp_path / "frames.xyz", [cell(4), cell(5)], format="extxyz")
    structure = orm.StructureData(ase=cell(4), label="single").store()
    status, output = call(
        "model", "predict", "small", tmp_path / "frames.xyz", "single", "--r-max", 3.5, "--output", tmp_path / "b.csv"
    )
    assert status == 0, output
    assert "frame 1" in output
    rows = list(csv.DictReader((tmp_path / "b.csv").read_text().splitlines()))
    strengths = {frame: [row["strength_eV"] for row in rows if row["frame"] == frame] for frame in "012"}
    assert strengths["0"] == strengths["2"] != strengths["1"]
    assert max(float(row["distance_A"]) for row in rows) <= 3.5
    assert structure.base.links.get_outgoing(node_class=orm.CalcFunctionNode).all()
    status, output = call("model", "predict", "small", tmp_path / "frames.xyz", "--output", tmp_path / "all.lobster")
    assert status == 2
    assert "all.lobster: it can hold one structure, not 2" in output
    assert "bonds of 8 atoms" not in output  # said before anything is predicted


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["small", "no.xyz"], 1, "there is no file no.xyz"),
        (["small", ""], 1, "a PK, UUID or label is empty"),
        (["small", "no"], 1, "no node is called 'no'"),
        (["small", "{other}/ICOHPLIST.lobster"], 1, "is not understood as a structure"),
        (["small", "{other}/glass.xyz", "--output", "bonds.txt"], 2, "names no format; choose from"),
        (["small", "{other}/gold.xyz"], 1, "no bond of the structure is of a type that the model knows"),
        (["small"], 2, "Missing argument"),
        (["no-model", "{other}/glass.xyz"], 1, "no node is called 'no-model'"),
    ],
)
def test_predictions_that_make_no_sense(trained, other_glass, cell, arguments, status, message):
    gold = cell(1)
    gold.symbols = ["Au"] * len(gold)
    write(other_glass / "gold.xyz", gold, format="extxyz")
    found, output = call("model", "predict", *(argument.format(other=other_glass) for argument in arguments))
    assert found == status, output
    assert message in output


def test_evaluate_on_another_glass(trained, other_glass, tmp_path):
    status, output = call("model", "evaluate", "small", "--on", other_glass / "pairs.csv", "--results", tmp_path)
    assert status == 0, output
    assert "Tested on 1 structures" in output
    assert all(heading in output for heading in ("distance", "published", "model"))
    assert (tmp_path / "parity.png").exists()
    model = orm.QueryBuilder().append(BondModelData, filters={"label": "small"}).one()[0]
    status, output = call("model", "evaluate", model.pk)
    assert status == 2
    assert "say by --on which labels to test the model on" in output
    status, output = call("model", "evaluate", model.pk, "--on", "small")
    assert status == 1
    assert "was trained on all of these labels" in output


def test_evaluate_on_trained_labels_of_another_name(trained, tree, other_glass, tmp_path):
    """The files of a label that the model was trained on, imported as another run, beside those of a new one."""
    known = next(tree.rglob("1/2000/0/ICOHPLIST.lobster")).parent
    for name in ("Cu50Zr50.xyz", "ICOHPLIST.lobster"):
        (tmp_path / name).write_bytes((known / name).read_bytes())
    rows = ["Cu50Zr50.xyz,ICOHPLIST.lobster,renamed"]
    path = tmp_path / "renamed.csv"
    path.write_text("\n".join(["structure,icohplist,run", *rows]))
    status, output = call("model", "evaluate", "small", "--on", path, "--results", tmp_path)
    assert status == 1, output
    assert "was trained on all of these labels" in output
    new = other_glass / "ICOHPLIST.lobster"
    rows.append(f"{other_glass / 'glass.xyz'},{new},new")
    path.write_text("\n".join(["structure,icohplist,run", *rows]))
    status, output = call("model", "evaluate", "small", "--on", path, "--results", tmp_path)
    assert status == 0, output
    assert "Tested on 1 structures; 1 that it was trained on are left out" in output


def test_evaluate_on_groups_left_out(trained, tmp_path):
    dbi = orm.QueryBuilder().append(DbiData, filters={"label": "small"}).one()[0]
    choices = [
        part for text in ("group_by=random", "selection=leverage", "prior_mean=zero") for part in ("--set", text)
    ]
    status, output = call("model", "evaluate", dbi.pk, *QUICK, *choices, "--results", tmp_path)
    assert status == 0, output
    assert "(by random) predicted from the others; LEAKY" in output


def test_learning_curve(trained, tmp_path):
    status, output = call(
        "model", "learning-curve", "small", *QUICK, "--selection", "random", "--sizes", "10,20", "--results", tmp_path
    )
    assert status == 0, output
    assert "trained on" in output
    assert (tmp_path / "learning_curve.png").exists()
    status, output = call("model", "learning-curve", "small", "--sizes", "many")
    assert status == 2
    status, output = call("model", "learning-curve", "small", "--selection", "best")
    assert status == 1
    assert "unknown selections of training bonds ['best']" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("importance", "small", *QUICK, "--repeats", "1"),
        ("tune", "small", *QUICK, "--no-nested", "--candidates", "candidates.yaml"),
        ("learning-curve", "small", *QUICK, "--selection", "random", "--sizes", "10,20"),
        ("evaluate", "small", "--on", "glass"),
    ],
)
def test_a_code_computes_the_same(trained, other_glass, engine_code, tmp_path, monkeypatch, arguments):
    """The same numbers in a job as here, on the screen and in files."""
    monkeypatch.chdir(tmp_path)
    Path("candidates.yaml").write_text("- {}\n- {max_bonds: 20}\n")
    assert call("dbi", "import", other_glass / "pairs.csv", "--label", "glass")[0] == 0
    here = CliRunner().invoke(main, ["model", *arguments])
    assert here.exit_code == 0, here.output
    code = engine_code("getl-learn").full_label
    jobs = orm.QueryBuilder().append(orm.CalcJobNode, filters={"attributes.process_label": "LearnCalculation"})
    before = jobs.count()
    there = CliRunner().invoke(main, ["model", *arguments, "--code", code])
    assert there.exit_code == 0, there.output
    assert there.stdout == here.stdout
    assert f"Computing in a job of {code}" in there.stderr
    assert jobs.count() == before + 1


@pytest.mark.parametrize(
    ("command", "numbers"),
    [
        (("dbi", "show"), ("n_bonds", ("bond_types", "Zr-Cu", "strength_eV", "mean"))),
        (("model", "show"), ("r_max_A", ("validation", "metrics", "Zr-Cu", "model", "rmse"))),
    ],
)
def test_shown_to_programs(trained, command, numbers):
    status, output = call(*command, "small", "--json")
    assert status == 0, output
    found = json.loads(output)
    assert orm.load_node(found["uuid"]).pk == found["pk"]
    for path in numbers:
        value = found
        for name in (path,) if isinstance(path, str) else path:
            value = value[name]
        assert isinstance(value, (int, float))


def test_merge(trained, other_glass, engine_code):
    status, output = call("dbi", "import", other_glass / "pairs.csv", "--label", "other")
    assert status == 0
    status, output = call("dbi", "merge", "small", "other", "--label", "both")
    assert status == 1
    assert "made by different methods" in output
    status, output = call("dbi", "merge", "small", "other", "--label", "both", "--mixed")
    assert status == 0, output
    both = orm.QueryBuilder().append(DbiData, filters={"label": "both"}).one()[0]
    assert len(both.structures) == 5
    code = engine_code("getl-learn").full_label
    status, output = call("dbi", "merge", "small", "other", "--label", "there", "--mixed", "--code", code)
    assert status == 0, output
    there = orm.QueryBuilder().append(DbiData, filters={"label": "there"}).one()[0]
    assert there.creator.process_label == "LearnCalculation"
    np.testing.assert_array_equal(there.get_table().strength, both.get_table().strength)


def test_without_a_profile(tree, other_glass, tmp_path):
    """In a new process and an empty folder: the profile is made, files become a model and predictions."""
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = str(Path(sys.executable).parent / "aiida-getl")

    def run(*arguments):
        done = subprocess.run(
            [command, *map(str, arguments)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("dbi", "import", tree, "--dry-run")
    assert not list(tmp_path.rglob("*.sqlite"))
    assert "Model       <" in run("model", "train", tree, *QUICK, "--label", "mine")
    run("model", "predict", "mine", other_glass / "glass.xyz", "--output", "bonds.csv")
    assert list(tmp_path.rglob("*.sqlite"))
    assert (tmp_path / "bonds.csv").exists()
    assert (tmp_path / "results" / "parity.png").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("dbi",),
        ("model",),
        *(("dbi", name) for name in ("import", "list", "show", "merge")),
        *(("model", name) for name in ("train", "evaluate", "predict", "learning-curve", "list", "show")),
    ],
)
def test_help(command):
    status, output = call(*command, "--help")
    assert status == 0
    if len(command) == 2:
        assert f"aiida-getl {' '.join(command)}" in output.split("Example", 1)[1]
