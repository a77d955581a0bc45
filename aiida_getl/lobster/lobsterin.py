"""The input of LOBSTER as a checked object: every keyword known, none contradicting another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida_getl.lobster.generators import (
    Between,
    Generator,
    chemical_symbol,
    number,
    parse_between,
    parse_generator,
    parse_several_centres,
)
from aiida_getl.lobster.keywords import CONTRADICTIONS, KEYWORDS, Keyword, find_keyword

__all__ = ["KEYWORDS", "Between", "Generator", "Lobsterin"]

#: what a keyword is given: True for one that stands alone, all texts of one that may be repeated
Setting = float | int | str | bool | tuple[str, ...]


@dataclass(frozen=True)
class Lobsterin:
    """A checked input.

    Attributes
    ----------
    settings
        Keyword in LOBSTER's spelling -> number, text, True, or the texts of a keyword that may be repeated.
    basis_functions
        Element -> shells, e.g. ``{'Cu': ('3s', '4s', '3p', '3d')}``.
    generators, between
        The bonds asked for.
    cobi_between
        Bonds of several centres, as text.
    """

    settings: dict[str, Setting] = field(default_factory=dict)
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
        for line_number, line in enumerate(text.splitlines(), start=1):
            words = re.split(r"!|#|//", line, maxsplit=1)[0].split(None, 1)
            if words:
                rest = words[1].strip() if len(words) == 2 else ""
                entries.append((words[0], rest, f" (line {line_number})"))
        return cls._from_entries(entries)

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> Lobsterin:
        """Read a dictionary of keywords.

        Flags are given as True (False leaves them out). ``basisFunctions`` is a dictionary of element and shells,
        ``'3s 3p'`` or ``['3s', '3p']``, or a list of ``'Al 3s 3p'``. Keywords that may be repeated, such as
        ``cohpGenerator``, are a text as in the file, or a list of them.

        Raises
        ------
        ValueError
            As :meth:`from_text`.
        """
        entries: list[tuple[str, str, str]] = []
        for key, value in parameters.items():
            keyword = find_keyword(key)
            if keyword.name == "basisFunctions" and isinstance(value, Mapping):
                value = [f"{element} {_joined(element, shells)}" for element, shells in value.items()]
            if isinstance(value, bool):
                if keyword.kind not in ("flag", "option"):
                    raise ValueError(f"lobsterin keyword {keyword.name} needs a value, not {value}")
                if value:
                    entries.append((key, "", ""))
            elif keyword.kind == "flag":
                raise ValueError(f"lobsterin keyword {keyword.name} stands alone: give True or False, not {value!r}")
            elif isinstance(value, (list, tuple)):
                entries.extend((key, _one_line(keyword, item), "") for item in value)
            else:
                entries.append((key, _one_line(keyword, value), ""))
        return cls._from_entries(entries)

    @classmethod
    def _from_entries(cls, entries: Sequence[tuple[str, str, str]]) -> Lobsterin:
        settings: dict[str, Setting] = {}
        basis: dict[str, tuple[str, ...]] = {}
        generators, between, cobi_between = [], [], []
        for key, rest, where in entries:
            keyword = find_keyword(key, where)
            if not rest.replace("\t", " ").isprintable():
                raise ValueError(
                    f"lobsterin keyword {keyword.name}{where}: leave the control characters out of {rest!r}"
                )
            if keyword.name == "basisFunctions":
                element, shells = _basis_functions(rest, where)
                if element in basis:
                    raise ValueError(f"lobsterin keyword basisFunctions names {element} twice{where}: join them in one")
                basis[element] = shells
            elif keyword.name == "cohpGenerator":
                generators.append(parse_generator(rest, where))
            elif keyword.name == "cohpBetween":
                between.append(parse_between(rest, where))
            elif keyword.name == "cobiBetween":
                cobi_between.append(parse_several_centres(rest, where))
            elif keyword.kind == "texts":
                if not rest:
                    raise ValueError(f"lobsterin keyword {keyword.name}{where} needs a value")
                settings[keyword.name] = (*settings.get(keyword.name, ()), " ".join(rest.split()))  # type: ignore[misc]
            elif keyword.name in settings:
                raise ValueError(f"lobsterin keyword {keyword.name} is given twice{where}: keep one")
            else:
                settings[keyword.name] = _setting(keyword, rest, where)
        return cls(settings, basis, tuple(generators), tuple(between), tuple(cobi_between))

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain types that says the same."""
        parameters: dict[str, Any] = {
            keyword: list(value) if isinstance(value, tuple) else value for keyword, value in self.settings.items()
        }
        lists: dict[str, Any] = {
            "basisFunctions": {element: list(shells) for element, shells in self.basis_functions.items()},
            "cohpGenerator": [generator.to_text() for generator in self.generators],
            "cohpBetween": [between.to_text() for between in self.between],
            "cobiBetween": list(self.cobi_between),
        }
        return parameters | {keyword: values for keyword, values in lists.items() if values}

    def to_text(self) -> str:
        """Return a lobsterin that says the same."""
        lines = []
        for keyword, value in self.to_dict().items():
            if keyword == "basisFunctions":
                lines += [f"{keyword} {element} {' '.join(shells)}" for element, shells in value.items()]
            elif isinstance(value, list):
                lines += [f"{keyword} {item}" for item in value]
            else:
                lines.append(keyword if value is True else f"{keyword} {value}")
        return "\n".join(lines) + "\n"

    def flag(self, keyword: str) -> bool:
        """Return whether a keyword that stands alone is given."""
        return self.settings.get(keyword) is True

    def number(self, keyword: str, default: float) -> float:
        """Return the value of a keyword with a number."""
        return float(self.settings.get(keyword, default))  # type: ignore[arg-type]

    def has(self, keyword: str) -> bool:
        """Return whether a keyword is given, of whatever kind."""
        return keyword in self.to_dict()


