"""The bonds that a lobsterin asks for: by range, one by one, and those of several centres."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ase.data import atomic_numbers

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.I | re.A)
_INTEGER = re.compile(r"[-+]?\d{1,9}", re.A)
_ATOM = re.compile(r"atom\s?(\d{1,9})", re.I | re.A)


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
        text = f"from {self.r_min:.15g} to {self.r_max:.15g}"
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
        Cell of atom_j relative to that of atom_i.
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


def chemical_symbol(text: str) -> str | None:
    """Return an element's symbol, or None if there is no such element."""
    symbol = text.capitalize()
    return symbol if atomic_numbers.get(symbol, 0) > 0 else None


def number(text: str) -> float | None:
    """Return a finite number, or None."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def parse_generator(rest: str, where: str = "") -> Generator:
    """Read what follows ``cohpGenerator``.

    Raises
    ------
    ValueError
        Saying what is expected.
    """
    words = rest.split()
    orbitalwise = [word for word in words if word.lower() == "orbitalwise"]
    words = [word for word in words if word.lower() != "orbitalwise"]
    names = [word.lower() for word in words[0::2]]
    values = words[1::2]
    if len(orbitalwise) > 1 or len(words) % 2 or sorted(names) not in (["from", "to"], ["from", "to", "type", "type"]):
        raise ValueError(
            f"lobsterin keyword cohpGenerator{where} reads 'from d1 to d2 [type A type B] [orbitalwise]', not {rest!r}"
        )
    found = dict(zip(names, values, strict=True))
    r_min, r_max = number(found["from"]), number(found["to"])
    if r_min is None or r_max is None or not 0 <= r_min < r_max:
        raise ValueError(
            f"lobsterin keyword cohpGenerator{where}: no bond has a length from {found['from']} to {found['to']} Å"
        )
    types = None
    if "type" in found:
        symbols = [chemical_symbol(value) for name, value in zip(names, values, strict=True) if name == "type"]
        if symbols[0] is None or symbols[1] is None:
            raise ValueError(f"lobsterin keyword cohpGenerator{where} has 'type Cu type Zr' for elements, not {rest!r}")
        types = (symbols[0], symbols[1])
    return Generator(r_min, r_max, types, bool(orbitalwise))


def parse_centres(rest: str) -> tuple[list[tuple[int, tuple[int, int, int]]], bool] | None:
    """Read atoms with their cells, and whether orbitals are asked for; None if the text is not of that form.

    The form is ``atom i [cell a b c] [and] atom j [cell a b c] ... [orbitalwise]``; ``offset`` means ``cell``, and
    ``atom1 i``, ``atom2 j``, which is found too, means ``atom i``, ``atom j``. Atoms are returned zero-based.
    """
    # The number after ``atom1`` counts the centres if another number follows, and is the atom if not.
    text = re.sub(r"\batom\d+ (?=\d)", "atom ", " ".join(rest.split()), flags=re.I | re.A)
    words = re.sub(r"\batom (?=\d)", "atom", text, flags=re.I | re.A).lower().split()
    centres: list[tuple[int, tuple[int, int, int]]] = []
    orbitalwise = bool(words) and words[-1] == "orbitalwise"
    if orbitalwise:
        words.pop()
    while words:
        word = words.pop(0)
        if word == "and" and centres and words:
            word = words.pop(0)
        match = _ATOM.fullmatch(word)
        if match is None or int(match.group(1)) == 0:
            return None
        cell = (0, 0, 0)
        if words and words[0] in ("cell", "offset"):
            numbers = words[1:4]
            if len(numbers) < 3 or not all(_INTEGER.fullmatch(item) for item in numbers):
                return None
            cell = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
            del words[:4]
        centres.append((int(match.group(1)) - 1, cell))
    return centres, orbitalwise


def parse_between(rest: str, where: str = "") -> Between:
    """Read what follows ``cohpBetween``.

    Raises
    ------
    ValueError
        Saying what is expected.
    """
    parsed = parse_centres(rest)
    if parsed is None or len(parsed[0]) != 2:
        raise ValueError(
            f"lobsterin keyword cohpBetween{where} reads 'atom i and atom j [cell a b c] [orbitalwise]' "
            f"with atoms counted from 1, not {rest!r}"
        )
    (i, cell_i), (j, cell_j) = parsed[0]
    a, b, c = (second - first for first, second in zip(cell_i, cell_j, strict=True))
    if i == j and (a, b, c) == (0, 0, 0):
        raise ValueError(f"lobsterin keyword cohpBetween{where}: atom {i + 1} has no bond with itself, give its cell")
    return Between(i, j, (a, b, c), parsed[1])


def parse_several_centres(rest: str, where: str = "") -> str:
    """Check what follows ``cobiBetween`` and return it.

    Raises
    ------
    ValueError
        Saying what is expected.
    """
    parsed = parse_centres(rest)
    if parsed is None or len(parsed[0]) < 2:
        raise ValueError(
            f"lobsterin keyword cobiBetween{where} reads 'atom i [cell a b c] atom j [cell a b c] atom k ... "
            f"[orbitalwise]' with atoms counted from 1, not {rest!r}"
        )
    return " ".join(rest.split())
