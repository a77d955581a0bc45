"""What a lobsterin may ask for of a structure, by which program."""

import pytest
from ase.build import bulk

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.quantumespresso.requests import find_unfit_requests

ALLOY = bulk("CuZr", "cesiumchloride", 3.26)
RANGE = "cohpGenerator from 1 to 3\n"


def unfit(text, engine):
    return list(find_unfit_requests(Lobsterin.from_text(text), ALLOY, engine))


@pytest.mark.parametrize("engine", ["LOBSTER", "getl-cohp", None])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("skipDOS", "lobsterin asks for no bonds: add cohpGenerator"),
        ("cobiBetween atom 1 atom 2", "lobsterin asks for no bonds"),
        (RANGE + "skipCOHP", "skipCOHP: without ICOHPs there are no bond strengths"),
        (RANGE + "skipProjection", "skipProjection"),
        ("cohpGenerator from 1 to 3 type Cu type Al", "cohpGenerator names Al, the structure has Cu, Zr: leave it out"),
        ("cohpBetween atom 1 atom 99", "cohpBetween names atom 99, the structure has 2 atoms"),
        (RANGE + "cobiBetween atom 3 atom 1", "cobiBetween names atom 3, the structure has 2 atoms"),
        (RANGE + "basisFunctions Al 3s 3p", "basisFunctions names Al, the structure has Cu, Zr"),
        (RANGE + "customSTOforAtom Cu sto.txt", "customSTOforAtom"),
    ],
)
def test_what_cannot_be_had(engine, text, message):
    (found,) = unfit(text, engine)
    assert message in found


@pytest.mark.parametrize(
    "keyword", ["kSpaceCOHP", "autoRotate", "cobiBetween atom 1 atom 2 atom 1 cell 0 0 1", "customSTOforAtom Cu /sto"]
)
def test_what_one_program_has_and_the_other_has_not(keyword):
    (found,) = unfit(RANGE + keyword, "getl-cohp")
    assert keyword.split()[0] in found
    assert unfit(RANGE + keyword, "LOBSTER") == []


@pytest.mark.parametrize("engine", ["LOBSTER", "getl-cohp", None])
def test_what_is_fit(engine):
    text = "cohpGenerator from 1 to 3 type Zr type Cu\ncohpBetween atom 1 atom 2\nbasisFunctions Cu 4s 3d\nskipDOS\n"
    assert unfit(text, engine) == []
    assert unfit("cohpBetween atom 1 atom 1 cell 0 0 1", engine) == []
