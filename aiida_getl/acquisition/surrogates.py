"""Cells that stand for glasses that do not exist yet: made in a moment, with environments like those to be expected.

Taken from the structure of the nearest composition: elements exchanged at random to the new composition, the volume
scaled by the volumes of the atoms, and the atoms relaxed as soft spheres of metallic diameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from aiida_getl.structures.composition import atom_counts
from aiida_getl.structures.cutting import cut_cell
from aiida_getl.structures.packing import atomic_volume
from aiida_getl.structures.soft_spheres import push_apart

#: A structure so many times larger than what it should stand for is cut.
CUT_ABOVE = 2.0
#: Nearest neighbours of a close packing of the same volume, in cube roots of the volume of an atom.
CLOSE_PACKED = 2.0 ** (1.0 / 6.0)
#: Å, of the displacements that make another glass of the same composition.
RATTLE = 0.3


def composition_of(atoms: Atoms) -> str:
    """Return the composition in percent, elements in alphabetical order: ``Cu50Zr50``."""
    symbols, counts = np.unique(atoms.get_chemical_symbols(), return_counts=True)
    return "".join(f"{a}{round(100 * n / len(atoms), 1):g}" for a, n in zip(symbols, counts, strict=True))


def fractions(composition: str | Mapping[str, float], n_atoms: int) -> dict[str, float]:
    """Return the share of each element in a cell of so many atoms of a composition."""
    return {symbol: count / n_atoms for symbol, count in atom_counts(composition, n_atoms).items()}


def distance(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return the share of the atoms that would have to be exchanged between two compositions."""
    return 0.5 * sum(abs(first.get(e, 0.0) - second.get(e, 0.0)) for e in set(first) | set(second))


def stand_in(composition: str, n_atoms: int, sources: Sequence[Atoms], seed: int | Sequence[int]) -> Atoms:
    """Return a cell that stands for a new glass.

    Parameters
    ----------
    composition, n_atoms : of the glass
    sources : structures to start from; of equally near ones the first is taken. Cut or repeated, it has so many atoms
        as it should, or up to twice as many
    seed : of everything drawn

    Raises
    ------
    ValueError
        Without sources, or for a composition that so few atoms cannot have.
    """
    if not sources:
        raise ValueError("a cell that stands for a new glass is made from another structure, and there is none")
    rng = np.random.default_rng(seed)
    wanted = fractions(composition, n_atoms)
    own = [dict(zip(*np.unique(a.get_chemical_symbols(), return_counts=True), strict=True)) for a in sources]
    far = [distance(wanted, {e: n / len(a) for e, n in c.items()}) for a, c in zip(sources, own, strict=True)]
    source = sources[int(np.argmin(np.round(far, 6)))]
    if len(source) > CUT_ABOVE * n_atoms:
        source = cut_cell(source, int(rng.integers(len(source))), n_atoms)
    while len(source) < n_atoms:  # or a rare element would have no atom
        source = source.repeat(np.where(np.arange(3) == np.argmin(source.cell.lengths()), 2, 1))
    numbers = _exchanged(source.numbers, atom_counts(composition, len(source)), rng)
    result = Atoms(numbers, positions=source.positions, cell=source.cell, pbc=True)
    scale = (_volume(numbers) / _volume(source.numbers)) ** (1.0 / 3.0)
    result.set_cell(scale * np.asarray(source.cell), scale_atoms=True)
    result.positions += rng.normal(scale=RATTLE, size=result.positions.shape)
    diameter = np.array([CLOSE_PACKED * np.cbrt(atomic_volume(symbol)) for symbol in result.get_chemical_symbols()])
    return push_apart(result, 0.5 * (diameter[:, None] + diameter))


def _exchanged(numbers: NDArray, counts: Mapping[str, int], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return atomic numbers with the wanted counts: as many as possible stay, which ones do not is drawn."""
    result = np.asarray(numbers).copy()
    wanted = {atomic_numbers[symbol]: count for symbol, count in counts.items()}
    free: list[int] = []
    for element in np.unique(result):
        own = rng.permutation(np.flatnonzero(result == element))
        free.extend(own[wanted.get(int(element), 0) :].tolist())
    missing = [e for e, count in wanted.items() for _ in range(count - int(np.sum(numbers == e)))]
    for place, element in zip(rng.permutation(free), missing, strict=True):
        result[int(place)] = element
    return result


def _volume(numbers: NDArray) -> float:
    return float(sum(atomic_volume(symbol) for symbol in Atoms(numbers).get_chemical_symbols()))
