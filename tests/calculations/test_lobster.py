"""Inputs of `getl.lobster`: the files it writes and links, and what it refuses."""

import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.common.links import LinkType
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory
from ase.build import bulk

PARAMETERS = {
    "basisSet": "Bunge",
    "skipDOS": True,
    "skipCOOP": False,
    "COHPstartEnergy": -12.5,
    "basisFunctions": {"Cu": ["3s", "4s", "3p", "3d"], "Zr": "4s 5s 4p 4d"},
    "cohpGenerator": ["from 1.0 to 4.2", "from 4.2 to 5.0 type Cu type Zr"],
    "cohpBetween": "atom 1 and atom 2 cell 0 0 1",
}


@pytest.fixture
def inputs(cohp_code, getl_computer):
    return {
        "code": cohp_code,
        "structure": orm.StructureData(ase=bulk("CuZr", "cesiumchloride", 3.26)),
        "parameters": orm.Dict(PARAMETERS),
        "parent_folder": orm.RemoteData(computer=getl_computer, remote_path="/scratch/scf").store(),
        "projections_folder": orm.RemoteData(computer=getl_computer, remote_path="/scratch/projwfc").store(),
    }


@pytest.fixture
def lobster_code(getl_computer):
    """A code that passes for LOBSTER."""
    return orm.InstalledCode(
        label="lobster-5.1.1", computer=getl_computer, filepath_executable="/opt/lobster", default_calc_job_plugin=""
    ).store()


@pytest.fixture
def sandbox():
    with SandboxFolder() as folder:
        yield folder


@pytest.fixture
def submit(sandbox):
    """Return a function that writes a job's files and returns its ``CalcInfo``."""

    def prepare(inputs):
        process = instantiate_process(get_manager().get_runner(), CalculationFactory("getl.lobster"), **inputs)
        return process.prepare_for_submission(sandbox)

    return prepare


def test_lobsterin(inputs, submit, sandbox, file_regression):
    calcinfo = submit(inputs)
    assert sorted(sandbox.get_content_list()) == ["lobsterin", "out", "pseudo"]
    with sandbox.open("lobsterin") as handle:
        file_regression.check(handle.read(), encoding="utf-8", extension=".lobsterin")
    (code,) = calcinfo.codes_info
    assert (code.stdout_name, code.join_files) == ("lobster.out", True)
    assert code.withmpi is False


def test_links(inputs, submit, getl_computer, data_regression):
    calcinfo = submit(inputs)
    assert {link[0] for link in calcinfo.remote_symlink_list} == {getl_computer.uuid}
    data_regression.check(
        {
            "linked": [f"{source} -> {target}" for _, source, target in calcinfo.remote_symlink_list],
            "retrieved": calcinfo.retrieve_list,
        }
    )


def test_what_is_projected_on(inputs, submit, lobster_code):
    inputs["settings"] = orm.Dict({"cmdline": ["--layout", "4"]})
    assert submit(inputs).codes_info[0].cmdline_params == ["--projections", "projwfc", "--layout", "4"]
    del inputs["projections_folder"]
    calcinfo = submit(inputs)
    assert calcinfo.codes_info[0].cmdline_params == ["--projections", "slater", "--layout", "4"]
    assert [target for *_, target in calcinfo.remote_symlink_list] == ["out/aiida.save", "pseudo", "aiida.scf.in"]
    # LOBSTER knows no such argument.
    inputs["code"] = lobster_code
    calcinfo = submit(inputs)
    assert calcinfo.codes_info[0].cmdline_params == ["--layout", "4"]
    assert [target for *_, target in calcinfo.remote_symlink_list] == ["out/aiida.save", "pseudo", "aiida.scf.in"]


