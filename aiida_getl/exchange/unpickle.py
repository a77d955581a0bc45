"""Read pickled arrays without running what a hostile pickle asks for.

A pickle is a program: it names functions and calls them. Here only the names that numpy's arrays are pickled by are
understood, and they stand for classes of this module that merely keep what they are given. No numpy object is built
before the shape, the type and the number of bytes have been checked.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Types of numbers that descriptors are made of, without the byte order.
_NUMBERS = {"f4", "f8", "i4", "i8"}

#: What a malformed pickle can raise, all of it meaning the same.
_MALFORMED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
)


class _Type:
    """A pickled ``numpy.dtype``."""

    __slots__ = ("name", "order")

    def __init__(self, name: Any, *_: Any) -> None:
        self.name, self.order = name, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def to_dtype(self) -> np.dtype:
        if self.name not in _NUMBERS or self.order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"an array of type {self.name!r}, which is none of {sorted(_NUMBERS)}")
        return np.dtype(self.order.replace("|", "=") + self.name)


class _Array:
    """A pickled ``numpy.ndarray``."""

    __slots__ = ("state",)

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def to_array(self) -> NDArray:
        _, shape, kind, fortran, data = self.state
        if isinstance(data, str):  # written by Python 2
            data = data.encode("latin1")
        if not isinstance(kind, _Type) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("an array that is not one of numbers")
        return np.frombuffer(data, kind.to_dtype()).reshape(shape, order="F" if fortran else "C").astype(float)


class _Reconstruct:
    """Stands for numpy's function that makes an empty array to be filled."""

    __slots__ = ()

    def __call__(self, *_: Any) -> _Array:
        return _Array()


class _FromBuffer:
    """Stands for numpy's function that makes an array of bytes, which protocol 5 uses."""

    __slots__ = ()

    def __call__(self, data: Any, kind: Any, shape: Any, order: str) -> _Array:
        if order not in ("C", "F") or not isinstance(data, bytes):
            raise pickle.UnpicklingError(f"an array of a {type(data).__name__} in the order {order!r}")
        array = _Array()
        array.state = (1, shape, kind, order == "F", data)
        return array


class _Encode:
    """Stands for the function by which Python 3 pickles bytes for Python 2."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")


class _NoBytes:
    """Stands for the function by which Python 3 pickles an empty array for Python 2."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer(),
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer(),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _Encode(),
    ("__builtin__", "bytes"): _NoBytes(),
}


def _load_bytearray(unpickler: Any) -> None:
    """Read the bytes of an array of protocol 5; pickle's own method reserves memory for any length that is named."""
    (length,) = struct.unpack("<Q", unpickler.read(8))
    data = unpickler.read(length)
    if len(data) != length:
        raise pickle.UnpicklingError(f"it ends within an array of {length} bytes")
    unpickler.append(data)


# The unpickler in Python, not the one in C: that one reserves memory for any index a pickle names.
class _ArraysOnly(pickle._Unpickler):
    dispatch = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytearray}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array") from None

    def get_extension(self, code: int) -> None:
        raise pickle.UnpicklingError(f"it asks for the registered extension {code}, which is no array")


def load_arrays(content: bytes, name: str) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of a pickled dictionary of arrays, by any version of Python and numpy.

    Parameters
    ----------
    content : the pickle
    name : of the file, for messages

    Raises
    ------
    ValueError
        For a pickle that is damaged, asks for anything but arrays of numbers, or is no dictionary of them. Nothing
        that it asks for is run.
    """
    try:
        found = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
            raise pickle.UnpicklingError(f"it holds a {type(found).__name__}, not arrays by their names")
        for key, value in found.items():
            if not isinstance(value, _Array):
                raise pickle.UnpicklingError(f"{key!r} is a {type(value).__name__}, not an array")
        return {key: value.to_array() for key, value in found.items()}
    except _MALFORMED as exception:
        raise ValueError(
            f"{name} is not read: {exception or type(exception).__name__}. Only pickled dictionaries of numpy arrays "
            "are; save other data as .npz"
        ) from exception
