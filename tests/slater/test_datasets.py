"""Partial waves of a real PAW dataset."""

import re

import numpy as np
import pytest
from scipy.special import spherical_jn

from aiida_getl.slater.datasets import DamageError, read_paw
from aiida_getl.slater.orbitals import slater_orbital

pytestmark = pytest.mark.engines


def column(text, tag):
    return np.array(re.search(rf"<{tag}[\s>][^<]*?>?([^<>]*)</{tag}>", text)[1].split(), dtype=float)


def test_projectors_are_dual_to_the_pseudo_waves(carbon_upf):
    """Of which the all-electron waves differ inside of the sphere only, 1.45 bohr at most."""
    paw, text = read_paw(carbon_upf), carbon_upf.read_text()
    assert [wave.l for wave in paw.waves] == [0, 0, 1, 1]
    pseudo = [column(text, f"PP_PSWFC.{n}") for n in range(1, 5)]
    for n, wave in enumerate(paw.waves):
        overlaps = [paw.integral(wave.projector * u) if wave.l == paw.waves[m].l else 0 for m, u in enumerate(pseudo)]
        np.testing.assert_allclose(overlaps, np.eye(4)[n], atol=1e-3)
        assert np.abs(wave.augmentation).max() > 0.1
        assert not wave.augmentation[paw.r > 1.5].any()


def test_all_electron_waves_are_the_orbitals(carbon_upf):
    """The occupied 2s and 2p of the density functional are within 1 % of Hartree-Fock's."""
    paw, text = read_paw(carbon_upf), carbon_upf.read_text()
    for label, n, chi in (("2s", 0, "PP_CHI.1"), ("2p", 2, "PP_CHI.2")):
        orbital = slater_orbital("C", label)
        weights = paw.augmentation_overlaps(orbital)
        assert weights[[wave.l != orbital.shell.l for wave in paw.waves]].tolist() == [0, 0]
        u = column(text, chi)
        projected = np.array(
            [paw.integral(wave.projector * u) if wave.l == orbital.shell.l else 0.0 for wave in paw.waves]
        )
        assert abs(projected[n]) == pytest.approx(1, abs=0.02)
        overlap = paw.integral(orbital.radial(paw.r) * u) + weights @ projected
        assert 0.99 < abs(overlap) < 1.0


def test_transforms_are_integrals(carbon_upf):
    paw = read_paw(carbon_upf)
    q, transforms = paw.projector_transforms(7.0)
    assert q[-1] >= 7.0
    for wave, transform in zip(paw.waves, transforms, strict=True):
        for n in (0, 130, 700):
            expected = np.trapezoid(wave.projector * paw.r * spherical_jn(wave.l, q[n] * paw.r), paw.r)
            assert transform[n] == pytest.approx(expected, abs=2e-3 * np.abs(transforms).max())


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            r"PP_AEWFC\.2",
            r"has no <PP_AEWFC\.2>, and projections on Slater orbitals need PAW datasets.*have projwfc\.x",
        ),
        (r"PP_BETA", r"C\.UPF announces 4 projectors but has 0: it is damaged, copy it again"),
        (r"PP_BETA\.1", r"C\.UPF announces 4 projectors but has 3: it is damaged"),
        (r"number_of_proj=", r"C\.UPF announces no number of projectors but has 4: it is damaged"),
        (r"angular_momentum=", "projector without angular momentum: it is damaged"),
    ],
)
def test_files_without_what_is_needed_are_refused(carbon_upf, tmp_path, pattern, message):
    path = tmp_path / "C.UPF"
    path.write_text(re.sub(pattern, "other", carbon_upf.read_text()))
    with pytest.raises(ValueError, match=message):
        read_paw(path)


def test_numbers_that_are_lost_are_missed(carbon_upf, tmp_path):
    path, text = tmp_path / "C.UPF", carbon_upf.read_text()
    body = re.search(r"<PP_PSWFC\.3[^>]*>\s*(\S+)", text)
    for number, message in (
        ("", r"C\.UPF has (\d+) numbers in <PP_PSWFC\.3> for a mesh of (\d+)"),
        ("abc", r"C\.UPF has other things than numbers in <PP_PSWFC\.3> .*'abc'"),
        ("nan", r"C\.UPF has numbers that are not finite in <PP_PSWFC\.3>"),
    ):
        path.write_text(text[: body.start(1)] + number + text[body.end(1) :])
        with pytest.raises(DamageError, match=f"{message}.*it is damaged, copy it again"):
            read_paw(path)
    path.write_text(text[: body.start(1)] + "1.0-100" + text[body.end(1) :])
    assert len(read_paw(path).waves) == 4
