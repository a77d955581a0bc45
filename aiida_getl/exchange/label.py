"""Labels made elsewhere: a structure, its ICOHPLIST.lobster, and what lies beside them, read as one."""

from __future__ import annotations

import gzip
import hashlib
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from ase.io.formats import UnknownFileTypeError
from numpy.typing import NDArray
from qe_tools.exceptions import InputValidationError, ParsingError
from qe_tools.parsers import PwInputFile

from aiida_getl.exchange.images import fit
from aiida_getl.exchange.status import STATUS, USABLE
from aiida_getl.lobster.icohplist import DISTANCE_TOLERANCE, IcohpList, read_icohplist
from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.lobster.lobsterout import read_lobsterout
from aiida_getl.structures.bonds import BondList, bond_types, bond_vectors, find_bonds
from aiida_getl.structures.checks import check_open_boundaries, check_separation

#: What a file is for. Only the first two are needed.
ROLES = ("structure", "icohplist", "lobsterout", "lobsterin", "scf_input", "scf_output")

#: Bytes within which the data of LAMMPS name their box.
HEADER = 2**14

#: Bytes that a packed file may unpack to; it may itself be a thousand times smaller.
UNPACKED_MAX = 2**30

#: What ASE's readers raise for a file that they do not understand differs from format to format.
_NOT_UNDERSTOOD = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
    UnknownFileTypeError,
)


@dataclass(frozen=True)
class Label:
    """The bond strengths of one structure, and how they were made.

    Attributes
    ----------
    atoms : the structure, Å
    bonds : every listed bond once
    icohp : (n, n_spin) eV, negative is bonding
    method : what defines the scale: ``engine``, ``version``, ``basis_set``, ``basis`` (shells by element), ``pseudos``
        (file names by element); None where no file tells
    calculation : ``kpoints``, ``ecutwfc`` and ``ecutrho`` in Ry, and other settings of the SCF, as far as known
    spilling : charge spilling as a fraction, or None
    notes : what should be known about it
    """

    atoms: Atoms
    bonds: BondList
    icohp: NDArray[np.float64]
    method: dict[str, Any]
    calculation: dict[str, Any]
    spilling: float | None
    notes: tuple[str, ...]


class Unlabelled(ValueError):
    """A structure has no label, for a reason of physics or numerics rather than of a damaged file."""


def read_bytes(path: Path) -> bytes:
    """Return the contents of a file, unpacked if its name ends in ``.gz``.

    Raises
    ------
    ValueError
        For a damaged archive, or one of more than :data:`UNPACKED_MAX` bytes.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            content = file.read(UNPACKED_MAX + 1)
    except (OSError, EOFError, zlib.error) as exception:
        raise ValueError(f"{path.name} cannot be unpacked ({exception}): get it again") from exception
    if len(content) > UNPACKED_MAX:
        raise ValueError(f"{path.name} unpacks to more than {UNPACKED_MAX} bytes: this is no file of a label")
    return content


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked if its name ends in ``.gz``."""
    return read_bytes(path).decode(errors="replace")


def sha256(path: Path) -> str:
    """Return the checksum of a file as it is on disk."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_structure(path: Path) -> Atoms:
    """Return the last structure of a file, taken as periodic; see :func:`read_frames`."""
    return _periodic(_read(path, -1)[0])


def read_frames(path: Path) -> list[Atoms]:
    """Return the structures of a file in any format of ASE, perhaps with ``.gz``; all are taken as periodic.

    Raises
    ------
    ValueError
        For a file that ASE cannot read, or a structure without a cell, with atoms on each other, or that is not
        periodic and would be bonded through its boundary.
    """
    frames = _read(path, ":")
    for number, atoms in enumerate(frames):
        check_open_boundaries(atoms, path.name if len(frames) == 1 else f"{path.name}, frame {number},")
    return [_periodic(atoms) for atoms in frames]


def _read(path: Path, index: int | str) -> list[Atoms]:
    name = path.name.removesuffix(".gz")
    with tempfile.TemporaryDirectory(prefix="getl-") as folder:
        copy = Path(folder) / name
        content = read_bytes(path)
        copy.write_bytes(content)
        form = _format(copy, content)
        try:
            found = read(copy, index=index, format=form, do_not_split_by_at_sign=True)
        except _NOT_UNDERSTOOD as exception:
            raise ValueError(
                f"{path.name} is not understood as a structure ({type(exception).__name__}: {exception}): "
                "give a format that ASE reads, such as extended XYZ, CIF or POSCAR"
            ) from exception
    frames = found if isinstance(found, list) else [found]
    if not frames or not all(len(frame) for frame in frames):
        raise ValueError(f"{path.name} holds no atoms")
    for number, atoms in enumerate(frames):
        if abs(atoms.cell.volume) < 1e-6:
            raise ValueError(f"{path.name} has no cell: bonds between periodic images need one (Lattice=... in an XYZ)")
        if not np.isfinite(atoms.positions).all():
            raise ValueError(f"{path.name} has positions that are no numbers")
        if not atoms.numbers.all():
            raise ValueError(f"{path.name} has atoms of no known element: name them by chemical symbols")
        check_separation(atoms, path.name if len(frames) == 1 else f"{path.name}, frame {number}")
    return frames


def _format(path: Path, content: bytes) -> str | None:
    """Return ASE's name of the formats that are known by their contents, whatever the file is called; else None."""
    if path.suffix.lower() == ".in" and b"&SYSTEM" in content.upper():
        return "espresso-in"
    if re.search(rb"^[ \t]*\S+[ \t]+\S+[ \t]+xlo[ \t]+xhi", content[:HEADER], re.MULTILINE):
        if not re.search(rb"^[ \t]*(Masses|Atom Type Labels)", content, re.MULTILINE):
            raise ValueError(f"{path.name}: LAMMPS data without Masses do not say of which elements their atoms are")
        return "lammps-data"
    return None


