"""The whole loop with the real engines on cells too small to be glasses: graph, failures, cache, command line."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from click.testing import CliRunner

from aiida_getl.calculations.functions.derive_seeds import derive_seeds
from aiida_getl.cli import main
from aiida_getl.data.bonds import BondStrengthsData
from aiida_getl.data.dbi import DbiData
from aiida_getl.data.model import BondModelData
from aiida_getl.lammps.script import derive_seed
from aiida_getl.provenance import trace
from aiida_getl.workflows.getl import GetlWorkChain

#: Enough to pass through every step.
SHORT = {
    "parameters": {
        "melt_steps": 200,
        "quench_rate_K_per_ps": 2000.0,
        "equilibrate_steps": 200,
        "thermo_rows": 20,
        "frames": 4,
    }
}
ONCE = {**SHORT, "max_restarts": 0}
CHEAP = {"ecutwfc": 25.0, "ecutrho": 150.0, "conv_thr_per_atom": 1e-3, "r_max": 3.4, "spilling_max": 0.5}
#: Before pw.x: where the cell is deformed and a file is there, hardly a file can be written. OpenMPI is kept from it.
FAULT = """\
test -e {armed} \\
&& awk '/^CELL_PARAMETERS/ {{getline a; getline b; split(a, x); split(b, y); exit (x[1] == y[2])}}' aiida.in \\
&& export OMPI_MCA_btl=self PMIX_MCA_gds=hash && ulimit -f 28
true"""
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}


@pytest.fixture
def builder(lammps_code, pw_code, cohp_code, engine_code, paw_family, cuzr_potential, tmp_path):
    """Return a function that builds the inputs of a tiny campaign, with the changes given."""

    def build(label=None, overrides=None, learn=False, **changes):
        codes = {"lammps": lammps_code, "pw": pw_code, "lobster": cohp_code}
        arguments = {
            "codes": codes | ({"learn": engine_code("getl-learn")} if learn else {}),
            "composition": "CuZr",
            "potential": cuzr_potential,
            "seed": 5,
            "protocol": "fast",
            "overrides": {
                "n_runs": 2,
                "n_atoms": 8,
                "large_n_atoms": 32,
                "sub_runs": ["as_quenched", "tension_x"],
                "max_concurrent": 2,
                "failures_max": 2,
                "melt_quench": SHORT,
                "large": SHORT,
                "label": {"settings": {**CHEAP, **(label or {})}},
                "etl_model": {"settings": {"r_max": 3.4, "min_bonds": 5}},
                "infer": {"settings": {"r_max": 3.4}},
                **(overrides or {}),
            },
            "options": {"lammps": SERIAL, "label": {**SERIAL, "prepend_text": FAULT.format(armed=tmp_path / "armed")}},
        }
        return GetlWorkChain.get_builder_from_protocol(**(arguments | changes))

    return build


def jobs(node):
    jobs = [called for called in node.called_descendants if isinstance(called, orm.CalcJobNode)]
    return sorted(jobs, key=lambda job: job.pk)


def names(steps):
    return {step.what for step in steps}


@pytest.mark.slow
@pytest.mark.engines
def test_loop(builder, submit_and_await, tmp_path):
    (tmp_path / "armed").touch()
    node = submit_and_await(builder(), timeout=3600)
    (tmp_path / "armed").unlink()
    assert node.is_finished_ok, node.exit_message

    # What failed is told, and did not end the loop.
    failed = [(run, sub_run) for run, cells in node.outputs.failures.items() for sub_run in cells]
    assert sorted(failed) == [("run_0", "tension_x"), ("run_1", "tension_x")]
    for run, sub_run in failed:
        assert "File size limit exceeded" in node.outputs.failures[run][sub_run]["reason"]
    dbi, model, predictions = node.outputs.dbi, node.outputs.model, node.outputs.predictions
    assert isinstance(dbi, DbiData)
    assert isinstance(model, BondModelData)
    assert isinstance(predictions, BondStrengthsData)
    left_out = {(entry["run"], entry["sub_run"]): entry for entry in dbi.left_out if "n_bonds" not in entry}
    assert sorted(left_out) == sorted(failed)
    assert all("could not write its files" in entry["reason"] for entry in left_out.values())
    assert dbi.base.attributes.get("n_structures") == 2
    assert set(predictions.base.attributes.get("bond_types")) <= set(model.bond_types)
    assert len(node.outputs.large_structure.sites) == 32
    assert np.isfinite(predictions.get_strength()).all()
    assert (predictions.get_std() > 0).all()

    found = SimpleNamespace(node=node, dbi=dbi, model=model, predictions=predictions)
    check_traces(found)
    check_command_line(found, tmp_path)
    check_cache(found, builder)


def check_traces(found):
    """Every number leads back to engines, potential, pseudopotentials, seed and computer."""
    row = trace(found.dbi, bond=0)
    engines = {"LammpsStageCalculation", "PwCalculation", "LobsterCalculation"}
    assert engines <= names(row.steps)
    assert {item.what for item in row.origins["potential"]} == {"file CuZr_mm.eam.fs"}
    upfs = {item.uuid for items in row.origins.values() for item in items if item.what.startswith("UPF")}
    assert upfs == {upf.uuid for upf in found.node.inputs.label.pseudos.values()}
    assert found.node.inputs.seed.uuid in {item.uuid for item in row.origins["seed"]}
    assert [item.what for item in row.computers] == ["localhost (localhost)"]
    assert len([step for step in row.steps if step.what == "LobsterCalculation"]) == 1
    assert row.bond == found.dbi.get_row(0)
    assert {item.what.split("@")[0] for item in row.codes} == {"lammps", "pw", "getl-cohp"}
    assert json.loads(json.dumps(row.as_dict()))["subject"]["uuid"] == found.dbi.uuid
    for node in (found.model, found.predictions):
        assert engines | {"build_dbi", "train"} <= names(trace(node).steps)
    assert "predict" in names(trace(found.predictions, bond=0).steps)
    with pytest.raises(ValueError, match="there is no row 99999"):
        trace(found.dbi, bond=99999)
    with pytest.raises(ValueError, match="holds no bonds"):
        trace(found.model, bond=0)


def check_command_line(found, folder):
    """The commands tell the same, and draw."""

    def invoke(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    output = invoke("trace", found.dbi.pk, "--bond", 0)
    for word in ("LammpsStageCalculation", "PwCalculation", "CuZr_mm.eam.fs", "UPF", "localhost", "distance_Å"):
        assert word in output
    traced = json.loads(invoke("trace", found.predictions.uuid, "--bond", 1, "--json"))
    assert traced["bond"]["std_eV"] > 0
    summary = invoke("summary", found.node.pk, "--results", folder)
    for word in ("2 structures", "Left out    2 structures", "RMSE in eV", "Predicted", f"trace {found.dbi.pk}"):
        assert word in summary
    figures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    assert {"strength_against_distance.png", "parity.png", "predicted_strengths.png"} <= set(figures)
    for name, data in figures.items():
        assert data.startswith(b"\x89PNG"), name
        assert len(data) > 5000, name


def check_cache(found, builder):
    """A second launch computes what failed, and nothing else; its own copy then computes nothing at all."""
    with enable_caching():
        _, again = run_get_node(builder())
    assert again.is_finished_ok, again.exit_message
    anew = [job for job in jobs(again) if not job.base.caching.is_created_from_cache]
    assert sorted(job.process_label for job in anew) == ["LobsterCalculation"] * 2 + ["PwCalculation"] * 2
    assert again.outputs.dbi.base.attributes.get("n_structures") == 4
    with enable_caching():
        _, third = run_get_node(builder())
        assert jobs(third)
        assert all(job.base.caching.is_created_from_cache for job in jobs(third))
        assert third.outputs.predictions.get_strength() == pytest.approx(
            again.outputs.predictions.get_strength(), abs=0
        )
        # What learns may be elsewhere, and learns the same.
        _, learned = run_get_node(builder(learn=True))
        assert learned.is_finished_ok, learned.exit_message
        anew = [job for job in jobs(learned) if not job.base.caching.is_created_from_cache]
        assert {job.process_label for job in anew} == {"LearnCalculation"}
        assert len(anew) == 4
        assert (learned.outputs.predictions.get_strength() == again.outputs.predictions.get_strength()).all()
        # The limit that all labels exceed takes no engine either, since they are in the cache.
        _, refused = run_get_node(builder(label={"spilling_max": 1e-6}))
    assert refused.exit_status == 402
    # The fourth takes the place of the second that fails, before the third does.
    n_failed = sum(len(cells) for cells in refused.outputs.failures.values())
    assert n_failed in (3, 4)
    assert f"{n_failed} runs and labels failed, 2 were allowed; the last: LabelWorkChain" in refused.exit_message
    assert "spilling" in refused.exit_message
    assert all(job.base.caching.is_created_from_cache for job in jobs(refused))


@pytest.mark.slow
@pytest.mark.engines
def test_the_large_cell_may_have_options_and_a_code_of_its_own(builder, lammps_code, pw_code, cohp_code):
    own = {"max_wallclock_seconds": 3600, "max_memory_kb": 4_000_000}
    options = {"lammps": {**SERIAL, "max_wallclock_seconds": 600, "large": own}, "label": SERIAL}
    build = builder(options=options)
    small, large = (build[name].lammps["metadata"]["options"] for name in ("melt_quench", "large"))
    assert small["max_wallclock_seconds"] == 600
    assert "max_memory_kb" not in small
    assert own.items() <= large.items()
    assert large["resources"] == small["resources"]

    codes = {"lammps": lammps_code, "pw": pw_code, "lobster": cohp_code}
    parallel = orm.InstalledCode(
        label="lammps-parallel",
        computer=lammps_code.computer,
        filepath_executable=str(lammps_code.filepath_executable),
        default_calc_job_plugin="getl.lammps",
    ).store()
    build = builder(options=options, codes={**codes, "large": parallel})
    assert build.melt_quench.lammps["code"].uuid == lammps_code.uuid
    assert build.large.lammps["code"].uuid == parallel.uuid


def test_a_run_that_failed_leaves_the_others(builder):
    seed = derive_seed(derive_seeds(orm.Int(5), orm.Int(2))["run_0"].value, "velocities")
    fault = f"grep -qwE '{seed}' *.in && exit 1\ntrue"
    inputs = builder(
        overrides={"melt_quench": ONCE, "sub_runs": ["as_quenched"], "failures_max": 1, "large_n_atoms": 16},
        options={"lammps": {**SERIAL, "prepend_text": fault}, "label": SERIAL},
    )
    outputs, node = run_get_node(inputs)
    assert node.is_finished_ok, node.exit_message
    assert "MeltQuenchWorkChain" in outputs["failures"]["run_0"]["as_quenched"]["reason"]
    assert [entry["run"] for entry in outputs["dbi"].structures] == ["run_1"]
    left_out = [(entry["run"], entry["sub_run"]) for entry in outputs["dbi"].left_out if "n_bonds" not in entry]
    assert left_out == [("run_0", "as_quenched")]


@pytest.mark.engines
@pytest.mark.parametrize(("allowed", "submitted"), [(0, 1), (2, 2)], ids=["too many", "all"])
def test_ends_before_the_labels_where_too_many_runs_failed(builder, allowed, submitted):
    """The large cell fails as well, which is no reason to try no run."""
    inputs = builder(
        overrides={"melt_quench": ONCE, "large": ONCE, "failures_max": allowed, "max_concurrent": 1},
        options={"lammps": {**SERIAL, "prepend_text": "exit 1"}, "label": SERIAL},
    )
    _, node = run_get_node(inputs)
    assert node.exit_status == 401
    assert f"({submitted} of {submitted} runs failed, {allowed} were allowed)" in node.exit_message
    assert not [child for child in node.called if child.process_label == "LabelWorkChain"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"composition": "Cu50Qq50"}, "'Qq' in composition 'Cu50Qq50' is no chemical element"),
        ({"composition": "Zr49Cu49Al2", "overrides": {"n_atoms": 100}}, "the potential has no Al, only Cu, Zr"),
        ({"composition": "Cu98Zr2"}, "none of Zr: 50 atoms are enough"),
        ({"overrides": {"sub_runs": ["as_quenched", "twist"]}}, r"unknown sub-runs \['twist'\]"),
        ({"overrides": {"sub_runs": []}}, "no sub-run to label"),
        ({"overrides": {"n_runs": 0}}, "0 given, must be at least 1"),
        ({"overrides": {"etl_model": {"settings": {"min_bond": 5}}}}, r"unknown training settings \['min_bond'\]"),
        ({"overrides": {"infer": {"settings": {"r_max": -1.0}}}}, "r_max is -1.0 Å"),
        ({"seed": -3}, "the seed is -3"),
        ({"label": {"r_max": 0.5}}, "r_min 1.0 and r_max 0.5 Å enclose no bond"),
    ],
    ids=str,
)
def test_bad_inputs_are_refused_at_launch(builder, changes, message):
    with pytest.raises(ValueError, match=message):
        run_get_node(builder(**changes))


def test_an_element_without_pseudopotential_is_refused(builder):
    with pytest.raises(ValueError, match="has no Ti, only Al, Cu, Zr"):
        builder(composition="Cu50Ti50")


def test_a_file_that_is_no_potential_is_refused_at_launch(builder):
    notes = orm.SinglefileData(io.BytesIO(b"dear diary\n" * 9), filename="notes.txt")
    with pytest.raises(ValueError, match=r"notes\.txt: this is no EAM potential"):
        run_get_node(builder(potential=notes))
