"""Files of predictions, read back by what they are written for."""

import csv
import gzip
import json

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from aiida_getl.exchange.predictions import BondRecords, write_predictions
from aiida_getl.learning.analytics import atom_bonding
from aiida_getl.lobster.icohplist import read_icohplist
from aiida_getl.structures.bonds import find_bonds


def make_frame(seed):
    """A rattled B2 cell whose Zr-Zr bonds have no prediction."""
    atoms = bulk("CuZr", "cesiumchloride", a=3.26).repeat(2)
    atoms.rattle(0.05, seed=seed)
    bonds = find_bonds(atoms.positions, np.asarray(atoms.cell), 3.6)
    strength, std = np.exp(2.0 - bonds.distance), 0.1 * np.exp(2.0 - bonds.distance)
    records = BondRecords.from_arrays(atoms.get_chemical_symbols(), bonds, strength, std)
    unknown = records.type == "Zr-Zr"
    strength[unknown] = std[unknown] = np.nan
    flags = {"outside_range": bonds.distance > 3.3, "unknown_type": unknown}
    return atoms, BondRecords(bonds, records.type, strength, std, flags)


@pytest.fixture(scope="module")
def frames():
    return [make_frame(seed) for seed in (1, 2)]


def in_parts(atoms, records, n_parts=3):
    """The same bonds in several parts."""
    parts = []
    for rows in np.array_split(np.arange(len(records)), n_parts):
        flags = {name: flag[rows] for name, flag in records.flags.items()}
        columns = (records.type[rows], records.mean[rows], records.std[rows], flags)
        parts.append(BondRecords(records.bonds.select(rows), *columns))
    return atoms, parts


def whole(frames):
    return [(atoms, [records]) for atoms, records in frames]


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet", "p.extxyz"])
def test_parts_make_the_same_file(tmp_path, frames, name):
    n = write_predictions(tmp_path / "one" / name, whole(frames))
    write_predictions(tmp_path / "parts" / name, [in_parts(*frame) for frame in frames])
    assert n == sum(len(records) for _, records in frames)
    texts = []
    for folder in ("one", "parts"):
        path = tmp_path / folder / name
        if name.endswith("parquet"):
            from pyarrow import parquet

            texts.append(parquet.read_table(path).to_pylist())
        elif name.endswith("xyz"):
            texts.append([read(path, index).arrays["bond_strength_sum"].tolist() for index in (0, 1)])
        else:
            texts.append((gzip.open if name.endswith("gz") else open)(path, "rt").read())
    assert str(texts[0]) == str(texts[1])


def test_csv_has_units_and_every_bond(tmp_path, frames):
    write_predictions(tmp_path / "p.csv", whole(frames))
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0"] * len(frames[0][1]) + ["1"] * len(frames[1][1])
    atoms, records = frames[0]
    for row, mean, unknown in zip(rows, records.mean, records.flags["unknown_type"], strict=False):
        vector = np.array([int(row[f"translation_{k}"]) for k in (1, 2, 3)]) @ atoms.cell
        vector += atoms.positions[int(row["index_j"])] - atoms.positions[int(row["index_i"])]
        assert float(row["distance_A"]) == pytest.approx(np.linalg.norm(vector), abs=1e-5)
        assert row["unknown_type"] == str(int(unknown))
        assert (row["strength_eV"] == "") == unknown
        if not unknown:
            assert float(row["strength_eV"]) == pytest.approx(mean, abs=1e-5)


def test_parquet_keeps_every_digit_and_says_the_units(tmp_path, frames):
    from pyarrow import parquet

    write_predictions(tmp_path / "p.parquet", whole(frames), {"model": "a uuid"})
    table = parquet.read_table(tmp_path / "p.parquet")
    np.testing.assert_array_equal(
        table["strength_eV"].to_numpy(), np.concatenate([records.mean for _, records in frames])
    )
    assert table["outside_range"].to_numpy().dtype == bool
    assert table.schema.metadata[b"model"] == b"a uuid"
    assert json.loads(table.schema.metadata[b"units"]) == {"distance_A": "Å", "strength_eV": "eV", "std_eV": "eV"}
    assert table.schema.field("std_eV").metadata[b"unit"] == b"eV"


