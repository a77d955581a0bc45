"""Traces in the words of a report."""

import numpy as np

from aiida_getl.provenance import Item, Origin, Step, Trace
from aiida_getl.report.chains import condense, spread, to_chain
from aiida_getl.report.picture import stages


def step(pk, what, minute=0, **more):
    return Step(pk=pk, uuid=f"u{pk}", what=what, time=f"2026-01-02T03:{minute:02d}:05", **more)


def test_equal_steps_are_one_card():
    cards = condense(
        [
            step(1, "pack_random", 0, inputs={"seed": "5 <9>"}),
            *[step(10 + k, "PwCalculation", k, label=f"run_{k}", code="pw@c", computer="c") for k in range(8)],
            step(30, "PwCalculation", 9, code="pw@d", computer="d"),
            step(31, "unheard_of", 10),
        ]
    )
    assert [(card.what, card.n, card.where) for card in cards] == [
        ("random packing", 1, ()),
        ("pw.x", 8, ("pw@c",)),
        ("pw.x", 1, ("pw@d",)),
        ("unheard_of", 1, ()),
    ]
    assert cards[0].inputs == {"seed": "5 <9>"}
    assert cards[1].inputs == {}  # of which of the eight?
    assert cards[1].times == ("2026-01-02 03:00", "2026-01-02 03:07")
    assert len(cards[1].nodes) == 6
    assert cards[1].nodes[0] == (10, "u10", "run_0")
    assert cards[3].stage == "Other"


def test_a_chain_names_what_it_rests_on():
    files = [Origin(k, f"u{k}", "FolderData") for k in range(9)] + [Origin(20, "u20", "file x.eam", "ab" * 32)]
    found = Trace(
        subject=Item(1, "u1", "x"),
        bond={},
        label={"method": {"engine": "LOBSTER", "version": "5.1.1"}, "spilling": 0.0162},
        steps=[step(3, "augment", used=["shear_xy"], label="augment_run_0")],
        origins={"files": files},
        codes=[Item(5, "u5", "pw@c /home/marie/q e/bin/pw.x"), Item(6, "u6", "lobster@c ")],
        computers=[Item(7, "u7", "c (login.example.org)")],
        decisions=[],
    )
    chain = to_chain(
        found, "a bond", "Bonds", {"distance_Å": 2.51234, "sub_run": 3, "translation": [0, 1, 0], "run": None}
    )
    assert chain.facts == {
        "distance": "2.5123 Å",
        "sub-run": "3",
        "translation": "0 1 0",
        "labels by": "LOBSTER 5.1.1",
        "charge spilling": "1.62%",
    }
    assert chain.origins == {
        "files": ("9 × FolderData <0>, <1>, <2>, <3>, <4>, <5> …", f"file x.eam sha256 {'ab' * 8}… <20>")
    }
    assert chain.codes == ("pw@c pw.x", "lobster@c")
    assert chain.cards[0].nodes[0][2] == "augment_run_0 shear_xy"
    (deformed,) = stages(found, None, None, None)
    assert (deformed.name, deformed.headline, deformed.lines) == ("Deform", "1 strain", ("shear_xy",))


def test_bonds_are_taken_from_strong_to_weak():
    strengths = np.array([0.1, 5.0, 2.0, 1.0, 3.0])
    assert strengths[spread(strengths, 3)].tolist() == [5.0, 2.0, 0.1]
    assert spread(strengths, 99).tolist() == [1, 4, 2, 3, 0]
    assert spread(strengths[:1], 3).tolist() == [0]
