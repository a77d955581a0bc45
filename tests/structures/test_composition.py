"""Formulas and atom counts."""

import pytest

from aiida_getl.structures.composition import atom_counts, parse_composition


@pytest.mark.parametrize(
    ("composition", "expected"),
    [
        ("Zr49Cu49Al2", {"Zr": 49, "Cu": 49, "Al": 2}),
        ("CuZr", {"Cu": 1, "Zr": 1}),
        ("Cu0.5 Zr.5", {"Cu": 0.5, "Zr": 0.5}),
        ("CoCoC", {"Co": 2, "C": 1}),
        ({"Cu": 46, "Zr": 47.5}, {"Cu": 46, "Zr": 47.5}),
    ],
)
def test_reads_compositions(composition, expected):
    assert parse_composition(composition) == expected


@pytest.mark.parametrize(
    ("composition", "message"),
    [
        ("", "no composition"),
        ("49Zr", "no composition"),
        ("Cu-Zr", "no composition"),
        ("Zr(CuAl)2", "no composition"),
        ("cuzr", "no composition"),
        ("Cu1.2.3Zr", "no composition"),
        ("CuQq", "'Qq'.*no chemical element"),
        ("CuX", "'X'.*no chemical element"),
        ("Cu0Zr", "amount of Cu is 0.0"),
        ({"Cu": -1, "Zr": 2}, "amount of Cu is -1"),
        ({"Cu": float("nan")}, "amount of Cu is nan"),
        ({"Cu": "1"}, "amount of Cu is '1'"),
        ({}, "no element"),
    ],
)
def test_refuses_bad_compositions(composition, message):
    with pytest.raises(ValueError, match=message):
        parse_composition(composition)


@pytest.mark.parametrize(
    ("composition", "n_atoms", "expected"),
    [
        ("Zr49Cu49Al2", 100, {"Zr": 49, "Cu": 49, "Al": 2}),
        ("Zr49Cu49Al2", 10000, {"Zr": 4900, "Cu": 4900, "Al": 200}),
        ("CuZr", 17, {"Cu": 9, "Zr": 8}),
        ("Cu46Zr46Al8", 16, {"Cu": 8, "Zr": 7, "Al": 1}),
        ("Cu0.1Zr0.2Al0.3Ni0.4", 10, {"Cu": 1, "Zr": 2, "Al": 3, "Ni": 4}),
    ],
)
def test_counts_add_up(composition, n_atoms, expected):
    assert atom_counts(composition, n_atoms) == expected
    assert sum(expected.values()) == n_atoms


def test_every_element_must_get_an_atom():
    with pytest.raises(ValueError, match="2 atoms are fewer than the 3 elements"):
        atom_counts("CuZrAl", 2)
    with pytest.raises(ValueError, match="none of Al: 50 atoms are enough"):
        atom_counts("Zr49Cu49Al2", 16)
    assert atom_counts("Zr49Cu49Al2", 50)["Al"] == 1
