"""The layout of the published data: found from any of its folders, with what its status files say."""

import shutil

import pytest

from aiida_getl.exchange.label import Unlabelled, read_label
from aiida_getl.exchange.original import find_sources, is_layout
from aiida_getl.exchange.status import read_dub_info, read_nd_info


@pytest.fixture
def tree(tmp_path, write_sub_run):
    for composition, run, sub_run in (
        ("Cu50Zr50", 1, 0),
        ("Cu50Zr50", 1, 3),
        ("Cu50Zr50", 10, 0),
        ("Cu64Zr36", 2, 14),
        ("Cu64Zr36", 2, 20),
    ):
        write_sub_run(tmp_path, sub_run, run, composition)
    return tmp_path


def test_every_sub_run_is_found_and_named(tree):
    sources, problems = find_sources(tree)
    assert problems == []
    assert [(source.run, source.sub_run) for source in sources] == [
        ("Cu50Zr50_8_1_2000", "as_quenched"),
        ("Cu50Zr50_8_1_2000", "shear_yx"),
        ("Cu50Zr50_8_10_2000", "as_quenched"),
        ("Cu64Zr36_8_2_2000", "isotropic_compression"),
        ("Cu64Zr36_8_2_2000", "sub_run_20"),
    ]
    assert sources[1].origin == {
        "composition": "Cu50Zr50",
        "n_atoms": 8,
        "run": 1,
        "temperature_K": 2000,
        "sub_run": 3,
    }
    assert set(sources[0].files) == {
        "structure",
        "icohplist",
        "lobsterout",
        "lobsterin",
        "scf_input",
        "scf_output",
    }


@pytest.mark.parametrize(("inner", "count"), [("Cu50Zr50", 3), ("Cu50Zr50/c/md/lammps/8/1", 2)])
def test_any_folder_of_the_layout_will_do(tree, inner, count):
    assert is_layout(tree / inner)
    sources, _ = find_sources(tree / inner)
    assert len(sources) == count
    one, _ = find_sources(tree / "Cu50Zr50/c/md/lammps/8/1/2000/3")
    assert [source.sub_run for source in one] == ["shear_yx"]


def test_status_files(tree):
    beside = tree / "Cu50Zr50-PBSSDB"
    beside.mkdir()
    (beside / "ND.info").write_text("1 0 3\n1 3 2\n1 7 5\n40 0 6\n")
    (beside / "DUB.info").write_text("10 0 KNF: Cu3-Zr2, Cu3-Cu5\n10 0 KNF: Zr2-Cu3\n")
    sources, problems = find_sources(tree)
    assert [source.status for source in sources] == [3, 2, None, None, None]
    assert sources[2].notes == (
        "LOBSTER did not list the bond Cu3-Zr2",
        "LOBSTER did not list the bond Cu3-Cu5",
    )
    # Run 40 is not in the tree at all, sub-run 7 of run 1 is what is missing in it.
    (problem,) = problems
    assert (
        problem.reason == "run 1, sub-run 7: the SCF converged, but there are no ICOHPs, and there is no folder of it"
    )


def test_a_status_file_that_is_not_understood_stops_nothing(tree):
    beside = tree / "Cu50Zr50-PBSSDB"
    beside.mkdir()
    (beside / "ND.info").write_text("1 0 3\n1 drei 2\n")
    sources, (problem,) = find_sources(tree)
    assert len(sources) == 5
    assert problem.reason.startswith("ND.info, line 2: '1 drei 2' is not 'run sub-run status'")


def test_a_sub_run_that_is_there_twice_is_taken_once(tree):
    """The published files are divided among several folders; the first one with a list is taken."""
    inner = "Cu50Zr50/c/md/lammps/8/1/2000"
    for name in ("one", "two"):
        shutil.copytree(tree / "Cu50Zr50", tree / name / "Cu50Zr50")
    shutil.rmtree(tree / "Cu50Zr50")
    (tree / "one" / inner / "0" / "ICOHPLIST.lobster").unlink()
    sources, problems = find_sources(tree)
    assert len(sources) == 5
    assert sources[0].files["icohplist"] == tree / "two" / inner / "0" / "ICOHPLIST.lobster"
    assert sources[1].files["icohplist"] == tree / "one" / inner / "3" / "ICOHPLIST.lobster"
    assert problems[0].path == tree / "one" / inner / "0"
    assert problems[0].reason == f"the same sub-run as {tree / 'two' / inner / '0'}, which is taken"
    assert len(problems) == 3


