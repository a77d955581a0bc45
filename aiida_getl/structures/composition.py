"""Compositions of glasses: from a formula to the number of atoms of each element."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ase.data import atomic_numbers

_TERM = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d*)?|\.\d+)?", re.ASCII)


def parse_composition(composition: str | Mapping[str, float]) -> dict[str, float]:
    """Return the amount of each element of a composition, as it was given, in the order it was given.

    Parameters
    ----------
    composition : str or mapping
        A formula (``'Zr49Cu49Al2'``, ``'CuZr'``, ``'Cu0.5Zr0.5'``) or amounts by element symbol. Only the ratios
        matter; an element may occur several times in a formula.

    Raises
    ------
    ValueError
        For text that is no formula, an unknown element, or an amount that is not a positive number.
    """
    if isinstance(composition, str):
        text = "".join(composition.split())
        terms = _TERM.findall(text)
        if not terms or "".join(symbol + amount for symbol, amount in terms) != text:
            raise ValueError(
                f"'{composition}' is no composition: write element symbols with their amounts, e.g. 'Zr49Cu49Al2'"
            )
        pairs = [(symbol, float(amount) if amount else 1.0) for symbol, amount in terms]
    else:
        pairs = list(composition.items())
        if not pairs:
            raise ValueError("the composition names no element")

    amounts: dict[str, float] = {}
    for symbol, amount in pairs:
        if symbol == "X" or symbol not in atomic_numbers:
            raise ValueError(f"'{symbol}' in composition {composition!r} is no chemical element")
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount < math.inf:
            raise ValueError(
                f"the amount of {symbol} is {amount!r} in composition {composition!r}: it must be positive"
            )
        amounts[symbol] = amounts.get(symbol, 0.0) + float(amount)
    return amounts


def atom_counts(composition: str | Mapping[str, float], n_atoms: int) -> dict[str, int]:
    """Return how many of ``n_atoms`` atoms belong to each element, by the method of the largest remainder.

    Elements keep the order of the composition, which also decides between equal remainders.

    Parameters
    ----------
    composition : str or mapping
        See :func:`parse_composition`.
    n_atoms : int
        Atoms in the cell.

    Raises
    ------
    ValueError
        For a bad composition, or for too few atoms to give each element at least one.

    Examples
    --------
    >>> atom_counts("Zr49Cu49Al2", 100)
    {'Zr': 49, 'Cu': 49, 'Al': 2}
    >>> atom_counts("Cu0.5Zr0.5", 17)
    {'Cu': 9, 'Zr': 8}
    """
    amounts = parse_composition(composition)
    if n_atoms < len(amounts):
        raise ValueError(f"{n_atoms} atoms are fewer than the {len(amounts)} elements of {composition!r}: ask for more")
    total = math.fsum(amounts.values())
    quotas = {symbol: n_atoms * amount / total for symbol, amount in amounts.items()}
    counts = {symbol: math.floor(quota) for symbol, quota in quotas.items()}
    # Rounded, so that remainders equal but for the last bits of the division are a tie.
    by_remainder = sorted(quotas, key=lambda symbol: -round(quotas[symbol] - counts[symbol], 9))
    for symbol in by_remainder[: n_atoms - sum(counts.values())]:
        counts[symbol] += 1
    without = [symbol for symbol, count in counts.items() if count == 0]
    if without:
        enough = math.ceil(total / min(amounts.values()))
        raise ValueError(
            f"in {n_atoms} atoms of {composition!r} there is none of {', '.join(without)}: "
            f"{enough} atoms are enough for one of each element"
        )
    return counts
