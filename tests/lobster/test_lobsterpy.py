"""LobsterPy opens and analyses what getl-cohp writes, in both layouts: fcc Al, cheap and unconverged."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "aluminium"


@pytest.mark.parametrize("layout", ["4", "6"])
@pytest.mark.filterwarnings("ignore")
def test_automatic_analysis(layout):
    from lobsterpy.coxx.analyze import Analysis

    files = FOLDER / f"layout_{layout}"
    analysis = Analysis(
        path_to_poscar=FOLDER / "POSCAR",
        path_to_icohplist=files / "ICOHPLIST.lobster",
        path_to_cohpcar=files / "COHPCAR.lobster",
        path_to_charge=files / "CHARGE.lobster",
        which_bonds="all",
    )
    (site,) = analysis.condensed_bonding_analysis["sites"].values()
    assert site["env"] == "C:12"  # twelve neighbours, a cuboctahedron
    assert site["bonds"]["Al"]["number_of_bonds"] == 12
    assert float(site["bonds"]["Al"]["ICOHP_mean"]) == pytest.approx(-1.65, abs=0.02)
