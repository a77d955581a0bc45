"""The daemon of the built-in broker: it runs jobs on the tuned computer, and is found, or found missing."""

import subprocess
import sys
from pathlib import Path

import pytest
from aiida.engine import submit

from aiida_getl.setup.daemon import ensure_daemon

KEEP_RUNNING = Path(__file__).parents[2] / "examples" / "cluster" / "keep_running.py"


@pytest.mark.engines
def test_daemon_runs_lammps(submit_and_await, lammps_code):
    from aiida.orm import SinglefileData
    from aiida.plugins import CalculationFactory

    builder = CalculationFactory("lammps.raw").get_builder()
    builder.code = lammps_code
    builder.script = SinglefileData.from_string("units metal\nprint 'it runs'\n", filename="in.lmp")
    builder.metadata.options.resources = {"num_machines": 1}
    node = submit_and_await(submit(builder), timeout=900)
    assert "it runs" in node.outputs.retrieved.get_object_content("lammps.out")


def test_tells_how_many_workers_there_are(started_daemon_client, aiida_profile, aiida_config):
    workers = started_daemon_client.get_number_of_workers()
    aiida_config.set_option("daemon.default_workers", workers + 3, scope=aiida_profile.name)
    try:
        done = ensure_daemon(aiida_profile.name)
    finally:
        aiida_config.unset_option("daemon.default_workers", scope=aiida_profile.name)
    assert done.endswith(f", {workers} worker" + "s" * (workers != 1))


@pytest.mark.parametrize("words", [[], ["verdi", "-p", "other", "daemon", "start-circus", "1"]], ids=["any", "daemon"])
def test_cron_revives_the_daemon_where_another_process_has_its_number(stopped_daemon_client, aiida_profile, words):
    def keep_running():
        command = ["verdi", "-p", aiida_profile.name, "run", str(KEEP_RUNNING)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    client = stopped_daemon_client
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", *words])
    try:
        Path(client.circus_pid_file).write_text(str(other.pid))
        keep_running()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    daemon = client.get_status()["pid"]
    assert daemon != other.pid
    keep_running()
    assert client.get_status()["pid"] == daemon
