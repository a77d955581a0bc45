"""Read the wavefunctions that pw.x leaves in its ``.save`` folder, one k-point at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import FortranEOFError, FortranFile, FortranFormattingError

RERUN = "run pw.x again, with wf_collect as by default and without removing its output"


@dataclass(frozen=True)
class PlaneWaves:
    """Bands of one k-point and spin.

    Attributes
    ----------
    vectors : (n, 3) 1/bohr
        k + G.
    coefficients : (bands, n)
    is_gamma
        Only one of G and -G is stored, the wavefunctions being real; G = 0 is the first.
    """

    vectors: NDArray[np.float64]
    coefficients: NDArray[np.complex128]
    is_gamma: bool


def wavefunction_file(save: Path, spin: int, kpoint: int, n_spins: int) -> Path:
    """Return the file of a k-point, counted from zero."""
    channel = ("up", "dw")[spin] if n_spins == 2 else ""
    return save / f"wfc{channel}{kpoint + 1}.dat"


def read_plane_waves(path: Path, n_bands: int) -> PlaneWaves:
    """Read the lowest bands of a ``wfc*.dat`` file, as QE writes it without HDF5.

    Raises
    ------
    FileNotFoundError, ValueError
        For a file that is missing, cut off, or of a non-collinear calculation.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {RERUN}")
    try:
        with FortranFile(path) as file:
            head = file.read_record("u1")
            (is_gamma,) = head[32:36].view("i4") if len(head) >= 36 else (0,)
            k = head[4:28].view("f8")
            _, n_waves, n_components, n_stored = file.read_ints("i4")
            if n_components != 1:
                raise ValueError(f"{path} is of a non-collinear run: only collinear spin is supported")
            if n_stored < n_bands:
                raise ValueError(f"{path} has {n_stored} of {n_bands} bands: it is of another run")
            reciprocal = file.read_reals("f8").reshape(3, 3)
            miller = file.read_ints("i4").reshape(-1, 3)
            coefficients = np.empty((n_bands, n_waves), dtype=complex)
            for band in range(n_bands):
                coefficients[band] = file.read_record("c16")
    except (FortranEOFError, FortranFormattingError, IndexError) as error:
        raise ValueError(f"{path} is cut off or no wavefunction file ({error}): {RERUN}") from None
    return PlaneWaves(miller @ reciprocal + k, coefficients, bool(is_gamma))
