"""`getl.learn`: jobs on another computer give the same nodes as the calcfunctions do here."""

import json

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from plumpy.utils import AttributesFrozendict

from aiida_getl.calculations.functions.assess import assess
from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.evaluate import evaluate
from aiida_getl.calculations.functions.featurize import featurize
from aiida_getl.calculations.functions.importance import importance
from aiida_getl.calculations.functions.learning_curve import learning_curve
from aiida_getl.calculations.functions.merge_dbi import merge_dbi
from aiida_getl.calculations.functions.predict import predict
from aiida_getl.calculations.functions.propose import propose
from aiida_getl.calculations.functions.train import train
from aiida_getl.calculations.functions.tune import tune
from aiida_getl.calculations.functions.validate import validate
from aiida_getl.calculations.learn import PREPARE, LearnCalculation
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.learning.model import FORMAT
from aiida_getl.parsers.learn import READ
from aiida_getl.runner.cli import main
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.workflows.etl_model import EtlModelWorkChain
from aiida_getl.workflows.infer import InferWorkChain

SETTINGS = {
    "max_bonds": 40,
    "max_bonds_hyperparameters": 20,
    "min_bonds": 5,
    "max_folds": 2,
    "learning_curve": False,
}


@pytest.fixture
def code(engine_code):
    return engine_code("getl-learn")


@pytest.fixture
def run_job(tmp_path):
    """Return a function that does what a job does, without the seconds that starting one takes."""

    def run(task, **inputs):
        folder = tmp_path / task
        folder.mkdir()
        namespace = AttributesFrozendict({"task": orm.Str(task), **inputs})
        (folder / "job.json").write_text(json.dumps(PREPARE[task](namespace, folder)))
        assert main(["--folder", str(folder)]) == 0
        # AiiDA rounds numbers in attributes when it stores them.
        return {name: node.store() for name, node in READ[task](namespace, folder).items()}

    return run


def assert_same(one, other):
    for name in other.get_arraynames():
        np.testing.assert_array_equal(one.get_array(name), other.get_array(name), err_msg=name)
    assert set(one.get_arraynames()) == set(other.get_arraynames())


def with_aluminium(atoms):
    """A structure with its label, to build a database of."""
    atoms.symbols[0] = "Al"
    listed = find_bonds(atoms.positions, atoms.cell[:], 4.0)
    method = {"engine": "getl-cohp", "version": "1"}
    label = BondStrengthsData.from_bonds(listed, list(atoms.symbols), -np.exp(2.5 - listed.distance), method)
    structure = orm.StructureData(ase=atoms).store()
    return {"structures": {"run_5": {"as_quenched": structure}}, "bonds": {"run_5": {"as_quenched": label.store()}}}


def test_every_task_gives_what_its_calcfunction_gives(run_job, labels, cell):
    settings, seed = orm.Dict(SETTINGS), orm.Int(3)
    dbi = build_dbi(settings, **labels)
    outputs = run_job("build_dbi", settings=settings, **labels)
    assert_same(outputs["dbi"], dbi)
    assert outputs["dbi"].base.attributes.all == dbi.base.attributes.all

    here = validate(dbi, settings, seed)
    outputs = run_job("validate", dbi=dbi, settings=settings, seed=seed)
    assert outputs["validation"].get_dict() == here["validation"].get_dict()
    assert_same(outputs["parity"], here["parity"])

    model = train(dbi, settings, seed, here["validation"])
    outputs = run_job("train", dbi=dbi, settings=settings, seed=seed, validation=here["validation"])
    assert_same(outputs["model"], model)
    assert outputs["model"].base.attributes.all == model.base.attributes.all

    structure, options = orm.StructureData(ase=cell(7)), orm.Dict({"r_max": 3.8})
    predicted = predict(model, structure, options)
    outputs = run_job("predict", model=model, structure=structure, settings=options)
    assert_same(outputs["bonds"], predicted)
    assert outputs["bonds"].base.attributes.all == predicted.base.attributes.all

    described = featurize(structure, options)
    outputs = run_job("featurize", structure=structure, settings=options)
    assert_same(outputs["described"], described)
    assert outputs["described"].base.attributes.all == described.base.attributes.all

    other = {name: {"run_9": runs["run_1"]} for name, runs in labels.items()}
    tested = build_dbi(settings, **other)
    expected = evaluate(model, tested)
    outputs = run_job("evaluate", model=model, dbi=tested)
    assert outputs["metrics"].get_dict() == expected["metrics"].get_dict()

    given = {"settings": orm.Dict({}), "leave_out": orm.Dict({dbi.structures[0]["label_id"]: "doubtful"})}
    ternary = build_dbi(settings, **with_aluminium(cell(5)))
    merged = merge_dbi(**given, a=dbi, b=ternary)
    outputs = run_job("merge_dbi", **given, dbis={"a": dbi, "b": ternary})
    assert len(merged.structures) == len(dbi.structures)
    assert_same(outputs["dbi"], merged)
    assert outputs["dbi"].base.attributes.all == merged.base.attributes.all

    options = orm.Dict({**SETTINGS, "sizes": [8, 16], "selections": ["random"]})
    outputs = run_job("learning_curve", dbi=dbi, settings=options, seed=seed)
    assert outputs["curve"].get_dict() == learning_curve(dbi, options, seed).get_dict()

    options = orm.Dict({**SETTINGS, "n_repeats": 1})
    outputs = run_job("importance", dbi=dbi, settings=options, seed=seed)
    assert outputs["importance"].get_dict() == importance(dbi, options, seed).get_dict()

    candidates, options = orm.List([{}, {"max_bonds": 20}]), orm.Dict({**SETTINGS, "nested": False})
    outputs = run_job("tune", dbi=dbi, candidates=candidates, settings=options, seed=seed)
    assert outputs["tuning"].get_dict() == tune(dbi, candidates, options, seed).get_dict()


