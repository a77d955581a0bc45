"""`aiida-getl proposal`: what is refused before anything is decided."""

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_getl.calculations.functions.propose_start import propose_start
from aiida_getl.cli import main
from aiida_getl.cli.proposal import read_numbers


@pytest.fixture
def refuse():
    """Return a function that runs the command, which has to fail, and returns what it printed."""

    def run(*arguments):
        result = CliRunner().invoke(main, ["proposal", *(str(argument) for argument in arguments)])
        assert isinstance(result.exception, SystemExit), result.output
        assert result.exit_code != 0
        return result.output

    return run


def test_numbers():
    assert read_numbers("1,3-5, 7", 7) == [1, 3, 4, 5, 7]


@pytest.mark.parametrize("text", ["", "one", "1,,2", "2-1"])
def test_what_is_no_number_is_refused(text):
    import click

    with pytest.raises(click.UsageError, match="--only"):
        read_numbers(text, 7)


@pytest.mark.parametrize("text", ["1-30000000000", "0", "2,-1", "8"])
def test_items_that_are_not_there_are_told_at_once(text):
    import click

    with pytest.raises(click.ClickException):
        read_numbers(text, 7)


def test_a_decision_that_makes_no_sense_is_not_kept(refuse, loop):
    """A start from one cell: nothing is stored, and the loop still waits."""
    node, _ = loop
    before = orm.QueryBuilder().append(orm.Node).count()
    assert "the proposal has no items [30000000]: it has 1 to 3" in refuse("approve", node.pk, "--only", "1-30000000")
    assert "2 cells or more are needed to start from" in refuse("approve", node.pk, "--only", "1")
    assert "for a reason" in refuse("reject", node.pk, "--reason", " ")
    assert orm.QueryBuilder().append(orm.Node).count() == before


def test_a_dry_run_decides_nothing(loop):
    node, proposal = loop
    before = orm.QueryBuilder().append(orm.Node).count()
    arguments = ["proposal", "approve", str(node.pk), "--only", "1,3", "--dry-run"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    first, third, last = result.output.splitlines()
    assert [int(line.split()[0]) for line in (first, third)] == [1, 3]
    assert proposal["items"][0]["description"] in first
    assert last == "Nothing was decided (--dry-run)."
    assert orm.QueryBuilder().append(orm.Node).count() == before


def test_a_proposal_of_no_loop_cannot_be_decided(refuse, aiida_profile):
    start = orm.Dict({"compositions": ["CuZr"], "n_runs": 2, "n_atoms": 8})
    proposal = propose_start(start, orm.Int(1))
    for command in (("show",), ("approve",), ("reject", "--reason", "no")):
        output = refuse(command[0], proposal.pk, *command[1:])
        assert f"<{proposal.pk}> is no proposal of a loop" in output


def test_a_rejection_needs_a_reason(refuse):
    assert "--reason" in refuse("reject", 1)


def test_what_does_not_exist(refuse, aiida_profile):
    assert "no node is called 'nobody'" in refuse("show", "nobody")
