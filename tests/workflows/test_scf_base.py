"""Self-consistency that does not come at once: with the real pw.x on one atom of fcc Al."""

import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase.build import bulk

from aiida_getl.workflows.limits import fewer_tasks
from aiida_getl.workflows.scf_base import ScfBaseWorkChain

ONE_TASK = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "withmpi": False}


@pytest.fixture
def run(pw_code, paw_family):
    """Return a function that seeks self-consistency, cheap in all respects, with ELECTRONS and options as given."""

    def go(electrons, options=None, system=None, **inputs):
        kpoints = orm.KpointsData()
        kpoints.set_kpoints_mesh([2, 2, 2], [0.5] * 3)
        cheap = {"ecutwfc": 15.0, "ecutrho": 60.0, "nbnd": 6, "occupations": "smearing", "degauss": 0.02}
        parameters = {
            "CONTROL": {"calculation": "scf"},
            "SYSTEM": cheap | (system or {}),
            "ELECTRONS": {"conv_thr": 1e-8, "mixing_mode": "local-TF", "mixing_beta": 0.3, **electrons},
        }
        pw = {
            "code": pw_code,
            "structure": orm.StructureData(ase=bulk("Al", "fcc", 4.05)),
            "pseudos": {"Al": paw_family.get_pseudo("Al")},
            "parameters": orm.Dict(parameters),
            "metadata": {"options": {**ONE_TASK, "max_wallclock_seconds": 600, **(options or {})}},
        }
        return run_get_node(ScfBaseWorkChain, pw=pw, kpoints=kpoints, **inputs)

    return go


def calculations(node):
    return sorted((each for each in node.called if isinstance(each, orm.CalcJobNode)), key=lambda each: each.pk)


def electrons(calculation):
    return calculation.inputs.parameters["ELECTRONS"]


def tries(node):
    return node.outputs.tries.get_dict()["tries"]


@pytest.fixture
def once(tmp_path):
    """Return a function that makes shell commands those of the first job only."""
    return lambda commands: f"test -e {tmp_path}/done || {{ touch {tmp_path}/done; {commands} }}"


@pytest.mark.engines
def test_other_mixing_and_going_on(run):
    _, node = run({"electron_maxstep": 3, "conv_thr": 1e-11}, mixing_ladder=[{"mixing_mode": "TF", "mixing_ndim": 4}])
    assert node.is_finished_ok, node.exit_message
    first, *others = calculations(node)
    assert electrons(first)["mixing_mode"] == "local-TF"
    assert others
    for calculation in others:
        assert electrons(calculation) | {"mixing_mode": "TF", "mixing_ndim": 4} == electrons(calculation)
        assert electrons(calculation)["mixing_beta"] == 0.3
        assert electrons(calculation)["startingpot"] == "file"
        # What the result depends on is as it was asked for.
        assert calculation.inputs.parameters["SYSTEM"] == first.inputs.parameters["SYSTEM"]
        assert electrons(calculation)["conv_thr"] == 1e-11
    told = tries(node)
    assert [each["calculation"] for each in told] == [each.uuid for each in (first, *others)]
    assert [each["start"] for each in told[1:]] == ["the charge density of the try before"] * len(others)
    assert told[0]["remedy"].startswith("mixing TF, beta 0.3, 4 densities")
    assert told[0]["iterations"] == 3
    # It begins where the one before ended.
    assert told[1]["accuracy_Ry"][0] < told[0]["accuracy_Ry"][0] / 10
    assert told[-1]["remedy"] == ""


@pytest.mark.engines
@pytest.mark.parametrize("fault", ["diverges", "no numbers"])
def test_a_density_that_got_worse_is_not_started_from(run, once, fault):
    given = {"mixing_beta": 1e10} if fault == "diverges" else {}
    spoil = once(
        "sed -i 's/total energy    .*/total energy = NaN Ry/' aiida.out; "
        "sed -i -E 's#<etot>.*</etot>#<etot>NaN</etot>#' out/aiida.save/data-file-schema.xml;"
    )
    _, node = run(given, {"append_text": spoil} if fault == "no numbers" else {})
    assert node.is_finished_ok, node.exit_message
    first, second = calculations(node)
    assert first.is_excepted if fault == "no numbers" else first.is_failed
    assert "parent_folder" not in second.inputs
    assert electrons(second)["mixing_beta"] == 0.1
    assert [each["start"] for each in tries(node)] == ["superposed atoms"] * 2


@pytest.mark.engines
def test_budget(run):
    # It would converge if it went on.
    settings = {"electron_maxstep": 3, "conv_thr": 1e-30}
    _, node = run(settings, mixing_ladder=[{"mixing_beta": 0.2}])
    assert node.exit_status == 410
    assert "no other mixing is left; tried local-TF 0.3: " in node.exit_message
    assert "local-TF 0.2: " in node.exit_message
    assert [each["mixing_beta"] for each in tries(node)] == [0.3, 0.2]
    _, node = run(settings, max_iterations=orm.Int(1))
    assert node.exit_status == 410
    assert "1 runs are the limit (max_iterations); tried local-TF 0.3: " in node.exit_message
    assert len(calculations(node)) == 1


#: Kills pw.x, a child of the job's shell, when it has begun.
KILL = "(until grep -q 'Self-consistent' aiida.out; do sleep 0.02; done; pkill -9 -P $$ -x pw.x) 2>/dev/null &"