def test_assessing_and_proposing_give_what_their_calcfunctions_give(run_job, labels, cell):
    seed, options = orm.Int(3), orm.Dict({"n_cells": 2, "max_items": 4, "max_of_kind": 6})
    dbi = build_dbi(orm.Dict(SETTINGS), **labels)
    model = train(dbi, orm.Dict(SETTINGS), seed, validate(dbi, orm.Dict(SETTINGS), seed)["validation"])
    large = orm.StructureData(ase=cell(6).repeat((2, 1, 1)))
    given = {"model": model, "dbi": dbi, "settings": options, "seed": seed, "targets": {"large": large.store()}}
    assessment = assess(**given)
    outputs = run_job("assess", **given)
    assert outputs["assessment"].get_dict() == assessment.get_dict()

    frames, glasses = orm.TrajectoryData(), [cell(number) for number in (0, 8, 9)]
    positions, cells = (np.array([getattr(atoms, name) for atoms in glasses]) for name in ("positions", "cell"))
    frames.set_trajectory(list(glasses[0].symbols), positions, cells=cells.astype(float))
    given |= {"assessment": assessment, "trajectories": {"run_0": frames.store()}}
    first = propose(**given).get_dict()
    assert {item["kind"] for item in first["items"]} <= {"deformation", "frame", "run", "composition", "cell"}
    # One item was labelled, another one rejected, and two costs are known.
    item = first["items"][0] | {"label": "uuid", "reused": False, "label_hours": 2.0, "run_hours": 0.5}
    given |= {
        "records": {"iteration_001": orm.Dict({"items": [item]})},
        "rejected": {"round_2": orm.Dict({"declined": [first["items"][1]["key"]]})},
        "history": orm.Dict({"rows": [{"what": "label", "n_atoms": 8, "core_hours": 3.0}]}),
    }
    second = propose(**given).get_dict()
    outputs = run_job("propose", **given)
    assert outputs["proposal"].get_dict() == second
    assert not {own["key"] for own in first["items"][:2]} & {own["key"] for own in second["items"]}
    assert second["costs"]["run"]["n_observations"] == 2


def test_what_is_refused_there_is_said_here(code, labels):
    other = labels["bonds"]["run_1"]["as_quenched"]
    mixed = BondStrengthsData.from_bonds(other.get_bonds(), other.symbols, other.get_icohp(), {"engine": "LOBSTER"})
    labels["bonds"]["run_1"]["as_quenched"] = mixed
    _, node = run_get_node(LearnCalculation, code=code, task="build_dbi", settings={}, **labels)
    assert node.exit_status == 401
    assert "made by different methods" in node.exit_message


