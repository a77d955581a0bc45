"""Which atoms screen a bond: sums over third atoms, as features with a meaning.

A third atom k at the distances r1 and r2 from the ends A and B of a bond of length d stands on an ellipsoid about it,
u = r1 + r2 - d, nearer to one end or the other, v = (r1 - r2) / d between -1 and 1. Atoms of small u stand between the
ends and weaken the bond. For each species and several lengths η the features are Σ exp(-u/η), Σ exp(-u/η) v and
Σ exp(-u/η) v². How many neighbours each end has to share its electrons with is told by soft coordinations
Σ exp((r0 - r)/λ) of both ends.

The three-centre screening is that of tight-binding bond orders: Nguyen-Manh, Pettifor & Vitek, Phys. Rev. Lett. 85,
4136 (2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_getl.learning.neighbours import Images, neighbour_pairs
from aiida_getl.learning.transformer import BondDescriptor
from aiida_getl.structures.bonds import BondList, bond_vectors

#: Bonds at a time: some 60 third atoms each, which the processor's cache should hold.
CHUNK = 2048
#: r0 in Å: a neighbour at a typical bond length counts about one in a coordination.
REFERENCE_LENGTH = 2.8


def _smooth_end(x: NDArray, cutoff: float) -> NDArray[np.float64]:
    """Return a factor that falls from one at x = 0 to zero at the cut-off, with zero slope at both."""
    return 0.5 * (1.0 + np.cos(np.pi * np.minimum(x / cutoff, 1.0)))


class BondScreening(BondDescriptor):
    """Sums over the third atoms near each bond, and soft coordinations of its ends.

    A bond between unlike atoms has a direction, from the element of larger atomic number to the other. One between like
    atoms has none: of what would change its sign with the direction, the magnitude is taken.

    Parameters
    ----------
    species : chemical symbols that can occur, in any structure to come; by default those that it is fitted to
    lengths : η in Å
    u_cut : third atoms beyond this u (Å) do not count
    decays : λ in Å of the coordinations
    r_cut : cut-off of the coordinations in Å

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aiida_getl.structures.bonds import find_bonds
    >>> atoms = bulk("Cu")
    >>> bonds = find_bonds(atoms.positions, atoms.cell, 3.0)
    >>> BondScreening(["Cu"]).transform([(atoms, bonds)]).shape
    (6, 16)
    """

    kind = "bond_screening"

    def __init__(
        self,
        species: Sequence[str] | None = None,
        lengths: Sequence[float] = (0.3, 0.6, 1.2, 2.4),
        u_cut: float = 5.0,
        decays: Sequence[float] = (0.6, 1.2),
        r_cut: float = 6.5,
    ) -> None:
        self.species = species
        self.lengths = lengths
        self.u_cut = u_cut
        self.decays = decays
        self.r_cut = r_cut

    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON types, see :func:`aiida_getl.learning.descriptors.from_settings`."""
        return {
            "kind": self.kind,
            "species": self._symbols(),
            "lengths": [float(length) for length in self.lengths],
            "u_cut": float(self.u_cut),
            "decays": [float(decay) for decay in self.decays],
            "r_cut": float(self.r_cut),
        }

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self._symbols()) * (3 * len(self.lengths) + 2 * len(self.decays))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return names such as ``screening-0.6-v2-Cu`` and ``coordination-1.2-sum-Zr``."""
        elements = self._elements()
        names = [
            f"screening-{length:g}-v{power}-{symbol}"
            for length in self.lengths
            for power in range(3)
            for symbol in elements
        ]
        names += [
            f"coordination-{decay:g}-{part}-{symbol}"
            for decay in self.decays
            for part in ("sum", "difference")
            for symbol in elements
        ]
        return np.array(names, dtype=object)

    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""
        return r_max + max(self.r_cut, 0.5 * self.u_cut)

    def radius(self, r_max: float) -> float:
        """Return how far (Å) from the ends atoms count."""
        # A third atom with r1 + r2 - d < u_cut has r1 < d + u_cut / 2.
        return float(max(r_max + 0.5 * self.u_cut, self.r_cut))

    def describe(self, atoms: Atoms, bonds: BondList, images: Images | None = None) -> NDArray[np.float32]:
        """Return the features of the bonds of one structure, shape (bonds, features)."""
        kinds = self._kinds(atoms)
        rows = np.empty((len(bonds), self.n_features), dtype=np.float32)
        if not len(bonds):
            return rows
        turned = kinds[bonds.atom_i] < kinds[bonds.atom_j]
        a = np.where(turned, bonds.atom_j, bonds.atom_i)
        b = np.where(turned, bonds.atom_i, bonds.atom_j)
        vector = bond_vectors(atoms.positions, np.asarray(atoms.cell), bonds) * np.where(turned, -1.0, 1.0)[:, None]
        alike = kinds[a] == kinds[b]

        longest = float(bonds.distance.max())
        images = images or self.images(atoms, longest)
        ends, position = np.unique(np.concatenate([a, b]), return_inverse=True)
        a, b = position[: len(bonds)], position[len(bonds) :]
        centre, other, r = neighbour_pairs(images.points[ends], images.tree, self.radius(longest))
        itself = other == ends[centre]
        centre, other, r = centre[~itself], other[~itself], r[~itself]
        vectors = images.points[other] - images.points[ends[centre]]
        kind = kinds[images.atom[other]]
        first = np.searchsorted(centre, np.arange(len(ends) + 1))

        n_screening = 3 * len(self.lengths) * len(self._symbols())
        for start in range(0, len(bonds), CHUNK):
            part = slice(start, start + CHUNK)
            # Third atoms of a bond: the neighbours of A, one run of the list after another.
            count = first[a[part] + 1] - first[a[part]]
            bond = np.repeat(np.arange(len(count)), count)
            pair = np.arange(len(bond)) - np.repeat(np.cumsum(count) - count - first[a[part]], count)
            rows[part, :n_screening] = self._screening(
                bonds.distance[part], vector[part], bond, r[pair], vectors[pair], kind[pair]
            )
        coordination = self._coordination(centre, kind, r, len(ends))
        both = np.stack([coordination[a] + coordination[b], coordination[a] - coordination[b]], axis=2)
        rows[:, n_screening:] = both.reshape(len(bonds), -1)
        odd = np.array(["-v1-" in name or "-difference-" in name for name in self.get_feature_names_out()])
        rows[np.ix_(alike, odd)] = np.abs(rows[np.ix_(alike, odd)])
        return rows

    def _screening(
        self, d: NDArray, vector: NDArray, bond: NDArray, r1: NDArray, to_third: NDArray, kind: NDArray
    ) -> NDArray[np.float64]:
        """Return the sums over third atoms, (bonds, lengths · powers · species)."""
        n, n_species = len(d), len(self._symbols())
        r2 = np.linalg.norm(to_third - vector[bond], axis=1)
        u = r1 + r2 - d[bond]
        near = (u < self.u_cut) & (r2 > 1e-6)  # the end B itself is no third atom
        bond, u, v = bond[near], u[near], (r1[near] - r2[near]) / d[bond[near]]
        column = bond * n_species + kind[near]
        end = _smooth_end(u, self.u_cut)
        sums = np.empty((n, len(self.lengths), 3, n_species))
        for k, length in enumerate(self.lengths):
            weight = end * np.exp(-u / length)
            for power in range(3):
                sums[:, k, power] = np.bincount(column, weight, minlength=n * n_species).reshape(n, n_species)
                weight *= v
        return sums.reshape(n, -1)

    def _coordination(self, centre: NDArray, kind: NDArray, r: NDArray, n_atoms: int) -> NDArray[np.float64]:
        """Return the soft coordination of each atom, (atoms, decays, species)."""
        n_species = len(self._symbols())
        column = centre * n_species + kind
        end = _smooth_end(r, self.r_cut)
        return np.stack(
            [
                np.bincount(
                    column, end * np.exp((REFERENCE_LENGTH - r) / decay), minlength=n_atoms * n_species
                ).reshape(n_atoms, n_species)
                for decay in self.decays
            ],
            axis=1,
        )