@pytest.mark.parametrize(
    ("resources", "threads"),
    [
        ({}, "${OMP_NUM_THREADS:-1}"),  # of the code, where it sets a number
        ({"num_cores_per_mpiproc": 6}, 6),
        ({"num_cores_per_machine": 8}, 8),
    ],
)
def test_threads(inputs, submit, resources, threads):
    inputs["metadata"] = {"options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1, **resources}}}
    assert f"export OMP_NUM_THREADS={threads}\n" in submit(inputs).prepend_text


def test_starts_without_mpi(inputs):
    process = instantiate_process(get_manager().get_runner(), CalculationFactory("getl.lobster"), **inputs)
    assert process.inputs.metadata.options.withmpi is False
    assert process.inputs.metadata.options.parser_name == "getl.lobster"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cohpGeneratr": "from 1 to 2"}, "keyword 'cohpGeneratr' is unknown: did you mean cohpGenerator?"),
        ({"skipDOS": 1}, "skipDOS stands alone: give True or False, not 1"),
        ({"COHPstartEnergy": 6}, r"COHPstartEnergy 6\S* is not below COHPendEnergy"),
        ({"useRecommendedBasisFunctions": True}, "useRecommendedBasisFunctions and basisFunctions contradict"),
        ({"saveProjectionToFile": True, "loadProjectionFromFile": True}, "contradict each other"),
        ({"cohpGenerator": ["from 4 to 2"]}, "no bond has a length from 4 to 2 Å"),
        ({"basisFunctions": {"Cu": "3x"}}, "'3x' is no shell"),
    ],
    ids=str,
)
def test_bad_lobsterin_is_refused_by_name(inputs, submit, changes, message):
    inputs["parameters"] = orm.Dict({**PARAMETERS, **changes})
    with pytest.raises(ValueError, match=message):
        submit(inputs)


@pytest.mark.parametrize("name", ["parent_folder", "projections_folder"])
def test_folders_on_another_computer_are_refused(inputs, submit, name, aiida_computer_local):
    elsewhere = aiida_computer_local(label="elsewhere", configure=False)
    inputs[name] = orm.RemoteData(computer=elsewhere, remote_path="/scratch").store()
    with pytest.raises(ValueError, match=f"{name} lies on 'elsewhere', the code runs on 'localhost'"):
        submit(inputs)


def test_settings_reach_the_job(inputs, submit):
    inputs["settings"] = orm.Dict(
        {
            "num_threads": 3,
            "cmdline": ["--layout", "4"],
            "retrieve_curves": False,
            "additional_retrieve_list": ["bandOverlaps.lobster"],
        }
    )
    calcinfo = submit(inputs)
    assert "export OMP_NUM_THREADS=3\n" in calcinfo.prepend_text
    assert calcinfo.codes_info[0].cmdline_params[-2:] == ["--layout", "4"]
    assert "COHPCAR.lobster" not in calcinfo.retrieve_list
    assert calcinfo.retrieve_list[-1] == "bandOverlaps.lobster"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 3}, "setting 'threads' is unknown"),
        ({"num_threads": 0}, "setting 'num_threads' is 0"),
        ({"num_threads": True}, "setting 'num_threads' is True"),
        ({"max_charge_spilling": 5}, "a fraction between 0 and 1"),
        ({"cmdline": "--layout 4"}, "a list of texts"),
    ],
)
def test_bad_settings_are_refused_by_name(inputs, submit, settings, message):
    inputs["settings"] = orm.Dict(settings)
    with pytest.raises(ValueError, match=message):
        submit(inputs)


def test_mpi_is_refused(inputs, submit, getl_computer):
    inputs["metadata"] = {"options": {"withmpi": True}}
    with pytest.raises(ValueError, match="binds all threads"):
        submit(inputs)
    del inputs["metadata"]
    inputs["code"] = orm.InstalledCode(
        label="lobster-mpi", computer=getl_computer, filepath_executable="/opt/lobster", with_mpi=True
    ).store()
    with pytest.raises(ValueError, match="set up the code with `with_mpi: false`"):
        submit(inputs)


def test_cleaned_folder_is_refused_also_through_a_copy_of_its_node(inputs, submit, getl_computer):
    inputs["parent_folder"] = orm.RemoteData(computer=getl_computer, remote_path="/scratch/cleaned").store()
    copy = orm.RemoteData(computer=getl_computer, remote_path="/scratch/cleaned").store()
    copy.base.extras.set(orm.RemoteData.KEY_EXTRA_CLEANED, True)
    with pytest.raises(ValueError, match=r"parent_folder <\d+> was cleaned"):
        submit(inputs)


