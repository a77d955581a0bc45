"""Configurations of campaigns and loops: slips are told by the file, the key and the value."""

from pathlib import Path

import pytest
import yaml

from aiida_getl.cli.loop_config import read_loop_config
from aiida_getl.cli.run import read_config

EXAMPLES = Path(__file__).parents[2] / "examples"
CAMPAIGN = {"composition": "Cu50Zr50", "potential": "CuZr_mm.eam.fs", "seed": 1}
LOOP = {"compositions": ["Cu50Zr50"], "target": "Cu64Zr36", "seed": 1}


@pytest.fixture
def reader(tmp_path):
    """Return a function that reads what a YAML text adds to the least that a campaign or a loop needs."""

    def read(kind, text):
        path = tmp_path / "slip.yaml"
        least, function = (CAMPAIGN, read_config) if kind == "campaign" else (LOOP, read_loop_config)
        path.write_text(yaml.safe_dump(least | (yaml.safe_load(text) or {})))
        return function(path)

    return read


BOTH = [
    ("overrides: {max_concurent: 99}", "overrides has unknown keys ['max_concurent']: choose from"),
    ("overrides: {fail_max: 3}", "overrides has unknown keys ['fail_max']"),
    ("overrides: {melt_quench: {max_restart: 0}}", "overrides.melt_quench has unknown keys ['max_restart']"),
    ("overrides: {label: {nonsense: 5}}", "overrides.label has unknown keys ['nonsense']"),
    ("overrides: {label: {options: {max_walltime: 5}}}", "overrides.label.options has unknown keys ['max_walltime']"),
    ("overrides: {etl_model: {r_max: 5}}", "overrides.etl_model has unknown keys ['r_max']: choose from settings"),
    ("overrides: {protocols: {lable: fast}}", "overrides.protocols has unknown keys ['lable']"),
    ("overrides: {label: {limits: {pw: {}}}}", "overrides.label.limits has unknown keys ['pw']"),
    ("overrides: {label: {limits: {scf: {max_memory: 4}}}}", "overrides.label.limits.scf has unknown keys ['max_mem"),
    ("overrides: {5: 5}", "overrides has unknown keys ['5']"),
    ("overrides: {label: 3}", "overrides.label is 3: give a mapping"),
    ("overrides: {label: {clean_workdir: 1}}", "overrides.label.clean_workdir is 1: give true or false"),
    ("overrides: {failures_max: many}", "overrides.failures_max is 'many': give a whole number"),
    ("overrides: [1]", "overrides is [1]: give a mapping"),
    ("options: {lmmps: {}}", "options has unknown keys ['lmmps']: choose from label, lammps, learn"),
    ("options: {label: [1]}", "options.label is [1]: give a mapping"),
    ("options: {label: {resources: 4}}", "options.label.resources is 4: give a mapping"),
    ("options: {lammps: {max_memory: 4}}", "options.lammps has unknown keys ['max_memory']"),
    ("options: {label: {analysis: {cores: 4}}}", "options.label.analysis has unknown keys ['cores']"),
    ("options: {lammps: {large: {cores: 4}}}", "options.lammps.large has unknown keys ['cores']"),
    ("codes: {pw: 5}", "codes.pw is 5: give a text"),
    ("seed: true", "seed is True: give a whole number"),
    ("seed:", "seed is empty: give a whole number, or leave it out"),
    ("potential: 5", "potential is 5: give a text"),
]
ONE = [
    ("campaign", "composition: 5", "composition is 5: give a formula"),
    ("campaign", "overrides: {sub_runs: [1]}", "overrides.sub_runs is [1]"),
    (
        "campaign",
        "overrides: {amplitudes: {sheer: 5}}",
        "has unknown keys ['sheer']: choose from isotropic",
    ),
    ("campaign", "overrides: {acquisition: {}}", "overrides has unknown keys ['acquisition']"),
    ("loop", "max_core_hours:", "max_core_hours is empty: give a finite number, or leave it out"),
    ("loop", "max_core_hours: .inf", "max_core_hours is inf: give a finite number"),
    ("loop", "max_core_hours: [5]", "max_core_hours is [5]: give a finite number"),
    ("loop", "compositions: [5]", "compositions is [5]: give a text, or a list of them"),
    ("loop", "target: [[1]]", "target is [[1]]: give one, or a list of them"),
    ("loop", "goal: 0.05", "goal is 0.05: give a mapping"),
    ("loop", "overrides: {start: 5}", "overrides.start is 5: give a mapping"),
    ("loop", "overrides: {start: {n_run: 5}}", "overrides.start has unknown keys ['n_run']"),
    ("loop", "overrides: {acquisition: 5}", "overrides.acquisition is 5: give a mapping"),
]


@pytest.mark.parametrize(
    ("kind", "text", "message"), [(kind, *own) for kind in ("campaign", "loop") for own in BOTH] + ONE
)
def test_slips(reader, kind, text, message):
    import click

    with pytest.raises(click.ClickException) as caught:
        reader(kind, text)
    assert "slip.yaml: " in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize("kind", ["campaign", "loop"])
def test_empty_headings_say_nothing(reader, kind):
    settings = reader(kind, "{overrides: {label: , max_concurrent: 3}, options: , codes: }")
    assert settings["overrides"] == {"max_concurrent": 3}
    assert "options" not in settings
    assert "codes" not in settings


def test_numbers_as_yaml_takes_them(reader):
    assert float(reader("loop", "max_core_hours: 1e3")["max_core_hours"]) == 1000.0


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.name)
def test_examples(path):
    """Those of campaigns and loops; other files beside them say other things."""
    content = yaml.safe_load(path.read_text())
    if "composition" in content:
        assert read_config(path) == content
    elif "target" in content:
        assert read_loop_config(path)["target"] == content["target"]
