"""Inputs of `getl.projwfc`: what differs from the calculation of aiida-quantumespresso."""

import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory


@pytest.fixture
def submit(projwfc_code, getl_computer):
    """Return a function that writes a job's files and returns its ``CalcInfo`` and the text of its input."""

    def prepare(parameters):
        inputs = {
            "code": projwfc_code,
            "parent_folder": orm.RemoteData(computer=getl_computer, remote_path="/scratch/scf").store(),
            "parameters": orm.Dict(parameters),
            "metadata": {"options": {"resources": {"num_machines": 1}}},
        }
        process = instantiate_process(get_manager().get_runner(), CalculationFactory("getl.projwfc"), **inputs)
        with SandboxFolder() as folder:
            calcinfo = process.prepare_for_submission(folder)
            assert sorted(folder.get_content_list()) == ["aiida.in", "out"]
            assert folder.get_subfolder("out").get_content_list() == ["aiida.save"]
            with folder.open("aiida.in") as handle:
                return calcinfo, handle.read()

    return prepare


def test_input(submit, file_regression):
    _, text = submit({"PROJWFC": {"lwrite_overlaps": True}})
    file_regression.check(text, encoding="utf-8", extension=".in")


def test_links_into_a_folder_of_its_own(submit, getl_computer):
    calcinfo, _ = submit({"PROJWFC": {}})
    assert calcinfo.remote_copy_list == []
    assert calcinfo.remote_symlink_list == [(getl_computer.uuid, "/scratch/scf/out/aiida.save/*", "out/aiida.save")]
    assert not [name for name in calcinfo.retrieve_list if "pdos" in str(name)]
    assert not calcinfo.retrieve_temporary_list


@pytest.mark.parametrize("keyword", ["outdir", "prefix", "lsym", "lbinary_data"])
def test_keywords_that_the_engine_rests_on_are_refused(submit, keyword):
    with pytest.raises(Exception, match=keyword):
        submit({"PROJWFC": {keyword: True}})
