"""The local basis of a bond analysis with QE: which shells, how many functions, how many bands they need."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aiida_getl.quantumespresso.upf import Shell, Upf, read_upf
from aiida_getl.slater.orbitals import slater_shells

#: What getl-cohp can do where wavefunctions, datasets or the table of Slater orbitals do not suffice.
USE_PROJWFC = "have projwfc.x do the projection"


def projected_shells(upf: Upf) -> tuple[Shell, ...]:
    """Return the shells that projwfc.x projects on: those with an occupation of zero or more."""
    return tuple(shell for shell in upf.chi if shell.occupation >= 0)


def default_basis(upf: Upf) -> tuple[Shell, ...]:
    """Return the shells occupied in the reference configuration: the default basis of an element.

    Empty shells (4p of Cu, 5p of Zr) are left out: they overlap with the neighbours' orbitals so much that bond
    strengths lose their meaning.

    Raises
    ------
    ValueError
        If the dataset has no occupied atomic orbital.
    """
    shells = tuple(shell for shell in upf.chi if shell.occupation > 0)
    if not shells:
        raise ValueError(
            f"the pseudopotential of {upf.element} has no occupied PP_CHI orbital to project on: choose another dataset"
        )
    return shells


def slater_projected_shells(upf: Upf, labels: Sequence[str] = ()) -> tuple[Shell, ...]:
    """Return the shells that a projection on Slater orbitals is on: the occupied ones, and those named beyond them.

    Parameters
    ----------
    upf
    labels
        Of the basis.

    Raises
    ------
    ValueError
        For a shell that the table of Slater orbitals lacks, and for one whose electrons are in the pseudopotential's
        core, of which the wavefunctions have nothing.
    """
    occupied, table = default_basis(upf), slater_shells(upf.element)
    in_table = {shell.label for shell in table}
    wanted = [label.lower() for label in labels] or [shell.label for shell in occupied]
    if unknown := [label for label in wanted if label not in in_table]:
        raise ValueError(_no_slater_orbital(upf, unknown))
    valence = {shell.label for shell in projected_shells(upf)}
    if sum(shell.occupation for shell in occupied) > upf.z_valence - 0.5:
        for label in wanted:
            if label not in valence:
                raise ValueError(
                    f"basis function {label} of {upf.element} is in the core of its pseudopotential, whose "
                    f"{upf.z_valence:g} electrons are in {' '.join(shell.label for shell in occupied)}: leave it out"
                )
    # A shell that the neutral atom has empty, and the basis leaves out, has no bands of its own to be left out too.
    kept = [shell for shell in occupied if shell.label in in_table]
    more = set(wanted) - {shell.label for shell in kept}
    return (*kept, *(shell for shell in table if shell.label in more))


def _no_slater_orbital(upf: Upf, labels: Sequence[str]) -> str:
    """Return what to do about shells that the table lacks."""
    table = {shell.label for shell in slater_shells(upf.element)}
    if not table:
        return f"no Slater orbitals of {upf.element}: the table has the elements from H to Lr; {USE_PROJWFC}"
    rest = " ".join(shell.label for shell in default_basis(upf) if shell.label in table)
    remedy = f"name a basis without ({upf.element} {rest}), or " if rest else ""
    return (
        f"no Slater orbital {' '.join(labels)} of {upf.element}: the neutral atom has electrons only in "
        f"{' '.join(shell.label for shell in slater_shells(upf.element))}; {remedy}{USE_PROJWFC}"
    )


def basis_of_elements(
    upfs: Mapping[str, Upf], labels: Mapping[str, Sequence[str]], projected: Mapping[str, Sequence[Shell]]
) -> dict[str, tuple[Shell, ...]]:
    """Return the basis of every element, which kinds of atoms such as Fe1 and Fe2 share.

    Parameters
    ----------
    upfs
        Pseudopotential of every kind.
    labels
        Shells of the elements whose basis is chosen; the others get those occupied in their pseudopotential.
    projected
        The shells of every kind that there are projections on.

    Raises
    ------
    ValueError
        For a label there are no projections on, and for pseudopotentials of one element with other orbitals.
    """
    basis: dict[str, tuple[Shell, ...]] = {}
    for kind, upf in upfs.items():
        element = upf.element
        shells = select_shells(upf, labels[element], projected[kind]) if element in labels else default_basis(upf)
        if [shell.label for shell in basis.setdefault(element, shells)] != [shell.label for shell in shells]:
            raise ValueError(
                f"the pseudopotentials of {element} differ in their orbitals: name a basis of {element} that all of "
                "them have"
            )
    return basis


def select_shells(upf: Upf, labels: Sequence[str], projected: Sequence[Shell] | None = None) -> tuple[Shell, ...]:
    """Return the shells named by ``labels`` (e.g. ``['3s', '3p']``), in the order of the projections.

    Parameters
    ----------
    upf
    labels
    projected
        The shells that there are projections on; by default those of projwfc.x, in the order of the pseudopotential.

    Raises
    ------
    ValueError
        For a label there are no projections on, or one given twice.
    """
    available = {shell.label: shell for shell in (projected_shells(upf) if projected is None else projected)}
    wanted = [label.lower() for label in labels]
    for label in wanted:
        if label not in available:
            raise ValueError(
                f"basis function {label} of {upf.element} is not in its pseudopotential, which has "
                f"{' '.join(available) or 'none'}: leave it out or choose another dataset"
            )
    if len(set(wanted)) != len(wanted):
        raise ValueError(f"basis functions of {upf.element} are named twice: {' '.join(wanted)}")
    return tuple(shell for label, shell in available.items() if label in wanted)


def n_functions(shells: Iterable[Shell]) -> int:
    """Return the number of functions in some shells."""
    return sum(shell.n_functions for shell in shells)


def n_basis(symbols: Iterable[str], basis: Mapping[str, Sequence[Shell]]) -> int:
    """Return the number of basis functions of a structure with these chemical symbols."""
    count = {element: n_functions(shells) for element, shells in basis.items()}
    return sum(count[symbol] for symbol in symbols)


def recommended_nbnd(symbols: Iterable[str], basis: Mapping[str, Sequence[Shell]], margin: float = 0.1) -> int:
    """Return how many bands pw.x should compute for a projection on ``basis``.

    At least as many bands as functions are needed; the highest bands of an iterative diagonalisation are the least
    converged ones, hence a margin (the published glass work took 10 %).

    Raises
    ------
    ValueError
        For a negative margin.
    """
    if margin < 0:
        raise ValueError(f"a margin of {margin} gives fewer bands than basis functions: give 0 or more")
    return math.ceil(round(n_basis(symbols, basis) * (1 + margin), 6))


def markdown_table(folder: Path) -> str:
    """Return the default basis of every UPF file in a folder.

    Raises
    ------
    ValueError
        For a folder without UPF files, and for a file that cannot be read.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".upf")
    if not files:
        raise ValueError(f"{folder} has no UPF files: name a folder of pseudopotentials")
    lines = [
        "| element | kind | valence electrons | default basis | functions | empty shells left out | file |",
        "|---|---|---|---|---|---|---|",
    ]
    for file in files:
        upf = read_upf(file)
        basis = default_basis(upf)
        empty = [shell.label for shell in projected_shells(upf) if shell not in basis]
        lines.append(
            f"| {upf.element} | {upf.kind} | {upf.z_valence:g} | {' '.join(shell.label for shell in basis)} | "
            f"{n_functions(basis)} | {' '.join(empty)} | {file.name} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m aiida_getl.quantumespresso.basis FOLDER")
    print(markdown_table(Path(sys.argv[1])), end="")
