"""What this engine makes of the keywords of a lobsterin: honoured, refused, or without effect on what it writes."""

from __future__ import annotations

from aiida_getl.lobster.lobsterin import Lobsterin
from aiida_getl.lobster.lobsterout import OWN_ENGINE

#: Keywords that would change the numbers in a way this engine does not offer: refused.
REFUSED = {
    "autoRotate": "orbitals are along the cartesian axes",
    "basisRotation": "orbitals are along the cartesian axes",
    "customSTOforAtom": "the orbitals are those of the table, or the pseudopotential's",
    "doNotIgnoreExcessiveBands": "as many bands as basis functions are used",
    "doNotOrthogonalizeBasis": "the basis is Löwdin-orthonormalised",
    "doNotUseAbsoluteSpilling": "spillings are absolute",
    "forceEnergyRange": "all bands up to the number of basis functions are used",
    "forceV1HMatrix": "the Hamiltonian is built from orthonormalised bands",
    "includeOrbitals": "name the shells with basisFunctions",
    "kSpaceCOHP": "COHPs are built in real space",
    "loadProjectionFromFile": "projections are computed from the wavefunctions, or read from atomic_proj.xml",
    "molecule": "bonds are between atoms, not fragments",
    "skipProjection": "projections are computed from the wavefunctions, or read from atomic_proj.xml",
    "skipReOrthonormalization": "bands are orthonormalised after projection",
}
#: Keywords that are honoured.
HONOURED = frozenset(
    {
        "basisFunctions",
        "basisSet",
        "cobiBetween",
        "COHPendEnergy",
        "COHPstartEnergy",
        "COHPSteps",
        "cohpBetween",
        "cohpGenerator",
        "gaussianSmearingWidth",
        "printTotalSpilling",
        "skipCar",
        "skipCOBI",
        "skipCOHP",
        "skipCOOP",
        "skipDOS",
        "skipGrossPopulation",
        "skipMadelungEnergy",
        "skipMOFE",
        "skipMolecularOrbitals",
        "skipPAWOrthonormalityTest",
        "skipPopulationAnalysis",
        "useRecommendedBasisFunctions",
    }
)
#: Files that LOBSTER writes unasked and this engine does not -> the keyword that leaves them out.
NOT_WRITTEN = {
    "DOSCAR.lobster": "skipDOS",
    "MadelungEnergies.lobster": "skipMadelungEnergy",
    "SitePotentials.lobster": "skipMadelungEnergy",
}


def check_keywords(lobsterin: Lobsterin) -> list[str]:
    """Return notes about what is otherwise than in LOBSTER.

    That is keywords without effect here, which ask for files that are not written or tune LOBSTER, keywords that are
    understood in another way, and files that LOBSTER would write unasked.

    Raises
    ------
    ValueError
        For a keyword that would change the numbers and cannot be honoured.
    """
    for keyword in lobsterin.settings:
        if keyword in REFUSED:
            raise ValueError(
                f"lobsterin keyword {keyword} cannot be honoured by {OWN_ENGINE} ({REFUSED[keyword]}) and would change "
                "the numbers: leave it out, or use LOBSTER"
            )
    notes = [f"{keyword} has no effect in {OWN_ENGINE}." for keyword in lobsterin.settings if keyword not in HONOURED]
    if lobsterin.flag("useRecommendedBasisFunctions"):
        notes.append("useRecommendedBasisFunctions is read as: the shells that are occupied in the pseudopotentials.")
    # bandOverlaps.lobster is left out by no keyword.
    files = [file for file, keyword in NOT_WRITTEN.items() if not lobsterin.flag(keyword)]
    notes.append(f"{OWN_ENGINE} has no {', '.join([*files, 'bandOverlaps.lobster'])}, which LOBSTER may write.")
    return notes
