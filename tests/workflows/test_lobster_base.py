"""Bond analysis that mends itself: with the real engines on one atom of fcc Al, and handler by handler."""

import pytest
from aiida import orm
from aiida.common import AttributeDict
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory, WorkflowFactory
from ase.build import bulk

LobsterCalculation = CalculationFactory("getl.lobster")
LobsterBaseWorkChain = WorkflowFactory("getl.lobster.base")

ONE_TASK = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "withmpi": False}
#: Four functions.
PARAMETERS = {
    "basisFunctions": {"Al": ["3s", "3p"]},
    "cohpGenerator": ["from 1.0 to 3.0"],
    "COHPSteps": 30,
}


@pytest.fixture
def structure():
    return orm.StructureData(ase=bulk("Al", "fcc", 4.05))


@pytest.fixture
def run_pw(pw_code, paw_family, structure):
    """Return a function that runs pw.x with some bands and symmetry, cheap and unconverged."""

    def run(n_bands, **system):
        kpoints = orm.KpointsData()
        kpoints.set_kpoints_mesh([3, 3, 3])
        smearing = {"occupations": "smearing", "degauss": 0.02}
        system = {"ecutwfc": 15.0, "ecutrho": 60.0, "nbnd": n_bands, **smearing, **system}
        outputs, node = run_get_node(
            CalculationFactory("quantumespresso.pw"),
            code=pw_code,
            structure=structure,
            pseudos={"Al": paw_family.get_pseudo("Al")},
            kpoints=kpoints,
            parameters=orm.Dict({"CONTROL": {"calculation": "scf"}, "SYSTEM": system, "ELECTRONS": {"conv_thr": 1e-5}}),
            metadata={"options": ONE_TASK},
        )
        assert node.is_finished_ok, node.exit_message
        return outputs["remote_folder"]

    return run


@pytest.fixture
def inputs(cohp_code, structure):
    return {"lobster": {"code": cohp_code, "structure": structure, "parameters": orm.Dict(PARAMETERS)}}


def called(node):
    return [process.process_label for process in sorted(node.called, key=lambda process: process.pk)]


@pytest.mark.engines
def test_bands_and_kpoints_that_lack_are_computed(inputs, run_pw, pw_code, projwfc_code):
    folder = run_pw(3)  # too few, and the mesh reduced by symmetry
    inputs["lobster"]["parent_folder"] = folder
    _, node = run_get_node(LobsterBaseWorkChain, **inputs)
    assert node.exit_status == 210
    assert "the basis has 4 functions but pw.x computed 3 bands" in node.exit_message
    assert "run it again with nosym = .true." in node.exit_message
    assert not node.called

    inputs["pw"] = {"code": pw_code, "metadata": {"options": ONE_TASK}}
    outputs, node = run_get_node(LobsterBaseWorkChain, **inputs)
    assert node.is_finished_ok, node.exit_message
    assert called(node) == ["more_bands", "PwCalculation", "LobsterCalculation"]
    (nscf,) = (process for process in node.called if process.process_label == "PwCalculation")
    assert nscf.inputs.parameters["CONTROL"]["calculation"] == "nscf"
    assert nscf.inputs.parameters["SYSTEM"]["nbnd"] == 5
    # fcc: twelve neighbours, of which six are the other six seen from behind.
    bonds = outputs["bonds"]
    assert bonds.n_bonds == 6
    # Bands from an unconverged density are equal by symmetry within a percent.
    assert bonds.get_strength() == pytest.approx([bonds.get_strength().mean()] * 6, rel=0.02)
    assert outputs["cohp"].get_array("cohp").shape == (6, 1, 31)
    assert outputs["cohp"].get_array("bond").tolist() == list(range(6))
    assert outputs["populations"].get_array("loewdin") == pytest.approx([0.0], abs=0.01)
    assert bonds.get_array("icobi").shape == (6, 1)

    # With enough bands at hand pw.x is not run again; projwfc.x is, where it is given.
    inputs["lobster"]["parent_folder"] = nscf.outputs.remote_folder
    inputs["projwfc"] = {"code": projwfc_code, "metadata": {"options": ONE_TASK}}
    outputs, node = run_get_node(LobsterBaseWorkChain, **inputs)
    assert node.is_finished_ok, node.exit_message
    assert called(node) == ["ProjwfcCalculation", "LobsterCalculation"]
    assert (bonds.method["basis_set"], outputs["bonds"].method["basis_set"]) == ("Slater", "UPF")
    assert outputs["bonds"].get_strength() == pytest.approx(bonds.get_strength(), rel=0.2)

    # Memory that is short and has no limit is told.
    inputs = {"lobster": inputs["lobster"]}
    inputs["lobster"]["metadata"] = {"options": {"prepend_text": "ulimit -v 60000"}}
    _, node = run_get_node(LobsterBaseWorkChain, **inputs)
    assert node.exit_status == 420, node.exit_message
    assert "max_memory_kb is None, its limit None" in node.exit_message


