"""The table of basis functions of a calculation, in the order of the projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_getl.quantumespresso.basis import default_basis, projected_shells, select_shells
from aiida_getl.quantumespresso.upf import Shell, Upf

#: LOBSTER's names of the orbitals of one shell, in QE's order.
QE_ORDER = {
    0: ("",),
    1: ("p_z", "p_x", "p_y"),
    2: ("d_z^2", "d_xz", "d_yz", "d_x^2-y^2", "d_xy"),
    3: ("f_z^3", "f_xz^2", "f_yz^2", "f_z(x^2-y^2)", "f_xyz", "f_x(x^2-3y^2)", "f_y(3x^2-y^2)"),
}
#: The order in which LOBSTER lists them.
LOBSTER_ORDER = {
    0: ("",),
    1: ("p_y", "p_z", "p_x"),
    2: ("d_xy", "d_yz", "d_z^2", "d_xz", "d_x^2-y^2"),
    3: ("f_y(3x^2-y^2)", "f_xyz", "f_yz^2", "f_z^3", "f_xz^2", "f_z(x^2-y^2)", "f_x(x^2-3y^2)"),
}


def orbital_name(shell: Shell, name: str) -> str:
    """Return LOBSTER's name of an orbital, e.g. ``4s`` or ``3d_z^2``."""
    return f"{shell.n}{name}" if name else shell.label


def lobster_names(shells: Sequence[Shell]) -> tuple[str, ...]:
    """Return the orbitals of an element in LOBSTER's order: by l, then n, as in ``4s 5s 4p_y 4p_z 4p_x``."""
    ordered = sorted(shells, key=lambda shell: (shell.l, shell.n))
    return tuple(orbital_name(shell, name) for shell in ordered for name in LOBSTER_ORDER[shell.l])


@dataclass(frozen=True)
class OrbitalTable:
    """Basis functions of a structure.

    Attributes
    ----------
    n_projected
        Number of functions that projwfc.x projected on.
    rows : (n,)
        Which of those are in the basis.
    atom : (n,)
        Zero-based atom of every basis function; ascending.
    names : (n,)
        LOBSTER's orbital names.
    rank : (n,)
        Place of every function among those of its atom as LOBSTER lists them.
    shells
        The basis of every element.
    left_out, left_out_atom : (m,)
        Projected functions of shells that are occupied in the pseudopotential but not in the basis, and their atoms.
    left_out_shells
        Their labels, for every element that has some.
    """

    n_projected: int
    rows: NDArray[np.int64]
    atom: NDArray[np.int64]
    names: tuple[str, ...]
    rank: NDArray[np.int64]
    shells: dict[str, tuple[Shell, ...]]
    left_out: tuple[int, ...]
    left_out_atom: tuple[int, ...]
    left_out_shells: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_subset(self) -> bool:
        """Whether the projections have functions that the basis leaves out."""
        return len(self.rows) < self.n_projected

    def describe_left_out(self) -> str:
        """Return the occupied shells that are not in the basis, e.g. ``Cu 3s 3p, Zr 4s``."""
        return ", ".join(f"{element} {' '.join(labels)}" for element, labels in self.left_out_shells.items())


def build_orbitals(
    species: Sequence[str],
    upfs: Mapping[str, Upf],
    basis: Mapping[str, Sequence[str]] | None = None,
    projected: Mapping[str, Sequence[Shell]] | None = None,
) -> OrbitalTable:
    """Return the basis functions of a structure.

    Parameters
    ----------
    species
        QE's species of every atom.
    upfs
        Pseudopotential of each species.
    basis
        Shell labels per element, e.g. ``{'Cu': ['3s', '4s', '3p', '3d']}``. Elements left out get the shells
        that are occupied in their pseudopotential.
    projected
        The shells of each species that there are projections on, in their order; those of projwfc.x by default.

    Raises
    ------
    ValueError
        For an element that the structure has not, or a shell that there are no projections on.
    """
    basis = {} if basis is None else basis
    projected = {name: projected_shells(upf) for name, upf in upfs.items()} if projected is None else projected
    elements = {upfs[name].element for name in species}
    if unknown := set(basis) - elements:
        raise ValueError(
            f"basisFunctions name {', '.join(sorted(unknown))}, but the structure has {', '.join(sorted(elements))}"
        )
    chosen: dict[str, tuple[Shell, ...]] = {}
    for name in dict.fromkeys(species):
        upf = upfs[name]
        shells = select_shells(upf, basis[upf.element], projected[name]) if upf.element in basis else default_basis(upf)
        if chosen.setdefault(upf.element, shells) != shells:
            raise ValueError(
                f"the pseudopotentials of {upf.element} differ in their orbitals: "
                f"give basisFunctions for {upf.element} that all of them have"
            )
    rows: list[int] = []
    atoms: list[int] = []
    names: list[str] = []
    ranks: list[int] = []
    left_out: list[int] = []
    left_out_atom: list[int] = []
    left_out_shells: dict[str, dict[str, None]] = {}
    count = 0
    for atom, name in enumerate(species):
        order = lobster_names(chosen[upfs[name].element])
        for shell in projected[name]:
            if shell in chosen[upfs[name].element]:
                rows.extend(range(count, count + shell.n_functions))
                atoms.extend([atom] * shell.n_functions)
                orbitals = [orbital_name(shell, m) for m in QE_ORDER[shell.l]]
                names.extend(orbitals)
                ranks.extend(order.index(orbital) for orbital in orbitals)
            elif shell.occupation > 0:
                left_out.extend(range(count, count + shell.n_functions))
                left_out_atom.extend([atom] * shell.n_functions)
                left_out_shells.setdefault(upfs[name].element, {})[shell.label] = None
            count += shell.n_functions
    return OrbitalTable(
        n_projected=count,
        rows=np.array(rows),
        atom=np.array(atoms),
        names=tuple(names),
        rank=np.array(ranks),
        shells=chosen,
        left_out=tuple(left_out),
        left_out_atom=tuple(left_out_atom),
        left_out_shells={element: tuple(labels) for element, labels in left_out_shells.items()},
    )
