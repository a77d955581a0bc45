"""The table of orbitals: normalised, orthogonal, and their transforms those of the functions."""

import numpy as np
import pytest
from ase.data import chemical_symbols
from scipy.integrate import simpson
from scipy.special import spherical_jn

from aiida_getl.slater.orbitals import slater_orbital, slater_shells

LOG_R = np.linspace(np.log(1e-6), np.log(80), 3001)
R = np.exp(LOG_R)
#: Electrons that a closed subshell holds, and the rows of the aufbau order up to Xe.
AUFBAU = ("1s", "2s", "2p", "3s", "3p", "4s", "3d", "4p", "5s", "4d", "5p")


def integral(values):
    """Integral over r of values on the mesh."""
    return simpson(values * R, x=LOG_R)


@pytest.mark.parametrize("element", chemical_symbols[1:104])
def test_orbitals_of_every_element_are_orthonormal(element):
    """To the digits of the published coefficients."""
    shells = slater_shells(element)
    for angular in range(4):
        orbitals = np.array([slater_orbital(element, s.label).radial(R) for s in shells if s.l == angular])
        if len(orbitals):
            overlaps = integral(orbitals[:, None] * orbitals)
            np.testing.assert_allclose(overlaps, np.eye(len(orbitals)), atol=3e-6)


@pytest.mark.parametrize("element", chemical_symbols[1:55])
def test_orbitals_of_every_element_fill_up_to_its_electrons(element):
    """The lowest shells, except where Cr, Cu, Nb, ..., Pd prefer a d electron to one or two of s."""
    number, filled = chemical_symbols.index(element), []
    for label in AUFBAU:
        if number <= 0:
            break
        filled.append(label)
        number -= {"s": 2, "p": 6, "d": 10}[label[1]]
    labels = {shell.label for shell in slater_shells(element)}
    assert labels == set(filled) - ({"5s"} if element == "Pd" else set())


def test_functions_have_as_many_nodes_as_their_quantum_numbers_say():
    for element, label in (("Cu", "4s"), ("Zr", "5s"), ("Zr", "4p"), ("I", "5p"), ("Zr", "4d")):
        orbital = slater_orbital(element, label)
        u = orbital.radial(R)
        u = u[np.abs(u) > 1e-7 * np.abs(u).max()]
        assert (np.diff(np.sign(u)) != 0).sum() == orbital.shell.n - orbital.shell.l - 1


def test_hydrogen_is_known():
    orbital = slater_orbital("H", "1s")
    q = np.linspace(0, 10, 7)
    np.testing.assert_allclose(orbital.radial(R), 2 * R * np.exp(-R), atol=1e-12)
    np.testing.assert_allclose(orbital.transform(q), 4 / (1 + q**2) ** 2, atol=1e-12)


@pytest.mark.parametrize(
    ("element", "label"),
    [("C", "2s"), ("C", "2p"), ("Cu", "3d"), ("Zr", "5s"), ("Xe", "4d"), ("Gd", "4f"), ("Au", "5d")],
)
def test_transform_is_the_integral(element, label):
    orbital = slater_orbital(element, label)
    q = np.array([0.0, 0.3, 1.7, 6.0, 20.0])
    expected = integral(orbital.radial(R) * R * spherical_jn(orbital.shell.l, q[:, None] * R))
    np.testing.assert_allclose(orbital.transform(q), expected, atol=1e-6)


def test_little_is_beyond_the_reach():
    orbital = slater_orbital("Zr", "5s")
    assert 0 < 1 - integral(np.where(orbital.reach > R, orbital.radial(R) ** 2, 0.0)) < 1e-3
    assert np.abs(orbital.radial(R[orbital.reach < R])).max() < 2e-4 * np.abs(orbital.radial(R)).max()


@pytest.mark.parametrize(
    ("element", "label", "message"),
    [
        ("Cu", "4p", "no Slater orbital 4p of Cu: the table has 1s 2s 3s 4s 2p 3p 3d of it"),
        ("Rf", "7s", "no Slater orbital 7s of Rf: the table has the elements from H to Lr"),
    ],
)
def test_orbitals_that_are_missing_are_named(element, label, message):
    with pytest.raises(ValueError, match=message):
        slater_orbital(element, label)
