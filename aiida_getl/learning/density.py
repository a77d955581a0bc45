"""Where the third atoms of a bond stand in its own frame: their density about the midpoint, averaged about the bond.

With the bond as the axis, a third atom has a distance r from the midpoint and an angle θ to the bond. Sums over the
third atoms of each species of g_n(r) Y_l0(θ) are all there is to first order that does not change when the whole turns
about the bond: the terms of lowest order of the atomic cluster expansion of a bond (Drautz, Phys. Rev. B 99, 014104
(2019); of the blocks of a Hamiltonian: Zhang et al., npj Comput. Mater. 8, 158 (2022)). The two ends are left out: the
distance tells all about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from aiida_getl.learning.neighbours import Images, neighbour_pairs
from aiida_getl.learning.transformer import BondDescriptor, midpoints
from aiida_getl.structures.bonds import BondList

#: Bonds at a time: some 25 third atoms each, with tens of numbers for each of these.
CHUNK = 2048
#: Centres of the first and the last radial function: at this r (Å), and this far (Å) within the cut-off.
FIRST_CENTRE, LAST_BEFORE_CUT = 1.0, 0.5
#: An atom this near (Å) to an end of the bond is the end.
SAME_PLACE = 1e-4


class BondDensity(BondDescriptor):
    """Coefficients of the density of third atoms about the midpoint of each bond, averaged about the bond.

    For each species, radial function and angular momentum Σ g_n(r) f_c(r) Y_l0(θ) exp(-l (l + 1) σ² / 2 r²), with
    Gaussians g_n of equal width and spacing, a smooth cut-off f_c, and an angle that is known to σ / r.

    A bond between unlike atoms has a direction, from the element of larger atomic number to the other. One between like
    atoms has none: its coefficients of odd l, whose sign the direction decides, are zero.

    Parameters
    ----------
    species : chemical symbols that can occur, in any structure to come; by default those that it is fitted to
    r_cut : cut-off radius about the midpoint in Å
    n_max : number of radial functions
    l_max : largest angular momentum
    sigma : σ in Å

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aiida_getl.structures.bonds import find_bonds
    >>> atoms = bulk("Cu")
    >>> bonds = find_bonds(atoms.positions, atoms.cell, 3.0)
    >>> BondDensity(["Cu"]).transform([(atoms, bonds)]).shape
    (6, 30)
    """

    kind = "bond_density"

    def __init__(
        self,
        species: Sequence[str] | None = None,
        r_cut: float = 4.6,
        n_max: int = 6,
        l_max: int = 4,
        sigma: float = 0.4,
    ) -> None:
        self.species = species
        self.r_cut = r_cut
        self.n_max = n_max
        self.l_max = l_max
        self.sigma = sigma

    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON types, see :func:`aiida_getl.learning.descriptors.from_settings`."""
        return {
            "kind": self.kind,
            "species": self._symbols(),
            "r_cut": float(self.r_cut),
            "n_max": int(self.n_max),
            "l_max": int(self.l_max),
            "sigma": float(self.sigma),
        }

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self._symbols()) * self.n_max * (self.l_max + 1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return names such as ``density-Cu-n3-l2``."""
        names = [
            f"density-{symbol}-n{n}-l{angular}"
            for symbol in self._elements()
            for angular in range(self.l_max + 1)
            for n in range(self.n_max)
        ]
        return np.array(names, dtype=object)

    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""
        return 0.5 * r_max + float(self.r_cut)

    def radius(self, r_max: float) -> float:
        """Return how far (Å) from the midpoints atoms count."""
        return float(self.r_cut)

    def describe(self, atoms: Atoms, bonds: BondList, images: Images | None = None) -> NDArray[np.float32]:
        """Return the features of the bonds of one structure, shape (bonds, features)."""
        kinds = self._kinds(atoms)
        rows = np.empty((len(bonds), self.n_features), dtype=np.float32)
        if not len(bonds):
            return rows
        middle, vector = midpoints(atoms, bonds)
        vector *= np.where(kinds[bonds.atom_i] < kinds[bonds.atom_j], -1.0, 1.0)[:, None]
        images = images or self.images(atoms, float(bonds.distance.max()))
        kind = kinds[images.atom]
        for start in range(0, len(bonds), CHUNK):
            part = slice(start, start + CHUNK)
            rows[part] = self._coefficients(middle[part], vector[part], images.tree, kind)
        alike = kinds[bonds.atom_i] == kinds[bonds.atom_j]
        odd = np.tile(np.repeat(np.arange(self.l_max + 1) % 2 == 1, self.n_max), len(self._symbols()))
        rows[np.ix_(alike, odd)] = 0.0
        return rows

    def _coefficients(self, middle: NDArray, vector: NDArray, points: cKDTree, kind: NDArray) -> NDArray[np.float32]:
        """Return the sums over third atoms, (bonds, species · angular momenta · radial functions)."""
        n, n_species = len(middle), len(self._symbols())
        bond, point, r = neighbour_pairs(middle, points, float(self.r_cut))
        length = np.linalg.norm(vector, axis=1)
        along = np.einsum("ij,ij->i", points.data[point] - middle[bond], (vector / length[:, None])[bond])
        third = r**2 + 0.25 * length[bond] ** 2 - length[bond] * np.abs(along) > SAME_PLACE**2
        bond, r, along, kind = bond[third], r[third], along[third], kind[point[third]]
        # Four digits of each coefficient are more than is known of the labels.
        x = np.clip(along / np.maximum(r, 1e-9), -1.0, 1.0).astype(np.float32)
        r = r.astype(np.float32)
        centres = np.linspace(FIRST_CENTRE, self.r_cut - LAST_BEFORE_CUT, self.n_max, dtype=np.float32)
        width = np.float32((self.r_cut - LAST_BEFORE_CUT - FIRST_CENTRE) / max(self.n_max - 1, 1))
        radial = np.exp(np.float32(-0.5) * np.square((r[:, None] - centres) / width))
        radial *= (np.float32(0.5) * (np.float32(1.0) + np.cos(np.float32(np.pi / self.r_cut) * r)))[:, None]
        momenta = np.arange(self.l_max + 1)
        angular = legvander(x, self.l_max) * np.sqrt((2 * momenta + 1) / (4 * np.pi)).astype(np.float32)
        # exp(-l (l + 1) σ² / 2 r²) is a product over k = 1 ... l of powers k of exp(-σ² / r²).
        blur = np.exp(np.float32(-(self.sigma**2)) / np.square(np.maximum(r, np.float32(1e-3))))
        power, factor = np.ones_like(blur), np.ones_like(blur)
        for momentum in momenta[1:]:
            power *= blur
            factor *= power
            angular[:, momentum] *= factor
        products = (angular[:, :, None] * radial[:, None, :]).reshape(len(r), (self.l_max + 1) * self.n_max)
        column = bond * n_species + kind
        order = np.argsort(column, kind="stable")
        first = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=n * n_species))])
        collect = csr_array((np.ones(len(r), dtype=np.float32), order, first), shape=(n * n_species, len(r)))
        return (collect @ products).reshape(n, self.n_features)
