"""Read what pw.x left in its ``.save`` folder: structure, k-points, energies, occupations, pseudopotentials."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_getl.cohp.symmetry import lacks_images
from aiida_getl.quantumespresso.fortran import parse_floats
from aiida_getl.quantumespresso.upf import Upf, read_upf

BOHR = 0.529177210903  #: Å (CODATA 2018, as in QE)
HARTREE = 27.211386245988  #: eV
#: By how much of all electrons the occupations may miss their number.
ELECTRON_TOLERANCE = 1e-3


@dataclass(frozen=True)
class QeSave:
    """A finished pw.x calculation.

    Attributes
    ----------
    path
        The ``.save`` folder.
    version
        Of pw.x.
    cell : (3, 3) Å
    positions : (n, 3) Å
        As in the file: not wrapped into the cell.
    species : (n,)
        QE's names of the atomic species, e.g. ``Fe1``.
    upfs
        Pseudopotential of each species.
    kpoints : (nk, 3)
        In units of the reciprocal lattice vectors.
    weights : (nk,)
        Sum 1.
    energies : (nspin, nk, nbnd) eV
    occupations : (nspin, nk, nbnd)
        From 0 to 1.
    fermi_energy : eV
        The highest occupied level where pw.x gives no Fermi energy.
    n_electrons
    upf_files
        Name of each species' pseudopotential in the folder.
    """

    path: Path
    version: str
    cell: NDArray[np.float64]
    positions: NDArray[np.float64]
    species: tuple[str, ...]
    upfs: dict[str, Upf]
    kpoints: NDArray[np.float64]
    weights: NDArray[np.float64]
    energies: NDArray[np.float64]
    occupations: NDArray[np.float64]
    fermi_energy: float
    n_electrons: float
    upf_files: dict[str, str] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbol of every atom."""
        return tuple(self.upfs[species].element for species in self.species)

    @property
    def n_spins(self) -> int:
        """1 without spin polarisation, else 2."""
        return self.energies.shape[0]

    @property
    def n_bands(self) -> int:
        """Number of bands per k-point and spin."""
        return self.energies.shape[2]


