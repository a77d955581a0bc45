"""Storage and daemon that do not answer: told in a sentence, with what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from aiida.common.exceptions import UnreachableStorage
from aiida.engine.daemon.client import DaemonTimeoutException
from aiida.manage import get_config
from sqlalchemy import create_engine

from aiida_getl.cli.profile import told_outages


@pytest.fixture
def on_a_stopped_server(tmp_path):
    """Return a function that runs `aiida-getl` with a profile on a PostgreSQL server that does not run."""
    folder = tmp_path / ".aiida"
    folder.mkdir()
    storage = {
        "database_engine": "postgresql_psycopg",
        "database_hostname": "localhost",
        "database_port": 1,  # nothing listens there
        "database_name": "stopped",
        "database_username": "nobody",
        "database_password": "",
        "repository_uri": (tmp_path / "repository").as_uri(),
    }
    profile = {
        "PROFILE_UUID": "00000000000040008000000000000000",
        "default_user_email": "a@b",
        "storage": {"backend": "core.psql_dos", "config": storage},
        "process_control": {"backend": None, "config": {}},
        "test_profile": False,
        "options": {},
    }
    version = get_config().dictionary["CONFIG_VERSION"]
    config = {"CONFIG_VERSION": version, "profiles": {"stopped": profile}, "default_profile": "stopped", "options": {}}
    (folder / "config.json").write_text(json.dumps(config))

    def run(*arguments):
        command = [str(Path(sys.executable).parent / "aiida-getl"), "-p", "stopped", *arguments]
        return subprocess.run(command, env={**os.environ, "AIIDA_PATH": str(tmp_path)}, capture_output=True, text=True)

    return run


def test_a_server_that_does_not_run(on_a_stopped_server):
    result = on_a_stopped_server("loop", "status", "1")
    assert result.returncode == 1
    assert "Error: the storage of the profile is not reached: " in result.stderr
    assert "Traceback" not in result.stderr


def test_nobody_is_told_to_delete_a_profile_whose_server_does_not_run(on_a_stopped_server):
    result = on_a_stopped_server("setup", "--check")
    assert result.returncode == 1
    assert "start its PostgreSQL server" in result.stdout
    assert "delete" not in result.stdout


def test_what_is_told():
    with pytest.raises(click.ClickException, match=r"not reached: the disk is gone\. Nothing is lost"), told_outages():
        raise UnreachableStorage("the disk is gone")
    with (
        pytest.raises(click.ClickException, match="daemon does not answer: DaemonTimeoutException"),
        told_outages(),
    ):
        raise DaemonTimeoutException


def test_a_database_that_fails_in_the_middle(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'nothing' / 'here.db'}")
    with pytest.raises(click.ClickException, match="unable to open database file"), told_outages():
        engine.connect()


def test_other_errors_are_left_alone():
    with pytest.raises(KeyError), told_outages():
        raise KeyError("a fault of ours")
