"""The keywords of lobsterin that LOBSTER 3 to 6 know: what follows each, and what it is for.

Compiled from the inputs and keyword lists that are public (pymatgen, LobsterPy, atomate2, published calculations); the
manual comes with the program. The table in ``docs/lobster.md`` is printed by ``python -m aiida_getl.lobster.keywords``.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

#: ``flag``: stands alone. ``number``, ``integer``, ``text``: once, with one value. ``texts``: may come several times,
#: with a value each. ``option``: alone, or with a text.
Kind = Literal["flag", "number", "integer", "text", "texts", "option"]


@dataclass(frozen=True)
class Keyword:
    """A keyword.

    Attributes
    ----------
    name
        In LOBSTER's spelling.
    kind
        What follows it.
    topic
        Heading in the documentation.
    help
        What it is for.
    """

    name: str
    kind: Kind
    topic: str
    help: str


def _group(topic: str, *rows: tuple[str, Kind, str]) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, kind, topic, help) for name, kind, help in rows)


TABLE: tuple[Keyword, ...] = (
    *_group(
        "Bonds",
        ("cohpGenerator", "texts", "all bonds in a range: `from 1.8 to 4.2 [type Cu type Zr] [orbitalwise]`, in Å"),
        ("cohpBetween", "texts", "one bond: `atom 1 and atom 2 [cell 0 0 1] [orbitalwise]`; `offset` for `cell`"),
        ("cobiBetween", "texts", "a bond of several centres: `atom 1 atom 2 cell 0 0 1 atom 3 [orbitalwise]`"),
    ),
    *_group(
        "Basis",
        ("basisSet", "text", "radial functions: `Bunge`, `Koga`, `pbeVaspFit2015`, `custom`; also `useBasisSet`"),
        ("basisFunctions", "texts", "shells of an element: `Cu 3s 4s 3p 3d`"),
        ("useRecommendedBasisFunctions", "flag", "the shells that LOBSTER recommends"),
        ("includeOrbitals", "text", "angular momenta for all elements, `spd` (before basisFunctions was there)"),
        ("customSTOforAtom", "texts", "file with Slater orbitals of an element: `C sto.txt`"),
        ("basisRotation", "text", "rotation of the orbitals of the atoms"),
        ("autoRotate", "flag", "rotate the orbitals of each atom towards its neighbours"),
        ("writeBasisFunctions", "flag", "write the radial functions"),
        ("writeAtomicOrbitals", "flag", "write the orbitals on a grid"),
    ),
    *_group(
        "Energies and smearing",
        ("COHPstartEnergy", "number", "eV from the Fermi energy (-10)"),
        ("COHPendEnergy", "number", "eV from the Fermi energy (5)"),
        ("COHPSteps", "integer", "number of steps between the two"),
        ("gaussianSmearingWidth", "number", "eV (0.2); LOBSTER always smears the results of QE"),
        ("forceEnergyRange", "flag", "keep to the energies given for the projection too"),
        ("useOriginalTetrahedronMethod", "flag", "tetrahedra without Blöchl's correction"),
        ("useDecimalPlaces", "integer", "decimals of the numbers written (5)"),
    ),
    *_group(
        "Leave out",
        ("skipDOS", "flag", "no DOSCAR"),
        ("skipCOHP", "flag", "no COHP"),
        ("skipCOOP", "flag", "no COOP"),
        ("skipCOBI", "flag", "no COBI"),
        ("skipCar", "flag", "integrated values only, no curves"),
        ("skipPopulationAnalysis", "flag", "no charges and populations"),
        ("skipGrossPopulation", "flag", "no GROSSPOP"),
        ("skipMadelungEnergy", "flag", "no Madelung energies"),
        ("skipMolecularOrbitals", "flag", "no fragment orbitals"),
        ("skipMOFE", "flag", "no molecular-orbital formation energies"),
        ("skipProjection", "flag", "no projection"),
        ("skipPAWOrthonormalityTest", "flag", "trust the wavefunctions"),
    ),
    *_group(
        "Projection",
        ("saveProjectionToFile", "flag", "keep the projection, projectionData.lobster"),
        ("loadProjectionFromFile", "flag", "read it in place of the wavefunctions"),
        ("doNotIgnoreExcessiveBands", "flag", "also use bands beyond the number of basis functions"),
        ("doNotOrthogonalizeBasis", "flag", "keep the overlaps of the basis"),
        ("skipReOrthonormalization", "flag", "leave the projected bands as they come"),
        ("forceV1HMatrix", "flag", "the Hamiltonian as in version 1"),
        ("kSpaceCOHP", "option", "COHPs of single k-points"),
        ("noMemoryMappedFiles", "flag", "read the wavefunctions into memory"),
        ("onlyReadVasprun.xml", "flag", "VASP only"),
    ),
    *_group(
        "Print and write",
        ("printTotalSpilling", "flag", "print the spilling of all bands too (5 and later)"),
        ("bandwiseSpilling", "flag", "spilling of each band"),
        ("kpointwiseSpilling", "flag", "spilling of each k-point"),
        ("doNotUseAbsoluteSpilling", "flag", "spillings may cancel"),
        ("RMSp", "flag", "root mean square error of the projection"),
        ("LSODOS", "flag", "density of states in the orthonormalised basis too"),
        ("densityOfEnergy", "flag", "density of energy"),
        ("BWDF", "flag", "bond-weighted distribution function"),
        ("BWDFCOHP", "flag", "the same, weighted by COHPs"),
        ("createFatband", "texts", "fat bands of orbitals of an element: `C 2s 2p_x`"),
        ("EwaldSum", "text", "parameters of the Madelung sum"),
        ("writeMatricesToFile", "flag", "write H, S, P and the coefficients"),
        ("realspaceHamiltonian", "option", "write H of neighbouring cells"),
        ("realspaceOverlap", "option", "write S of neighbouring cells"),
        ("printPAWRealSpaceWavefunction", "texts", "a wavefunction on a grid"),
        ("printLCAORealSpaceWavefunction", "texts", "its projection on a grid"),
        ("gridDensityForPrinting", "number", "points per Å of such a grid"),
        ("gridBufferForPrinting", "number", "Å around the atoms of such a grid"),
        ("noFFTforVisualization", "flag", "compute such a grid point by point"),
    ),
    *_group(
        "Molecules and fragments",
        ("molecule", "texts", "a fragment: `atom 1 atom 2`"),
        ("printLmosOnAtoms", "option", "localised orbitals of atoms"),
        ("writeAtomicDensities", "option", "densities of atoms"),
        ("printLmosOnAtomswriteAtomicDensities", "texts", "pymatgen's name for the last two"),
        ("printMofeAtomWise", "flag", "formation energies by atoms"),
        ("printMofeMoleculeWise", "flag", "formation energies by fragments"),
    ),
)  # fmt: skip

#: The names of all keywords.
KEYWORDS = frozenset(keyword.name for keyword in TABLE)
_BY_NAME = {keyword.name.lower(): keyword for keyword in TABLE}
_BY_NAME["usebasisset"] = _BY_NAME["basisset"]

#: Pairs of which only one can be meant.
CONTRADICTIONS = (
    ("saveProjectionToFile", "loadProjectionFromFile"),
    ("skipProjection", "saveProjectionToFile"),
    ("useRecommendedBasisFunctions", "basisFunctions"),
    ("autoRotate", "basisRotation"),
    ("skipDOS", "LSODOS"),
    ("skipCOBI", "cobiBetween"),
    ("skipMOFE", "printMofeAtomWise"),
    ("skipMOFE", "printMofeMoleculeWise"),
)


def find_keyword(name: object, where: str = "") -> Keyword:
    """Return a keyword by its name in any case.

    Raises
    ------
    ValueError
        For an unknown one, with the name that comes nearest.
    """
    keyword = _BY_NAME.get(str(name).lower())
    if keyword is None:
        near = difflib.get_close_matches(str(name).lower(), _BY_NAME, n=1)
        remedy = f"did you mean {_BY_NAME[near[0]].name}?" if near else "check its spelling, or leave it out"
        raise ValueError(f"lobsterin keyword {str(name)[:80]!r}{where} is unknown: {remedy}")
    return keyword


def markdown_table() -> str:
    """Return the documentation of all keywords."""
    follows = {
        "flag": "",
        "number": "number",
        "integer": "integer",
        "text": "text",
        "texts": "text, repeatable",
        "option": "text or nothing",
    }
    lines: list[str] = []
    topic = ""
    for keyword in TABLE:
        if keyword.topic != topic:
            topic = keyword.topic
            lines += ["", f"**{topic}**", "", "| keyword | value | for |", "|---|---|---|"]
        lines.append(f"| `{keyword.name}` | {follows[keyword.kind]} | {keyword.help} |")
    return "\n".join(lines[1:]) + "\n"


if __name__ == "__main__":
    print(markdown_table(), end="")