def test_extended_xyz_opens_in_ase(tmp_path, frames):
    write_predictions(tmp_path / "p.extxyz", whole(frames), {"model": "a uuid"})
    cells = read(tmp_path / "p.extxyz", ":")
    assert len(cells) == 2
    for number, (cell, (atoms, records)) in enumerate(zip(cells, frames, strict=True)):
        np.testing.assert_allclose(cell.positions, atoms.positions, atol=1e-6)
        np.testing.assert_allclose(cell.cell, atoms.cell, atol=1e-6)
        assert cell.info == {"frame": number, "units": "Angstrom eV", "model": "a uuid"}
        expected = atom_bonding(records.bonds, records.mean, len(atoms), std=records.std)
        np.testing.assert_allclose(cell.arrays["bond_strength_sum"], expected.strength_sum, atol=1e-6)
        np.testing.assert_allclose(cell.arrays["bond_strength_std"], expected.strength_std, atol=1e-6)
        np.testing.assert_array_equal(cell.arrays["coordination"], expected.coordination)
        np.testing.assert_array_equal(cell.arrays["n_missing"], expected.n_missing)
        flagged = np.logical_or(*records.flags.values())
        assert cell.arrays["n_flagged"].sum() == 2 * flagged.sum()


def test_extended_xyz_opens_in_the_window_of_ase(tmp_path, frames):
    """Its data behind the window, without the window."""
    from ase.gui.images import Images

    write_predictions(tmp_path / "p.extxyz", whole(frames))
    images = Images()
    images.read([str(tmp_path / "p.extxyz")])
    assert [len(image) for image in images] == [len(atoms) for atoms, _ in frames]
    np.testing.assert_array_equal(
        images[1].arrays["coordination"], read(tmp_path / "p.extxyz", 1).arrays["coordination"]
    )


def test_icohplist_reads_back_here_and_in_pymatgen(tmp_path, frames):
    from pymatgen.io.lobster import Icohplist

    atoms, records = frames[0]
    path = tmp_path / "ICOHPLIST.lobster"
    known = np.isfinite(records.mean)
    assert write_predictions(path, [in_parts(atoms, records)]) == known.sum()
    listed = read_icohplist(path)
    assert listed.label.tolist() == list(range(1, known.sum() + 1))
    bonds, icohp = listed.to_bonds(atoms)
    assert bonds.keys() == records.bonds.select(known).keys()
    np.testing.assert_allclose(-icohp[:, 0], records.mean[known], atol=1e-5)
    collection = Icohplist(filename=path).icohpcollection
    assert collection.get_icohp_by_label("1") == pytest.approx(-records.mean[known][0], abs=1e-5)
    assert len(collection._list_labels) == known.sum()


def test_no_file_is_left_by_a_failure(tmp_path, frames):
    def broken():
        yield frames[0][0], [frames[0][1]]
        raise RuntimeError("the trajectory is damaged")

    for name in ("p.csv", "p.parquet", "p.xyz", "p.lobster"):
        with pytest.raises(RuntimeError, match="damaged"):
            write_predictions(tmp_path / name, broken())
    assert list(tmp_path.iterdir()) == []


def test_no_frames(tmp_path):
    from pyarrow import parquet

    assert write_predictions(tmp_path / "p.csv", []) == 0
    assert (tmp_path / "p.csv").read_text().startswith("frame,bond_type,index_i")
    assert write_predictions(tmp_path / "p.parquet", []) == 0
    assert parquet.read_table(tmp_path / "p.parquet").num_rows == 0


def test_bad_input_is_refused(tmp_path, frames):
    atoms, records = frames[0]
    with pytest.raises(ValueError, match=r"'\.json', which names no format: choose from \.csv"):
        write_predictions(tmp_path / "p.json", whole(frames))
    with pytest.raises(ValueError, match="can hold one structure"):
        write_predictions(tmp_path / "ICOHPLIST.lobster", whole(frames))
    nothing = BondRecords(records.bonds, records.type, np.full(len(records), np.nan), records.std)
    with pytest.raises(ValueError, match="no bond has a prediction"):
        write_predictions(tmp_path / "ICOHPLIST.lobster", [(atoms, [nothing])])
    with pytest.raises(ValueError, match=r"frame 1 has the flags \[\]"):
        write_predictions(tmp_path / "p.csv", [*whole(frames[:1]), (atoms, [nothing])])
    with pytest.raises(ValueError, match="values of mean"):
        BondRecords(records.bonds, records.type, records.mean[:-1], records.std)