def _periodic(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def read_label(files: Mapping[str, Path], status: int | None = None) -> Label:
    """Read one labelled structure.

    Parameters
    ----------
    files : by role, see :data:`ROLES`
    status : what ``ND.info`` says of it, see :mod:`aiida_getl.exchange.status`; it decides where the files do not tell
        whether the SCF converged

    Raises
    ------
    Unlabelled
        If the files say why there is no label.
    ValueError
        For files that are missing, damaged, or do not belong together.
    """
    bad = _why_not(files, status)
    if "icohplist" not in files:
        raise Unlabelled(bad or "there is no ICOHPLIST.lobster")
    if bad:
        raise Unlabelled(f"{bad}; its ICOHPLIST.lobster is not used")
    if "structure" not in files:
        raise ValueError("there is no structure file")
    frames = _read(files["structure"], ":")
    atoms = _periodic(frames[-1])
    path = files["icohplist"]
    try:
        icohps = read_icohplist(read_text(path))
    except ValueError as exception:
        raise ValueError(f"{path.name}: {exception}") from exception
    if icohps.kind != "COHP":
        raise ValueError(f"{path.name} holds {icohps.kind}s, not COHPs: give ICOHPLIST.lobster")
    if not icohps.complete:
        raise Unlabelled(f"{path.name} ends in the middle of a line or a spin: LOBSTER was stopped")
    _same_elements(icohps, atoms, path.name)
    try:
        atoms, bonds, values = fit(icohps, atoms)
    except ValueError as exception:
        raise ValueError(f"{path.name} and {files['structure'].name}: {exception}") from exception
    if not np.isfinite(values).all():
        raise Unlabelled(f"{path.name} has {int((~np.isfinite(values)).any(axis=1).sum())} ICOHPs that are no numbers")
    if "lobsterout" in files:
        _check_completeness(icohps, bonds, atoms, path.name, files["lobsterout"])
    method, calculation, spilling, notes = _how(files)
    if not frames[-1].pbc.all():
        # The list is of a periodic calculation, whatever the file of the structure says.
        notes.append(f"{files['structure'].name} says that it is not periodic: it was taken as periodic")
    if len(frames) > 1:
        notes.append(f"{files['structure'].name} holds {len(frames)} structures: the last one was taken")
    # The distances of the structure itself have all digits.
    distance = np.linalg.norm(bond_vectors(atoms.positions, atoms.cell[:], bonds), axis=1)
    return Label(atoms, replace(bonds, distance=distance), values, method, calculation, spilling, tuple(notes))


def _same_elements(icohps: IcohpList, atoms: Atoms, name: str) -> None:
    symbols = np.array(atoms.get_chemical_symbols())
    for index, element in ((icohps.atom_i, icohps.element_i), (icohps.atom_j, icohps.element_j)):
        if index.max() >= len(atoms):
            raise ValueError(f"{name} names atom {index.max() + 1}, but the structure has {len(atoms)} atoms")
        other = np.flatnonzero(symbols[index] != element)
        if len(other):
            k = other[0]
            listed = dict(zip(icohps.atom_i.tolist(), icohps.element_i.tolist(), strict=True))
            listed |= dict(zip(icohps.atom_j.tolist(), icohps.element_j.tolist(), strict=True))
            same = Counter(listed.values()) == Counter(symbols.tolist())
            raise ValueError(
                f"{name} says that atom {index[k] + 1} is {element[k]}, the structure that it is {symbols[index[k]]}: "
                + (
                    "the same elements in another order; give the structure file that LOBSTER's calculation was made of"
                    if same
                    else "they do not belong together"
                )
            )


def _why_not(files: Mapping[str, Path], status: int | None) -> str | None:
    """Return why labels made from this SCF cannot be trusted, None if they can or nothing tells."""
    recorded = None if status is None or status in USABLE else f"{STATUS[status]} (status {status} in ND.info)"
    text = read_text(files["scf_output"]) if "scf_output" in files else ""
    iterations = re.findall(r"iteration # *(\d+)", text)
    if not iterations:
        return recorded
    if "convergence has been achieved" in text:
        return None
    after = f"after {iterations[-1]} iterations"
    name = files["scf_output"].name + ("" if recorded is None else f"; status {status} in ND.info")
    if "convergence NOT achieved" in text:
        return f"the SCF did not converge {after} ({name})"
    return f"the SCF was stopped {after}, not converged ({name})"


def _check_completeness(icohps: IcohpList, bonds: BondList, atoms: Atoms, name: str, log_path: Path) -> None:
    """Raise :class:`Unlabelled` for a list that lacks bonds or a spin that its log tells of."""
    log = read_lobsterout(read_text(log_path))
    if log.n_spins == 2 and icohps.n_spins == 1:
        raise Unlabelled(f"{name} lacks the second spin, which {log_path.name} tells of: it was cut off")
    if log.n_interactions is None:
        return
    known = {len(icohps)} if icohps.n_averaged is None else {len(icohps), int(icohps.n_averaged.sum())}
    if log.n_interactions in known:
        return
    # A finished run of LOBSTER 4.1 with two spins counted each bond twice; half a list looks the same but has gaps.
    twice = log.finished and log.n_interactions in {2 * number for number in known}
    if twice and not _has_gaps(bonds, atoms):
        return
    end = "the list was cut off, or is of another run" if log.finished else "it was stopped"
    raise Unlabelled(
        f"LOBSTER found {log.n_interactions} bonds and listed {len(icohps)} ({log_path.name}, {name}): {end}"
    )


def _has_gaps(bonds: BondList, atoms: Atoms) -> bool:
    """Return whether a bond is missing that is shorter than a listed one of the same elements."""
    symbols = atoms.get_chemical_symbols()
    listed = bond_types(symbols, bonds)
    longest = {name: bonds.distance[listed == name].max() for name in np.unique(listed)}
    near = find_bonds(atoms.positions, atoms.cell[:], bonds.distance.max() + DISTANCE_TOLERANCE)
    reach = np.array([longest.get(name, 0.0) for name in bond_types(symbols, near)]) - DISTANCE_TOLERANCE
    return not set(near.select(near.distance < reach).keys()) <= set(bonds.keys())


def _how(files: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, Any], float | None, list[str]]:
    """Return (method, calculation, spilling, notes) from the files beside the list."""
    method: dict[str, Any] = {"engine": None, "version": None, "basis_set": None, "basis": {}, "pseudos": {}}
    calculation: dict[str, Any] = {}
    notes: list[str] = []
    spilling = None
    if "lobsterout" in files:
        log = read_lobsterout(read_text(files["lobsterout"]))
        method |= {"engine": log.engine, "version": log.version, "basis_set": log.basis_set}
        method["basis"] = {element: _shells(orbitals) for element, orbitals in sorted(log.basis.items())}
        spilling = max((value for value in log.charge_spilling if np.isfinite(value)), default=None)
        if not log.finished:
            notes.append("LOBSTER did not finish, but listed all bonds")
    if "lobsterin" in files:
        try:
            lobsterin = Lobsterin.from_text(read_text(files["lobsterin"]))
        except ValueError as exception:
            notes.append(f"{files['lobsterin'].name} is not used: {exception}")
        else:
            basis = {element: list(shells) for element, shells in sorted(lobsterin.basis_functions.items())}
            method["basis"] = basis or method["basis"]
            method["basis_set"] = method["basis_set"] or lobsterin.settings.get("basisSet")
    if "scf_input" in files:
        try:
            pw = PwInputFile(read_text(files["scf_input"]))
        except (InputValidationError, ParsingError, ValueError, LookupError, TypeError) as exception:
            notes.append(f"{files['scf_input'].name} is not used: {exception}")
        else:
            species = pw.atomic_species
            method["pseudos"] = dict(sorted(zip(species["names"], species["pseudo_file_names"], strict=True)))
            system = pw.namelists.get("SYSTEM", {})
            wanted = ("ecutwfc", "ecutrho", "nbnd", "occupations", "smearing", "degauss", "nspin")
            calculation = {name: system[name] for name in wanted if name in system} | {"kpoints": pw.k_points}
    if "scf_output" in files:
        version = re.search(r"Program PWSCF v\.(\S+)", read_text(files["scf_output"]))
        if version:
            calculation["pw_version"] = version.group(1)
    return method, calculation, spilling, notes


def _shells(orbitals: tuple[str, ...]) -> list[str]:
    """Return the shells of orbitals: ``3p_y``, ``3p_z``, ``3p_x`` are one, ``3p``."""
    return list(dict.fromkeys(orbital.split("_")[0] for orbital in orbitals))
