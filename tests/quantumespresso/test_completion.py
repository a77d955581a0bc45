"""What LOBSTER is told beyond what was asked for: the basis of the pseudopotentials, and a window below all bands."""

import pytest

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.completion import (
    complete_lobsterin,
    icohp_window,
    integrates_curves,
    leaves_out_bands,
    window_warning,
)
from aiida_getl.quantumespresso.requirements import PwRun
from aiida_getl.quantumespresso.upf import Shell, Upf

SYMBOLS = ["Cu", "Zr"]
COPPER = Upf(
    "Cu", 19.0, "PAW", "PBE", (Shell("4S", 4, 0, 1.0), Shell("4P", 4, 1, 0.0), Shell("3D", 3, 2, 10.0)), 0, 0, ""
)
RUN = PwRun(upfs={"Cu": COPPER}, lowest_band=-114.3)


def complete(text, run=RUN, engine="LOBSTER"):
    return complete_lobsterin(Lobsterin.from_text(text), run, SYMBOLS, engine)


def test_what_is_left_open_is_filled_in():
    completed = complete("cohpGenerator from 1 to 3")
    assert completed.basis_functions == {"Cu": ("4s", "3d")}  # of Zr nothing is known
    assert completed.settings == {"COHPstartEnergy": -120.0}
    assert Lobsterin.from_text(completed.to_text()) == completed


@pytest.mark.parametrize("word", ["useRecommendedBasisFunctions", "includeOrbitals s p d"])
def test_what_is_asked_for_is_kept(word):
    completed = complete(f"{word}\nCOHPstartEnergy -30\ncohpGenerator from 1 to 3")
    assert completed.basis_functions == {}
    assert completed.settings["COHPstartEnergy"] == -30.0
    assert complete("basisFunctions Cu 3s").basis_functions == {"Cu": ("3s",)}


def test_nothing_is_added_where_nothing_is_known_or_needed():
    asked = Lobsterin.from_text("cohpGenerator from 1 to 3")
    assert complete(asked.to_text(), PwRun()) == asked
    for engine in ("getl-cohp", None):
        assert complete(asked.to_text(), engine=engine) == asked
    # LOBSTER's own beginning is never moved up, and wide smearing needs more room.
    shallow = PwRun(lowest_band=-3.0)
    assert complete(asked.to_text(), shallow).settings["COHPstartEnergy"] == -10.0
    wide = complete("gaussianSmearingWidth 1\ncohpGenerator from 1 to 3")
    assert wide.settings["COHPstartEnergy"] == -125.0


@pytest.mark.parametrize(
    ("text", "run", "window"),
    [
        ("COHPstartEnergy -120", RUN, "all occupied bands"),
        ("COHPstartEnergy -150", RUN, "all occupied bands"),
        ("COHPstartEnergy -100", RUN, "from -100 eV"),
        ("COHPstartEnergy -114.3", RUN, "from -114.3 eV"),  # half of the lowest band
        ("skipDOS", RUN, "from -10 eV"),
        ("COHPstartEnergy -100", PwRun(), "from -100 eV"),
    ],
)
def test_window(text, run, window):
    lobsterin = Lobsterin.from_text(text)
    assert icohp_window(lobsterin, run) == window
    known = run.lowest_band is not None
    assert leaves_out_bands(lobsterin, run) == (window != "all occupied bands" if known else None)


def test_warning_says_what_is_wrong():
    start = Lobsterin.from_text("COHPstartEnergy -20")
    old, new = (window_warning(start, RUN, version) for version in ("4.1.0", "5.1.1"))
    assert "Bands lie as deep as -114.3 eV, and the curves begin at -20 eV from the Fermi energy: its ICOHPs" in old
    assert "eV from the Fermi energy: the curves are without them" in new
    assert window_warning(complete("skipDOS"), RUN, "4.1.0") is None
    assert window_warning(start, PwRun(), "4.1.0") is None


def test_versions():
    assert [integrates_curves(version) for version in ("3.0.0", "4.1.0", None, "5.0.0", "6.0.0", "10.1")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
