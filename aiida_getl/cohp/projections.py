"""Read ``atomic_proj.xml`` of projwfc.x one k-point at a time.

The file has about 100 MB per k-point for 100 atoms, so it is mapped, indexed by its tags and never held as a whole.
Both known orders (written with FoX: spins within a k-point; by QE itself, as in 6.7 and 7.x: k-points within a spin)
are read, since every projection names its spin.
"""

from __future__ import annotations

import mmap
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.save import HARTREE
from aiida_getl.quantumespresso.fortran import parse_floats


class ProjectionFile:
    """Projections and overlaps of ``atomic_proj.xml``, read on demand.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    n_bands, n_kpoints, n_spins, n_functions
        As in its header.
    has_overlaps
        Whether projwfc.x ran with ``lwrite_overlaps=.true.``.

    Raises
    ------
    FileNotFoundError, ValueError
        For a missing, incomplete or unknown file, or a non-collinear calculation.
    """

    functions = "orbitals of the pseudopotentials, from projwfc.x"
    label = "UPF"

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: run projwfc.x (lsym=.false., lwrite_overlaps=.true.) on this pw.x calculation"
            )
        self.path = path
        with path.open("rb") as handle:
            try:
                self._data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise ValueError(f"{path} is empty: run projwfc.x again") from None
        self._read_header()
        if b"</PROJECTIONS>" not in self._data[-200:]:
            raise ValueError(f"{path} does not end with </PROJECTIONS>: it is cut off, run projwfc.x again")
        self._projections = self._index(b"<PROJS>", b"</PROJS>", b"<ATOMIC_WFC ")
        self._overlaps = self._index(b"<OVPS ", b"</OVPS>", b"<OVPS ")
        expected = {(spin, k) for spin in range(self.n_spins) for k in range(self.n_kpoints)}
        for found, what in ((self._projections, "projections"), (self._overlaps, "overlaps")):
            if set(found) != expected and (found or what == "projections"):
                raise ValueError(
                    f"{path} has {what} for {len(found)} of {len(expected)} k-points and spins: "
                    "it is damaged, run projwfc.x again"
                )
        self.has_overlaps = bool(self._overlaps)

    def energies(self, spin: int, kpoint: int) -> NDArray[np.float64]:
        """Return the band energies in eV, shape (n_bands,)."""
        start, _ = self._projections[spin, kpoint]
        first = self._data.rfind(b"<E>", 0, start) + len(b"<E>")
        return self._floats(first, self._data.find(b"</E>", first), self.n_bands, "energies") * HARTREE / 2

    def projections(self, spin: int, kpoint: int, n_bands: int) -> NDArray[np.complex128]:
        """Return the projections of the lowest bands on all functions, shape (n_functions, n_bands)."""
        start, end = self._projections[spin, kpoint]
        result = np.empty((self.n_functions, n_bands), dtype=complex)
        position = start
        for function in range(self.n_functions):
            tag = self._data.find(b"<ATOMIC_WFC ", position, end)
            if tag < 0:
                raise ValueError(
                    f"{self.path} has {function} of {self.n_functions} functions at k-point {kpoint + 1}: "
                    "run projwfc.x again"
                )
            first = self._data.find(b">", tag) + 1
            position = self._data.find(b"</ATOMIC_WFC>", first, end)
            row = self._floats(first, position, 2 * self.n_bands, f"function {function + 1} of k-point {kpoint + 1}")
            result[function] = row.view(complex)[:n_bands]
        return result

    def overlap(self, spin: int, kpoint: int) -> NDArray[np.complex128]:
        """Return the overlap matrix of the atomic functions, shape (n_functions, n_functions)."""
        start, end = self._overlaps[spin, kpoint]
        n = self.n_functions
        values = self._floats(self._data.find(b">", start) + 1, end, 2 * n * n, f"overlaps of k-point {kpoint + 1}")
        # Written column by column (Fortran) and read row by row: the transpose.
        return values.view(complex).reshape(n, n).T.copy()

    def _read_header(self) -> None:
        head = self._data[:4000].decode("ascii", errors="replace")
        if "<ATOMIC_PROJECTIONS" in head:
            raise ValueError(
                f"{self.path} is in the older iotk format: run projwfc.x of a newer QE (6.7 and 7.x write what is read)"
            )
        match = re.search(r"<HEADER ([^>]*)>", head)
        if match is None:
            raise ValueError(f"{self.path} has no <HEADER>: it is not the atomic_proj.xml of projwfc.x")
        header = dict(re.findall(r'([\w-]+)\s*=\s*"([^"]*)"', match.group(1)))
        for name in (names := ("BANDS", "K-POINTS", "SPIN_COMPONENTS", "ATOMIC_WFC")):
            value = header.get(f"NUMBER_OF_{name}", "")
            if not re.fullmatch(r"\s*\d{1,9}\s*", value):
                raise ValueError(
                    f"{self.path} has no NUMBER_OF_{name} in its <HEADER>, but {value!r}: it is damaged, run projwfc.x "
                    "again"
                )
        self.n_bands, self.n_kpoints, self.n_spins, self.n_functions = (int(header[f"NUMBER_OF_{n}"]) for n in names)
        if self.n_spins not in (1, 2):
            raise ValueError(f"{self.path} is of a non-collinear run: only collinear spin is supported")

    def _index(self, opening: bytes, closing: bytes, spin_tag: bytes) -> dict[tuple[int, int], tuple[int, int]]:
        blocks: dict[tuple[int, int], tuple[int, int]] = {}
        count = [0] * self.n_spins
        position = self._data.find(opening)
        while position >= 0:
            end = self._data.find(closing, position)
            if end < 0:
                break
            tag = self._data.find(spin_tag, position, end)
            match = re.search(rb'spin\s*=\s*"\s*(\d)"', self._data[tag : tag + 200])
            spin = int(match.group(1)) - 1 if match else 0
            if not 0 <= spin < self.n_spins:
                raise ValueError(
                    f"{self.path} has a spin {spin + 1} of {self.n_spins}: it is damaged, run projwfc.x again"
                )
            blocks[spin, count[spin]] = (position, end)
            count[spin] += 1
            position = self._data.find(opening, end)
        return blocks

    def _floats(self, first: int, last: int, n: int, what: str) -> NDArray[np.float64]:
        text = self._data[first:last]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)
                values = np.fromstring(text, sep=" ")
        except (DeprecationWarning, ValueError):  # a number like 1.0-100, which the slower way understands
            try:
                values = parse_floats(text.decode("ascii", errors="replace"))
            except ValueError:
                raise ValueError(f"{self.path}: {what} are no numbers: run projwfc.x again") from None
        if values.size != n:
            raise ValueError(f"{self.path} has {values.size} of {n} numbers for {what}: run projwfc.x again")
        if not np.isfinite(values).all():
            raise ValueError(f"{self.path}: {what} has numbers that are not finite: run projwfc.x again")
        return values