def _joined(element: object, shells: object) -> str:
    if isinstance(shells, str):
        return shells
    if isinstance(shells, (list, tuple)) and all(isinstance(shell, str) for shell in shells):
        return " ".join(shells)
    raise ValueError(
        f"lobsterin keyword basisFunctions: the shells of {element} are {shells!r}, give e.g. ['3s', '3p'] or '3s 3p'"
    )


def _one_line(keyword: Keyword, value: object) -> str:
    """Return a value as it stands in the file, where nothing may end the line before it is complete."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise ValueError(f"lobsterin keyword {keyword.name} is no {type(value).__name__}: give a text or a number")
    text = str(value)
    if re.search(r"!|#|//", text) or len(text.splitlines()) > 1:
        raise ValueError(f"lobsterin keyword {keyword.name}: {text!r} has a comment or several lines in it, give one")
    return text.strip()


def _setting(keyword: Keyword, rest: str, where: str) -> float | int | str | bool:
    if keyword.kind == "flag" and rest:
        raise ValueError(f"lobsterin keyword {keyword.name}{where} stands alone: leave out {rest!r}")
    if keyword.kind in ("flag", "option") and not rest:
        return True
    if not rest:
        raise ValueError(f"lobsterin keyword {keyword.name}{where} needs a value")
    if keyword.kind in ("text", "option"):
        return " ".join(rest.split())
    value = number(rest)
    if value is None:
        raise ValueError(f"lobsterin keyword {keyword.name}{where} needs a number, not {rest!r}")
    if keyword.kind == "number":
        return value
    if value != int(value):
        raise ValueError(f"lobsterin keyword {keyword.name}{where} needs a whole number, not {rest!r}")
    return int(value)


def _basis_functions(rest: str, where: str) -> tuple[str, tuple[str, ...]]:
    words = rest.split()
    element = chemical_symbol(words[0]) if len(words) > 1 else None
    if element is None:
        raise ValueError(f"lobsterin keyword basisFunctions{where} reads 'El 3s 3p ...', not {rest!r}")
    shells = tuple(word.lower() for word in words[1:])
    for shell in shells:
        if not re.fullmatch(r"[1-7][spdf]", shell) or "spdf".index(shell[1]) >= int(shell[0]):
            raise ValueError(f"lobsterin keyword basisFunctions{where}: {shell!r} is no shell such as 3s or 4d")
        if shells.count(shell) > 1:
            raise ValueError(f"lobsterin keyword basisFunctions{where} names {shell} of {element} twice: keep one")
    return element, shells


def _check(lobsterin: Lobsterin) -> None:
    settings = lobsterin.settings
    start, end = lobsterin.number("COHPstartEnergy", -10), lobsterin.number("COHPendEnergy", 5)
    if start >= end:
        raise ValueError(f"COHPstartEnergy {start} is not below COHPendEnergy {end} (eV from the Fermi energy)")
    if lobsterin.number("COHPSteps", 1) < 1:
        raise ValueError(f"COHPSteps {settings['COHPSteps']} is no number of steps: give 1 or more")
    if lobsterin.number("gaussianSmearingWidth", 0.2) <= 0:
        raise ValueError(f"gaussianSmearingWidth {settings['gaussianSmearingWidth']} is no width: give more than 0 eV")
    if lobsterin.number("useDecimalPlaces", 5) < 0:
        raise ValueError(f"useDecimalPlaces {settings['useDecimalPlaces']} is no number of decimals: give 0 or more")
    if "basisSet" in settings and len(str(settings["basisSet"]).split()) != 1:
        raise ValueError(f"basisSet {settings['basisSet']!r} is not one name such as Bunge, Koga or pbeVaspFit2015")
    for one, other in CONTRADICTIONS:
        if lobsterin.has(one) and lobsterin.has(other):
            raise ValueError(f"lobsterin keywords {one} and {other} contradict each other: keep one")
