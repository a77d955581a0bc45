"""Read the wavefunctions that pw.x leaves in its ``.save`` folder, one k-point and some plane waves at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import FortranEOFError, FortranFile, FortranFormattingError

RERUN = "run pw.x again, with wf_collect as by default and without removing its output"
#: How far the lattice and the k-point of a file may be from those of data-file-schema.xml (1/bohr).
SAME_VECTOR = 1e-5


@dataclass(frozen=True)
class PlaneWaves:
    """Bands of one k-point and spin; their coefficients stay in the file.

    Attributes
    ----------
    reciprocal : (3, 3) 1/bohr
        Reciprocal lattice vectors.
    kpoint : (3,) 1/bohr
    vectors : (n, 3) 1/bohr
        k + G.
    is_gamma
        Only one of G and -G is stored, the wavefunctions being real.
    """

    reciprocal: NDArray[np.float64]
    kpoint: NDArray[np.float64]
    vectors: NDArray[np.float64]
    is_gamma: bool
    _read: Callable[[int, int], NDArray[np.complex128]]

    def coefficients(self, start: int, stop: int) -> NDArray[np.complex128]:
        """Return those of some of the plane waves, (bands, stop - start), in an array of the caller's own."""
        return self._read(start, stop)


def wavefunction_file(save: Path, spin: int, kpoint: int, n_spins: int) -> Path:
    """Return the file of a k-point, counted from zero: ``.dat``, or ``.hdf5`` where pw.x was built with HDF5."""
    channel = ("up", "dw")[spin] if n_spins == 2 else ""
    path = save / f"wfc{channel}{kpoint + 1}.dat"
    return hdf5 if not path.is_file() and (hdf5 := path.with_suffix(".hdf5")).is_file() else path


def missing_wavefunctions(path: Path) -> str | None:
    """Return why there is no such wavefunction file, and what to do; None if there is one."""
    return None if path.is_file() else f"{path} is missing: {RERUN}"


def read_plane_waves(path: Path, n_bands: int) -> PlaneWaves:
    """Open the lowest bands of a ``wfc*.dat`` or ``wfc*.hdf5`` file of pw.x.

    Raises
    ------
    FileNotFoundError, ValueError
        For a file that is missing, cut off, of a non-collinear calculation, or with fewer bands.
    """
    if missing := missing_wavefunctions(path):
        raise FileNotFoundError(missing)
    return (_read_hdf5 if path.suffix == ".hdf5" else _read_fortran)(path, n_bands)


def _read_hdf5(path: Path, n_bands: int) -> PlaneWaves:
    """Open a file as pw.x with HDF5 writes it: real and imaginary parts one after the other, a row for each band."""
    try:
        with h5py.File(path) as file:
            head = file.attrs
            _check_bands(path, int(head["npol"]), int(head["nbnd"]), n_bands)
            miller, n_waves = file["MillerIndices"], int(head["igwx"])
            reciprocal = np.array([miller.attrs[f"bg{axis}"] for axis in (1, 2, 3)], dtype=float)
            if miller.shape != (n_waves, 3) or file["evc"].shape != (int(head["nbnd"]), 2 * n_waves):
                raise ValueError(f"{path} is damaged: its bands are not of {n_waves} plane waves each: {RERUN}")
            kpoint = np.asarray(head["xk"], dtype=float)
            vectors = np.asarray(miller[:] @ reciprocal + kpoint, dtype=float)
            gamma = head["gamma_only"]
            is_gamma = (gamma.decode() if isinstance(gamma, bytes) else str(gamma)).strip().upper() == ".TRUE."
    except (OSError, KeyError) as error:
        raise ValueError(f"{path} is cut off or no wavefunction file ({error}): {RERUN}") from None

    def read(start: int, stop: int) -> NDArray[np.complex128]:
        try:
            with h5py.File(path) as file:
                part = file["evc"][:n_bands, 2 * start : 2 * stop]
        except OSError as error:
            raise ValueError(f"{path} is cut off ({error}): {RERUN}") from None
        return np.ascontiguousarray(part, dtype=float).view(complex)

    return PlaneWaves(reciprocal, kpoint, vectors, is_gamma, read)


def _check_bands(path: Path, n_components: int, n_stored: int, n_bands: int) -> None:
    if n_components != 1:
        raise ValueError(f"{path} is of a non-collinear run: only collinear spin is supported")
    if n_stored < n_bands:
        raise ValueError(f"{path} has {n_stored} of {n_bands} bands: it is of another run, run pw.x again")


def _read_fortran(path: Path, n_bands: int) -> PlaneWaves:
    """Open a file of Fortran records, as pw.x writes it without HDF5."""
    try:
        with path.open("rb") as raw:
            file = FortranFile(raw)
            head = file.read_record("u1")
            (is_gamma,) = head[32:36].view("i4")
            kpoint = head[4:28].view("f8")
            _, n_waves, n_components, n_stored = file.read_ints("i4")
            _check_bands(path, n_components, n_stored, n_bands)
            reciprocal = file.read_reals("f8").reshape(3, 3)
            miller = file.read_ints("i4").reshape(n_waves, 3)
            offset = raw.tell()
    except (FortranEOFError, FortranFormattingError, ValueError, IndexError) as error:
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} is cut off or no wavefunction file ({error}): {RERUN}") from None
    record = np.dtype([("length", "i4"), ("band", "c16", (n_waves,)), ("end", "i4")])
    if path.stat().st_size < offset + n_bands * record.itemsize:
        raise ValueError(f"{path} is cut off: {RERUN}")
    records = np.memmap(path, dtype=record, mode="r", offset=offset, shape=(n_bands,))
    if not (records["length"] == 16 * n_waves).all() or not (records["end"] == 16 * n_waves).all():
        raise ValueError(f"{path} is damaged: its bands are not of {n_waves} plane waves each: {RERUN}")

    def read(start: int, stop: int) -> NDArray[np.complex128]:
        # A copy also where the part is contiguous, as that of one band: the file's own is read-only.
        return np.array(records["band"][:, start:stop], order="C")

    return PlaneWaves(reciprocal, kpoint, miller @ reciprocal + kpoint, bool(is_gamma), read)


def check_same_run(waves: PlaneWaves, path: Path, cell: NDArray[np.float64], kpoint: NDArray[np.float64]) -> None:
    """Refuse wavefunctions of another lattice or k-point than data-file-schema.xml has.

    Parameters
    ----------
    waves, path
    cell : (3, 3) bohr
    kpoint : (3,)
        In units of the reciprocal lattice vectors.

    Raises
    ------
    ValueError
    """
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    difference = max(np.abs(waves.reciprocal - reciprocal).max(), np.abs(waves.kpoint - kpoint @ reciprocal).max())
    if not difference < SAME_VECTOR * max(1.0, np.abs(reciprocal).max()):
        raise ValueError(
            f"{path} has another lattice or k-point than data-file-schema.xml beside it: they are of different runs, "
            "run pw.x again"
        )
