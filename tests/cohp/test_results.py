"""The files of results: whole or absent, and none of an earlier run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aiida_getl.cohp.cli import main
from aiida_getl.cohp.results import RESULTS, write_result
from aiida_getl.cohp.run import run
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.lobster.lobsterout import read_lobsterout


@pytest.fixture
def folder(make_save, tmp_path, monkeypatch):
    """A folder to run in."""
    make_save(tmp_path / "out" / "aiida.save")
    (tmp_path / "lobsterin").write_text("cohpGenerator from 0.5 to 4.5\nCOHPstartEnergy -100\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Killed(Exception):
    """What ends a run in the middle."""


def test_the_number_of_bonds_is_told_before_the_work(folder):
    def end(what, done, total):
        raise Killed

    with pytest.raises(Killed):
        run(folder, None, folder, "1", progress=end)
    log = read_lobsterout(folder / "lobsterout")
    assert (log.engine, log.n_interactions, log.charge_spilling, log.finished) == ("getl-cohp", 6, (), False)
    assert not (folder / "ICOHPLIST.lobster").exists()


def test_every_step_of_a_run_is_told(folder):
    told = []
    run(folder, None, folder, "1", progress=lambda *what: told.append(what))
    assert told[:4] == [*(("k-point 1 of 3, step", step, 3) for step in (1, 2, 3)), ("k-point", 1, 3)]
    assert told[-4:] == [("k-point", 3, 3), *(("curves of k-point", k, 3) for k in (1, 2, 3))]
    # By this AiiDA's parser knows that a run which printed nothing else was not refused.
    assert all(re.search(r"k-point \d+ of \d+", "{} {} of {}".format(*what)) for what in told)


def test_what_stands_beside_a_list_of_a_run_that_could_not_go_on(folder):
    """A file that grows too large after the list is written: the spillings are there, and no part of that file."""
    pairs = "".join(f"cobiBetween atom 1 atom 2 cell {n} 0 0 orbitalwise\n" for n in range(100))
    (folder / "lobsterin").write_text(f"cohpBetween atom 1 atom 2\nskipCar\n{pairs}")
    command = f"ulimit -f 16; exec {sys.executable} -m aiida_getl.cohp.cli"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "File too large" in ended.stderr
    log = read_lobsterout(folder / "lobsterout")
    assert (log.n_interactions, len(log.charge_spilling), log.n_spins, log.finished) == (1, 1, 1, False)
    assert len(read_icohplist(folder / "ICOHPLIST.lobster")) == 1
    assert not list(folder.glob("NcICOBILIST*"))
    assert not list(folder.glob("*.part"))


def test_results_of_an_earlier_run_go(folder, capsys):
    (folder / "lobsterin").write_text("cohpGenerator from 0.5 to 4.5\ncobiBetween atom 1 atom 2\n")
    assert main([]) == 0
    assert {name for name in RESULTS if (folder / name).is_file()} == set(RESULTS)
    (folder / "COHPCAR.lobster.part").touch()
    (folder / "DOSCAR.lobster").touch()  # another program's
    (folder / "lobsterin").write_text("cohpGenerator from 0.5 to 4.5\nskipCOHP\nskipCar\nskipPopulationAnalysis\n")
    assert main([]) == 0
    left = {path.name for path in folder.iterdir()} - {"out", "lobsterin", "DOSCAR.lobster"}
    lists = {"ICOOPLIST.lobster", "ICOBILIST.lobster"}
    assert left == {"lobsterout", "getl-cohp.json", "POSCAR.lobster.vasp", *lists}


@pytest.mark.parametrize("refused", ["lobsterin", "save"])
def test_a_run_that_is_refused_leaves_no_results(folder, capsys, refused):
    assert main([]) == 0
    if refused == "lobsterin":
        (folder / "lobsterin").write_text("cohpGeneratr from 1 to 2\n")
    else:
        (folder / "out" / "aiida.save").rename(folder / "out" / "aiida.other")
    assert main([]) == 2
    assert {path.name for path in folder.iterdir()} == {"out", "lobsterin"}


def test_results_stay_where_there_is_nothing_to_run(folder, capsys):
    """As in a folder that was named by mistake."""
    assert main([]) == 0
    (folder / "lobsterin").unlink()
    assert main([]) == 2
    assert (folder / "ICOHPLIST.lobster").is_file()


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path: Path = tmp_path / "list"
    write_result(path, "whole")
    (tmp_path / "list.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_result(path, "more")
    assert path.read_text() == "whole"
    assert [file.name for file in tmp_path.iterdir()] == ["list"]


def test_too_little_memory_is_told(folder):
    """With 100 MB more than what is loaded; the curves of six bonds take 144 MB."""
    (folder / "lobsterin").write_text("cohpGenerator from 0.5 to 4.5\nCOHPSteps 1000000\n")
    program = """
import resource, sys
from aiida_getl.cohp.cli import main
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 100_000_000,) * 2)
sys.exit(main([]))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert len(ended.stderr.splitlines()) == 1
    assert re.match(r"getl-cohp ran out of memory \(.*\): ask for fewer COHPSteps", ended.stderr)
    assert not read_lobsterout(folder / "lobsterout").finished