def test_links_to_compositions_and_sub_runs(tree):
    linked = tree / "linked"
    (linked / "Cu64Zr36/c/md/lammps/8/2/2000").mkdir(parents=True)
    (linked / "Cu50Zr50").symlink_to(tree / "Cu50Zr50")
    (linked / "Cu64Zr36/c/md/lammps/8/2/2000/14").symlink_to(tree / "Cu64Zr36/c/md/lammps/8/2/2000/14")
    assert is_layout(linked)
    sources, problems = find_sources(linked)
    assert ([source.origin["sub_run"] for source in sources], problems) == ([0, 3, 0, 14], [])


def test_lists_elsewhere_are_not_passed_over_in_silence(tree):
    path = tree / "Cu50Zr50/c/md/lammps/8/1/2000/0/ICOHPLIST.lobster"
    (tree / "scripts").mkdir()
    shutil.copy(path, tree / "scripts")
    _, (problem,) = find_sources(tree)
    assert problem.path == tree / "scripts" / "ICOHPLIST.lobster"
    assert "import its own folder" in problem.reason


def test_a_structure_of_another_name(tree):
    folder = tree / "Cu50Zr50/c/md/lammps/8/1/2000/0"
    (folder / "Cu50Zr50.scf.in").unlink()
    (folder / "Cu50Zr50.xyz").rename(folder / "Glass.XYZ")
    (folder / "ICOHPLIST.lobster").rename(folder / "ICOHPLIST.LOBSTER")
    (folder / "cluster-Cu1.xyz").write_text("1\n\nCu 0 0 0\n")
    source = find_sources(tree)[0][0]
    assert source.files["structure"].name == "Glass.XYZ"
    assert source.notes == ("Glass.XYZ was taken for the structure, not cluster-Cu1.xyz",)
    assert len(read_label(source.files).bonds)


@pytest.mark.parametrize("text", ["1 2\n", "1 2 3 4\n", "1 2 9\n", "a b c\n", "1 2 -3\n"])
def test_bad_status_lines(text):
    with pytest.raises(ValueError, match=r"ND\.info, line 1: "):
        read_nd_info(text, "ND.info")


@pytest.mark.parametrize("text", ["1 2 KNF Cu3-Cu2\n", "1 KNF: Cu3-Cu2\n", "1 2 KNF: 3-2\n", "1 2 KNF: Cu3-Cu2,\n"])
def test_bad_unseen_bonds(text):
    with pytest.raises(ValueError, match=r"DUB\.info, line 1: "):
        read_dub_info(text, "DUB.info")


def test_folders_without_a_tree(tmp_path):
    assert not is_layout(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no folder <composition>/c/md/lammps"):
        find_sources(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        find_sources(tmp_path / "nothing")


def test_packed_files_are_the_same(tmp_path, write_sub_run):
    plain = write_sub_run(tmp_path / "plain")
    write_sub_run(tmp_path / "packed", packed=True)
    (one,), _ = find_sources(tmp_path / "plain")
    (other,), _ = find_sources(tmp_path / "packed")
    assert other.files["icohplist"].name == "ICOHPLIST.lobster.gz"
    first, second = read_label(one.files), read_label(other.files)
    assert first.bonds.keys() == second.bonds.keys()
    assert first.method == second.method
    assert one.digest(one.checksums()) != other.digest(other.checksums())
    shutil.copytree(plain, tmp_path / "copy/Cu50Zr50/c/md/lammps/8/1/2000/0")
    (copy,), _ = find_sources(tmp_path / "copy")
    assert copy.digest(copy.checksums()) == one.digest(one.checksums())


def test_the_published_glass(reference_data):
    sources, problems = find_sources(reference_data / "prm4_113603")
    assert problems == []
    assert len(sources) == 15
    labels = {}
    for source in sources:
        if source.origin["sub_run"] != 13:
            labels[source.origin["sub_run"]] = label = read_label(source.files, source.status)
            assert 0.014 < label.spilling < 0.017
            assert label.method["basis"]["Zr"] == ["4s", "5s", "4p", "4d"]
            assert label.calculation["kpoints"]["points"] == [2, 2, 2]
    assert sum(len(label.bonds) for label in labels.values()) == 11967
    with pytest.raises(Unlabelled, match=r"the SCF was stopped after 80 iterations, not converged .*; status 2 in ND"):
        read_label(sources[13].files, sources[13].status)
    unseen = {source.origin["sub_run"]: source.notes for source in sources if source.notes}
    assert unseen == {3: ("LOBSTER did not list the bond Cu94-Cu95",)}
