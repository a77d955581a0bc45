"""Databases of interactions in the original format."""

import gzip
import pickle

import numpy as np
import pytest

from aiida_getl.exchange.bnd import beside, find_databases, read_database, to_table

SINGLE = "30 14 1 2 3.379530 0.964350\n30 4 2 3 3.530600 -0.009770\n"
MIXED = "0 30 10 9 16 3.110600 1.673960\n1 14 12 69 93 3.682650 0.610400\n"
INFO = "DB1 Zr-Cu\nZr49Cu49Al2 1\nZr47Cu47Al6 1\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "Cu50Zr50-PBSSDB"
    path.mkdir()
    return path


def test_a_database_of_one_composition(folder):
    (folder / "Cu-Zr.bnd").write_text(SINGLE)
    vectors = {f"30-{s}-{a}": np.array([3.0, 4.0 * a]) for s, a in ((14, 1), (14, 2), (4, 2), (4, 3))}
    (folder / "Cu-Zr-SOAPS.vec").write_bytes(pickle.dumps(vectors, 0))
    (path,) = find_databases(folder)
    database = read_database(beside(path))
    assert (database.bond_type, set(database.composition.tolist())) == ("Zr-Cu", {"Cu50Zr50"})
    assert database.run.tolist() == [30, 30]
    assert database.sub_run.tolist() == [14, 4]
    assert list(zip(database.atom_i.tolist(), database.atom_j.tolist(), strict=True)) == [(0, 1), (1, 2)]
    assert database.strength.tolist() == [0.96435, -0.00977]
    expected = (np.array([3, 4]) / 5 + np.array([3, 8]) / np.sqrt(73)) / 2
    np.testing.assert_allclose(database.mean_soaps()[0], expected, atol=1e-7)
    del vectors["30-4-3"]
    (folder / "Cu-Zr-SOAPS.vec").write_bytes(pickle.dumps(vectors, 2))
    assert read_database(beside(path)).mean_soaps() is None


def test_a_database_of_several_compositions(folder):
    (folder / "DB1_Zr-Cu.bnd").write_text(MIXED)
    (folder / "DB1_Zr-Cu.info").write_text(INFO)
    (path,) = find_databases(folder)
    assert read_database(beside(path)).composition.tolist() == ["Zr49Cu49Al2", "Zr47Cu47Al6"]


def test_packed_databases_are_read_once(folder):
    for name, text in (("DB1_Zr-Cu.bnd", MIXED), ("DB1_Zr-Cu.info", INFO)):
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    (path,) = find_databases(folder)
    assert read_database(beside(path)).composition.tolist() == ["Zr49Cu49Al2", "Zr47Cu47Al6"]
    (folder / "DB1_Zr-Cu.bnd").write_text(MIXED)
    assert find_databases(folder) == [folder / "DB1_Zr-Cu.bnd"]


def test_small_strengths_as_other_programs_write_them(folder):
    (folder / "Zr-Cu.bnd").write_text("1 2 3 4 3.5 -1e-05\n1 2 3 5 3.5 2.5E-04\n")
    assert read_database(beside(folder / "Zr-Cu.bnd")).strength.tolist() == [-1e-5, 2.5e-4]


@pytest.mark.parametrize(
    ("bnd", "info", "message"),
    [
        ("1 2 ² 4 3.0 1.0\n", None, "line 1"),
        ("1 2 99999999999999999999 4 3.0 1.0\n", None, "line 1"),
        (SINGLE + "1 2 3 4 5\n", None, r"line 3: '1 2 3 4 5' is not"),
        (SINGLE + MIXED, None, "line 3: .* like the lines before"),
        ("a b c d e f\n", None, "line 1"),
        ("1 2 3 4 nan 1.0\n", None, "line 1"),
        ("1 2 0 4 3.0 1.0\n", None, "names an atom 0"),
        ("\n", None, "has no interaction"),
        (MIXED, None, r"the \.info that names them is not there"),
        (MIXED, "DB1 Zr-Cu\nZr49Cu49Al2 2\n", "names composition 1"),
        (MIXED, INFO.replace("Al6 1", "Al6 2"), "holds 1 Zr-Cu interactions of Zr47Cu47Al6, .* says 2"),
        (MIXED, "DB1\nZr49\n", "must hold a heading"),
    ],
)
def test_databases_that_are_wrong(folder, bnd, info, message):
    (folder / "Zr-Cu.bnd").write_text(bnd)
    if info is not None:
        (folder / "Zr-Cu.info").write_text(info)
    with pytest.raises(ValueError, match=message):
        read_database(beside(folder / "Zr-Cu.bnd"))


def test_a_hostile_soap_file(folder):
    (folder / "Zr-Cu.bnd").write_text(SINGLE)
    (folder / "Zr-Cu-SOAPS.vec").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(ValueError, match=r"Zr-Cu-SOAPS\.vec is not read: it asks for os\.system"):
        read_database(beside(folder / "Zr-Cu.bnd"))


def test_the_published_databases(reference_data):
    root = reference_data / "prm4_113603" / "ML" / "big-data-full"
    table, descriptors, left_out = to_table(root / "DB8")
    counts = {name: len(table.of_type(name)) for name in table.types()}
    assert counts == {"Al-Al": 643, **dict.fromkeys(("Cu-Al", "Cu-Cu", "Zr-Al", "Zr-Cu", "Zr-Zr"), 1800)}
    assert len({(entry["run"], entry["sub_run"]) for entry in table.structures}) == len(table.structures)
    assert (descriptors, left_out) == ([], [])
    table, (soap,), left_out = to_table(root / "Zr49Cu49Al2-PBSSDB", "Zr49Cu49Al2")
    assert (len(table), soap["n_features"]) == (27, 2101)
    assert {
        "run": "Zr49Cu49Al2_run_21",
        "sub_run": "isotropic_tension",
        "reason": "the SCF did not converge",
    } in left_out