@pytest.mark.engines
def test_kinds_of_one_element_with_spin(cohp_code, pw_code, paw_family):
    structure = orm.StructureData(cell=bulk("Al", "sc", 3.0).repeat((2, 1, 1)).cell[:])
    for number in (1, 2):
        structure.append_atom(position=[3.0 * (number - 1), 0.0, 0.0], symbols="Al", name=f"Al{number}")
    kpoints = orm.KpointsData()
    kpoints.set_kpoints_mesh([2, 3, 3])
    system = {"ecutwfc": 15.0, "ecutrho": 60.0, "nbnd": 9, "occupations": "smearing", "degauss": 0.02}
    system |= {"nspin": 2, "starting_magnetization": {"Al1": 0.5, "Al2": -0.5}, "nosym": True, "noinv": True}
    pw, node = run_get_node(
        CalculationFactory("quantumespresso.pw"),
        code=pw_code,
        structure=structure,
        pseudos=dict.fromkeys(("Al1", "Al2"), paw_family.get_pseudo("Al")),
        kpoints=kpoints,
        parameters=orm.Dict({"CONTROL": {"calculation": "scf"}, "SYSTEM": system, "ELECTRONS": {"conv_thr": 1e-5}}),
        metadata={"options": ONE_TASK},
    )
    assert node.is_finished_ok, node.exit_message
    inputs = {"code": cohp_code, "structure": structure, "parameters": orm.Dict({**PARAMETERS, "skipCar": True})}
    outputs, node = run_get_node(LobsterBaseWorkChain, lobster={**inputs, "parent_folder": pw["remote_folder"]})
    assert node.is_finished_ok, node.exit_message
    bonds = outputs["bonds"]
    assert bonds.get_array("icohp").shape == (6, 2)
    assert bonds.symbols == ["Al", "Al"]
    assert bonds.method["basis"] == {"Al": ["3s", "3p"]}
    assert bonds.method["pseudos"] == {"Al": paw_family.get_pseudo("Al").md5}


# ---- handler by handler, on nodes of calculations that ended in each way


@pytest.fixture
def process(inputs, getl_computer):
    """Return a function that gives the work chain, ready for its first calculation."""

    def build(options=None, parameters=PARAMETERS, code=None, **extra):
        inputs["lobster"]["parent_folder"] = orm.RemoteData(computer=getl_computer, remote_path="/scf").store()
        inputs["lobster"]["parameters"] = orm.Dict(parameters)
        inputs["lobster"]["metadata"] = {"options": options or {}}
        inputs["lobster"]["code"] = code or inputs["lobster"]["code"]
        process = instantiate_process(get_manager().get_runner(), LobsterBaseWorkChain, **inputs, **extra)
        process.setup()
        process.ctx.iteration = 1
        return process

    return build


@pytest.fixture
def ended(getl_computer):
    """Return a function that gives a calculation that ended in a way, with the results it left."""

    def build(process, name, results=None, bonds=False, **values):
        node = orm.CalcJobNode(computer=getl_computer, process_type="aiida.calculations:getl.lobster")
        node.set_option("resources", {"num_machines": 1})
        exit_code = LobsterCalculation.exit_codes[name]
        node.set_process_state("finished")
        node.set_exit_status(exit_code.status)
        node.set_exit_message(exit_code.format(**values).message)
        node.store()
        outputs = {"remote_folder": orm.RemoteData(computer=getl_computer, remote_path="/job")}
        if results is not None:
            outputs["results"] = orm.Dict(results)
        if bonds:
            outputs["bonds"] = orm.ArrayData()
        for label, output in outputs.items():
            output.base.links.add_incoming(node, LinkType.CREATE, label)
            output.store()
        process.ctx.children = [node]
        return node

    return build


def test_time_is_raised_up_to_the_limit(process, ended):
    chain = process({"max_wallclock_seconds": 3600}, limits={"max_wallclock_seconds": 9000})
    for expected in (7200, 9000):
        ended(chain, "ERROR_SCHEDULER_OUT_OF_WALLTIME", {})
        result = chain.inspect_process()
        assert result.status == 0
        assert chain.ctx.inputs.metadata.options["max_wallclock_seconds"] == expected
    ended(chain, "ERROR_SCHEDULER_OUT_OF_WALLTIME", {})
    result = chain.inspect_process()
    assert result.status == 421
    assert "max_wallclock_seconds is 9000, its limit 9000" in result.message


