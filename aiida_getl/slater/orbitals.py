"""Atomic orbitals as sums of Slater functions: the basis that LOBSTER projects on.

The table holds Roothaan-Hartree-Fock orbitals of the neutral atoms in their ground states: H to Xe of T. Koga,
K. Kanayama, S. Watanabe and A. J. Thakkar, Int. J. Quantum Chem. 71, 491 (1999), and Cs to Lr of T. Koga, K. Kanayama,
T. Watanabe, T. Imai and A. J. Thakkar, Theor. Chem. Acc. 104, 411 (2000). Their energies are within 2e-5 hartree of the
Hartree-Fock limit up to Xe, as are those of C. F. Bunge, J. A. Barrientos and A. V. Bunge, At. Data Nucl. Data Tables
53, 113 (1993), LOBSTER's basis ``Bunge``: the two are the same functions for every purpose here. They are not
relativistic, those of the heavy atoms neither; LOBSTER takes the same.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_gegenbauer

from aiida_getl.quantumespresso.upf import SUBSHELLS, Shell


@dataclass(frozen=True)
class SlaterOrbital:
    """A normalised atomic orbital u(r)/r Y, its radial part a sum of Slater functions.

    Attributes
    ----------
    shell
        Which orbital it is.
    powers, exponents, coefficients : (m,)
        Of the terms r^(power - 1) exp(-exponent r), r in bohr; every term is normalised.
    """

    shell: Shell
    powers: NDArray[np.int64]
    exponents: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    @property
    def _factors(self) -> NDArray[np.float64]:
        norms = [(2 * z) ** (n + 0.5) / math.sqrt(math.factorial(2 * n)) for n, z in self._terms]
        return self.coefficients * np.array(norms)

    @property
    def _terms(self) -> list[tuple[int, float]]:
        return list(zip(self.powers.tolist(), self.exponents.tolist(), strict=True))

    @property
    def reach(self) -> float:
        """Distance (bohr) beyond which |u| stays below 1e-4 of its largest value."""
        r = np.arange(0.1, 80.0, 0.1)
        u = np.abs(self.radial(r))
        return float(r[np.flatnonzero(u > 1e-4 * u.max())[-1]])

    def radial(self, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return u(r) = r R(r) at distances in bohr."""
        terms = (f * r**n * np.exp(-z * r) for (n, z), f in zip(self._terms, self._factors, strict=True))
        return np.sum(list(terms), axis=0)

    def transform(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the integral of u(r) r j_l(qr) over r, for q in 1/bohr.

        For a term r^n exp(-zr) it is (2q)^l l! p! C_p^(l+1)(x) s^-(l + 1 + p/2) with p = n - l, s = z^2 + q^2,
        x = z / sqrt(s) and the Gegenbauer polynomial C: the p-th derivative by z of the known integral for n = l.
        """
        angular = self.shell.l
        total = np.zeros_like(q)
        for (n, z), factor in zip(self._terms, self._factors, strict=True):
            p, s = n - angular, z * z + q * q
            polynomial = eval_gegenbauer(p, angular + 1, z / np.sqrt(s))
            total += factor * math.factorial(p) * polynomial * s ** -(angular + 1 + p / 2)
        return np.asarray((2 * q) ** angular * math.factorial(angular) * total, dtype=float)


@cache
def _table() -> dict[str, Any]:
    source = files("aiida_getl.slater") / "data" / "roothaan_hartree_fock.json"
    table: dict[str, Any] = json.loads(source.read_text())
    return table


def slater_shells(element: str) -> tuple[Shell, ...]:
    """Return the shells that the table has for an element, none if it is not in the table."""
    subshells = _table().get(element, {})
    return tuple(
        Shell(label, int(label[0]), SUBSHELLS.index(name), 0.0)
        for name, subshell in subshells.items()
        for label in subshell["orbitals"]
    )


@cache
def slater_orbital(element: str, label: str) -> SlaterOrbital:
    """Return an orbital of the table.

    Parameters
    ----------
    element, label
        E.g. ``'Cu'``, ``'3d'``.

    Raises
    ------
    ValueError
        If the table does not have it.
    """
    shells = {shell.label: shell for shell in slater_shells(element)}
    if label not in shells:
        raise ValueError(
            f"no Slater orbital {label} of {element}: the table has "
            + (f"{' '.join(shells)} of it" if shells else "the elements from H to Lr")
        )
    subshell = _table()[element][label[1]]
    powers, exponents = zip(*subshell["basis"], strict=True)
    return SlaterOrbital(
        shells[label], np.array(powers), np.array(exponents), np.array(subshell["orbitals"][label], dtype=float)
    )