@pytest.mark.parametrize(
    ("option", "fault", "status"),
    [("prepend_text", "kill -9 $$", 302), ("append_text", "echo rubbish > result.npz", 303)],
)
def test_an_interrupted_job_is_not_taken_from_the_cache(code, labels, tmp_path, option, fault, status):
    armed = tmp_path / "armed"
    armed.touch()
    options = {option: f"test -e {armed} && {fault}\ntrue"}

    def run():
        inputs = {"code": code, "task": "build_dbi", "settings": {}, **labels, "metadata": {"options": options}}
        with enable_caching():
            return run_get_node(LearnCalculation, **inputs)[1]

    assert run().exit_status == status
    armed.unlink()
    again, third = run(), run()
    assert again.is_finished_ok, again.exit_message
    assert not again.base.caching.is_created_from_cache
    assert third.base.caching.get_cache_source() == again.uuid


def test_what_was_learned_in_an_earlier_format_is_not_taken_from_the_cache(code, labels, monkeypatch):
    def run():
        with enable_caching():
            return run_get_node(LearnCalculation, code=code, task="build_dbi", settings={}, **labels)[1]

    monkeypatch.setattr(LearnCalculation, "CACHE_VERSION", FORMAT - 1)
    earlier = run()
    monkeypatch.undo()
    today = run()
    assert earlier.is_finished_ok
    assert today.is_finished_ok
    assert today.base.attributes.get("cache_version") == {"calc_job": FORMAT}
    assert not today.base.caching.is_created_from_cache


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"max_bonsd": 3}, "unknown training settings ['max_bonsd']"), ({"r_max": 0.1}, "is within r_max")],
)
def test_refusals_of_the_runner(labels, tmp_path, settings, message):
    inputs = AttributesFrozendict(
        {"task": orm.Str("train"), "dbi": build_dbi(orm.Dict({}), **labels), "settings": orm.Dict(settings)}
    )
    job = PREPARE["train"](AttributesFrozendict({**inputs, "seed": orm.Int(1)}), tmp_path)
    (tmp_path / "job.json").write_text(json.dumps(job))
    assert main(["--folder", str(tmp_path)]) == 2
    assert message in json.loads((tmp_path / "error.json").read_text())["reason"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"task": "cook"}, "unknown task 'cook': choose from"),
        ({"task": "predict", "settings": {}}, r"the task 'predict' needs \['model', 'structure'"),
    ],
)
def test_inputs_that_make_no_sense(code, inputs, message):
    with pytest.raises(ValueError, match=message):
        run_get_node(LearnCalculation, code=code, **inputs)


def test_work_chains_with_a_code(code, labels, cell):
    builder = EtlModelWorkChain.get_builder_from_protocol(
        **labels, seed=1, protocol="fast", overrides={"settings": SETTINGS}, code=code
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    jobs = sorted(node.called, key=lambda job: job.pk)
    assert [job.process_label for job in jobs] == ["LearnCalculation"] * 3
    assert [job.inputs.task.value for job in jobs] == ["build_dbi", "validate", "train"]
    for job in jobs:
        # The arrays are in the nodes alone, not once more in what the job keeps.
        for repository in (job.base.repository, job.outputs.retrieved.base.repository):
            assert not [name for name in repository.list_object_names() if name.endswith(".npz")]
    infer = InferWorkChain.get_builder_from_protocol(outputs["model"], orm.StructureData(ase=cell(5)), code=code)
    predictions, node = run_get_node(infer)
    assert node.is_finished_ok, node.exit_message
    assert predictions["predictions"].creator.process_label == "LearnCalculation"


@pytest.mark.parametrize("times", [1, 2])
def test_work_chain_does_an_interrupted_job_once_more(code, labels, tmp_path, times):
    for number in range(times):
        (tmp_path / f"armed_{number}").touch()
    fault = f"for armed in {tmp_path}/armed_*; do test -e $armed && rm $armed && kill -9 $$; done\ntrue"
    inputs = {**labels, "settings": SETTINGS, "seed": 1, "code": code, "options": {"prepend_text": fault}}
    _, node = run_get_node(EtlModelWorkChain, **inputs)
    assert node.is_finished_ok == (times == 1), node.exit_message
    statuses = [job.exit_status for job in sorted(node.called, key=lambda job: job.pk)]
    assert statuses == ([302, 0, 0, 0] if times == 1 else [302, 302])
