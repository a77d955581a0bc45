"""The how-to in docs/production.md, word by word: its commands, and the files of examples/cluster, changed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml

ROOT = Path(__file__).parents[2]
#: What a user changes: paths and sizes of this machine, and a campaign that is over soon.
SHORT = {"melt_steps": 200, "quench_rate_K_per_ps": 2000.0, "equilibrate_steps": 200, "thermo_rows": 20, "frames": 4}
SERIAL = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "max_wallclock_seconds": 600}


@pytest.fixture
def clone(tmp_path, services, engine_path, qe_launcher):
    """A folder with the examples, changed as they say."""
    cluster = tmp_path / "examples/cluster"
    shutil.copytree(ROOT / "examples/cluster", cluster)

    def change(name, **values):
        path = cluster / name
        content = yaml.safe_load(path.read_text())
        assert set(values) <= set(content)
        path.write_text(yaml.safe_dump({**content, **values}))

    work = services.folder / "howto"
    work.mkdir()
    launcher = " ".join([*(qe_launcher or ["mpirun"]), "-np", "{tot_num_mpiprocs}"])
    allow_root = "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
    change(
        "computer.yaml", work_dir=str(work), mpirun_command=launcher, mpiprocs_per_machine=1, prepend_text=allow_root
    )
    change("ssh.yaml", use_login_shell=False, safe_interval=0.0)
    engines = {"lammps": "lmp", "pw-mpi": "pw.x", "projwfc": "projwfc.x"}
    for name in (*engines, "getl-cohp", "getl-learn"):
        change(f"codes/{name}.yaml", filepath_executable=str(engine_path(engines.get(name, name))))
    parts = {"n_runs": 1, "n_atoms": 8, "large_n_atoms": 32, "melt_quench": {"parameters": SHORT}}
    change(
        "campaign.yaml", protocol="fast", overrides={**parts, "sub_runs": ["as_quenched"]},
        options=dict.fromkeys(("lammps", "label", "learn"), SERIAL),
    )  # fmt: skip
    return tmp_path


@pytest.fixture
def shell(clone, services):
    """Return a function that runs commands in the clone, with the values of the how-to as variables."""
    settings = services.settings
    login = {"host": "127.0.0.1", "port": settings["ports"]["postgres"], "password": settings["password"]}
    with psycopg.connect(dbname="postgres", user="getl", autocommit=True, **login) as connection:
        connection.execute("CREATE DATABASE howto ENCODING 'UTF8' TEMPLATE template0")
    environment = {
        **os.environ,
        "HOME": str(services.home),
        "AIIDA_PATH": str(clone),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "EMAIL": "somebody@localhost",
        "DB_HOST": login["host"],
        "DB_PORT": str(login["port"]),
        "DB_NAME": "howto",
        "DB_USER": "getl",
        "DB_PASSWORD": login["password"],
        "MQ_HOST": "127.0.0.1",
        "MQ_PORT": str(settings["ports"]["rabbitmq"]),
        "MQ_USER": settings["user"],
        "MQ_PASSWORD": settings["password"],
    }

    def run(script):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    yield run
    run("verdi -p production daemon stop")


@pytest.mark.slow
@pytest.mark.engines
def test_followed_word_by_word(shell, services, wait):
    text = (ROOT / "docs/production.md").read_text().split("## The services of the tests")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    output = "".join(shell(block) for block in blocks)
    assert "Success: all" in output  # verdi computer test
    pk = re.search(r"Started GetlWorkChain <(\d+)>", output)[1]
    # A job of the campaign has run on the cluster.
    work = str(services.folder / "howto")

    def states():
        lines = services.slurm("sacct", "-X", "-n", "--parsable2", "--format=State,WorkDir").splitlines()
        return [line.split("|")[0] for line in lines if line.split("|")[1].startswith(work)]

    wait(lambda: "COMPLETED" in states(), "a job of the campaign")
    assert "GetlWorkChain" in shell(f"verdi -p production process status {pk}")
    shell(f"verdi -p production process kill --timeout 600 {pk}")


def test_every_row_of_the_table_names_a_test_that_exists():
    table = (ROOT / "docs/production.md").read_text()
    named = re.findall(r"`((?:tests/\w+/)?test_\w+\.py)::(\w+)", table)
    assert len(named) > 12
    for file, test in named:
        path = ROOT / (file if "/" in file else f"tests/production/{file}")
        assert f"def {test}(" in path.read_text(), f"{path} has no {test}"