def find_save(folder: Path) -> Path:
    """Return the only ``*.save`` folder in ``folder`` or up to two levels below, links followed.

    Raises
    ------
    FileNotFoundError
        If there is none, or more than one.
    """
    # ``**`` would not follow links, which job folders are made of.
    patterns = (f"{levels}*.save/data-file-schema.xml" for levels in ("", "*/", "*/*/"))
    found = sorted(path.parent for pattern in patterns for path in folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    if not found:
        raise FileNotFoundError(
            f"no *.save folder of pw.x with a data-file-schema.xml in or below {folder.resolve()}: name it with --save"
        )
    raise FileNotFoundError(
        f"more than one *.save folder below {folder.resolve()} ({', '.join(map(str, found))}): name one with --save"
    )


def read_save(path: Path) -> QeSave:
    """Read ``data-file-schema.xml`` and the pseudopotentials of a ``.save`` folder.

    Raises
    ------
    FileNotFoundError
        If the schema file or a pseudopotential is missing.
    ValueError
        For a damaged file, and for calculations that give no bonds here: non-collinear spin, bands along a path,
        k-points reduced by symmetry, occupations that do not add up to the electrons.
    """
    schema = path / "data-file-schema.xml"
    if not schema.is_file():
        raise FileNotFoundError(f"{schema} is missing: give the .save folder of a finished pw.x run")
    try:
        root = ET.parse(schema).getroot()
    except ET.ParseError as error:
        raise ValueError(f"{schema} is damaged ({error}): run pw.x again") from None
    output = root.find("output")
    if output is None:
        raise ValueError(f"{schema} has no <output>: pw.x did not finish, run it again")
    bands = _need(output, "band_structure", schema)
    if _text(bands, "noncolin", schema) == "true":
        raise ValueError(
            f"{schema} is of a non-collinear run: only collinear spin is supported, run pw.x with nspin=1 or 2"
        )
    structure = _need(output, "atomic_structure", schema)
    alat = _number(structure, "alat", schema)
    cell = _table([_need(structure, f"cell/a{i}", schema) for i in (1, 2, 3)], schema, 3)
    atoms = _need(structure, "atomic_positions", schema).findall("atom")
    n_spins = 2 if _text(bands, "lsda", schema) == "true" else 1
    blocks = bands.findall("ks_energies")
    for found, tag in ((atoms, "atom"), (blocks, "ks_energies")):
        if not found:
            raise ValueError(f"{schema} has no <{tag}>: pw.x did not finish, run it again")
    points = [_need(block, "k_point", schema) for block in blocks]
    weights = np.array([_number(point, "weight", schema) for point in points])
    energies = _table([_need(block, "eigenvalues", schema) for block in blocks], schema)
    occupations = _table([_need(block, "occupations", schema) for block in blocks], schema)
    if energies.shape[1] % n_spins or occupations.shape != energies.shape:
        raise ValueError(f"{schema} has other numbers of energies and occupations: it is damaged, run pw.x again")
    shape = (len(blocks), n_spins, -1)
    save = QeSave(
        path=path,
        version=_attribute(_need(root, "general_info/creator", schema), "VERSION", schema),
        cell=cell * BOHR,
        positions=_table(atoms, schema, 3) * BOHR,
        species=tuple(_attribute(atom, "name", schema) for atom in atoms),
        upfs=_pseudopotentials(output, path, schema),
        # Cartesian in 2 pi / alat; along lattice vector a_i the phase of one cell is 2 pi (k . a_i) / alat.
        kpoints=_table(points, schema, 3) @ cell.T / alat,
        weights=weights / weights.sum(),
        energies=energies.reshape(shape).transpose(1, 0, 2) * HARTREE,
        occupations=occupations.reshape(shape).transpose(1, 0, 2),
        fermi_energy=_fermi_energy(bands, schema) * HARTREE,
        n_electrons=float(_numbers(_need(bands, "nelec", schema), schema)[0]),
        upf_files={
            _attribute(species, "name", schema): _text(species, "pseudo_file", schema)
            for species in _need(output, "atomic_species", schema).findall("species")
        },
    )
    _check(save, root, schema)
    return save


def _check(save: QeSave, root: ET.Element, schema: Path) -> None:
    """Refuse what has numbers, but not those that bonds are made of."""
    if (root.findtext("input/control_variables/calculation") or "").strip() == "bands":
        raise ValueError(f"{schema} is of calculation = 'bands', along a path: run pw.x with 'scf' or 'nscf' on a grid")
    rotations = [
        _numbers(_need(symmetry, "rotation", schema), schema).reshape(3, 3)
        for symmetry in root.findall("output/symmetries/symmetry")
        if (symmetry.findtext("info") or "").strip() == "crystal_symmetry"
    ]
    if len(rotations) > 1 and lacks_images(save.kpoints, np.array(rotations), save.cell):
        raise ValueError(
            f"{schema} has k-points that were reduced by {len(rotations)} symmetry operations, but bonds need all of "
            "them: run pw.x with nosym = .true., noinv = .true."
        )
    counted = 2 / save.n_spins * float(np.einsum("k,skn->", save.weights, save.occupations))
    if abs(counted - save.n_electrons) > ELECTRON_TOLERANCE * save.n_electrons:
        raise ValueError(
            f"{schema}: the occupations add up to {counted:.4f} of {save.n_electrons:g} electrons: give 'nscf' the "
            "occupations of the 'scf' run, and enough bands"
        )
    charge = root.find("input/bands/tot_charge")
    valence = sum(save.upfs[name].z_valence for name in save.species)
    expected = valence - (0.0 if charge is None else float(_numbers(charge, schema)[0]))
    if abs(expected - save.n_electrons) > ELECTRON_TOLERANCE * save.n_electrons:
        raise ValueError(
            f"{schema} has {save.n_electrons:g} electrons, the pseudopotentials beside it {expected:g}: they are not "
            "those of the run, copy these there"
        )


def _pseudopotentials(output: ET.Element, path: Path, schema: Path) -> dict[str, Upf]:
    upfs = {}
    for species in _need(output, "atomic_species", schema).findall("species"):
        name = _text(species, "pseudo_file", schema)
        if not name:
            raise ValueError(f"{schema} has an empty <pseudo_file>: it is damaged, run pw.x again")
        file = path / name
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is missing: the basis is read from it; copy the pseudopotential of the pw.x run there"
            )
        upfs[_attribute(species, "name", schema)] = read_upf(file)
    return upfs


def _fermi_energy(bands: ET.Element, schema: Path) -> float:
    for tag in ("fermi_energy", "two_fermi_energies", "highestOccupiedLevel"):
        element = bands.find(tag)
        if element is not None:
            # Of two Fermi energies (fixed magnetisation) the higher one: all occupied states lie below it.
            return float(_numbers(element, schema).max())
    raise ValueError(f"{schema} has neither a Fermi energy nor a highest occupied level: run pw.x again")


def _need(element: ET.Element, tag: str, schema: Path) -> ET.Element:
    found = element.find(tag)
    if found is None:
        raise ValueError(
            f"{schema} lacks <{tag}>: it is damaged or of a version of QE that is not known (6.4 to 7.x are)"
        )
    return found


def _text(element: ET.Element, tag: str, schema: Path) -> str:
    return (_need(element, tag, schema).text or "").strip()


def _attribute(element: ET.Element, name: str, schema: Path) -> str:
    if name not in element.attrib:
        raise ValueError(f"{schema} lacks the {name} of a <{element.tag}>: it is damaged, run pw.x again")
    return element.attrib[name].strip()


def _numbers(element: ET.Element, schema: Path) -> NDArray[np.float64]:
    return _parse(element.text or "", element, schema)


def _table(elements: Sequence[ET.Element], schema: Path, width: int | None = None) -> NDArray[np.float64]:
    rows = [_numbers(element, schema) for element in elements]
    if {len(row) for row in rows} != {width or len(rows[0])}:
        raise ValueError(f"{schema} has too few or too many numbers in <{elements[0].tag}>: it is damaged")
    return np.array(rows)


def _number(element: ET.Element, name: str, schema: Path) -> float:
    return float(_parse(_attribute(element, name, schema), element, schema)[0])


def _parse(text: str, element: ET.Element, schema: Path) -> NDArray[np.float64]:
    try:
        values = parse_floats(text)
    except ValueError:
        values = np.zeros(0)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"{schema} has no finite numbers in <{element.tag}>: it is damaged, run pw.x again")
    return values
