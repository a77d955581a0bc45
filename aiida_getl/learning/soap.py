"""Smooth overlap of atomic positions (SOAP) of the two ends of each bond, or of its midpoint.

SOAP: Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115 (2013). That of the ends is computed by DScribe (Himanen et al.,
Comput. Phys. Commun. 247, 106949 (2020)), that of the midpoints, of which there are many more, by
:mod:`aiida_getl.learning.power_spectrum`, which gives DScribe's numbers and works in threads. The entries (Z n, Z' n')
and (Z' n', Z n) of the power spectrum, which are equal, are stored once; the off-diagonal ones are multiplied by
sqrt(2), so that a dot product is the SOAP kernel exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from dscribe.descriptors import SOAP
from numpy.typing import ArrayLike, NDArray

from aiida_getl.learning.neighbours import Images
from aiida_getl.learning.power_spectrum import entries, gaussian_reach, normalised, power_spectra, weights
from aiida_getl.learning.transformer import BondDescriptor, check_species, into_cell, midpoints
from aiida_getl.structures.bonds import BondList

#: Centres at a time: work arrays grow with their number; larger chunks are no faster.
CHUNK, CHUNK_OF_ENDS = 1024, 4096


class _Soap(BondDescriptor):
    """What both descriptors share: settings and feature names.

    Parameters
    ----------
    species : chemical symbols that can occur, in any structure to come; by default those that it is fitted to
    r_cut : cut-off radius in Å
    n_max, l_max : number of radial functions, largest angular momentum
    sigma : width of the Gaussian on each neighbour in Å
    """

    def __init__(self, species: Sequence[str] | None, r_cut: float, n_max: int, l_max: int, sigma: float) -> None:
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

    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""
        return r_max + self.radius(r_max)

    def radius(self, r_max: float) -> float:
        """Return how far (Å) from the centres atoms count: to where a Gaussian beyond the cut-off is a thousandth."""
        return gaussian_reach(self.r_cut, self.sigma)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(entries(len(self._symbols()), self.n_max, self.l_max))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return names such as ``Cu0-Zr2-l3``: species and radial index of both factors, angular momentum."""
        symbols = self._elements()
        every = entries(len(symbols), self.n_max, self.l_max)
        return np.array([f"{symbols[a]}{n}-{symbols[b]}{m}-l{angular}" for a, n, b, m, angular in every], dtype=object)


class BondCentreSoap(_Soap):
    """SOAP centred on the midpoint of each bond, normalised.

    The midpoint sees which neighbours screen the bond, which the mean of the two ends does not: with it the errors of
    predicted bond strengths are a half to a third.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aiida_getl.structures.bonds import find_bonds
    >>> atoms = bulk("Cu")
    >>> bonds = find_bonds(atoms.positions, atoms.cell, 3.0)
    >>> BondCentreSoap(["Cu"]).transform([(atoms, bonds)]).shape
    (6, 224)
    """

    kind = "bond_centre_soap"

    def __init__(
        self,
        species: Sequence[str] | None = None,
        r_cut: float = 5.0,
        n_max: int = 7,
        l_max: int = 7,
        sigma: float = 0.35,
    ) -> None:
        super().__init__(species, r_cut, n_max, l_max, sigma)

    def reach(self, r_max: float) -> float:
        """Return how far (Å) from its first atom a bond of at most ``r_max`` is influenced."""
        return 0.5 * r_max + self.radius(r_max)

    def describe(self, atoms: Atoms, bonds: BondList, images: Images | None = None) -> NDArray[np.float32]:
        """Return the descriptors of the bonds of one structure, shape (bonds, features)."""
        kinds = self._kinds(atoms)
        rows = np.empty((len(bonds), self.n_features), dtype=np.float32)
        if not len(bonds):
            return rows
        middle, _ = midpoints(atoms, bonds)
        images = images or self.images(atoms, float(bonds.distance.max()))
        kind = kinds[images.atom]
        for start in range(0, len(bonds), CHUNK):
            part = slice(start, start + CHUNK)
            rows[part] = power_spectra(
                middle[part], images.tree, kind, len(self._symbols()), self.r_cut, self.n_max, self.l_max, self.sigma
            )
        return rows


class EndAtomSoap(_Soap):
    """Mean (A + B) / 2 of the normalised SOAP vectors of the two atoms of each bond: the published descriptor.

    The dot product of two such means is the kernel (AA' + BB' + AB' + BA') / 4 of Phys. Rev. Materials 4, 113603
    (2020). The means are not normalised again. The published radial basis is another one (that of quippy); after
    normalisation the kernels agree to .994 over all pairs of an undeformed glass.
    """

    kind = "end_atom_soap"

    def __init__(
        self,
        species: Sequence[str] | None = None,
        r_cut: float = 3.75,
        n_max: int = 8,
        l_max: int = 6,
        sigma: float = 0.5,
    ) -> None:
        super().__init__(species, r_cut, n_max, l_max, sigma)

    def describe(self, atoms: Atoms, bonds: BondList, images: Images | None = None) -> NDArray[np.float32]:
        """Return the descriptors of the bonds of one structure, shape (bonds, features)."""
        ends, index = np.unique(np.concatenate([bonds.atom_i, bonds.atom_j]), return_inverse=True)
        spectra = np.empty((len(ends), self.n_features), dtype=np.float32)
        for start in range(0, len(ends), CHUNK_OF_ENDS):
            part = slice(start, start + CHUNK_OF_ENDS)
            spectra[part] = self._spectra(atoms, atoms.positions[ends[part]])
        return np.float32(0.5) * (spectra[index[: len(bonds)]] + spectra[index[len(bonds) :]])

    def _spectra(self, atoms: Atoms, centres: ArrayLike) -> NDArray[np.float64]:
        """Return the normalised power spectra at points (n, 3) in Å, shape (n, features)."""
        check_species(atoms, self._symbols())
        # DScribe repeats the cell as far as the cut-off needs from inside the cell: atoms or centres outside it lose
        # neighbours. With everything wrapped, cells of any shape and size agree with their supercells.
        periodic = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
        periodic.wrap(eps=0.0)
        wrapped = into_cell(np.asarray(centres, dtype=float), np.asarray(atoms.cell, dtype=float))
        soap = SOAP(
            species=self._symbols(),
            r_cut=float(self.r_cut),
            n_max=int(self.n_max),
            l_max=int(self.l_max),
            sigma=float(self.sigma),
            rbf="gto",
            periodic=True,
        )
        spectra = soap.create(periodic, centers=wrapped)
        spectra *= weights(entries(len(self._symbols()), self.n_max, self.l_max))
        return normalised(spectra, wrapped, float(self.r_cut))