@pytest.fixture
def lobster_code(getl_computer):
    """A code that is LOBSTER by its name."""
    return orm.InstalledCode(
        label="lobster", computer=getl_computer, filepath_executable="/bin/true", default_calc_job_plugin="getl.lobster"
    ).store()


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("ERROR_SCHEDULER_OUT_OF_WALLTIME", 421),
        ("ERROR_SCHEDULER_OUT_OF_MEMORY", 420),
        ("ERROR_KILLED", 424),
        ("ERROR_UNFINISHED", 424),
    ],
)
def test_goes_on_from_a_saved_projection(process, ended, lobster_code, name, second):
    chain = process(code=lobster_code)
    assert chain.ctx.inputs.parameters["saveProjectionToFile"] is True
    node = ended(chain, name, {"projection_saved": True}, reason="so")
    assert chain.inspect_process().status == 0
    parameters = chain.ctx.inputs.parameters.get_dict()
    assert parameters["loadProjectionFromFile"] is True
    assert "saveProjectionToFile" not in parameters
    assert parameters["cohpGenerator"] == ["from 1 to 3"]
    assert chain.ctx.inputs.lobster_folder.uuid == node.outputs.remote_folder.uuid
    # Only once: the second time it is time or memory that lacks.
    ended(chain, name, {"projection_saved": True}, reason="so")
    assert chain.inspect_process().status == second


def test_memory_is_raised_also_where_it_goes_on(process, ended, lobster_code):
    chain = process({"max_memory_kb": 1000}, code=lobster_code, limits={"max_memory_kb": 1500})
    ended(chain, "ERROR_SCHEDULER_OUT_OF_MEMORY", {"projection_saved": True})
    assert chain.inspect_process().status == 0
    assert chain.ctx.inputs.metadata.options["max_memory_kb"] == 1500
    assert "lobster_folder" in chain.ctx.inputs


@pytest.mark.parametrize("said", [{"saveProjectionToFile": False}, {"LoadProjectionFromFile": True}, None])
def test_what_is_said_of_the_projection_is_kept(process, lobster_code, said):
    """And getl-cohp, which has no such file, is told nothing."""
    parameters = PARAMETERS | (said or {})
    chain = process(parameters=parameters, code=lobster_code if said else None)
    assert chain.ctx.inputs.parameters.get_dict() == parameters


@pytest.mark.parametrize(
    "name", ["ERROR_SCHEDULER_OUT_OF_WALLTIME", "ERROR_UNFINISHED_ICOHPS_COMPLETE", "ERROR_OTHER_FILES_INCOMPLETE"]
)
def test_complete_icohps_are_taken(process, ended, name):
    chain = process()
    node = ended(chain, name, {"icohps_complete": True}, bonds=True, files="COHPCAR.lobster")
    result = chain.inspect_process()
    assert result.status == 0
    assert not chain.should_run_process()
    chain.results()
    assert chain.outputs["bonds"].uuid == node.outputs.bonds.uuid


def test_killed_is_tried_once_more(process, ended):
    chain = process()
    ended(chain, "ERROR_KILLED", {}, reason="Killed")
    assert chain.inspect_process().status == 0
    assert chain.should_run_process()
    ended(chain, "ERROR_KILLED", {}, reason="Killed")
    assert chain.inspect_process().status == 424


@pytest.mark.parametrize("name", ["ERROR_CRASHED", "ERROR_BAD_INPUT", "ERROR_ICOHPLIST_UNREADABLE"])
def test_what_cannot_be_mended_stops_with_the_reason(process, ended, name):
    chain = process()
    node = ended(chain, name, {"finished": False}, reason="for this reason")
    result = chain.inspect_process()
    assert result.status == 430
    assert "for this reason" in result.message
    assert chain.outputs["results"].uuid == node.outputs.results.uuid


def test_too_few_bands_without_pw_stops(process, ended):
    chain = process()
    ended(chain, "ERROR_TOO_FEW_BANDS", {"bands_needed": 988}, reason="988 are needed")
    result = chain.inspect_process()
    assert result.status == 410
    assert "988 are needed; give `pw` to have it run again" in result.message


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"memory": 3}, "limit 'memory' is unknown"), ({"max_memory_kb": 0}, "limit 'max_memory_kb' is 0")],
)
def test_limits_that_are_none_are_refused(process, limits, message):
    with pytest.raises(ValueError, match=message):
        process(limits=limits)


def test_inputs_are_checked_before_submission(process, inputs, getl_computer):
    chain = process()
    assert isinstance(chain.ctx.inputs, AttributeDict)
    chain.ctx.inputs.parent_folder.base.extras.set(orm.RemoteData.KEY_EXTRA_CLEANED, True)
    result = chain.check_inputs()
    assert result.status == 210
    assert "was cleaned: run the calculation that made it again" in result.message


def test_projections_that_would_not_be_made_anew_are_refused(
    process, inputs, getl_computer, pw_code, projwfc_code, lobster_code
):
    inputs["lobster"]["projections_folder"] = orm.RemoteData(computer=getl_computer, remote_path="/projwfc").store()
    inputs["pw"] = {"code": pw_code, "metadata": {"options": ONE_TASK}}
    with pytest.raises(ValueError, match="give the namespace `projwfc` too, or leave out projections_folder"):
        process()
    inputs["projwfc"] = {"code": projwfc_code, "metadata": {"options": ONE_TASK}}
    assert not process().needs_projections()
    del inputs["lobster"]["projections_folder"]
    assert process().needs_projections()
    assert not process(code=lobster_code).needs_projections()
