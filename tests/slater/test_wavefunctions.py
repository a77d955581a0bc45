"""Files of wavefunctions: read, and refused with the file and what to do."""

import h5py
import numpy as np
import pytest
from scipy.io import FortranFile

from aiida_getl.slater.wavefunctions import (
    check_same_run,
    missing_wavefunctions,
    read_plane_waves,
    wavefunction_file,
)

CELL = np.array([[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.0, 0.5, 6.0]])
RECIPROCAL = 2 * np.pi * np.linalg.inv(CELL).T
KPOINT = np.array([0.25, 0.0, -0.5])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of random wavefunctions as pw.x does and returns its path and numbers."""

    def make(n_bands=3, n_waves=7, n_components=1, gamma=False, name="wfc1.dat"):
        rng = np.random.default_rng(0)
        miller = rng.integers(-3, 4, size=(n_waves, 3)).astype("i4")
        bands = rng.normal(size=(n_bands, n_waves * n_components, 2)).view(complex)[..., 0]
        path = tmp_path / name
        with FortranFile(path, "w") as file:
            head = np.zeros(44, dtype="u1")
            head[:4], head[4:28] = np.array([1], "i4").view("u1"), (KPOINT @ RECIPROCAL).view("u1")
            head[28:32], head[32:36] = np.array([1], "i4").view("u1"), np.array([gamma], "i4").view("u1")
            file.write_record(head)
            file.write_record(np.array([n_waves, n_waves, n_components, n_bands], dtype="i4"))
            file.write_record(RECIPROCAL)
            file.write_record(miller)
            for band in bands:
                file.write_record(band)
        return path, miller, bands

    return make


def test_reads_some_plane_waves_of_the_lowest_bands(write):
    path, miller, bands = write()
    waves = read_plane_waves(path, 2)
    np.testing.assert_allclose(waves.vectors, (miller + KPOINT) @ RECIPROCAL, atol=1e-14)
    assert not waves.is_gamma
    np.testing.assert_array_equal(waves.coefficients(0, 7), bands[:2])
    np.testing.assert_array_equal(waves.coefficients(3, 5), bands[:2, 3:5])
    for n_bands in (1, 2):
        waves = read_plane_waves(path, n_bands)
        waves.coefficients(0, 7)[:] *= 0  # a copy: the file stays as it is
        np.testing.assert_array_equal(waves.coefficients(0, 7), bands[:n_bands])
    assert read_plane_waves(write(gamma=True)[0], 3).is_gamma


def test_names_of_spins(tmp_path):
    assert wavefunction_file(tmp_path, 0, 4, 1).name == "wfc5.dat"
    assert [wavefunction_file(tmp_path, spin, 0, 2).name for spin in (0, 1)] == ["wfcup1.dat", "wfcdw1.dat"]


@pytest.mark.parametrize("cut", [1, 60, 130, 250, -1])
def test_cut_files_are_refused(write, cut):
    path, _, _ = write()
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"wfc1\.dat is cut off.*run pw\.x again"):
        read_plane_waves(path, 3)


def test_other_files_are_refused(write, tmp_path):
    path, _, _ = write()
    path.write_text("no wavefunctions at all, but a text that is long enough to have a head")
    with pytest.raises(ValueError, match="no wavefunction file"):
        read_plane_waves(path, 3)
    path, _, _ = write()
    data = bytearray(path.read_bytes())
    data[-(2 * (7 * 16 + 8) + 4)] += 1  # the mark at the end of the first of three bands
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"is damaged.*7 plane waves.*run pw\.x again"):
        read_plane_waves(path, 3)
    with pytest.raises(ValueError, match="non-collinear run: only collinear"):
        read_plane_waves(write(n_components=2)[0], 3)
    with pytest.raises(ValueError, match="has 3 of 4 bands"):
        read_plane_waves(write()[0], 4)


def test_missing_files(write, tmp_path):
    path, _, _ = write()
    assert missing_wavefunctions(path) is None
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"wfc1\.dat is missing: run pw\.x again, with wf_collect"):
        read_plane_waves(path, 3)


@pytest.fixture
def write_hdf5(write):
    """Return a function that writes the numbers of ``write`` as a pw.x with HDF5 does."""

    def make(n_components=1, gamma=".FALSE."):
        path, miller, bands = write(n_components=n_components)
        path.unlink()
        path = path.with_suffix(".hdf5")
        with h5py.File(path, "w") as file:
            file.attrs.update(
                ik=1, ispin=1, xk=KPOINT @ RECIPROCAL, gamma_only=np.bytes_(gamma), scale_factor=1.0,
                ngw=len(miller), igwx=len(miller), npol=n_components, nbnd=len(bands),
            )  # fmt: skip
            file["MillerIndices"] = miller
            file["MillerIndices"].attrs.update(bg1=RECIPROCAL[0], bg2=RECIPROCAL[1], bg3=RECIPROCAL[2])
            file["evc"] = bands.view(float)
        return path, miller, bands

    return make


def test_hdf5_has_the_same_numbers(write_hdf5, tmp_path):
    path, miller, bands = write_hdf5()
    assert wavefunction_file(tmp_path, 0, 0, 1) == path
    waves = read_plane_waves(path, 2)
    np.testing.assert_allclose(waves.vectors, (miller + KPOINT) @ RECIPROCAL, atol=1e-14)
    assert not waves.is_gamma
    np.testing.assert_array_equal(waves.coefficients(3, 5), bands[:2, 3:5])
    check_same_run(waves, path, CELL, KPOINT)
    assert read_plane_waves(write_hdf5(gamma=".TRUE.")[0], 3).is_gamma


def test_unusable_hdf5_is_refused(write_hdf5):
    with pytest.raises(ValueError, match="has 3 of 4 bands"):
        read_plane_waves(write_hdf5()[0], 4)
    with pytest.raises(ValueError, match="non-collinear run: only collinear"):
        read_plane_waves(write_hdf5(n_components=2)[0], 3)
    path, _, _ = write_hdf5()
    with h5py.File(path, "a") as file:
        del file["evc"]
    with pytest.raises(ValueError, match=r"wfc1\.hdf5 is cut off or no wavefunction file.*run pw\.x again"):
        read_plane_waves(path, 3)
    path, _, _ = write_hdf5()
    with h5py.File(path, "a") as file:
        file.attrs["igwx"] = 6
    with pytest.raises(ValueError, match=r"wfc1\.hdf5 is damaged.*6 plane waves"):
        read_plane_waves(path, 3)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ValueError, match=r"wfc1\.hdf5 is cut off or no wavefunction file"):
        read_plane_waves(path, 3)


def test_files_of_another_run_are_refused(write):
    path, _, _ = write()
    waves = read_plane_waves(path, 3)
    check_same_run(waves, path, CELL, KPOINT)
    for cell, kpoint in ((CELL * 1.001, KPOINT), (CELL, KPOINT + np.array([0, 0.01, 0]))):
        with pytest.raises(ValueError, match="another lattice or k-point than data-file-schema"):
            check_same_run(waves, path, cell, kpoint)
