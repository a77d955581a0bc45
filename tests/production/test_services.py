"""The services themselves: where they listen, and what they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).parents[1] / "services" / "services.py"


def call(*words):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, words)], capture_output=True, text=True, check=False)


def test_all_run_and_listen_on_the_loopback_interface_only(services):
    done = call("status", services.folder)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("answers") == 10
    for record in services.folder.glob("*.pid.json"):
        process = psutil.Process(json.loads(record.read_text())["pid"])
        for one in (process, *process.children(recursive=True)):
            for connection in one.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    assert connection.laddr.ip in ("127.0.0.1", "::1"), (record.stem, connection)


def test_secrets_are_for_us_alone(services):
    secret = services.settings["password"]
    assert (services.folder / "services.json").stat().st_mode & 0o077 == 0
    for process in psutil.process_iter(["cmdline"]):
        assert secret not in " ".join(process.info["cmdline"] or [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("start", "{tmp}"), "has other things in it"),
        (("stop", "{tmp}"), "no services were started in"),
        (("start", "{services}", "postgre"), "unknown services postgre: there are postgres, epmd, rabbitmq"),
    ],
)
def test_refusals(services, tmp_path, words, message):
    (tmp_path / "thesis.tex").touch()
    done = call(*(word.format(tmp=tmp_path, services=services.folder) for word in words))
    assert done.returncode == 1
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
