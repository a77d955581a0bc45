"""A small campaign from files: what the commands are asked about."""

from types import SimpleNamespace

import pytest
from aiida import orm
from aiida.common.links import LinkType
from ase.io import write
from click.testing import CliRunner

from aiida_getl.calculations.functions.propose_start import propose_start
from aiida_getl.cli import main
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData

#: Enough to pass through every step.
QUICK = ("max_bonds=60", "max_bonds_hyperparameters=30", "min_bonds=5", "max_folds=2", "learning_curve=false")


@pytest.fixture(scope="module")
def call():
    """Return a function that runs `aiida-getl` and gives its status and output."""

    def invoke(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return invoke


@pytest.fixture(scope="module")
def campaign(aiida_profile, call, write_sub_run, cell, tmp_path_factory):
    """DBI, model and prediction made by the commands from two runs of two sub-runs; ``labels`` by run and sub-run."""
    folder = tmp_path_factory.mktemp("campaign")
    for run in (1, 2):
        for sub_run in (0, 8):
            write_sub_run(folder / "glasses", sub_run, run)
    write(folder / "glass.xyz", cell(7), format="extxyz")
    settings = [argument for setting in QUICK for argument in ("--set", setting)]
    for arguments in (
        ("dbi", "import", folder / "glasses", "--label", "asked"),
        ("model", "train", "asked", *settings, "--results", folder),
        ("model", "predict", "asked", folder / "glass.xyz"),
    ):
        status, output = call(*arguments)
        assert status == 0, output
    dbi, model = (
        orm.QueryBuilder().append(cls, filters={"label": "asked"}).order_by({cls: {"id": "desc"}}).first(flat=True)
        for cls in (DbiData, BondModelData)
    )
    prediction = orm.QueryBuilder().append(BondStrengthsData, filters={"attributes.method.model": model.uuid})
    return SimpleNamespace(
        dbi=dbi,
        model=model,
        prediction=prediction.first(flat=True),
        labels={(entry["run"], entry["sub_run"]): orm.load_node(entry["label_id"]) for entry in dbi.structures},
        folder=folder,
    )


@pytest.fixture
def loop(aiida_profile):
    """Return a loop that waits for a decision on the start, and the proposal."""
    node = orm.WorkChainNode(label="a loop that waits")
    node.set_process_label("ActiveLearningWorkChain")
    node.set_process_state("waiting")
    node.store()
    node.pause()
    content = propose_start(orm.Dict({"compositions": ["CuZr"], "n_runs": 3, "n_atoms": 8}), orm.Int(1)).get_dict()
    maker = orm.CalcFunctionNode()
    maker.base.attributes.set_many({"process_label": "propose_start", "process_state": "finished", "exit_status": 0})
    maker.base.links.add_incoming(node, LinkType.CALL_CALC, "propose_1")
    maker.store()
    proposal = orm.Dict(content)
    proposal.base.links.add_incoming(maker, LinkType.CREATE, "result")
    return node, proposal.store()
