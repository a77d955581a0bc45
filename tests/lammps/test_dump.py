"""Dumps: sorted by atom, any cell, cut anywhere."""

import numpy as np
import pytest

from aiida_getl.lammps.dump import read_dump


def frame(step, rows, box="ITEM: BOX BOUNDS pp pp pp\n-1.0 3.0\n0.0 5.0\n0.5 6.5\n", columns="id type xu yu zu"):
    head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(rows)}\n{box}ITEM: ATOMS {columns}\n"
    return head + "".join(" ".join(map(str, r)) + "\n" for r in rows)


FRAMES = frame(0, [(2, 2, 4, 5, 6), (1, 1, -1, 0, 0.5)]) + frame(50, [(1, 1, 0, 0, 0.5), (2, 2, 9, 8, 7)])


@pytest.fixture
def dump(tmp_path):
    def write(text):
        path = tmp_path / "frames.dump"
        path.write_text(text)
        return read_dump(path)

    return write


def test_reads_frames(dump):
    frames = dump(FRAMES)
    assert not frames.truncated
    assert frames.steps.tolist() == [0, 50]
    assert frames.types.tolist() == [1, 2]
    np.testing.assert_allclose(frames.cells, [np.diag([4.0, 5.0, 6.0])] * 2)
    np.testing.assert_allclose(frames.positions, [[[0, 0, 0], [5, 5, 5.5]], [[1, 0, 0], [10, 8, 6.5]]])


def test_tilted_cells(dump):
    # xlo 0, lx 4, xy -1.5, xz 0.5; ylo 0, ly 5, yz -1; bounds of the box around the tilted one.
    box = "ITEM: BOX BOUNDS xy xz yz pp pp pp\n-1.5 4.5 -1.5\n-1.0 5.0 0.5\n0.0 6.0 -1.0\n"
    frames = dump(frame(0, [(1, 1, 1, 2, 3)], box))
    np.testing.assert_allclose(frames.cells[0], [[4.0, 0, 0], [-1.5, 5.0, 0], [0.5, -1.0, 6.0]])
    np.testing.assert_allclose(frames.positions[0], [[1, 2, 3]])


@pytest.mark.parametrize("end", range(1, len(FRAMES)))
def test_can_be_cut_anywhere(dump, end):
    frames = dump(FRAMES[:end])
    first = FRAMES.index("ITEM: TIMESTEP", 5)
    assert len(frames) == (1 if end >= first else 0)
    assert frames.truncated == (end != first)
    assert frames.positions.shape == (len(frames), len(frames.types), 3)


def test_empty(dump):
    frames = dump("")
    assert len(frames) == 0
    assert not frames.truncated


def test_other_files_are_refused(dump):
    with pytest.raises(ValueError, match=r"frames\.dump is no LAMMPS dump"):
        dump("LAMMPS (22 Jul 2025)\n" * 20)
    with pytest.raises(ValueError, match="expected 'id type xu yu zu'"):
        dump(frame(0, [(1, 1, 0, 0, 0)], columns="id type xs ys zs"))
    with pytest.raises(ValueError, match="atoms at step 50 are not those at step 0"):
        dump(frame(0, [(1, 1, 0, 0, 0)]) + frame(50, [(1, 2, 0, 0, 0)]))


def test_damage_is_an_error_of_the_file(tmp_path):
    """Bytes changed, missing and inserted, as a broken file system leaves them: no other error than a ValueError."""
    random = np.random.default_rng(0)
    path, refused = tmp_path / "frames.dump", 0
    for _ in range(500):
        data = bytearray(FRAMES.encode())
        place, length = random.integers(len(data)), random.integers(1, 20)
        data[place : place + random.integers(length + 1)] = random.bytes(random.integers(length + 1))
        path.write_bytes(data)
        try:
            read_dump(path)
        except ValueError:
            refused += 1
    assert refused > 100
