"""`aiida-getl run --dry-run`: what would be run."""

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_getl.cli import main

CONFIG = """\
composition: Cu50Zr50
potential: CuZr_mm.eam.fs
seed: 5
protocol: fast
label: planned
overrides: {n_runs: 2, sub_runs: [as_quenched, shear_xy], n_atoms: 24, large_n_atoms: 200}
"""


@pytest.fixture
def plan(tmp_path, lammps_code, pw_code, cohp_code, paw_family, cuzr_potential_path):
    """Return a function that makes a dry run of a configuration: (status, output); nothing may be started."""

    def run(text):
        path = tmp_path / "campaign.yaml"
        path.write_text(text)
        before = orm.QueryBuilder().append(orm.ProcessNode).count()
        result = CliRunner().invoke(main, ["run", str(path), "--dry-run"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert orm.QueryBuilder().append(orm.ProcessNode).count() == before
        return result.exit_code, result.output

    return run


def test_plan(plan):
    status, output = plan(CONFIG)
    assert status == 0, output
    for words in (
        "Campaign    planned: Cu50Zr50, seed 5",
        "2 melt-quench runs of 24 atoms, and one of 200",
        "4 cells",
        "of each run: as_quenched, shear_xy",
        "pw.x by pw@localhost",
        "Costs",
        "Nothing was started",
    ):
        assert words in output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("n_runs: 2", "n_runs: 0"), "0 given, must be at least 1"),
        (("shear_xy", "shear_xx"), "unknown sub-runs ['shear_xx']"),
        (("Cu50Zr50", "Cu50Zr50Al2"), "Al"),
        (
            ("seed: 5", "seed: 5\noptions: {lammps: {resources: {num_machines: a}}}"),
            "`num_machines` must be an integer",
        ),
        (("seed: 5", "seed: 5\noptions: {label: {resources: {nodes: 1}}}"), "of label.scf.pw have resources"),
        (("n_runs: 2", "label: {settings: {nonsense: 5}}"), "nonsense"),
        (("n_runs: 2", "melt_quench: {parameters: {nonsense: 5}}"), "nonsense"),
        (("n_runs: 2", "etl_model: {settings: {nonsense: 5}}"), "nonsense"),
        (("n_runs: 2", "infer: {settings: {nonsense: 5}}"), "nonsense"),
    ],
)
def test_what_a_start_would_refuse(plan, change, message):
    status, output = plan(CONFIG.replace(*change))
    assert status == 1
    assert message in output
    assert "Campaign" not in output


def test_a_potential_beside_a_file_in_this_folder(plan, tmp_path, monkeypatch, cuzr_potential_path):
    (tmp_path / "mine.eam.fs").write_bytes(cuzr_potential_path.read_bytes())
    (tmp_path / "here.yaml").write_text(CONFIG.replace("CuZr_mm.eam.fs", "mine.eam.fs"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["run", "here.yaml", "--dry-run"])
    assert result.exit_code == 0, result.output