def test_saved_projection(inputs, submit, lobster_code, getl_computer):
    del inputs["projections_folder"]
    inputs["code"] = lobster_code
    inputs["parameters"] = orm.Dict({**PARAMETERS, "loadProjectionFromFile": True})
    with pytest.raises(ValueError, match="give lobster_folder"):
        submit(inputs)
    inputs["lobster_folder"] = orm.RemoteData(computer=getl_computer, remote_path="/scratch/first").store()
    assert submit(inputs).remote_symlink_list[-1][1:] == (
        "/scratch/first/projectionData.lobster",
        "projectionData.lobster",
    )


@pytest.fixture
def pw_folder(getl_computer):
    """Return a function that gives the folder of a pw.x calculation with these inputs and outputs."""

    def build(structure, system, outputs=None, settings=None, mesh=(2, 2, 2), control=None):
        scf = orm.CalcJobNode(computer=getl_computer, process_type="aiida.calculations:quantumespresso.pw")
        kpoints = orm.KpointsData()
        kpoints.set_kpoints_mesh(list(mesh))
        given = {
            "structure": structure,
            "parameters": orm.Dict({"SYSTEM": system, "CONTROL": control or {}}),
            "settings": orm.Dict(settings or {}),
            "kpoints": kpoints,
        }
        for name, node in given.items():
            scf.base.links.add_incoming(node.store(), LinkType.INPUT_CALC, name)
        scf.store()
        folder = orm.RemoteData(computer=getl_computer, remote_path="/scratch/pw")
        left = {"remote_folder": folder, "output_parameters": orm.Dict(outputs or {})}
        for name, node in left.items():
            node.base.links.add_incoming(scf, LinkType.CREATE, name)
            node.store()
        return folder

    return build


@pytest.mark.parametrize(
    ("system", "outputs", "settings", "message"),
    [
        ({"nosym": True}, {"number_of_bands": 22}, {}, None),
        ({"nosym": True}, {"number_of_bands": 19}, {}, "the basis has 20 functions but pw.x computed 19 bands"),
        ({"nosym": True, "nbnd": 19}, {}, {}, "the basis has 20 functions but pw.x computed 19 bands"),
        ({}, {"number_of_k_points": 4}, {}, "pw.x left out k-points by symmetry"),
        ({}, {"number_of_k_points": 8}, {}, None),
        ({"nosym": True}, {}, {"gamma_only": True}, "K_POINTS gamma"),
        ({"nosym": True, "noncolin": True}, {}, {}, "non-collinear"),
    ],
    ids=str,
)
def test_what_pw_did_is_checked(inputs, submit, lobster_code, pw_folder, system, outputs, settings, message):
    del inputs["projections_folder"]
    inputs["code"] = lobster_code
    inputs["parent_folder"] = pw_folder(inputs["structure"], system, outputs, settings)
    if message is None:
        assert submit(inputs).codes_info
        return
    with pytest.raises(ValueError, match=message):
        submit(inputs)


@pytest.mark.parametrize("disk_io", ["none", "nowf"])
def test_wavefunctions_that_were_not_kept(inputs, submit, pw_folder, disk_io):
    inputs["parent_folder"] = pw_folder(inputs["structure"], {"nosym": True}, control={"disk_io": disk_io})
    assert submit(inputs).codes_info  # projwfc.x has read them
    del inputs["projections_folder"]
    with pytest.raises(ValueError, match=r"pw\.x kept no wavefunctions: run it again without disk_io"):
        submit(inputs)


def test_structure_of_another_run_is_refused(inputs, submit, pw_folder):
    other = orm.StructureData(ase=bulk("CuZr", "cesiumchloride", 3.3))
    inputs["parent_folder"] = pw_folder(other, {"nosym": True})
    with pytest.raises(ValueError, match="the structure is not the one that pw"):
        submit(inputs)
