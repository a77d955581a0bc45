"""The radial functions of a PAW dataset that turn pseudo wavefunctions into all-electron ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import simpson
from scipy.special import spherical_jn

from aiida_getl.quantumespresso.basis import USE_PROJWFC
from aiida_getl.quantumespresso.fortran import parse_floats
from aiida_getl.slater.orbitals import SlaterOrbital

#: 1/bohr; a cubic spline through form factors at these points is exact to about 1e-7 for the most diffuse orbitals.
Q_STEP = 0.01
COPY = "it is damaged, copy it again"


class DamageError(ValueError):
    """A file lacks a part of what it had when it was written: a reason to get it back, not to do without it."""


@dataclass(frozen=True)
class PartialWave:
    """A projector of a dataset and what it adds to a wavefunction near the nucleus.

    Attributes
    ----------
    l : angular momentum
    projector : (n,)
        r times the projector.
    augmentation : (n,)
        r times the difference of the all-electron and the pseudo partial wave.
    """

    l: int  # noqa: E741 - the quantum number
    projector: NDArray[np.float64]
    augmentation: NDArray[np.float64]


@dataclass(frozen=True)
class PawDataset:
    """Partial waves of a UPF file on its radial mesh (bohr).

    Attributes
    ----------
    r, rab : (n,)
        Mesh, and its derivative by the index.
    waves
        One for each projector.
    """

    r: NDArray[np.float64]
    rab: NDArray[np.float64]
    waves: tuple[PartialWave, ...]

    def integral(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the integral over r of values (..., n) on the mesh."""
        return np.asarray(simpson(values * self.rab, dx=1.0, axis=-1), dtype=float)

    def augmentation_overlaps(self, orbital: SlaterOrbital) -> NDArray[np.float64]:
        """Return the overlap of an orbital of the same nucleus with the augmentation of every wave, (waves,)."""
        u, angular = orbital.radial(self.r), orbital.shell.l
        overlaps = [self.integral(u * wave.augmentation) if wave.l == angular else 0.0 for wave in self.waves]
        return np.array(overlaps, dtype=float)

    def projector_transforms(self, q_max: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return q (n,) up to ``q_max`` (1/bohr), and the integrals of u r j_l(qr) of every projector u, (waves, n)."""
        q = np.arange(0.0, q_max + 2 * Q_STEP, Q_STEP)
        # Projectors end at the radius of their sphere.
        end = 1 + int(max(np.flatnonzero(wave.projector)[-1] for wave in self.waves))
        end = min(len(self.r), end + 1 - end % 2)
        inside = PawDataset(self.r[:end], self.rab[:end], ())
        bessel = {angular: spherical_jn(angular, np.outer(q, inside.r)) * inside.r for angular in self._angular}
        return q, np.array([inside.integral(bessel[wave.l] * wave.projector[:end]) for wave in self.waves])

    @property
    def _angular(self) -> set[int]:
        return {wave.l for wave in self.waves}


def read_paw(path: Path) -> PawDataset:
    """Read the partial waves of a UPF file of format version 2.

    Raises
    ------
    DamageError
        If it has other numbers of projectors or points than it announces, or something else than numbers.
    ValueError
        If it has no partial waves: no PAW dataset, or one without all-electron partial waves.
    """
    text = path.read_text(errors="replace")
    r = _numbers(text, "PP_R", path)
    rab = _on_mesh(text, "PP_RAB", path, len(r))
    waves = []
    for match in re.finditer(r"<PP_BETA\.(\d+)\s([^>]*)>", text):
        index, attributes = match.groups()
        angular = re.search(r'angular_momentum\s*=\s*"\s*(\d)', attributes)
        if angular is None:
            raise DamageError(f"{path} has a projector without angular momentum: {COPY}")
        projector = _on_mesh(text, f"PP_BETA.{index}", path, len(r))
        all_electron, pseudo = (_on_mesh(text, f"PP_{kind}WFC.{index}", path, len(r)) for kind in ("AE", "PS"))
        augmentation = all_electron - pseudo
        # Beyond the sphere both waves are the same, and grow like the regular solution.
        inside = np.abs(augmentation) > 1e-7 * np.abs(augmentation).max()
        augmentation[~inside] = 0.0
        waves.append(PartialWave(int(angular[1]), projector, augmentation))
    announced = re.search(r'<PP_HEADER\s[^>]*\bnumber_of_proj\s*=\s*"\s*(\d{1,9})\s*"', text)
    if announced is None or int(announced[1]) != len(waves):
        number = "no number of projectors" if announced is None else f"{announced[1]} projectors"
        raise DamageError(f"{path} announces {number} but has {len(waves)}: {COPY}")
    if not waves:
        raise ValueError(f"{path} has no projectors: it is no PAW dataset")
    return PawDataset(r, rab, tuple(waves))


def _numbers(text: str, tag: str, path: Path) -> NDArray[np.float64]:
    match = re.search(rf"<{re.escape(tag)}[\s>][^<]*?</{re.escape(tag)}>", text)
    if match is None:
        raise ValueError(
            f"{path} has no <{tag}>, and projections on Slater orbitals need PAW datasets with their all-electron "
            f"waves: take such, or {USE_PROJWFC}"
        )
    body = match.group(0).split(">", 1)[1].rsplit("<", 1)[0]
    try:
        values = parse_floats(body)
    except ValueError as error:
        raise DamageError(f"{path} has other things than numbers in <{tag}> ({error}): {COPY}") from None
    if not np.isfinite(values).all():
        raise DamageError(f"{path} has numbers that are not finite in <{tag}>: {COPY}")
    return values


def _on_mesh(text: str, tag: str, path: Path, n: int) -> NDArray[np.float64]:
    values = _numbers(text, tag, path)
    if len(values) != n:
        raise DamageError(f"{path} has {len(values)} numbers in <{tag}> for a mesh of {n}: {COPY}")
    return values
