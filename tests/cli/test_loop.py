"""`aiida-getl loop`: what a configuration would do, and what is said to one that is wrong."""

import json

import numpy as np
import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.cli import main
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.structures.bonds import find_bonds
from aiida_getl.structures.packing import random_packing

CONFIG = """\
compositions: [Cu50Zr50]
target: Cu64Zr36
potential: CuZr_mm.eam.fs
seed: 1
protocol: fast
mode: ask
max_core_hours: 5
goal: {quantity: std, limit: {Zr-Cu: 0.05}}
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
def start(invoke, tmp_path):
    """Return a function that makes a dry run of a configuration: (status, output); nothing may be started."""

    def run(text):
        path = tmp_path / "loop.yaml"
        path.write_text(text)
        status, output = invoke("loop", "start", path, "--dry-run")
        assert not orm.QueryBuilder().append(orm.WorkChainNode, filters={"label": "loop"}).count()
        return status, output

    return run


@pytest.fixture
def codes(lammps_code, pw_code, cohp_code, paw_family):
    """The codes that a configuration means by default."""


@pytest.fixture
def dbi(aiida_profile):
    """Two labelled cells."""
    cells, bonds = {}, {}
    for seed in (1, 2):
        atoms = random_packing({"Cu": 4, "Zr": 4}, seed)
        found = find_bonds(atoms.positions, atoms.cell[:], 3.4)
        method = {"engine": "getl-cohp", "version": "0.1.0", "basis": {}, "pseudos": {}}
        label = BondStrengthsData.from_bonds(found, atoms.get_chemical_symbols(), -np.exp(-found.distance), method)
        cells[f"run_{seed}"] = {"as_quenched": orm.StructureData(ase=atoms).store()}
        bonds[f"run_{seed}"] = {"as_quenched": label.store()}
    node = build_dbi(orm.Dict({"r_max": 3.4}), structures=cells, bonds=bonds)
    node.label = "two cells"
    return node


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [1", "is not YAML"),
        ("seed: 1\n", "missing ['target'], unknown []"),
        (CONFIG + "budget: 3\n", "unknown ['budget']"),
        (CONFIG + "dbi: 3\n", "give either dbi, the labels to start from, or compositions"),
        (CONFIG.replace("target: Cu64Zr36", "target: {a: 1}"), "target is {'a': 1}: give one, or a list"),
        (CONFIG + "codes: {vasp: vasp@localhost}\n", "choose from lammps, large, learn, lobster, projwfc, pw"),
    ],
)
def test_configurations_that_are_no_loop(start, text, message):
    status, output = start(text)
    assert status == 1
    assert message in output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CONFIG.replace("Cu64Zr36", "no_such.xyz"), "target no_such.xyz: there is no such file"),
        (CONFIG.replace("Cu64Zr36", "nobody"), "nobody"),
        (CONFIG.replace("mode: ask", "mode: wait"), "mode is 'wait': choose from auto, ask"),
        (CONFIG.replace("limit: {Zr-Cu: 0.05}", "limit: 0"), "the limit of the goal is 0"),
        (CONFIG.replace("[Cu50Zr50]", "[Cu98Zr2]"), "none of Zr"),
        (CONFIG.replace("Cu64Zr36", "Cu50Ti50"), "has no Ti"),
        (CONFIG.replace("max_core_hours: 5", "max_core_hours: -5"), "must be positive"),
        (CONFIG.replace("compositions: [Cu50Zr50]", "dbi: nothing of the kind"), "nothing of the kind"),
        (CONFIG.replace("CuZr_mm.eam.fs", "no_such.eam.fs"), "no_such.eam.fs"),
    ],
)
def test_inputs_that_make_no_sense(start, codes, text, message):
    status, output = start(text)
    assert status == 1
    assert message in output


def test_a_dry_run_tells_the_plan_and_its_costs(start, codes):
    status, output = start(CONFIG)
    assert status == 0, output
    for words in (
        "mode ask",
        "3 runs of 24 atoms: 3 of Cu50Zr50",
        "1 to be quenched (Cu64Zr36 of 1000 atoms each)",
        "mean standard deviation on the target's bonds of at most Zr-Cu 0.05 eV",
        "10 iterations, 5 core-hours, 4 failures",
        "assumed: there is no history",
        "Nothing was started",
    ):
        assert words in output


def test_a_dry_run_from_labels_that_are_there(start, codes, dbi):
    target = orm.StructureData(ase=random_packing({"Cu": 8, "Zr": 8}, 9)).store()
    status, output = start(f"dbi: two cells\ntarget: [{target.pk}]\nseed: 1\nprotocol: fast\nmode: auto\n")
    assert status == 0, output
    assert f"2 labelled structures of DBI <{dbi.pk}> two cells" in output
    assert "1 structures given, 0 to be quenched" in output
    assert "10 iterations of 4 labels, core-hours without limit" in output


@pytest.mark.parametrize("command", ["status", "report", "stop"])
def test_what_is_no_loop_is_refused(invoke, dbi, command):
    arguments = ["loop", command, dbi.pk, *(["--reason", "late"] if command == "stop" else [])]
    status, output = invoke(*arguments)
    assert status == 1
    assert f"<{dbi.pk}> is a DbiData, not a work chain" in output


def test_a_loop_that_waits(invoke, loop):
    node, proposal = loop
    status, output = invoke("loop", "status", node.pk)
    assert status == 0, output
    assert f"Waits       for a decision on 3 proposed labels: `aiida-getl proposal show {proposal.pk}`" in output
    found = json.loads(invoke("loop", "status", node.pk, "--json")[1])
    assert (found["pk"], found["uuid"], found["state"], found["has_ended"]) == (node.pk, node.uuid, "paused", False)
    assert found["waits_for"] == {"pk": proposal.pk, "n_items": 3}
    assert (found["n_iterations"], found["outputs"]) == (0, {})
    assert found["core_hours"] >= 0.0


def test_what_a_loop_proposes(invoke, loop):
    node, proposal = loop
    for name in (node.uuid, proposal.pk):
        status, output = invoke("proposal", "show", name)
        assert status == 0, output
        assert "Proposed: 3 labels" in output
    found = json.loads(invoke("proposal", "show", proposal.pk, "--json")[1])
    assert (found["pk"], found["loop"]["pk"], found["decision"]) == (proposal.pk, node.pk, None)
    assert [item["cost"] > 0 for item in found["proposal"]["items"]] == [True] * 3


def test_a_loop_without_iterations(invoke, loop, tmp_path):
    status, output = invoke("loop", "report", loop[0].pk, "--results", tmp_path)
    assert status == 0, output
    assert "has finished no iteration yet: paused" in output
    found = json.loads(invoke("loop", "report", loop[0].pk, "--results", tmp_path, "--json")[1])
    assert (found["iterations"], found["figure"], found["summary"]) == ([], None, None)
