"""The input of LOBSTER as a checked object: every keyword known, none contradicting another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Keywords with a number.
NUMBERS = (
    "COHPstartEnergy",
    "COHPendEnergy",
    "COHPSteps",
    "gaussianSmearingWidth",
    "useDecimalPlaces",
    "gridDensityForPrinting",
    "gridBufferForPrinting",
)
#: Keywords with a text.
TEXTS = (
    "basisSet",
    "basisRotation",
    "EwaldSum",
    "kSpaceCOHP",
    "realspaceHamiltonian",
    "realspaceOverlap",
    "printPAWRealSpaceWavefunction",
    "printLCAORealSpaceWavefunction",
    "createFatband",
    "customSTOforAtom",
)
#: Keywords that stand alone.
FLAGS = (
    "autoRotate",
    "bandwiseSpilling",
    "densityOfEnergy",
    "doNotIgnoreExcessiveBands",
    "doNotOrthogonalizeBasis",
    "doNotUseAbsoluteSpilling",
    "forceEnergyRange",
    "forceV1HMatrix",
    "kpointwiseSpilling",
    "loadProjectionFromFile",
    "LSODOS",
    "noFFTforVisualization",
    "noMemoryMappedFiles",
    "onlyReadVasprun.xml",
    "printLmosOnAtoms",
    "printMofeAtomWise",
    "printMofeMoleculeWise",
    "printTotalSpilling",
    "saveProjectionToFile",
    "skipCar",
    "skipCOBI",
    "skipCOHP",
    "skipCOOP",
    "skipDOS",
    "skipGrossPopulation",
    "skipMadelungEnergy",
    "skipMOFE",
    "skipMolecularOrbitals",
    "skipPAWOrthonormalityTest",
    "skipPopulationAnalysis",
    "skipProjection",
    "skipReOrthonormalization",
    "useOriginalTetrahedronMethod",
    "useRecommendedBasisFunctions",
    "writeAtomicOrbitals",
    "writeBasisFunctions",
    "writeMatricesToFile",
)
#: Keywords that may come several times.
REPEATED = ("basisFunctions", "cohpGenerator", "cohpBetween", "cobiBetween")

#: The frozen set of keywords of LOBSTER 3 to 6 about COHP, COOP, COBI, charges, smearing, bases and generators.
KEYWORDS = frozenset(NUMBERS + TEXTS + FLAGS + REPEATED)
_CANONICAL = {keyword.lower(): keyword for keyword in KEYWORDS} | {"usebasisset": "basisSet"}


@dataclass(frozen=True)
class Generator:
    """All bonds between two distances.

    Attributes
    ----------
    r_min, r_max : Å
    types
        Two chemical symbols, or None for every pair.
    orbitalwise
        Ask for the contributions of pairs of orbitals.
    """

    r_min: float
    r_max: float
    types: tuple[str, str] | None = None
    orbitalwise: bool = False

    def to_text(self) -> str:
        """Return what follows the keyword."""
        text = f"from {self.r_min:g} to {self.r_max:g}"
        if self.types is not None:
            text += f" type {self.types[0]} type {self.types[1]}"
        return text + (" orbitalwise" if self.orbitalwise else "")


@dataclass(frozen=True)
class Between:
    """One bond.

    Attributes
    ----------
    atom_i, atom_j
        Zero-based (one-based in the file).
    translation
        Cell of atom_j.
    orbitalwise
        Ask for the contributions of pairs of orbitals.
    """

    atom_i: int
    atom_j: int
    translation: tuple[int, int, int] = (0, 0, 0)
    orbitalwise: bool = False

    def to_text(self) -> str:
        """Return what follows the keyword."""
        text = f"atom {self.atom_i + 1} and atom {self.atom_j + 1}"
        if any(self.translation):
            text += " cell {} {} {}".format(*self.translation)
        return text + (" orbitalwise" if self.orbitalwise else "")


@dataclass(frozen=True)
class Lobsterin:
    """A checked input.

    Attributes
    ----------
    settings
        Keyword in LOBSTER's spelling -> number, text or True.
    basis_functions
        Element -> shells, e.g. ``{'Cu': ('3s', '4s', '3p', '3d')}``.
    generators, between
        The bonds asked for.
    cobi_between
        Multi-centre COBIs, as text.
    """

    settings: dict[str, float | int | str | bool] = field(default_factory=dict)
    basis_functions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    generators: tuple[Generator, ...] = ()
    between: tuple[Between, ...] = ()
    cobi_between: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_text(cls, text: str) -> Lobsterin:
        """Read a lobsterin.

        Case does not matter; ``!``, ``#`` and ``//`` begin comments.

        Raises
        ------
        ValueError
            For an unknown, repeated, malformed or contradictory keyword, naming it and its line.
        """
        entries = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = re.split(r"!|#|//", line, maxsplit=1)[0].split(None, 1)
            if words:
                rest = words[1].strip() if len(words) == 2 else ""
                entries.append((words[0], rest, f" (line {number})"))
        return cls._from_entries(entries)

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> Lobsterin:
        """Read a dictionary of keywords.

        Flags are given as True (False leaves them out). ``basisFunctions`` is a dictionary of element and shells,
        ``'3s 3p'`` or ``['3s', '3p']``, or a list of ``'Al 3s 3p'``. ``cohpGenerator`` and ``cohpBetween`` are a text
        as in the file, or a list of them.

        Raises
        ------
        ValueError
            As :meth:`from_text`.
        """
        entries = []
        for key, value in parameters.items():
            keyword = _canonical(key, "")
            if keyword == "basisFunctions" and isinstance(value, Mapping):
                value = [f"{element} {_joined(shells)}" for element, shells in value.items()]
            if keyword in FLAGS:
                if not isinstance(value, bool):
                    raise ValueError(f"lobsterin keyword {keyword} stands alone: give True or False, not {value!r}")
                if value:
                    entries.append((key, "", ""))
            elif isinstance(value, (list, tuple)):
                entries.extend((key, str(item), "") for item in value)
            else:
                entries.append((key, str(value), ""))
        return cls._from_entries(entries)

    @classmethod
    def _from_entries(cls, entries: Sequence[tuple[str, str, str]]) -> Lobsterin:
        settings: dict[str, float | int | str | bool] = {}
        basis: dict[str, tuple[str, ...]] = {}
        generators, between, cobi_between = [], [], []
        for key, rest, where in entries:
            keyword = _canonical(key, where)
            if keyword == "basisFunctions":
                element, shells = _basis_functions(rest, where)
                if element in basis:
                    raise ValueError(f"lobsterin keyword basisFunctions names {element} twice{where}: join them in one")
                basis[element] = shells
            elif keyword == "cohpGenerator":
                generators.append(_generator(rest, where))
            elif keyword == "cohpBetween":
                between.append(_between(rest, where))
            elif keyword == "cobiBetween":
                cobi_between.append(rest)
            elif keyword in settings:
                raise ValueError(f"lobsterin keyword {keyword} is given twice{where}: keep one")
            else:
                settings[keyword] = _setting(keyword, rest, where)
        return cls(settings, basis, tuple(generators), tuple(between), tuple(cobi_between))

    def to_text(self) -> str:
        """Return a lobsterin that says the same."""
        lines = []
        for keyword, value in self.settings.items():
            lines.append(keyword if value is True else f"{keyword} {value}")
        lines += [f"basisFunctions {element} {' '.join(shells)}" for element, shells in self.basis_functions.items()]
        lines += [f"cohpGenerator {generator.to_text()}" for generator in self.generators]
        lines += [f"cohpBetween {between.to_text()}" for between in self.between]
        lines += [f"cobiBetween {text}" for text in self.cobi_between]
        return "\n".join(lines) + "\n"

    def flag(self, keyword: str) -> bool:
        """Return whether a keyword that stands alone is given."""
        return self.settings.get(keyword) is True

    def number(self, keyword: str, default: float) -> float:
        """Return the value of a keyword with a number."""
        return float(self.settings.get(keyword, default))


def _canonical(key: str, where: str) -> str:
    keyword = _CANONICAL.get(key.lower())
    if keyword is None:
        raise ValueError(f"lobsterin keyword {key!r}{where} is unknown: check its spelling, or leave it out")
    return keyword


def _joined(shells: str | Sequence[str]) -> str:
    return shells if isinstance(shells, str) else " ".join(shells)


def _setting(keyword: str, rest: str, where: str) -> float | int | str | bool:
    if keyword in FLAGS:
        if rest:
            raise ValueError(f"lobsterin keyword {keyword}{where} stands alone: leave out {rest!r}")
        return True
    if not rest:
        raise ValueError(f"lobsterin keyword {keyword}{where} needs a value")
    if keyword in TEXTS:
        return rest
    try:
        value = float(rest)
    except ValueError:
        raise ValueError(f"lobsterin keyword {keyword}{where} needs a number, not {rest!r}") from None
    return int(value) if keyword in ("COHPSteps", "useDecimalPlaces") else value


def _basis_functions(rest: str, where: str) -> tuple[str, tuple[str, ...]]:
    words = rest.split()
    if len(words) < 2 or not re.fullmatch(r"[A-Za-z]{1,2}", words[0]):
        raise ValueError(f"lobsterin keyword basisFunctions{where} reads 'El 3s 3p ...', not {rest!r}")
    for shell in words[1:]:
        if not re.fullmatch(r"[1-7][spdfSPDF]", shell):
            raise ValueError(f"lobsterin keyword basisFunctions{where}: {shell!r} is no shell such as 3s or 4d")
    return words[0].capitalize(), tuple(word.lower() for word in words[1:])


_NUMBER = r"([-+]?[\d.]+(?:e[-+]?\d+)?)"


def _generator(rest: str, where: str) -> Generator:
    match = re.fullmatch(
        rf"from {_NUMBER} to {_NUMBER}(?: type ([a-z]+) type ([a-z]+))?( orbitalwise)?", " ".join(rest.split()), re.I
    )
    if match is None:
        raise ValueError(
            f"lobsterin keyword cohpGenerator{where} reads 'from d1 to d2 [type A type B] [orbitalwise]', not {rest!r}"
        )
    r_min, r_max = float(match.group(1)), float(match.group(2))
    if not 0 <= r_min < r_max:
        raise ValueError(f"lobsterin keyword cohpGenerator{where}: no bond has a length from {r_min} to {r_max} Å")
    types = (match.group(3).capitalize(), match.group(4).capitalize()) if match.group(3) else None
    return Generator(r_min, r_max, types, bool(match.group(5)))


def _between(rest: str, where: str) -> Between:
    match = re.fullmatch(
        r"atom (\d+) (?:and )?atom (\d+)(?: (?:cell|offset) (-?\d+) (-?\d+) (-?\d+))?( orbitalwise)?",
        " ".join(rest.split()),
        re.I,
    )
    if match is None or "0" in match.group(1, 2):
        raise ValueError(
            f"lobsterin keyword cohpBetween{where} reads 'atom i and atom j [cell a b c] [orbitalwise]' "
            f"with atoms counted from 1, not {rest!r}"
        )
    i, j = int(match.group(1)) - 1, int(match.group(2)) - 1
    a, b, c = (int(value or 0) for value in match.group(3, 4, 5))
    if i == j and (a, b, c) == (0, 0, 0):
        raise ValueError(f"lobsterin keyword cohpBetween{where}: atom {i + 1} has no bond with itself, give its cell")
    return Between(i, j, (a, b, c), bool(match.group(6)))


def _check(lobsterin: Lobsterin) -> None:
    settings = lobsterin.settings
    start, end = lobsterin.number("COHPstartEnergy", -10), lobsterin.number("COHPendEnergy", 5)
    if start >= end:
        raise ValueError(f"COHPstartEnergy {start} is not below COHPendEnergy {end} (eV from the Fermi energy)")
    if lobsterin.number("COHPSteps", 1) < 1:
        raise ValueError(f"COHPSteps {settings['COHPSteps']} is no number of steps: give 1 or more")
    if lobsterin.number("gaussianSmearingWidth", 0.2) <= 0:
        raise ValueError(f"gaussianSmearingWidth {settings['gaussianSmearingWidth']} is no width: give more than 0 eV")
    if "basisSet" in settings and len(str(settings["basisSet"]).split()) != 1:
        raise ValueError(f"basisSet {settings['basisSet']!r} is not one name such as Bunge, Koga or pbeVaspFit2015")
    for one, other in (
        ("saveProjectionToFile", "loadProjectionFromFile"),
        ("skipProjection", "saveProjectionToFile"),
    ):
        if lobsterin.flag(one) and lobsterin.flag(other):
            raise ValueError(f"lobsterin keywords {one} and {other} contradict each other: keep one")
    if lobsterin.flag("useRecommendedBasisFunctions") and lobsterin.basis_functions:
        raise ValueError(
            "lobsterin keywords useRecommendedBasisFunctions and basisFunctions contradict each other: keep one"
        )
