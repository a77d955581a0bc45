"""`getl-learn` on its own: what it says to folders that hold no job."""

import json

import numpy as np
import pytest

from aiida_getl.runner.cli import main
from aiida_getl.runner.files import read, write


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (None, "job.json is missing or no JSON"),
        ("{", "job.json is missing or no JSON"),
        ("[]", "must name a task: one of"),
        ('{"task": "cook"}', "must name a task: one of"),
        ('{"task": "validate"}', "table.npz and table.json are missing or damaged"),
        ('{"task": "evaluate"}', "the task 'evaluate' needs 'training'"),
        ('{"task": "refuse", "reason": "labels of two methods"}', "labels of two methods"),
    ],
)
def test_bad_jobs(tmp_path, capsys, job, message):
    if job is not None:
        (tmp_path / "job.json").write_text(job)
    assert main(["--folder", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert message in json.loads((tmp_path / "error.json").read_text())["reason"]
    assert not (tmp_path / "result.npz").exists()


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["--folder", str(tmp_path / "nothing")]) == 2
    assert "job.json is missing" in capsys.readouterr().err


def test_arrays_are_read_without_pickle(tmp_path):
    write(tmp_path, "x", {"a": np.arange(3), "b": np.array(["Zr-Cu"])}, [1.1, None])
    arrays, attributes = read(tmp_path, "x")
    np.testing.assert_array_equal(arrays["a"], np.arange(3))
    assert attributes == [1.1, None]
    np.savez(tmp_path / "x.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"x\.npz and x\.json are missing or damaged: .*pickle"):
        read(tmp_path, "x")
