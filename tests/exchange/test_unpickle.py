"""Pickled arrays are read; what else a pickle asks for is not done."""

import pickle
import struct

import numpy as np
import pytest

from aiida_getl.exchange.unpickle import load_arrays

ARRAYS = {"0-1-2": np.linspace(0, 1, 5), "0-1-3": np.arange(6.0).reshape(2, 3), "empty": np.array([])}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back(protocol):
    found = load_arrays(pickle.dumps(ARRAYS, protocol), "x.vec")
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i8", ">i4"])
def test_types_and_orders(dtype):
    array = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))
    for protocol in (2, 5):
        found = load_arrays(pickle.dumps({"a": array}, protocol), "x.vec")["a"]
        np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3))


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def test_nothing_is_run(tmp_path):
    import os
    import subprocess

    trace = tmp_path / "trace"
    for function in (os.system, subprocess.getoutput, eval, exec):
        command = f"touch {trace}" if function not in (eval, exec) else f"open({str(trace)!r}, 'w')"
        for content in ({"a": Call(function, command)}, Call(function, command)):
            with pytest.raises(ValueError, match=r"x\.vec is not read: it asks for .* which is no array"):
                load_arrays(pickle.dumps(content, 2), "x.vec")
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(ARRAYS, 2)[:-40],
        pickle.dumps([1, 2]),
        pickle.dumps({"a": "text"}),
        pickle.dumps({1: np.ones(2)}, 2),
        pickle.dumps({"a": np.array(["text", None], dtype=object)}, 2),
        pickle.dumps({"a": np.array(["text"])}, 2),
        pickle.dumps({"a": {"b": np.ones(2)}}, 2),
        # attributes of what stands for numpy's functions
        b"cnumpy.core.multiarray\n_reconstruct\n}S'__class__'\nI1\nsb.",
        # the names that numpy's own modules can reach
        b"cnumpy\ncore.multiarray._reconstruct.__globals__\n.",
        b"\x80\x04\x8c\x05numpy\x94\x8c\x10ndarray.__init__\x94\x93.",
        # an extension of the registry
        b"\x80\x02\x82\x01.",
        # an array whose shape is not that of its bytes
        pickle.dumps({"a": np.ones(2)}, 2).replace(b"K\x02\x85", b"J" + struct.pack("<i", 2**31 - 1) + b"\x85"),
        # of protocol 5: cut off, bytes beyond the end, more of them than there is memory, and another shape
        pickle.dumps(ARRAYS, 5)[:-40],
        b"\x80\x05\x96\x09\x00\x00\x00\x00\x00\x00\x00.",
        b"\x80\x05\x96\x00\x00\x00\x00\xff\x00\x00\x00.",
        pickle.dumps({"a": np.ones(2)}, 5).replace(b"K\x02\x85", b"J" + struct.pack("<i", 2**31 - 1) + b"\x85"),
        b"P1\n.",
        b"R.",
        b"(lp0\ng0\na.",
    ],
)
def test_hostile_or_damaged_pickles(content):
    with pytest.raises(ValueError, match=r"x\.vec is not read: "):
        load_arrays(content, "x.vec")


def test_a_memo_entry_far_away_takes_no_memory():
    assert load_arrays(b"\x80\x02}r\xff\xff\xff\x7f.", "x.vec") == {}


def test_the_published_file(reference_data):
    path = reference_data / "prm4_113603/ML/big-data-full/Zr49Cu49Al2-PBSSDB/Al-Al-SOAPS.vec"
    found = load_arrays(path.read_bytes(), path.name)
    assert len(found) == 54
    for vector in found.values():
        assert vector.shape == (2101,)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
