"""Files and archives of others: nothing is written outside its place, nothing fills the memory."""

import gzip
import io

import numpy as np
import pytest
from aiida import orm
from ase.io import write

from aiida_getl.exchange import label
from aiida_getl.exchange.bnd import to_table
from aiida_getl.exchange.label import read_bytes
from aiida_getl.exchange.loose import read_manifest
from aiida_getl.importer import import_all
from aiida_getl.runner import files as runner_files


@pytest.fixture
def xyz(cell):
    """The contents of a structure file."""
    text = io.StringIO()
    write(text, cell(1), format="extxyz")
    return text.getvalue().encode()


def test_a_packed_file_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "UNPACKED_MAX", 10**6)
    bomb = tmp_path / "glass.xyz.gz"
    bomb.write_bytes(gzip.compress(bytes(10**6 + 1)))
    assert bomb.stat().st_size < 2000
    with pytest.raises(ValueError, match=r"glass\.xyz\.gz unpacks to more than 1000000 bytes"):
        read_bytes(bomb)
    bomb.write_bytes(gzip.compress(bytes(10**6)))
    assert len(read_bytes(bomb)) == 10**6


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "<script>", "../x"])
def test_compositions_of_a_database_are_names(name, tmp_path):
    (tmp_path / "DB1_Zr-Cu.bnd").write_text("0 1 0 1 2 2.5 1.0\n")
    (tmp_path / "DB1_Zr-Cu.info").write_text(f"DB1 Zr-Cu\n{name} 1\n")
    with pytest.raises(ValueError, match="a composition begins with a letter"):
        to_table(tmp_path)


def test_a_table_names_no_run_beyond_letters_and_digits(tmp_path, xyz, icohplist, cell):
    (tmp_path / "glass.xyz").write_bytes(xyz)
    (tmp_path / "ICOHPLIST.lobster").write_text(icohplist(cell(1))[0])
    table = tmp_path / "pairs.csv"
    table.write_text("structure,icohplist,run,sub_run\nglass.xyz,ICOHPLIST.lobster,../../$(id);`id`,=1+1\n")
    (source,) = read_manifest(table)
    assert (source.run, source.sub_run) == ("id_id", "n1_1")
    (imported,) = import_all([source], orm.Group(label="hostile").store())
    assert imported.bonds is not None
    assert imported.bonds.n_bonds == icohplist(cell(1))[1]


def test_arrays_that_are_objects(tmp_path):
    """A job's files, which another computer wrote: arrays of numbers are read, pickled objects are not."""
    np.savez(tmp_path / "result.npz", bad=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(ValueError, match=r"result\.npz and result\.json are missing or damaged"):
        runner_files.read(tmp_path, "result")
