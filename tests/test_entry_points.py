"""What pyproject.toml promises to AiiDA and to the shell exists."""

from importlib.metadata import entry_points

import pytest

GROUPS = ("aiida.data", "aiida.calculations", "aiida.parsers", "aiida.workflows", "console_scripts")
OURS = [
    entry_point
    for group in GROUPS
    for entry_point in entry_points(group=group)
    if entry_point.dist is not None and entry_point.dist.name == "aiida-getl"
]


def test_every_group_is_there():
    assert {entry_point.group for entry_point in OURS} == set(GROUPS)


@pytest.mark.parametrize("entry_point", OURS, ids=lambda entry_point: f"{entry_point.group}-{entry_point.name}")
def test_loads_what_its_group_is_for(entry_point):
    from aiida.engine import CalcJob, WorkChain
    from aiida.orm import Data
    from aiida.parsers import Parser

    bases = {
        "aiida.data": Data,
        "aiida.calculations": CalcJob,
        "aiida.parsers": Parser,
        "aiida.workflows": WorkChain,
    }
    if entry_point.group in bases:
        assert issubclass(entry_point.load(), bases[entry_point.group])
    else:
        assert callable(entry_point.load())
