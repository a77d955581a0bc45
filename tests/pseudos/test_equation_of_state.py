"""The PAW datasets against published all-electron values: real ld1.x, real pw.x, real crystals.

The reference is WIEN2k with PBE as published by the Delta project (Lejaeghere et al., Science 351, aad3000 (2016)),
which ASE ships. k-points are coarser here than in docs/pseudopotentials.md, which has the converged table, and the
smearing is wider to make up for it.
"""

import shutil

import numpy as np
import pytest
from ase.collections import dcdft
from ase.units import GPa

from aiida_getl.pseudos.generate import RECOMMENDED_CUTOFFS, generate_family
from aiida_getl.pseudos.validate import CRYSTALS, Settings, equation_of_state, fit, total_energy

LATTICE_TOLERANCE = 0.005
BULK_MODULUS_TOLERANCE = 0.07
FIVE_VOLUMES = (0.94, 0.97, 1.0, 1.03, 1.06)


@pytest.fixture(scope="module")
def pw() -> str:
    path = shutil.which("pw.x")
    assert path, "these tests need Quantum ESPRESSO's pw.x on the PATH: apt install quantum-espresso"
    return path


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    ld1 = shutil.which("ld1.x")
    assert ld1, "these tests need Quantum ESPRESSO's ld1.x on the PATH: apt install quantum-espresso"
    return generate_family(ld1, tmp_path_factory.mktemp("family"))


@pytest.mark.engines
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "element", "kpoints"),
    [
        ("fcc Al", "Al", (10, 10, 10)),
        ("fcc Cu", "Cu", (8, 8, 8)),
        ("hcp Zr", "Zr", (6, 6, 4)),
    ],
)
def test_dataset_gives_the_all_electron_crystal(pw, family, name, element, kpoints):
    cutoffs = RECOMMENDED_CUTOFFS[element]
    settings = Settings(cutoffs["cutoff_wfc"], cutoffs["cutoff_rho"], kpoints, degauss=0.05)
    found = equation_of_state(pw, CRYSTALS[name], family, settings, FIVE_VOLUMES)
    reference = dcdft.data[element]
    # The cells are strained isotropically, so that lattice constants go as the cube root of volumes.
    lattice_error = (found.volume / reference["wien2k_volume"]) ** (1 / 3) - 1
    bulk_modulus_error = found.bulk_modulus / reference["wien2k_B"] - 1
    assert abs(lattice_error) < LATTICE_TOLERANCE
    assert abs(bulk_modulus_error) < BULK_MODULUS_TOLERANCE


def test_fit_recovers_a_known_equation():
    from ase.eos import birchmurnaghan

    volumes = np.linspace(11.2, 12.7, 7)
    energies = birchmurnaghan(volumes, -3.5, 140 * GPa, 4.9, 11.95)
    found = fit(volumes, energies)
    assert (found.volume, found.bulk_modulus, found.pressure_derivative) == pytest.approx((11.95, 140, 4.9), rel=1e-4)
    assert found.residual < 1e-7


def test_too_few_volumes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least five volumes, not 3"):
        equation_of_state("pw.x", CRYSTALS["fcc Al"], {}, Settings(30, 240, (2, 2, 2)), (0.97, 1.0, 1.03))


@pytest.mark.engines
def test_failure_quotes_pw(pw, tmp_path):
    damaged = tmp_path / "Al.UPF"
    damaged.write_text("no pseudopotential")
    with pytest.raises(RuntimeError, match=r"gave no energy of Al.*Al.UPF not readable"):
        total_energy(pw, CRYSTALS["fcc Al"], {"Al": damaged}, Settings(30, 240, (2, 2, 2)))
