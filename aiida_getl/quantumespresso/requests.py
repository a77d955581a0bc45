"""Whether a lobsterin asks for something, of atoms and elements that are there, that the program can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from ase import Atoms

from aiida_getl.cohp.keywords import check_keywords
from aiida_getl.lobster.generators import parse_centres
from aiida_getl.lobster.lobsterin import Lobsterin


def find_unfit_requests(lobsterin: Lobsterin, atoms: Atoms, engine: str | None) -> Iterator[str]:
    """Yield what of a lobsterin cannot be had for a structure, naming the keyword.

    Parameters
    ----------
    lobsterin
    atoms
        The structure whose bonds are wanted.
    engine
        ``LOBSTER``, ``getl-cohp``, or None if it is not known which program the code is.
    """
    yield from _unfit_keywords(lobsterin, engine)
    elements = sorted(set(atoms.get_chemical_symbols()))
    named: list[tuple[str, tuple[str, ...]]] = [("basisFunctions", tuple(lobsterin.basis_functions))]
    named += [("cohpGenerator", generator.types or ()) for generator in lobsterin.generators]
    for keyword, symbols in named:
        if missing := [symbol for symbol in symbols if symbol not in elements]:
            yield (
                f"lobsterin keyword {keyword} names {', '.join(missing)}, the structure has {', '.join(elements)}: "
                "leave it out"
            )
    centres: list[tuple[str, tuple[int, ...]]] = []
    centres += [("cohpBetween", (between.atom_i, between.atom_j)) for between in lobsterin.between]
    centres += [("cobiBetween", _atoms(text)) for text in lobsterin.cobi_between]
    for keyword, numbers in centres:
        if beyond := [number + 1 for number in numbers if number >= len(atoms)]:
            yield f"lobsterin keyword {keyword} names atom {max(beyond)}, the structure has {len(atoms)} atoms"


def _unfit_keywords(lobsterin: Lobsterin, engine: str | None) -> Iterator[str]:
    if not (lobsterin.generators or lobsterin.between):
        yield "lobsterin asks for no bonds: add cohpGenerator, e.g. 'from 1.8 to 4.2', or cohpBetween"
    if lobsterin.flag("skipCOHP"):
        yield "lobsterin keyword skipCOHP: without ICOHPs there are no bond strengths, leave it out"
    if lobsterin.flag("skipProjection") and not lobsterin.flag("loadProjectionFromFile") and engine != "getl-cohp":
        yield "lobsterin keyword skipProjection: without a projection there are no bond strengths, leave it out"
    if engine == "getl-cohp":
        try:
            check_keywords(lobsterin)
        except ValueError as error:
            yield str(error)
        for text in lobsterin.cobi_between:
            if len(_atoms(text)) > 2:
                yield (
                    f"lobsterin keyword cobiBetween: getl-cohp computes bonds of two atoms only, not {text!r}: leave "
                    "it out, or use LOBSTER"
                )
        return
    files = lobsterin.settings.get("customSTOforAtom", ())
    for text in files if isinstance(files, tuple) else ():
        file = PurePosixPath(text.split()[-1])
        if not file.is_absolute():
            yield (
                f"lobsterin keyword customSTOforAtom: {str(file)!r} is not in the folder of the job, give the whole "
                "path of the file on the computer"
            )


def _atoms(text: str) -> tuple[int, ...]:
    """Return the atoms of a bond of several centres, counted from 0."""
    parsed = parse_centres(text)
    return tuple(atom for atom, _ in parsed[0]) if parsed else ()