@pytest.mark.engines
def test_killed(run, once):
    slow = {"conv_thr": 1e-30, "electron_maxstep": 1000}
    _, node = run(slow, {"prepend_text": KILL})
    assert node.exit_status == 430
    assert "Killed" in node.exit_message
    assert [each["remedy"] for each in tries(node)] == ["starting over", ""]
    _, node = run({"conv_thr": 1e-6}, {"prepend_text": once(KILL + " sleep 0.1;")})
    assert node.is_finished_ok, node.exit_message


@pytest.mark.engines
def test_time_is_short(run, once):
    _, node = run({}, {"prepend_text": once("sed -i 's/max_seconds.*/max_seconds = 0.1/' aiida.in;")})
    assert node.is_finished_ok, node.exit_message
    first, second = calculations(node)
    assert first.exit_status == 400
    assert second.inputs.parameters["CONTROL"]["restart_mode"] == "restart"
    assert second.inputs.parent_folder.uuid == first.outputs.remote_folder.uuid
    assert tries(node)[1]["start"] == "where the try before stopped"


#: Has no time left, unless there are more than 300 s.
SHORT_TIME = "sed -i -E 's/max_seconds = +2\\.85.*/max_seconds = 0.001/' aiida.in"


@pytest.mark.engines
def test_time_in_which_nothing_is_done(run):
    """It would go on for ever: pw.x is told to stop before its first iteration."""
    stop = {"max_wallclock_seconds": 300, "prepend_text": "sed -i 's/max_seconds.*/max_seconds = 0.001/' aiida.in"}
    _, node = run({}, stop)
    assert node.exit_status == 421
    assert "2 runs came no further than iteration 0 and k-point 0; " in node.exit_message
    assert "max_wallclock_seconds is 300, its limit None" in node.exit_message
    assert [each["remedy"] for each in tries(node)] == ["going on where it stopped", ""]
    # More time is asked for where that is allowed.
    _, node = run({}, {"max_wallclock_seconds": 300, "prepend_text": SHORT_TIME}, limits={"max_wallclock_seconds": 500})
    assert node.is_finished_ok, node.exit_message
    assert [each.get_option("max_wallclock_seconds") for each in calculations(node)] == [300, 500]


@pytest.mark.engines
def test_memory_is_raised_up_to_the_limit(run):
    # The shell sets a limit that stays, below what pw.x takes to start.
    options = {"max_memory_kb": 60_000, "prepend_text": "ulimit -v 60000"}
    _, node = run({}, options, limits={"max_memory_kb": 70_000})
    assert node.exit_status == 420, node.exit_message
    assert "max_memory_kb is 70000, its limit 70000" in node.exit_message
    assert [each.get_option("max_memory_kb") for each in calculations(node)] == [60_000, 70_000]


@pytest.mark.engines
def test_fewer_tasks_share_the_memory_that_may_not_be_raised(run, once):
    two_tasks = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 2}}
    options = {**two_tasks, "max_memory_kb": 60_000, "prepend_text": once("ulimit -v 60000;")}
    _, node = run({}, options, limits={"max_memory_kb": 60_000, "min_mpiprocs_per_machine": 1})
    assert node.is_finished_ok, node.exit_message
    assert [each.get_option("resources")["num_mpiprocs_per_machine"] for each in calculations(node)] == [2, 1]
    assert tries(node)[0]["remedy"] == "starting over"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"num_machines": 2, "num_mpiprocs_per_machine": 32}, {"num_machines": 2, "num_mpiprocs_per_machine": 16}),
        ({"num_machines": 2, "tot_num_mpiprocs": 14}, {"num_machines": 2, "num_mpiprocs_per_machine": 4}),
        (
            {"num_machines": 1, "num_mpiprocs_per_machine": 6, "num_cores_per_mpiproc": 2},
            {"num_machines": 1, "num_mpiprocs_per_machine": 4, "num_cores_per_mpiproc": 2},
        ),
        ({"num_machines": 1}, {"num_machines": 1, "num_mpiprocs_per_machine": 8}),
        ({"num_machines": 1, "num_mpiprocs_per_machine": 4}, None),
    ],
)
def test_fewer_tasks(resources, expected):
    assert fewer_tasks(resources, least=4, default=16) == expected


@pytest.mark.engines
@pytest.mark.parametrize(
    ("options", "system", "status", "message"),
    [
        # OpenMPI would be the first to meet the limit.
        (
            {"prepend_text": "export OMPI_MCA_btl=self PMIX_MCA_gds=hash; ulimit -f 28"},
            {},
            431,
            "File size limit exceeded",
        ),
        ({}, {"nbnd": 1}, 433, "too few bands"),
    ],
    ids=["disk full", "crash"],
)
def test_what_no_restart_mends(run, options, system, status, message):
    _, node = run({}, options, system=system)
    assert node.exit_status == status, node.exit_message
    assert message in node.exit_message
    assert len(calculations(node)) == 1


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        ([{"mixing_mode": "thomas-fermi"}], "mixing step 1: mixing_mode is 'thomas-fermi', choose from plain"),
        ([{}], "mixing step 1 is {}"),
        ([{"mixing_beta": 0.1}, {"degauss": 0.1}], "mixing step 2 is {'degauss': 0.1}"),
        ([{"mixing_beta": 0}], "mixing step 1: mixing_beta is 0, give a number above 0 and up to 1"),
        ([{"mixing_ndim": 1e6}], "mixing_ndim is 1000000.0, give a whole number from 1 to 50"),
    ],
    ids=str,
)
def test_mixing_that_is_none_is_refused(run, ladder, message):
    with pytest.raises(ValueError, match=message):
        run({}, mixing_ladder=ladder)
